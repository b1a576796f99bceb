/**
 * The envelope dialect: `register` and `message` in, `users` and `message` out, nothing else, one
 * object a frame.
 *
 * Programs of this dialect fail on any other type, and some look up the sender of every message that
 * they ever drew in the newest list that they got. So each has its list here: of who is in the room,
 * and of everyone from whom it got a message. It is sent again when it has changed, at most once in
 * {@linkcode LIST_INTERVAL}; a message from someone who is not in it yet waits until then, with all
 * that comes after it. Whatever else there is to tell comes as a message from `server`.
 *
 * **Bound.** At most {@linkcode MAX_SPEAKERS} names stay in a list for what they said. A message from
 * one more comes from {@linkcode OTHERS}, with the name before its text.
 *
 * @module
 */

import {
  CloseCode,
  type DirectMessage,
  ENVELOPE_HINT,
  formatEnvelopeMessage,
  formatEnvelopeUsers,
  formatText,
  isBlankEnvelope,
  isJsonObject,
  isNotice,
  parseEnvelope,
  type Private,
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
import { Gate } from "./gate.ts";
import type { Batch } from "./queue.ts";
import type { Room } from "./room.ts";

/**
 * The shortest time between two lists of one client, in milliseconds: four a second. A client that
 * comes and goes under many names could otherwise have a whole list sent to everyone for each message.
 */
export const LIST_INTERVAL = 250;

/** From so many people a client may get messages under their own names. */
export const MAX_SPEAKERS = 1_000;

/** From whom the messages of all others come: nobody can have that name. */
export const OTHERS = "(others)";

/** Something that a person says, as an envelope client is told it. */
interface Said {
  readonly from: string;
  /** The frame, from them or from {@linkcode OTHERS}. */
  readonly frame: (from: string) => string;
}

const encodeEnvelope = memoize(({ events }: Batch<RoomEvent>): Said[] =>
  events.filter((event) => event.messageType === "message").map(encodeMessage)
);

function encodeMessage(message: RoomMessage): Said {
  const { from, data, action, time } = message;
  const own = formatEnvelopeMessage(from, action ? `* ${from} ${data}` : data, time);
  return { from, frame: (name) => name === OTHERS ? formatForOthers(message) : own };
}

function encodePrivate(message: Private): Said {
  const { from, data, time } = message;
  const own = formatEnvelopeMessage(from, `(private) ${data}`, time);
  return { from, frame: (name) => name === OTHERS ? formatForOthers(message) : own };
}

/** Formats something said with its sender's name in the text, where later lines cannot forge one. */
const formatForOthers = memoize((message: RoomMessage | Private): string =>
  formatEnvelopeMessage(OTHERS, formatText(message) ?? "", message.time)
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

/** Returns the envelope dialect on that clock. */
export function envelopeDialect(clock: Clock): DialectFor {
  return (connection, { maxMessage }) => new EnvelopeDialect(connection, clock, maxMessage);
}

class EnvelopeDialect implements Dialect {
  readonly name = "envelope";
  readonly entersAtOnce = false;
  readonly resumes = false;
  /** Shut while a list has to be sent first, and is not due. */
  readonly connection: Gate;
  readonly #clock: Clock;
  readonly #maxMessage: number;
  #isFirstFrame = true;
  #isTurnedAway = false;
  /** The room that this client is in, once it is. */
  #room: Room | undefined;
  /** `room.names` and who they are, as the last list had them. */
  #listed: readonly string[] = [];
  #roster = rosterOf(this.#listed);
  /** From whom this client got a message: while the gate is open, all of them are in its list. */
  readonly #speakers = new Set<string>();
  #listedAt = -Infinity;
  #cancelList: (() => void) | undefined;

  constructor(connection: Connection, clock: Clock, maxMessage: number) {
    this.connection = new Gate(connection, () => this.#sendList());
    this.#clock = clock;
    this.#maxMessage = maxMessage;
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

  remind(): void {
    this.connection.send(ENVELOPE_HINT);
  }

  greet(_welcome: Welcome, room: Room): number {
    this.#room = room;
    this.#sendList();
    return room.newest;
  }

  send(message: DirectMessage): void {
    if (!this.#room) return;
    switch (message.messageType) {
      case "private":
        return isNotice(message)
          ? this.#sayAsServer(message.data)
          : this.#say([encodePrivate(message)]);
      case "error":
      case "missed":
        return this.#sayAsServer(message.data);
      case "welcome":
        // The room takes note of the new name only after this.
        return this.#listAfter(0);
    }
  }

  help(): void {}

  deliver(batch: Batch<RoomEvent>): void {
    this.#say(encodeEnvelope(batch));
  }

  close(): void {
    this.#cancelList?.();
    this.#cancelList = undefined;
    this.#room = undefined;
    this.connection.abandon();
  }

  #turnAway(): void {
    this.#isTurnedAway = true;
    this.connection.send(ENVELOPE_HINT);
    this.connection.close(CloseCode.notJson, "Not a JSON object");
  }

  #sayAsServer(text: string): void {
    const frame = formatEnvelopeMessage(SERVER_NAME, text, this.#clock.now());
    this.#say([{ from: SERVER_NAME, frame: () => frame }]);
  }

  /** Tells what people say, and lists them before. */
  #say(said: readonly Said[]): void {
    const frames = said.map(({ from, frame }) => frame(this.#introduce(from)));
    this.#listSoon();
    for (const frame of frames) this.connection.send(frame);
  }

  /** Has somebody listed before what they say. Returns the name under which they say it. */
  #introduce(from: string): string {
    const speakers = this.#speakers;
    if (speakers.has(from)) return from;
    const isOneMore = from !== SERVER_NAME && speakers.size >= MAX_SPEAKERS;
    const name = isOneMore ? OTHERS : from;
    if (!speakers.has(name) && !this.#roster.names.has(name)) this.connection.shut();
    speakers.add(name);
    return name;
  }

  /** Sends a list, if it has changed or somebody waits for it, as soon as it is due. */
  #listSoon(): void {
    const gate = this.connection;
    if (!this.#room || this.#room.names === this.#listed && !gate.isShut) return;
    const wait = this.#listedAt + LIST_INTERVAL - this.#clock.elapsed();
    if (wait <= 0 && !gate.isBlocked) return gate.isShut ? gate.open() : this.#sendList();
    this.#listAfter(wait > 0 ? wait : LIST_INTERVAL);
  }

  #listAfter(wait: number): void {
    this.#cancelList ??= this.#clock.after(wait, () => {
      this.#cancelList = undefined;
      this.#listSoon();
    });
  }

  #sendList(): void {
    if (!this.#room) return;
    this.#listed = this.#room.names;
    this.#roster = rosterOf(this.#listed);
    this.#listedAt = this.#clock.elapsed();
    const { names, frame } = this.#roster;
    const others = [...this.#speakers].filter((name) => !names.has(name));
    this.connection.pass(
      others.length === 0 ? frame : formatEnvelopeUsers([...this.#listed, ...others]),
    );
  }
}
