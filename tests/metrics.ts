/**
 * What a server says about itself at `/metrics`.
 *
 * @module
 */

/** How often a condition is looked at, in milliseconds. */
const LOOK_INTERVAL = 250;

/** The numbers of a moment, by name; of those with labels, the sum. */
export type Metrics = ReadonlyMap<string, number>;

/** Reads the metrics of the server on that port of this machine. */
export async function readMetrics(port: string): Promise<Metrics> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const sums = new Map<string, number>();
  for (const line of (await response.text()).split("\n")) {
    const [, name, value] = /^(\w+)(?:\{.*\})? (\S+)$/.exec(line) ?? [];
    if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}

/**
 * Looks at something until `isIt`, for at most `timeout` milliseconds.
 *
 * @returns What was seen last, and how many milliseconds it took.
 */
export async function lookUntil<T>(
  look: () => T | Promise<T>,
  isIt: (value: T) => boolean,
  timeout: number,
): Promise<{ value: T; ms: number }> {
  const begun = performance.now();
  for (;;) {
    const value = await look();
    const ms = Math.round(performance.now() - begun);
    if (isIt(value) || ms > timeout) return { value, ms };
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL));
  }
}
