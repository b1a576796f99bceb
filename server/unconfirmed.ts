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
  readonly message: Private;
  readonly sender: Participant;
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
  add(message: Private, sender: Participant): void {
    const handed = this.#handed ??= [];
    handed.push({ message, sender, at: this.#clock.elapsed() });
    if (handed.length > MAX_UNCONFIRMED) handed.shift();
  }

  /**
   * Tells each sender once whose messages may be lost, because the connection was dead. `find` returns
   * whoever has a name now: a sender may have come back on another connection.
   */
  tellSenders(find: (name: string) => Participant | undefined): void {
    const since = this.#clock.elapsed() - DOUBT_TIME;
    const doubtful = this.#handed?.filter(({ at }) => at >= since) ?? [];
    this.#handed = undefined;
    for (const [sender, handed] of Map.groupBy(doubtful, ({ sender }) => sender)) {
      const [first] = handed;
      if (!first) continue;
      const { to, data, from } = first.message;
      const excerpt = Array.from(data.split("\n")[0] ?? "").slice(0, EXCERPT_LENGTH).join("");
      const more = handed.length > 1 ? ` (and ${handed.length - 1} more)` : "";
      const text = `The connection of ${to} broke: it is not known whether this arrived: ` +
        `${excerpt}${more}`;
      (sender.room ? sender : find(from))?.notify(text);
    }
  }
}
