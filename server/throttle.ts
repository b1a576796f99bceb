/**
 * The throttle: how fast one client may go, and how much that is refused is too much.
 *
 * A token bucket: what costs something takes tokens out, of which so many a second come back, up to a
 * burst. What finds too few is refused, and told when to come again.
 *
 * **Order.** A client may have sent more before it hears that something was refused. Of that nothing
 * is taken either until what was refused first has come again, or has had {@linkcode ORDER_TIME} to: so
 * who sends again what was refused has said everything in its order. Each of them is told when its turn
 * could be, behind the others.
 *
 * @module
 */

import type { Clock } from "./clock.ts";

/** Default of `--rate`: tokens that come back in a second. */
export const DEFAULT_RATE = 20;

/** Default of `--burst`: tokens that a client has at first, and at most. */
export const DEFAULT_BURST = 100;

/** What it costs to say something, or to go to another room or name: told to everyone there. */
export const SAY_COST = 1;

/** What it costs to ask for something that is answered to its sender alone. */
export const ASK_COST = 0.1;

/** Tokens that who asks may owe: a ping or a list is not to wait behind a message. */
const CREDIT = 1;

/** How long others wait for what was refused first, in milliseconds. */
const ORDER_TIME = 5_000;

/** So many refusals within {@linkcode ABUSE_TIME} are abuse. */
export const ABUSE_COUNT = 100;

/** In milliseconds. */
export const ABUSE_TIME = 60_000;

/** Settings of a {@linkcode Throttle}. */
export interface ThrottleOptions {
  readonly clock: Clock;
  /** Tokens that come back in a second; 0 lets all pass. */
  readonly rate: number;
  /** The most tokens. */
  readonly burst: number;
}

/** One client's throttle. */
export class Throttle {
  readonly #options: ThrottleOptions;
  #tokens: number;
  #filledAt: number;
  /** What was refused first, and until when it is waited for. */
  #awaited: { readonly key: string; readonly until: number } | undefined;
  /** How many were refused because they came behind it. */
  #behind = 0;
  /** When the last refusals were, the oldest first; none while there was none. */
  #refusals: number[] | undefined;

  /** Creates one with a full bucket. */
  constructor(options: ThrottleOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#filledAt = options.rate > 0 ? options.clock.elapsed() : 0;
  }

  /**
   * Pays for something to be told to others. `key` knows it if it comes again.
   *
   * @returns 0, or if it is refused, after how many milliseconds it could be accepted.
   */
  say(key: string | undefined): number {
    if (this.#options.rate === 0) return 0;
    if (this.#awaited && this.#isAwaited(this.#awaited, key)) {
      return this.#waitFor(SAY_COST * (1 + ++this.#behind));
    }
    const wait = this.#pay(SAY_COST, SAY_COST);
    if (wait === 0) this.#awaited = undefined;
    else if (key !== undefined) this.#await(key);
    return wait;
  }

  /** Pays for an answer. Returns as {@linkcode say}. */
  ask(): number {
    return this.#options.rate === 0 ? 0 : this.#pay(ASK_COST, ASK_COST - CREDIT);
  }

  /** Takes note of a refusal, for whatever reason. Returns whether there were too many lately. */
  refuse(): boolean {
    const now = this.#options.clock.elapsed();
    const refusals = this.#refusals ??= [];
    refusals.push(now);
    if (refusals.length < ABUSE_COUNT) return false;
    return now - (refusals.shift() ?? 0) <= ABUSE_TIME;
  }

  /** Tells whether something else is to come first. */
  #isAwaited({ key, until }: { key: string; until: number }, other: string | undefined): boolean {
    return key !== other && this.#options.clock.elapsed() < until;
  }

  #await(key: string): void {
    this.#awaited = { key, until: this.#options.clock.elapsed() + ORDER_TIME };
    this.#behind = 0;
  }

  /** Takes `cost` out if at least `needed` is there. */
  #pay(cost: number, needed: number): number {
    this.#fill();
    if (this.#tokens < needed) return this.#waitFor(needed);
    this.#tokens -= cost;
    return 0;
  }

  /** Returns how long it takes until so much is there, in milliseconds; at least 1. */
  #waitFor(needed: number): number {
    this.#fill();
    return Math.max(1, Math.ceil((needed - this.#tokens) / this.#options.rate * 1000));
  }

  #fill(): void {
    const { clock, rate, burst } = this.#options;
    const now = clock.elapsed();
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#filledAt) / 1000 * rate);
    this.#filledAt = now;
  }
}
