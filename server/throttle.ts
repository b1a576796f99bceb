/**
 * The throttle: how fast one client may go, and how much that is refused is too much.
 *
 * **Shaping.** Limits are token buckets: so many tokens come back in a second, up to a burst. What a
 * client asks for takes its tokens at once, on account if there are too few, and is done when they
 * are paid for. So a client that sends too fast is served later, in its order, and nothing is refused
 * as long as its queue holds what waits (`server/intake.ts`).
 *
 * **Whose bucket.** One bucket belongs to whoever sends: the owner of the token, else the session. It
 * outlives the connection, so coming in again gives nobody a new one. Another of ten times the size
 * belongs to the address, and pays for coming in as well.
 *
 * **Bound.** A connection has at most one request on account, so the debt of a bucket is at most one
 * request for each connection that it pays for.
 *
 * @module
 */

import { ownerOf } from "./admission.ts";
import type { Clock } from "./clock.ts";

/** Default of `--rate`: tokens that come back in a second. */
export const DEFAULT_RATE = 20;

/** Default of `--burst`: tokens that a sender has at first, and at most. */
export const DEFAULT_BURST = 100;

/** How many times the rate and burst of a sender an address has. */
export const ADDRESS_FACTOR = 10;

/** What it costs to come in, to say something, or to go to another room or name. */
export const SAY_COST = 1;

/** What it costs to ask for something that is answered to its sender alone. */
export const ASK_COST = 0.1;

/**
 * The share of its sender's rate and burst that an address has for wrong tokens: one a second, and
 * twenty at first, at the defaults of the others.
 */
const GUESS_FACTOR = { rate: 1 / DEFAULT_RATE, burst: 20 / DEFAULT_BURST };

/** The longest that somebody who comes in waits for their address to be paid for, in milliseconds. */
export const MAX_ENTRY_WAIT = 5_000;

/** A ping is refused if its sender owes more than this, in milliseconds. */
const MAX_PING_DEBT = 5_000;

/** The most addresses that are remembered; the one that came first is forgotten first. */
const MAX_ADDRESSES = 10_000;

/** So many refusals within {@linkcode ABUSE_TIME} are abuse. */
export const ABUSE_COUNT = 100;

/** In milliseconds. */
export const ABUSE_TIME = 60_000;

/** Settings of a {@linkcode Bucket}, and of {@linkcode Buckets}: those of one sender. */
export interface BucketOptions {
  readonly clock: Clock;
  /** Tokens that come back in a second; 0 sets no limit. */
  readonly rate: number;
  /** The most tokens. */
  readonly burst: number;
}

/** A token bucket that gives on account. */
export class Bucket {
  readonly #options: BucketOptions;
  /** Below 0, what is owed. */
  #tokens: number;
  #filledAt: number;

  /** Creates a full bucket. */
  constructor(options: BucketOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#filledAt = options.rate > 0 ? options.clock.elapsed() : 0;
  }

  /**
   * Takes `cost` tokens out; a negative cost puts them back.
   *
   * @returns After how many milliseconds they are paid for: 0 if they were there.
   */
  reserve(cost: number): number {
    if (this.#options.rate === 0) return 0;
    this.#fill();
    this.#tokens -= cost;
    return this.#debt();
  }

  /** Returns what {@linkcode reserve} would return, and takes nothing. */
  wait(cost = 0): number {
    if (this.#options.rate === 0) return 0;
    this.#fill();
    return this.#debt(cost);
  }

  /** Returns for how many milliseconds it would owe something with that cost; a single one is none. */
  #debt(cost = 0): number {
    // Tenths do not add up exactly.
    const ms = Math.ceil((cost - this.#tokens) / this.#options.rate * 1000 - 0.001);
    return ms <= 1 ? 0 : ms;
  }

  #fill(): void {
    const { clock, rate, burst } = this.#options;
    const now = clock.elapsed();
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#filledAt) / 1000 * rate);
    this.#filledAt = now;
  }
}

/** What an address has: for requests, and for wrong tokens. */
export interface AddressBuckets {
  readonly requests: Bucket;
  readonly guesses: Bucket;
}

/** The buckets of one server. */
export class Buckets {
  readonly #options: BucketOptions;
  readonly #byToken = new Map<string, Bucket>();
  readonly #byAddress = new Map<string, AddressBuckets>();

  /** Creates buckets of that size. */
  constructor(options: BucketOptions) {
    this.#options = options;
  }

  /** Returns a new bucket, for a session. */
  create(): Bucket {
    return new Bucket(this.#options);
  }

  /** Returns the bucket of whoever owns the token with that key. */
  ofToken(key: string): Bucket {
    const bucket = this.#byToken.get(key) ?? this.create();
    this.#byToken.set(key, bucket);
    return bucket;
  }

  /** Returns the buckets of an address, `IP:PORT`: those of one owner share them. */
  ofAddress(address: string): AddressBuckets {
    const owner = ownerOf(address.replace(/:\d+$/, "").replaceAll(/[[\]]/g, ""));
    const buckets = this.#byAddress.get(owner) ?? this.#createForAddress();
    // Those who came last are remembered longest.
    this.#byAddress.delete(owner);
    this.#byAddress.set(owner, buckets);
    const [oldest] = this.#byAddress.keys();
    if (this.#byAddress.size > MAX_ADDRESSES && oldest !== undefined) {
      this.#byAddress.delete(oldest);
    }
    return buckets;
  }

  /** Forgets the buckets of tokens that are not valid any more. */
  retain(isValid: (key: string) => boolean): void {
    for (const key of this.#byToken.keys()) if (!isValid(key)) this.#byToken.delete(key);
  }

  #createForAddress(): AddressBuckets {
    const { clock, rate, burst } = this.#options;
    const scaled = (factor: { rate: number; burst: number }): Bucket =>
      new Bucket({ clock, rate: rate * factor.rate, burst: burst * factor.burst });
    return {
      requests: scaled({ rate: ADDRESS_FACTOR, burst: ADDRESS_FACTOR }),
      guesses: scaled(GUESS_FACTOR),
    };
  }
}

/** One connection's throttle. */
export class Throttle {
  readonly #clock: Clock;
  readonly #address: AddressBuckets;
  /** The bucket of whoever sends, once it is known who that is. */
  #own: Bucket | undefined;
  /** When the last refusals were, the oldest first; none while there was none. */
  #refusals: number[] | undefined;

  /** Creates one for somebody who is not in yet: their address pays. */
  constructor(clock: Clock, address: AddressBuckets) {
    this.#clock = clock;
    this.#address = address;
  }

  /** Has `own` pay from now on, besides the address. */
  use(own: Bucket): void {
    this.#own = own;
  }

  /**
   * Pays for a request.
   *
   * @returns After how many milliseconds it may be done; 0 is at once.
   */
  reserve(cost: number): number {
    const wait = this.#address.requests.reserve(cost);
    return Math.max(wait, this.#own?.reserve(cost) ?? 0);
  }

  /**
   * Pays for coming in; `withToken` also for what is a wrong token until {@linkcode returnGuess} is
   * called.
   *
   * @returns After how many milliseconds it may be done, or undefined if that is more than {@linkcode
   * MAX_ENTRY_WAIT}: then nothing is paid.
   */
  reserveEntry(withToken: boolean): number | undefined {
    const { requests, guesses } = this.#address;
    const longest = Math.max(requests.wait(), withToken ? guesses.wait() : 0);
    if (longest > MAX_ENTRY_WAIT) return undefined;
    return Math.max(requests.reserve(SAY_COST), withToken ? guesses.reserve(SAY_COST) : 0);
  }

  /** Takes note that a token was right, or was not looked at. */
  returnGuess(): void {
    this.#address.guesses.reserve(-SAY_COST);
  }

  /**
   * Pays for a ping, which does not wait.
   *
   * @returns 0, or after how many milliseconds it could be answered, if its sender owes too much.
   */
  reservePing(): number {
    const debt = this.#own?.wait() ?? 0;
    if (debt > MAX_PING_DEBT) return debt;
    this.#own?.reserve(ASK_COST);
    return 0;
  }

  /** Takes note of a refusal, for whatever reason. Returns whether there were too many lately. */
  refuse(): boolean {
    const now = this.#clock.elapsed();
    const refusals = this.#refusals ??= [];
    refusals.push(now);
    if (refusals.length < ABUSE_COUNT) return false;
    return now - (refusals.shift() ?? 0) <= ABUSE_TIME;
  }
}
