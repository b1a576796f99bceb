/**
 * What the load says to a server and expects of it: the two wires that are compared, `chat.v1` with
 * everything in each message, and plain text with the sender's name before it, which is our `/text`
 * and what each of the other servers sends.
 *
 * Whoever receives checks all of it: how many there are, and in which order; and, of a sample, every
 * byte that can be known before.
 *
 * @module
 */

import { CHAT_V1, type ClientMessage } from "../protocol.ts";
import { encodeFrame } from "./socket.ts";

/** What people say: short texts. */
const PHRASES = [
  "Good morning",
  "Hello World!",
  "has anyone tried the new build?",
  "brb",
  "It works on my machine",
  "lunch?",
  "What is the meaning of life?",
  "ok",
  "see you tomorrow",
  "+1",
];

/** Of so many frames, one is read in full. */
const SAMPLE = 211;

const NEWLINE = 0x0a;
const COLON = 0x3a;
const ZERO = 0x30;
const STAR = 0x2a;
const LETTER_C = 0x63;
const LETTER_I = 0x69;

/** Where the number is in `{"id":1,"messageType":"message",`. */
const ID_OFFSET = '{"id":'.length;

const decoder = new TextDecoder();

/**
 * Returns what a client says as its message `seq`, counted from 0, made longer if it is shorter than
 * `length`.
 */
export function textOf(seq: number, length = 0): string {
  return `${seq} ${PHRASES[seq % PHRASES.length]}`.padEnd(length, ".");
}

/** Returns the name of a client. */
export function nameOf(client: number): string {
  return `c${client}`;
}

/** Counts and checks what one client receives. */
export interface Receiver {
  /** Messages that came. */
  messages: number;
  /** Messages that the server said it missed. */
  missed: number;
  /** Whether messages are counted yet: while people come in, what happens is no message. */
  isCounting: boolean;
  /**
   * Is told of messages that came together: they are `count` in a row, from the one that its only
   * sender said as `first`. Only asked for where there is one sender.
   */
  onMessages: ((first: number, count: number) => void) | undefined;
  /**
   * Takes a frame.
   *
   * @throws {Error} If it is not what must come next.
   */
  take(bytes: Uint8Array, start: number, end: number): void;
}

/** A way to talk to a server. */
export interface Wire {
  readonly protocol?: string;
  /** Returns the path at which a client connects. */
  path(client: number): string;
  /** Returns the frame with which a client comes in, if it needs one. */
  hello(client: number): Uint8Array | undefined;
  /** Returns the frame that says `text`. */
  say(text: string): Uint8Array;
  /** Returns a counter for one client. */
  receiver(): Receiver;
}

function fail(what: string, bytes: Uint8Array, start: number, end: number): never {
  const text = decoder.decode(bytes.subarray(start, Math.min(end, start + 200)));
  throw new Error(`${what}: ${text}`);
}

/** Reads decimal digits from `start` on. Returns the number and where it ends. */
function readNumber(bytes: Uint8Array, start: number): [value: number, end: number] {
  let value = 0;
  let at = start;
  for (;; at++) {
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return [value, at];
    value = value * 10 + digit;
  }
}

class TextReceiver implements Receiver {
  messages = 0;
  missed = 0;
  isCounting = false;
  onMessages: ((first: number, count: number) => void) | undefined;
  /** What each sender's next message is. */
  readonly #next: number[] = [];
  #frames = 0;

  take(bytes: Uint8Array, start: number, end: number): void {
    if (bytes[start] === STAR) return this.#takeNotice(decoder.decode(bytes.subarray(start, end)));
    if (bytes[start] !== LETTER_C) return;
    const [sender, colon] = readNumber(bytes, start + 1);
    if (bytes[colon] !== COLON) fail("Not a message", bytes, start, end);
    const [seq] = readNumber(bytes, colon + 2);
    if (seq !== (this.#next[sender] ?? 0) && this.missed === 0) {
      fail(`Not message ${this.#next[sender] ?? 0}`, bytes, start, end);
    }
    this.#next[sender] = seq + 1;
    this.messages++;
    this.onMessages?.(seq, 1);
    if (this.#frames++ % SAMPLE > 0) return;
    const text = decoder.decode(bytes.subarray(colon + 2, end));
    if (text !== textOf(seq, text.length)) fail("Not what was said", bytes, start, end);
  }

  #takeNotice(text: string): void {
    this.missed += Number(text.match(/^\* (\d+) messages? missed$/)?.[1] ?? 0);
  }
}

class ChatReceiver implements Receiver {
  messages = 0;
  missed = 0;
  isCounting = false;
  onMessages: ((first: number, count: number) => void) | undefined;
  /** The id that must come next; 0 until the first event. */
  #nextId = 0;
  #frames = 0;

  take(bytes: Uint8Array, start: number, end: number): void {
    // An event begins {"id":, and nothing else does.
    if (bytes[start + 2] !== LETTER_I) return this.#takeOther(bytes.subarray(start, end));
    const id = readId(bytes, start);
    if (this.#nextId > 0 && id !== this.#nextId) fail(`Not ${this.#nextId}`, bytes, start, end);
    // Its messages are as many as its ids from the first to the last: of a sample, that is checked.
    const frame = bytes.subarray(start, end);
    const count = readId(bytes, start + frame.lastIndexOf(NEWLINE) + 1) - id + 1;
    this.#nextId = id + count;
    if (!this.isCounting) return;
    this.onMessages?.(this.messages + this.missed, count);
    this.messages += count;
    if (this.#frames++ % SAMPLE > 0) return;
    const lines = decoder.decode(frame).split("\n");
    if (lines.length !== count) fail("Ids leave some out", bytes, start, end);
    lines.forEach((line, index) => checkMessage(line, id + index));
  }

  /** Takes a frame of what is for this client alone; a `missed` has one of its own. */
  #takeOther(frame: Uint8Array): void {
    const [line = ""] = decoder.decode(frame).split("\n", 1);
    const { messageType, count, data } = JSON.parse(line);
    if (messageType === "error") throw new Error(data);
    if (messageType !== "missed") return;
    this.missed += count;
    this.#nextId += count;
  }
}

function readId(bytes: Uint8Array, start: number): number {
  return readNumber(bytes, start + ID_OFFSET)[0];
}

/** Reads every byte of a message that must have that id. */
function checkMessage(line: string, expected: number): void {
  const { id, messageType, time, from, address, data } = JSON.parse(line);
  const isComplete = id === expected && messageType === "message" &&
    typeof time === "number" && Math.abs(Date.now() - time) < 120_000 &&
    typeof from === "string" && /^c\d+$/.test(from) &&
    typeof address === "string" && /^127\.0\.0\.1:\d+$/.test(address) &&
    typeof data === "string" && data === textOf(parseInt(data), data.length);
  if (!isComplete) throw new Error(`Not what was said: ${line}`);
}

/** The wire of `chat.v1`. */
export const CHAT: Wire = {
  protocol: CHAT_V1,
  path: () => "/",
  hello: (client) => encodeFrame(formatClient({ messageType: "register", data: nameOf(client) })),
  say: (data) => encodeFrame(formatClient({ messageType: "message", data })),
  receiver: () => new ChatReceiver(),
};

/** The wire of plain text at `path`. */
export function plain(path: string): Wire {
  return {
    path: (client) => `${path}?name=${nameOf(client)}`,
    hello: () => undefined,
    say: (text) => encodeFrame(text),
    receiver: () => new TextReceiver(),
  };
}

function formatClient(message: ClientMessage): string {
  return JSON.stringify(message);
}
