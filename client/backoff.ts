/**
 * How long a client waits before it tries another connection.
 *
 * @module
 */

/** The shortest and the longest wait, in milliseconds. */
const [MIN_DELAY, MAX_DELAY] = [500, 30_000];

/**
 * Returns how long to wait before the next connection is tried, in milliseconds: longer after each
 * `attempt` that failed, and by chance a different time for each client, so that they do not all
 * come back at once. `random` is from 0 to 1.
 */
export function reconnectDelay(attempt: number, random: number): number {
  const longest = Math.min(MAX_DELAY, 2 * MIN_DELAY * 2 ** attempt);
  return longest / 2 + random * longest / 2;
}

/** The waits of one client. */
export class Backoff {
  readonly #random: () => number;
  /** How many connections were tried since the last good one. */
  #attempt = 0;
  #isBlamed = false;

  /** Creates one that begins with the shortest wait. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Returns how long to wait this time, in milliseconds. */
  next(): number {
    return reconnectDelay(this.#attempt++, this.#random());
  }

  /** Takes note that a connection may have ended for what this client did. */
  blame(): void {
    this.#isBlamed = true;
  }

  /** Takes note that a connection is good, unless what ended the last one may end it too. */
  arrive(): void {
    if (!this.#isBlamed) this.#attempt = 0;
  }

  /** Takes note that a connection has lasted. */
  settle(): void {
    this.#attempt = 0;
    this.#isBlamed = false;
  }
}
