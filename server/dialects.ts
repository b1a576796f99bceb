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
  formatHelp,
  formatText,
  parseChat,
  parseText,
  type RoomEvent,
  type TextInput,
  type Users,
  type Welcome,
} from "../protocol.ts";
import type { Connection } from "./connection.ts";
import type { Batch } from "./queue.ts";
import type { Room } from "./room.ts";

/** One client's dialect: reads its frames, and words for it whatever it is told. */
export interface Dialect {
  /** Its name in the metrics. */
  readonly name: "chat.v1" | "envelope" | "text";
  /** Whether a client takes part from its connection on, rather than from its `register`. */
  readonly entersAtOnce: boolean;
  /** Whether a client can come back and go on where its connection ended. */
  readonly resumes: boolean;
  /** The way to its client: the connection that it was made with, or one that has frames wait. */
  readonly connection: Connection;
  /**
   * Parses a line: in the dialects other than `chat.v1`, a frame.
   *
   * @returns What it asks for, if anything.
   * @throws {ProtocolError} If it is invalid.
   */
  parse(line: string): TextInput | undefined;
  /** Answers what was no frame of text, with one sentence that says why. */
  refuse(reason: string): void;
  /**
   * Greets someone who came into `room`.
   *
   * @returns The id after which what happened there is news to this client.
   */
  greet(welcome: Welcome, room: Room): number;
  /** Sends a message that is for this client alone. */
  send(message: DirectMessage): void;
  /** Tells a client that has not registered, and is let go for it, what is expected here. */
  remind(): void;
  /** Lists the commands, where there are some. */
  help(): void;
  /** Sends what happened in the room. */
  deliver(batch: Batch<RoomEvent>): void;
  /** Lets go of what it holds. */
  close(): void;
}

/** What a dialect is made with. */
export interface DialectOptions {
  /** How much of the past a newcomer gets: events in `chat.v1`, messages in text. */
  readonly history: number;
  /** The most bytes of a message. */
  readonly maxMessage: number;
}

/** Makes a dialect for a connection. */
export type DialectFor = (connection: Connection, options: DialectOptions) => Dialect;

/**
 * Makes `derive` work once for each object: subscribers at the same place share what comes of it.
 */
export function memoize<T extends object, R>(derive: (from: T) => R): (from: T) => R {
  const results = new WeakMap<T, R>();
  return (from) => {
    const known = results.get(from);
    if (known !== undefined) return known;
    const result = derive(from);
    results.set(from, result);
    return result;
  };
}

const encodeChat = memoize(({ first, events }: Batch<RoomEvent>) =>
  events.map((event, index) => formatChatEvent(first + index, event)).join("\n")
);

const encodeText = memoize(({ events }: Batch<RoomEvent>) =>
  events.map((event) => formatText(event)).filter((line) => line !== undefined)
);

/** Returns the error that answers what was no frame of text. */
export function refusal(reason: string): DirectMessage {
  return { messageType: "error", code: "bad_message", data: reason };
}

const formatNames = memoize((names: readonly string[]) => JSON.stringify(names));

/** Formats a list of people; a long one is the same for many who come in one after the other. */
function formatUsers({ messageType, dataArray, count, room }: Users): string {
  const rest = JSON.stringify({ count, room }).slice(1);
  return `{"messageType":"${messageType}","dataArray":${formatNames(dataArray)},${rest}`;
}

/** Speaks `chat.v1`: JSON objects, and all that is sent together in one frame. */
class ChatDialect implements Dialect {
  readonly name = "chat.v1";
  readonly entersAtOnce = false;
  readonly resumes = true;
  readonly connection: Connection;
  readonly #options: DialectOptions;

  constructor(connection: Connection, options: DialectOptions) {
    this.connection = connection;
    this.#options = options;
  }

  parse(line: string): TextInput {
    return parseChat(line, this.#options.maxMessage);
  }

  refuse(reason: string): void {
    this.send(refusal(reason));
  }

  greet(welcome: Welcome, room: Room): number {
    this.connection.send(`${formatChat(welcome)}\n${formatUsers(room.users())}`);
    return room.beforeLast(this.#options.history);
  }

  send(message: DirectMessage): void {
    this.connection.send(formatChat(message));
  }

  remind(): void {}

  help(): void {}

  deliver(batch: Batch<RoomEvent>): void {
    this.connection.send(encodeChat(batch));
  }

  close(): void {}
}

/** Returns the dialect of our own clients. */
export function chatDialect(connection: Connection, options: DialectOptions): Dialect {
  return new ChatDialect(connection, options);
}

/**
 * Returns the dialect of `websocat`, `nc` and tutorial programs: a line a message, each in a frame
 * of its own.
 */
export function textDialect(
  connection: Connection,
  { history, maxMessage }: DialectOptions,
): Dialect {
  const send = (message: RoomEvent | DirectMessage): void => {
    const line = formatText(message);
    if (line !== undefined) connection.send(line);
  };
  return {
    name: "text",
    entersAtOnce: true,
    resumes: false,
    connection,
    parse: (line) => parseText(line, maxMessage),
    refuse: (reason) => send(refusal(reason)),
    greet: (welcome, room) => {
      send(welcome);
      room.lastMessages(history).forEach(send);
      return room.newest;
    },
    send,
    remind: () => {},
    help: () => {
      for (const help of formatHelp()) connection.send(`* ${help}`);
    },
    deliver: (batch) => {
      for (const line of encodeText(batch)) connection.send(line);
    },
    close: () => {},
  };
}
