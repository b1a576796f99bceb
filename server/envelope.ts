/**
 * The envelope dialect: `register` and `message` in, `users` and `message` out, nothing else, one
 * object a frame.
 *
 * Programs of this dialect fail on any other type, and on a message whose sender is not in the last
 * list that they got; some look up the sender of every message that they ever drew. So each has its
 * list here: everyone in the room, and those who spoke and are gone. It is sent when it has changed, at
 * most once in {@linkcode LIST_INTERVAL}. A message from somebody who is not in it yet comes behind a new
 * one: at once, but if there were many lists lately it waits, with all that comes after. Whatever else there is to tell comes as a message from `server`.
 *
 * **Bound.** Of those who spoke and are gone, the last {@linkcode MAX_GONE} stay in the list. What waits
 * is what a room says in {@linkcode LIST_INTERVAL}, at most {@linkcode MAX_HELD} messages.
 *
 * @module
 */

import {
  CloseCode,
  type DirectMessage,
  ENVELOPE_HINT,
  formatEnvelopeMessage,
  formatEnvelopeUsers,
  isBlankEnvelope,
  isJsonObject,
  isNotice,
  parseEnvelope,
  type Register,
  type RoomEvent,
  type RoomMessage,
  type SendMessage,
  SERVER_NAME,
  type Welcome,
} from "../protocol.ts";
import type { Clock } from "./clock.ts";
import type { Connection } from "./connection.ts";
import { Bucket } from "./throttle.ts";
import { type Dialect, type DialectFor, memoize, refusal } from "./dialects.ts";
import type { Batch } from "./queue.ts";
import type { Room } from "./room.ts";

/** The shortest time between two lists, in milliseconds: four a second. */
export const LIST_INTERVAL = 250;

/** So many lists may come at once before messages from those who are not listed. */
const LIST_BURST = 4;

/** The most people in a list who have spoken and are not in the room. */
export const MAX_GONE = 500;

/** The most messages that wait for a list; then it is sent before its time. */
export const MAX_HELD = 1_000;

/** Something said, and by whom. */
interface Said {
  readonly from: string;
  readonly frame: string;
}

const encodeEnvelope = memoize(({ events }: Batch<RoomEvent>): readonly Said[] =>
  events.filter((event) => event.messageType === "message")
    .map((message) => ({ from: message.from, frame: formatMessage(message) }))
);

/** A room's names, made ready once for all clients that get them. */
interface Roster {
  /** As the room has them. */
  readonly source: readonly string[];
  readonly names: ReadonlySet<string>;
  readonly frame: string;
}

const rosterOf = memoize((names: readonly string[]): Roster => ({
  source: names,
  names: new Set(names),
  frame: formatEnvelopeUsers(names),
}));

function formatMessage({ from, data, time, action }: RoomMessage): string {
  return formatEnvelopeMessage(from, action ? `* ${from} ${data}` : data, time);
}

/** Returns the envelope dialect on that clock. */
export function envelopeDialect(clock: Clock): DialectFor {
  return (connection, { maxMessage }) => new EnvelopeDialect(connection, clock, maxMessage);
}

class EnvelopeDialect implements Dialect {
  readonly name = "envelope";
  readonly entersAtOnce = false;
  readonly resumes = false;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #maxMessage: number;
  #isFirstFrame = true;
  #isTurnedAway = false;
  /** The room that this client is in, once it is. */
  #room: Room | undefined;
  /** Who was in the room when the last list was sent. */
  #roster = rosterOf([]);
  /** Whom that list had besides: those who had spoken. */
  #gone: ReadonlySet<string> = new Set();
  /** Everyone who has spoken to this client and is not in the roster, who spoke last the last. */
  readonly #spoken = new Set<string>();
  /** What waits for the next list. */
  #held: Said[] = [];
  /** How many lists may still be sent at once. */
  readonly #lists: Bucket;
  #listedAt = -Infinity;
  #cancelList: (() => void) | undefined;

  constructor(connection: Connection, clock: Clock, maxMessage: number) {
    this.#connection = connection;
    this.#clock = clock;
    this.#maxMessage = maxMessage;
    this.#lists = new Bucket({ clock, rate: 1000 / LIST_INTERVAL, burst: LIST_BURST });
  }

  parse(frame: string): Register | SendMessage | undefined {
    if (this.#isTurnedAway) return undefined;
    const isStranger = this.#isFirstFrame && !isJsonObject(frame);
    this.#isFirstFrame = false;
    // To be told so, the client would have to have the server in its list.
    if (!isStranger && isBlankEnvelope(frame)) return undefined;
    if (!isStranger) return parseEnvelope(frame, this.#maxMessage);
    this.#turnAway();
    return undefined;
  }

  refuse(reason: string): void {
    if (this.#isFirstFrame) this.#turnAway();
    else if (!this.#isTurnedAway) this.send(refusal(reason));
  }

  greet(_welcome: Welcome, room: Room): number {
    this.#room = room;
    this.#sendList();
    return room.newest;
  }

  send(message: DirectMessage): void {
    if (!this.#room) return;
    switch (message.messageType) {
      case "private": {
        if (isNotice(message)) return this.#sayAsServer(message.data);
        const text = `(private) ${message.data}`;
        const frame = formatEnvelopeMessage(message.from, text, message.time);
        return this.#tell([{ from: message.from, frame }]);
      }
      case "error":
      case "missed":
        return this.#sayAsServer(message.data);
    }
  }

  help(): void {}

  remind(): void {
    this.#connection.send(ENVELOPE_HINT);
  }

  deliver(batch: Batch<RoomEvent>): void {
    this.#tell(encodeEnvelope(batch));
  }

  close(): void {
    this.#cancelList?.();
    this.#cancelList = undefined;
    this.#room = undefined;
  }

  #turnAway(): void {
    this.#isTurnedAway = true;
    this.#connection.send(ENVELOPE_HINT);
    this.#connection.close(CloseCode.notJson, "Not a JSON object");
  }

  #sayAsServer(text: string): void {
    const frame = formatEnvelopeMessage(SERVER_NAME, text, this.#clock.now());
    this.#tell([{ from: SERVER_NAME, frame }]);
  }

  /** Tells what was said: now, or behind the list that it has to wait for. */
  #tell(messages: readonly Said[]): void {
    for (const said of messages) {
      if (this.#held.length === 0 && this.#isListed(said.from)) this.#send(said);
      else this.#held.push(said);
    }
    if (this.#held.length > MAX_HELD) this.#sendList();
    else if (this.#held.length > 0 || this.#room?.names !== this.#roster.source) {
      this.#sendListSoon();
    }
  }

  #isListed(name: string): boolean {
    return this.#roster.names.has(name) || this.#gone.has(name);
  }

  #send({ from, frame }: Said): void {
    this.#spoken.delete(from);
    this.#spoken.add(from);
    this.#connection.send(frame);
  }

  #sendListSoon(): void {
    const wait = this.#held.length > 0
      ? this.#lists.wait(1)
      : Math.max(0, this.#listedAt + LIST_INTERVAL - this.#clock.elapsed());
    const { congested } = this.#connection;
    if (wait === 0 && !congested) return this.#sendList();
    this.#cancelList ??= this.#clock.after(congested ? LIST_INTERVAL : wait, () => {
      this.#cancelList = undefined;
      this.#sendListSoon();
    });
  }

  /** Sends the list, and what has waited for it. */
  #sendList(): void {
    if (!this.#room) return;
    this.#cancelList?.();
    this.#cancelList = undefined;
    this.#roster = rosterOf(this.#room.names);
    this.#gone = this.#findGone();
    this.#listedAt = this.#clock.elapsed();
    this.#lists.reserve(1);
    const { frame, source } = this.#roster;
    this.#connection.send(
      this.#gone.size === 0 ? frame : formatEnvelopeUsers([...source, ...this.#gone]),
    );
    const held = this.#held;
    this.#held = [];
    for (const said of held) this.#send(said);
  }

  /** Returns those who have spoken, or are going to, and are not in the roster. */
  #findGone(): ReadonlySet<string> {
    for (const { from } of this.#held) this.#spoken.add(from);
    const gone = [...this.#spoken].filter((name) => !this.#roster.names.has(name));
    for (const name of gone.splice(0, Math.max(0, gone.length - MAX_GONE))) {
      this.#spoken.delete(name);
    }
    return new Set(gone);
  }
}
