/**
 * Private messages that were handed to a connection a short while ago. If it turns out that the
 * connection was dead, nobody knows whether they arrived, and their senders are told so.
 *
 * @module
 */

import type { Private } from "../protocol.ts";
import type { Clock } from "./clock.ts";
import type { Participant } from "./hub.ts";

/**
 * How long it can take to find out that a connection is dead, in milliseconds: its idle time-out, which
 * is half a minute, and some time for what is on its way.
 */
export const DOUBT_TIME = 45_000;

/** The most messages that are remembered; the one that was handed over first is forgotten first. */
export const MAX_UNCONFIRMED = 64;

/** How much of a message its sender is shown, in characters. */
const EXCERPT_LENGTH = 40;

/** A message that was handed over, from whom, and when. */
interface Handed {
  readonly from: string;
  readonly to: string;
  readonly excerpt: string;
  readonly sender: WeakRef<Participant>;
  /** Knows the sender again on another connection; empty for one who cannot come back. */
  readonly owner: string;
  readonly at: number;
}

/** What was handed to one connection lately. */
export class Unconfirmed {
  readonly #clock: Clock;
  #handed: Handed[] | undefined;

  /** Creates one to which nothing was handed. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes note that a message of `sender` was handed over. */
  add({ from, to, data }: Private, sender: Participant): void {
    const handed = this.#handed = this.#recent();
    const [line = ""] = data.slice(0, 4 * EXCERPT_LENGTH).split("\n");
    const excerpt = Array.from(line).slice(0, EXCERPT_LENGTH).join("");
    const at = this.#clock.elapsed();
    const owner = sender.refOwner;
    handed.push({ from, to, excerpt, sender: new WeakRef(sender), owner, at });
    if (handed.length > MAX_UNCONFIRMED) handed.shift();
  }

  /**
   * Tells each sender once whose messages may be lost, because the connection was dead. `find` returns
   * whoever has a name now: a sender may have come back on another connection.
   */
  tellSenders(find: (name: string) => Participant | undefined): void {
    const doubtful = this.#recent();
    this.#handed = undefined;
    for (const handed of Map.groupBy(doubtful, ({ sender }) => sender.deref()).values()) {
      const [first] = handed;
      if (!first) continue;
      const more = handed.length > 1 ? ` (and ${handed.length - 1} more)` : "";
      const text = `The connection of ${first.to} broke: it is not known whether this arrived: ` +
        `${first.excerpt}${more}`;
      senderOf(first, find)?.notify(text);
    }
  }

  #recent(): Handed[] {
    const since = this.#clock.elapsed() - DOUBT_TIME;
    return this.#handed?.filter(({ at }) => at >= since) ?? [];
  }
}

/** Returns the sender, if that very person is there: nobody else is to read what they wrote. */
function senderOf(
  { sender, from, owner }: Handed,
  find: (name: string) => Participant | undefined,
): Participant | undefined {
  const same = sender.deref();
  if (same?.room) return same;
  const other = owner === "" ? undefined : find(from);
  return other?.refOwner === owner ? other : undefined;
}
