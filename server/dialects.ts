/**
 * How a session speaks: the dialects `chat.v1` and text. The third, envelope, has to keep a list
 * for each client and so has a file of its own, `envelope.ts`.
 *
 * @module
 */

import {
  type DirectMessage,
  formatChat,
  formatChatEvent,
  formatText,
  parseChat,
  parseText,
  type RoomEvent,
  splitChat,
  type TextInput,
  type Welcome,
} from "../protocol.ts";
import type { Connection } from "./connection.ts";
import type { Batch } from "./queue.ts";
import type { Room } from "./room.ts";

/** One client's dialect: reads its frames, and words for it whatever it is told. */
export interface Dialect {
  /** Whether a client takes part from its connection on, rather than from its `register`. */
  readonly entersAtOnce: boolean;
  /** Splits a frame into what may hold a message each. */
  split(frame: string): readonly string[];
  /**
   * Parses one of these. @returns What it asks for, if anything. @throws {ProtocolError} If it is
   * invalid.
   */
  parse(line: string): TextInput | undefined;
  /**
   * Greets someone who came into `room`. @returns The id after which what happened there is news to
   * this client.
   */
  greet(welcome: Welcome, room: Room): number;
  /** Sends a message that is for this client alone. */
  send(message: DirectMessage): void;
  /** Sends what happened in the room. */
  deliver(batch: Batch<RoomEvent>): void;
  /** Lets go of what it holds. */
  close(): void;
}

/** Makes a dialect for a connection; `history` is how many events or messages a newcomer gets. */
export type DialectFor = (connection: Connection, history: number) => Dialect;

/** Makes `encode` work once for each batch: subscribers at the same place share its result. */
export function once<R>(
  encode: (batch: Batch<RoomEvent>) => R,
): (batch: Batch<RoomEvent>) => R {
  const results = new WeakMap<Batch<RoomEvent>, R>();
  return (batch) => {
    const known = results.get(batch);
    if (known !== undefined) return known;
    const result = encode(batch);
    results.set(batch, result);
    return result;
  };
}

const encodeChat = once(({ first, events }) =>
  events.map((event, index) => formatChatEvent(first + index, event)).join("\n")
);

const encodeText = once(({ events }) =>
  events.map((event) => formatText(event)).filter((line) => line !== undefined)
);

/**
 * Returns the dialect of our own clients: JSON objects, and all that is sent together in one frame.
 */
export function chatDialect(connection: Connection, history: number): Dialect {
  return {
    entersAtOnce: false,
    split: splitChat,
    parse: parseChat,
    greet: (welcome, room) => {
      connection.send(`${formatChat(welcome)}\n${formatChat(room.users())}`);
      return room.beforeLast(history);
    },
    send: (message) => connection.send(formatChat(message)),
    deliver: (batch) => connection.send(encodeChat(batch)),
    close: () => {},
  };
}

/**
 * Returns the dialect of `websocat`, `nc` and tutorial programs: a line a message, each in a frame
 * of its own.
 */
export function textDialect(connection: Connection, history: number): Dialect {
  const send = (message: RoomEvent | DirectMessage): void => {
    const line = formatText(message);
    if (line !== undefined) connection.send(line);
  };
  return {
    entersAtOnce: true,
    split: (frame) => [frame],
    parse: parseText,
    greet: (welcome, room) => {
      send(welcome);
      room.lastSaid(history).forEach(send);
      return room.newest;
    },
    send,
    deliver: (batch) => {
      for (const line of encodeText(batch)) connection.send(line);
    },
    close: () => {},
  };
}
