/**
 * The time, and a way to be called later: passed in wherever time matters, so that tests can
 * control it.
 *
 * @module
 */

/** A source of time. */
export interface Clock {
  /** Returns the time of day in milliseconds since 1970. It can be set back. */
  now(): number;
  /** Returns milliseconds since some moment in the past. It never goes back. */
  elapsed(): number;
  /**
   * Calls `callback` once after `ms` milliseconds, unless the returned function is called before.
   */
  after(ms: number, callback: () => void): () => void;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
