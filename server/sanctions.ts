/**
 * Bans and mutes: who is kept out, and who may only read, until when.
 *
 * A sanction holds for a name, and a ban for the token that its owner had, too; never for an address,
 * which many may share. With a store they hold over a restart.
 *
 * @module
 */

import { nameKey } from "../protocol.ts";
import type { Clock } from "./clock.ts";
import { type Sanction, type Store, StoreError } from "./store.ts";

/** How long a ban or a mute lasts unless it says otherwise, in seconds. */
export const DEFAULT_SECONDS = 600;

/** The most that are remembered; the one that was imposed first is forgotten first. */
export const MAX_SANCTIONS = 10_000;

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
  /** By kind and name. */
  readonly #all = new Map<string, Sanction>();

  /**
   * Begins with what is stored.
   *
   * @throws {StoreError} If that cannot be read.
   */
  constructor({ clock, store }: SanctionsOptions) {
    this.#clock = clock;
    this.#store = store;
    for (const sanction of store?.sanctions(clock.now()) ?? []) this.#take(sanction);
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
    const until = this.#clock.now() + seconds * 1000;
    return this.#put({ kind, name: key, token: token ?? before, until });
  }

  /**
   * Lifts all sanctions for that name or token.
   *
   * @returns How many there were, and why they are back after a restart, if that could not be stored.
   */
  lift({ kind, name, token }: Target): { count: number; problem: string | undefined } {
    const now = this.#clock.now();
    const lifted = [...this.#all.values()].filter((each) =>
      each.kind === kind && each.until > now &&
      (each.name === nameKey(name) || (token !== undefined && each.token === token))
    );
    const problems = lifted.map((each) => this.#put({ ...each, until: now }));
    return { count: lifted.length, problem: problems.find((problem) => problem !== undefined) };
  }

  /** Returns for how many seconds yet a sanction holds for that name or token; 0 if it does not. */
  secondsLeft({ kind, name, token }: Target): number {
    if (this.#all.size === 0) return 0;
    const byName = this.#all.get(`${kind} ${nameKey(name)}`)?.until ?? 0;
    const until = Math.max(byName, token === undefined ? 0 : this.#endOf(kind, token));
    return Math.max(0, Math.ceil((until - this.#clock.now()) / 1000));
  }

  /** Remembers and stores a sanction. Returns why it could not be stored, if so. */
  #put(sanction: Sanction): string | undefined {
    this.#take(sanction);
    try {
      this.#store?.saveSanction(sanction, this.#clock.now());
      return undefined;
    } catch (error) {
      if (error instanceof StoreError) return error.message;
      throw error;
    }
  }

  #endOf(kind: Sanction["kind"], token: string): number {
    let end = 0;
    for (const each of this.#all.values()) {
      if (each.kind === kind && each.token === token) end = Math.max(end, each.until);
    }
    return end;
  }

  #take(sanction: Sanction): void {
    const key = `${sanction.kind} ${sanction.name}`;
    this.#all.delete(key);
    if (sanction.until > this.#clock.now()) this.#all.set(key, sanction);
    const [oldest] = this.#all.keys();
    if (this.#all.size > MAX_SANCTIONS && oldest !== undefined) this.#all.delete(oldest);
  }
}
