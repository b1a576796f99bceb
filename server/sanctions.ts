/**
 * Bans and mutes: who is kept out, and who may only read, and for how long.
 *
 * A sanction holds for a name and for the token that its owner had, whatever they are called and
 * whichever session they show; never for an address, which many may share. With a store it holds over
 * a restart.
 *
 * It lasts for so much of the time in which the server runs. The time of day may be wrong when it is
 * imposed, and be put right later, before a restart or after: that makes no sanction shorter or
 * longer.
 *
 * @module
 */

import { nameKey } from "../protocol.ts";
import type { Clock } from "./clock.ts";
import { Looks } from "./looks.ts";
import { type Sanction, type Store, StoreError } from "./store.ts";

/** How long a ban or a mute lasts unless it says otherwise, in seconds. */
export const DEFAULT_SECONDS = 600;

/** The most that are remembered; the one that was imposed first is forgotten first. */
export const MAX_SANCTIONS = 10_000;

/**
 * How often it is stored how much of them is over, in milliseconds: by so much one may last longer
 * after the process was killed.
 */
const SAVE_INTERVAL = 60_000;

/** What is imposed, and on whom. */
export interface Target {
  readonly kind: Sanction["kind"];
  /** A valid name. */
  readonly name: string;
  /** The key of a token; undefined if it holds for the name alone. */
  readonly token?: string | undefined;
}

/** Settings of {@linkcode Sanctions}. */
export interface SanctionsOptions {
  readonly clock: Clock;
  /** Keeps them. Default: nothing does. */
  readonly store?: Pick<Store, "sanctions" | "saveSanction"> | undefined;
}

/** The bans and mutes of one server. */
export class Sanctions {
  readonly #clock: Clock;
  readonly #store: SanctionsOptions["store"];
  /** By kind and name, the first imposed first. */
  readonly #all = new Map<string, Sanction>();
  /** By kind and token. */
  readonly #byToken = new Map<string, Set<Sanction>>();
  readonly #looks = new Looks<Sanction>();
  #cancelSave: (() => void) | undefined;

  /**
   * Begins with what is stored.
   *
   * @throws {StoreError} If that cannot be read.
   */
  constructor({ clock, store }: SanctionsOptions) {
    this.#clock = clock;
    this.#store = store;
    for (const sanction of store?.sanctions(clock.elapsed()) ?? []) this.#take(sanction);
    this.#saveLater();
  }

  /**
   * Imposes a sanction for so many seconds, in the place of an earlier one for that name, whose token
   * it goes on to hold for.
   *
   * @returns Why it is forgotten when the server ends, if it could not be stored.
   */
  impose({ kind, name, token }: Target, seconds: number): string | undefined {
    const key = nameKey(name);
    const before = this.#all.get(`${kind} ${key}`)?.token;
    const until = this.#clock.elapsed() + seconds * 1000;
    return this.#put({ kind, name: key, token: token ?? before, until });
  }

  /**
   * Lifts all sanctions for that name or token.
   *
   * @returns How many there were, and why they are back after a restart, if that could not be stored.
   */
  lift({ kind, name, token }: Target): { count: number; problem: string | undefined } {
    const now = this.#clock.elapsed();
    const lifted = this.#find({ kind, name, token }).filter(({ until }) => until > now);
    const problems = lifted.map((each) => this.#put({ ...each, until: now }));
    return { count: lifted.length, problem: problems.find((problem) => problem !== undefined) };
  }

  /** Returns for how many seconds yet a sanction holds for that name or token; 0 if it does not. */
  secondsLeft(target: Target): number {
    if (this.#all.size === 0) return 0;
    const until = Math.max(0, ...this.#find(target).map((each) => each.until));
    return Math.max(0, Math.ceil((until - this.#clock.elapsed()) / 1000));
  }

  /** Tells whether a name looks like another one that is banned or muted. */
  hasLike(name: string): boolean {
    if (this.#all.size === 0) return false;
    const now = this.#clock.elapsed();
    const key = nameKey(name);
    return this.#looks.has(name, (each) => each.until > now && each.name !== key);
  }

  /** Stores how much of them is over, and has nothing more to do with the store. */
  close(): void {
    this.#cancelSave?.();
    this.#save();
  }

  #find({ kind, name, token }: Target): Sanction[] {
    const byName = this.#all.get(`${kind} ${nameKey(name)}`);
    const byToken = token === undefined ? undefined : this.#byToken.get(`${kind} ${token}`);
    return [...new Set([...byName ? [byName] : [], ...byToken ?? []])];
  }

  /** Remembers and stores a sanction. Returns why it could not be stored, if so. */
  #put(sanction: Sanction): string | undefined {
    this.#take(sanction);
    this.#saveLater();
    try {
      this.#store?.saveSanction(sanction, this.#clock.elapsed());
      return undefined;
    } catch (error) {
      if (error instanceof StoreError) return error.message;
      throw error;
    }
  }

  #take(sanction: Sanction): void {
    const key = `${sanction.kind} ${sanction.name}`;
    this.#forget(key);
    if (sanction.until > this.#clock.elapsed()) this.#add(key, sanction);
    const [oldest] = this.#all.keys();
    if (this.#all.size > MAX_SANCTIONS && oldest !== undefined) this.#forget(oldest);
  }

  #add(key: string, sanction: Sanction): void {
    this.#all.set(key, sanction);
    this.#looks.add(sanction.name, sanction);
    if (sanction.token === undefined) return;
    const tokenKey = `${sanction.kind} ${sanction.token}`;
    const others = this.#byToken.get(tokenKey);
    if (others) others.add(sanction);
    else this.#byToken.set(tokenKey, new Set([sanction]));
  }

  #forget(key: string): void {
    const sanction = this.#all.get(key);
    if (!sanction) return;
    this.#all.delete(key);
    this.#looks.remove(sanction.name, sanction);
    const tokenKey = `${sanction.kind} ${sanction.token}`;
    const others = this.#byToken.get(tokenKey);
    others?.delete(sanction);
    if (others?.size === 0) this.#byToken.delete(tokenKey);
  }

  #saveLater(): void {
    if (!this.#store || this.#all.size === 0) return;
    this.#cancelSave ??= this.#clock.after(SAVE_INTERVAL, () => {
      this.#cancelSave = undefined;
      this.#save();
      this.#saveLater();
    });
  }

  /**
   * Has the store take note of the time, which it does with whatever it stores, and forgets those that
   * have ended.
   */
  #save(): void {
    const [any] = this.#all.values();
    if (!any) return;
    const now = this.#clock.elapsed();
    for (const [key, { until }] of this.#all) if (until <= now) this.#forget(key);
    try {
      this.#store?.saveSanction(any, now);
    } catch (error) {
      // The journal says that nothing can be stored; until it can, they last longer after a restart.
      if (!(error instanceof StoreError)) throw error;
    }
  }
}
