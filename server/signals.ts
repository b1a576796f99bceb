/**
 * The signals that end the server, SIGINT (Ctrl-C) and SIGTERM, and the one at which it reads its
 * files again, SIGHUP.
 *
 * @module
 */

/**
 * Two signals within this many milliseconds count as one: `deno task` passes on what the terminal
 * has sent already.
 */
const SIGNAL_WINDOW = 300;

/**
 * Calls `stop` at the first signal and `abort` at a later one. Signals within
 * {@linkcode SIGNAL_WINDOW} of the first are its doubles.
 *
 * @returns A function that stops listening.
 */
export function onSignals(stop: () => void, abort: () => void): () => void {
  const signals = ["SIGINT", "SIGTERM"] as const;
  let first: number | undefined;
  const take = (): void => {
    const now = performance.now();
    if (first === undefined) {
      first = now;
      stop();
    } else if (now - first > SIGNAL_WINDOW) {
      abort();
    }
  };
  for (const signal of signals) Deno.addSignalListener(signal, take);
  return () => signals.forEach((signal) => Deno.removeSignalListener(signal, take));
}

/**
 * Calls `reload` at each SIGHUP, which ends the process otherwise.
 *
 * @returns A function that stops listening.
 */
export function onReload(reload: () => void): () => void {
  Deno.addSignalListener("SIGHUP", reload);
  return () => Deno.removeSignalListener("SIGHUP", reload);
}
