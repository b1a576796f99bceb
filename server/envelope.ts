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
import { type Dialect, type DialectFor, perBatch, refusal } from "./dialects.ts";
import type { Batch } from "./queue.ts";
import type { Room } from "./room.ts";

/**
 * The shortest time between two lists of which only the newer is needed, in milliseconds: four a
 * second.
 */
export const LIST_INTERVAL = 250;

const encodeEnvelope = perBatch(({ events }) =>
  events.filter((event) => event.messageType === "message")
    .map((message) => ({ from: message.from, frame: formatMessage(message) }))
);

function formatMessage({ from, data, time, action }: RoomMessage): string {
  return formatEnvelopeMessage(from, action ? `* ${from} ${data}` : data, time);
}

/** Returns the envelope dialect on that clock. */
export function envelopeDialect(clock: Clock): DialectFor {
  return (connection) => new EnvelopeDialect(connection, clock);
}

class EnvelopeDialect implements Dialect {
  readonly entersAtOnce = false;
  readonly resumes = false;
  readonly #connection: Connection;
  readonly #clock: Clock;
  #isFirstFrame = true;
  /** The room that this client is in, once it is. */
  #room: Room | undefined;
  /** `room.names` when the last list was sent. */
  #listed: readonly string[] = [];
  /** Everyone in that list, also a speaker who had left the room. */
  #known = new Set<string>();
  #listedAt = -Infinity;
  #cancelList: (() => void) | undefined;

  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  split(frame: string): readonly string[] {
    return [frame];
  }

  parse(frame: string): Register | SendMessage | undefined {
    const isStranger = this.#isFirstFrame && !isJsonObject(frame);
    this.#isFirstFrame = false;
    if (!isStranger) return parseEnvelope(frame);
    this.#turnAway();
    return undefined;
  }

  refuse(reason: string): void {
    if (this.#isFirstFrame) this.#turnAway();
    else this.send(refusal(reason));
  }

  greet(_welcome: Welcome, room: Room): number {
    this.#room = room;
    this.#sendList();
    return room.newest;
  }

  send(message: DirectMessage): void {
    if (!this.#room) return;
    if (message.messageType === "private") {
      const text = `(private) ${message.data}`;
      this.#say(message.from, formatEnvelopeMessage(message.from, text, message.time));
    } else if (message.messageType === "error" || message.messageType === "missed") {
      this.#say(SERVER_NAME, formatEnvelopeMessage(SERVER_NAME, message.data, this.#clock.now()));
    }
  }

  deliver(batch: Batch<RoomEvent>): void {
    for (const { from, frame } of encodeEnvelope(batch)) this.#say(from, frame);
    if (this.#room?.names !== this.#listed) this.#sendListSoon();
  }

  close(): void {
    this.#cancelList?.();
    this.#cancelList = undefined;
    this.#room = undefined;
  }

  #turnAway(): void {
    this.#connection.send(ENVELOPE_HINT);
    this.#connection.close(CloseCode.notJson, "Not a JSON object");
  }

  #say(from: string, frame: string): void {
    if (!this.#known.has(from)) this.#sendList(from);
    this.#connection.send(frame);
  }

  #sendListSoon(): void {
    const wait = this.#listedAt + LIST_INTERVAL - this.#clock.elapsed();
    if (wait <= 0) return this.#sendList();
    this.#cancelList ??= this.#clock.after(wait, () => {
      this.#cancelList = undefined;
      if (this.#room?.names !== this.#listed) this.#sendList();
    });
  }

  /**
   * Sends the room's list, with `speaker` in it even if that person has left the room or never was
   * there.
   */
  #sendList(speaker?: string): void {
    if (!this.#room) return;
    const serverSpoke = this.#known.has(SERVER_NAME);
    this.#listed = this.#room.names;
    this.#known = new Set(this.#listed);
    // Once it has spoken, the server stays in the list.
    if (serverSpoke) this.#known.add(SERVER_NAME);
    if (speaker !== undefined) this.#known.add(speaker);
    this.#listedAt = this.#clock.elapsed();
    this.#connection.send(formatEnvelopeUsers([...this.#known]));
  }
}
