/**
 * A fold: people who come and go within a minute, told together in one notice that grows.
 *
 * @module
 */

import { formatDay } from "./words.ts";

/** People who come and go within so many milliseconds of the first are told in one block. */
const FOLD_TIME = 60_000;

/** The most names in such a block; of more, only how many they are. */
const MAX_FOLDED = 8;

/** The most comings, and goings, in such a block; then there is another. */
const MAX_FOLD = 1_000;

/** Words a list of people, some of whom may not be named. */
function wordPeople(names: ReadonlySet<string>): string {
  const shown = [...names].slice(0, MAX_FOLDED);
  const others = names.size - shown.length;
  if (others > 0) return `${shown.join(", ")} and ${others} ${others === 1 ? "other" : "others"}`;
  const last = shown.pop() ?? "";
  return shown.length === 0 ? last : `${shown.join(", ")} and ${last}`;
}

/** Who came and went. */
export class Fold {
  /** When it began, in milliseconds since 1970. */
  readonly since: number;
  readonly #joined = new Set<string>();
  readonly #left = new Set<string>();

  /** Creates one in which nobody came or went yet. */
  constructor(since: number) {
    this.since = since;
  }

  /** Tells whether what happens at `time` can still be told in it. */
  isOpen(time: number): boolean {
    return time - this.since < FOLD_TIME && formatDay(time) === formatDay(this.since) &&
      this.#joined.size + this.#left.size < MAX_FOLD;
  }

  /** Adds that somebody has come or gone. */
  add(messageType: "join" | "leave", name: string): void {
    (messageType === "join" ? this.#joined : this.#left).add(name);
  }

  /** An arrow that points to where people went. */
  get arrow(): string {
    return this.#left.size === 0 ? "-->" : this.#joined.size === 0 ? "<--" : "<->";
  }

  /** Who came and went, such as `alice and bob joined; carol left`. */
  get text(): string {
    const parts = [
      ...(this.#joined.size > 0 ? [`${wordPeople(this.#joined)} joined`] : []),
      ...(this.#left.size > 0 ? [`${wordPeople(this.#left)} left`] : []),
    ];
    return parts.join("; ");
  }
}
