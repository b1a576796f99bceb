/**
 * The envelope dialect: `register` and `message` in, `users` and `message` out, nothing else, one
 * object a frame.
 *
 * Programs of this dialect fail on any other type, and on a message whose sender is not in the last
 * list that they got. So each has its list here: it is sent again when it has changed, at most once
 * in {@linkcode LIST_INTERVAL}, and at once before a message from someone who is not in it yet.
 * Whatever else there is to tell comes as a message from `server`.
 *
 * @module
 */

import {
  CloseCode,
  type DirectMessage,
  ENVELOPE_HINT,
  formatEnvelopeMessage,
  formatEnvelopeUsers,
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
import { type Dialect, type DialectFor, memoize, refusal } from "./dialects.ts";
import type { Batch } from "./queue.ts";
import type { Room } from "./room.ts";

/**
 * The shortest time between two lists of which only the newer is needed, in milliseconds: four a
 * second.
 */
export const LIST_INTERVAL = 250;

const encodeEnvelope = memoize(({ events }: Batch<RoomEvent>) =>
  events.filter((event) => event.messageType === "message")
    .map((message) => ({ from: message.from, frame: formatMessage(message) }))
);

/** A room's names, made ready once for all clients that get them. */
interface Roster {
  readonly names: ReadonlySet<string>;
  readonly frame: string;
}

const rosterOf = memoize((names: readonly string[]): Roster => ({
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
  /** `room.names` as the last list had it; undefined if that list cannot stay as it is. */
  #listed: readonly string[] | undefined;
  /** Who was in the room when the last list was sent, and whom that list had besides. */
  #roster = rosterOf([]);
  #extra = new Set<string>();
  /** Whether `server` has spoken: from then on it is in every list. */
  #serverSpoke = false;
  #listedAt = -Infinity;
  #cancelList: (() => void) | undefined;

  constructor(connection: Connection, clock: Clock, maxMessage: number) {
    this.#connection = connection;
    this.#clock = clock;
    this.#maxMessage = maxMessage;
  }

  parse(frame: string): Register | SendMessage | undefined {
    if (this.#isTurnedAway) return undefined;
    const isStranger = this.#isFirstFrame && !isJsonObject(frame);
    this.#isFirstFrame = false;
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
        return this.#say(message.from, formatEnvelopeMessage(message.from, text, message.time));
      }
      case "error":
      case "missed":
        return this.#sayAsServer(message.data);
    }
  }

  help(): void {}

  deliver(batch: Batch<RoomEvent>): void {
    const messages = encodeEnvelope(batch);
    this.#list(messages.map(({ from }) => from));
    for (const { frame } of messages) this.#connection.send(frame);
    if (this.#room?.names !== this.#listed) this.#sendListSoon();
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
    this.#say(SERVER_NAME, formatEnvelopeMessage(SERVER_NAME, text, this.#clock.now()));
  }

  #say(from: string, frame: string): void {
    this.#list([from]);
    this.#connection.send(frame);
    if (this.#room?.names !== this.#listed) this.#sendListSoon();
  }

  /** Makes sure that all of `speakers` are in the list that the client has. */
  #list(speakers: readonly string[]): void {
    const isListed = (name: string): boolean =>
      this.#roster.names.has(name) || this.#extra.has(name);
    if (!speakers.every(isListed)) this.#sendList(speakers);
  }

  #sendListSoon(): void {
    const isDue = this.#clock.elapsed() >= this.#listedAt + LIST_INTERVAL;
    if (isDue && !this.#connection.congested) return this.#sendList();
    const wait = isDue ? LIST_INTERVAL : this.#listedAt + LIST_INTERVAL - this.#clock.elapsed();
    this.#cancelList ??= this.#clock.after(wait, () => {
      this.#cancelList = undefined;
      if (this.#room?.names !== this.#listed) this.#sendListSoon();
    });
  }

  /**
   * Sends the room's list. `speakers` are in it even if they have left the room or never were
   * there; then a list without them follows.
   */
  #sendList(speakers: readonly string[] = []): void {
    if (!this.#room) return;
    const { names } = this.#room;
    this.#roster = rosterOf(names);
    const strangers = speakers.filter((name) => !this.#roster.names.has(name));
    this.#serverSpoke ||= strangers.includes(SERVER_NAME);
    this.#extra = new Set(this.#serverSpoke ? [SERVER_NAME, ...strangers] : strangers);
    const isLasting = strangers.every((name) => name === SERVER_NAME);
    this.#listed = isLasting ? names : undefined;
    this.#listedAt = this.#clock.elapsed();
    const { frame } = this.#roster;
    this.#connection.send(
      this.#extra.size === 0 ? frame : formatEnvelopeUsers([...names, ...this.#extra]),
    );
  }
}
