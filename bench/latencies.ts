/**
 * Percentiles of very many latencies.
 *
 * @module
 */

/** The finest difference that is told apart, in milliseconds. */
const STEP = 0.1;

/** Latencies of this and more milliseconds count as this. */
const LONGEST = 60_000;

/** A histogram of latencies in milliseconds. */
export class Latencies {
  readonly #counts = new Uint32Array(LONGEST / STEP + 1);
  #total = 0;

  /** Takes a latency. */
  add(milliseconds: number): void {
    const index = Math.min(Math.max(0, Math.round(milliseconds / STEP)), this.#counts.length - 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total++;
  }

  /** Returns the latency that `percent` of all do not exceed. */
  percentile(percent: number): number {
    let left = Math.ceil(this.#total * percent / 100);
    const index = this.#counts.findIndex((count) => (left -= count) <= 0);
    return index * STEP;
  }
}
