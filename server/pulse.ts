/**
 * The pulse: measures how late the event loop is, which is how long everybody waits for their turn.
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import type { Histogram } from "./metrics.ts";

/** How often it is measured, in milliseconds. */
const INTERVAL = 250;

/** Measures into `delay` until the returned function is called. */
export function takePulse(clock: Clock, delay: Histogram): () => void {
  let cancel: () => void;
  const beat = (): void => {
    const due = clock.elapsed() + INTERVAL;
    cancel = clock.after(INTERVAL, () => {
      delay.observe(Math.max(0, clock.elapsed() - due));
      beat();
    });
  };
  beat();
  return () => cancel();
}
