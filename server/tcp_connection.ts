/**
 * A TCP connection: a {@linkcode Connection} of lines.
 *
 * @module
 */

import { formatAddress, MAX_FRAME_BYTES } from "../protocol.ts";
import { type Connection, HIGH_WATER, type Receiver } from "./connection.ts";
import { concat, LineDecoder, type LineInput } from "./lines.ts";
import type { Counters } from "./metrics.ts";

/** Bytes that one read takes at most. */
const READ_SIZE = 16_384;

/**
 * How long a connection that we close may take to read what is still unsent and to close its own
 * side, in milliseconds.
 */
const CLOSE_TIMEOUT = 2_000;

/**
 * How long a connection may be silent before it is opened all the same, in milliseconds. A client of
 * another protocol speaks first, and at once: so others do not even hear that it came.
 */
const FIRST_LINE_TIME = 100;

const TOO_LONG = `A line is over ${MAX_FRAME_BYTES} bytes.`;

/** What comes after our close. */
const NOTHING: LineInput = {
  lines: [],
  commands: 0,
  answers: [],
  foreign: undefined,
  isTooLong: false,
  isLast: false,
};

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** A connection of lines, made of a TCP socket. It is opened by what the client does first. */
export class TcpConnection implements Connection {
  readonly address: string;
  readonly #conn: Deno.TcpConn;
  readonly #counters: Counters;
  /** Lines that wait for the write that is under way. */
  #pending = "";
  /** Answers to telnet's commands, which go ahead of them. */
  #answers: number[] = [];
  /** Their length and that of the write under way, in UTF-16 units. */
  #unsent = 0;
  #writing: Promise<void> | undefined;
  #draining: PromiseWithResolvers<void> | undefined;
  #isClosing = false;
  #isReleased = false;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #flushed: Promise<void> | undefined;

  constructor(conn: Deno.TcpConn, counters: Counters) {
    this.#conn = conn;
    this.#counters = counters;
    this.address = formatAddress(conn.remoteAddr);
  }

  get congested(): boolean {
    return this.#unsent > HIGH_WATER;
  }

  send(frame: string): void {
    if (this.#isClosing) return;
    this.#pending += `${frame}\n`;
    this.#unsent += frame.length + 1;
    this.#writing ??= this.#write();
  }

  drained(): Promise<void> {
    if (!this.congested) return Promise.resolve();
    this.#draining ??= Promise.withResolvers();
    return this.#draining.promise;
  }

  /**
   * Writes what is pending, then half-closes; {@linkcode release} follows. TCP has no close codes.
   */
  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#closeTimer = setTimeout(() => this.release(), CLOSE_TIMEOUT);
    this.#flushed = this.#halfClose();
  }

  /** Resolves once everything is written after {@linkcode close}, or cannot be. */
  async flushed(): Promise<void> {
    await this.#flushed;
  }

  /** Lets the socket go, whatever is unsent. */
  release(): void {
    clearTimeout(this.#closeTimer);
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#conn.close();
  }

  /**
   * Reads lines until the client sends nothing more, or the connection is released or breaks. The
   * first of them, or a short silence, opens it.
   *
   * @returns Of which other protocol it is, if it is: then none of its lines was passed on.
   */
  async read(open: () => Receiver): Promise<string | undefined> {
    const decoder = new LineDecoder();
    const buffer = new Uint8Array(READ_SIZE);
    const { promise: isLate, resolve } = Promise.withResolvers<"late">();
    const timer = setTimeout(() => resolve("late"), FIRST_LINE_TIME);
    let receiver: Receiver | undefined;
    try {
      for (;;) {
        const next = this.#next(decoder, buffer);
        if (!receiver && await Promise.race([next, isLate]) === "late") receiver = open();
        const input = await next;
        if (!input || input.foreign !== undefined) {
          receiver?.end(undefined, true);
          return input?.foreign;
        }
        if (!receiver && isUndecided(input)) continue;
        receiver ??= open();
        if (!this.#isClosing) await this.#pass(input, receiver);
        if (input.isLast) return;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Reads some bytes. Returns undefined if the connection is released or broken. */
  async #next(decoder: LineDecoder, buffer: Uint8Array): Promise<LineInput | undefined> {
    const size = await this.#conn.read(buffer).catch(() => undefined);
    if (size === undefined) return undefined;
    // What comes after our close is read and forgotten: unread, it would reset the connection under
    // our last words.
    if (size === null) return decoder.end();
    if (this.#isClosing) return NOTHING;
    this.#counters.received += size;
    return decoder.push(buffer.subarray(0, size));
  }

  async #pass(input: LineInput, receiver: Receiver): Promise<void> {
    // Whoever does not read is not answered, or the answers would pile up.
    if (!this.congested) this.#answer(input.answers);
    // A command costs what an empty line does, and does as much.
    const commands = Array.from({ length: input.commands }, () => new Uint8Array());
    const isTooLong = !await takeLines([...commands, ...input.lines], receiver) || input.isTooLong;
    if (isTooLong) receiver.refuse(TOO_LONG);
    if (input.isLast || isTooLong) await receiver.finish();
  }

  /** Sends bytes ahead of the lines that are pending. */
  #answer(bytes: readonly number[]): void {
    if (bytes.length === 0) return;
    this.#answers.push(...bytes);
    this.#unsent += bytes.length;
    this.#writing ??= this.#write();
  }

  async #halfClose(): Promise<void> {
    try {
      await this.#writing;
      await this.#conn.closeWrite();
    } catch {
      // It is closed or broken already: reading finds that out.
    }
  }

  /** Writes what is pending: one write for all that was sent in one turn of the event loop. */
  async #write(): Promise<void> {
    await undefined;
    try {
      for (let length; (length = this.#answers.length + this.#pending.length) > 0;) {
        const data = this.#takePending();
        this.#counters.sent += data.length;
        await writeAll(this.#conn, data);
        this.#unsent -= length;
        if (!this.congested) this.#goOn();
      }
    } catch {
      // The client is gone. Whoever reads from it finds out and ends the session.
      this.#pending = "";
      this.#answers = [];
      this.#unsent = 0;
    }
    this.#writing = undefined;
    this.#goOn();
  }

  #takePending(): Uint8Array {
    const lines = encoder.encode(this.#pending);
    const answers = new Uint8Array(this.#answers);
    this.#pending = "";
    this.#answers = [];
    return answers.length === 0 ? lines : concat([answers, lines], answers.length + lines.length);
  }

  #goOn(): void {
    this.#draining?.resolve();
    this.#draining = undefined;
  }
}

async function writeAll(conn: Deno.TcpConn, data: Uint8Array): Promise<void> {
  while (data.length > 0) data = data.subarray(await conn.write(data));
}

/** Passes a line on. Returns false for one that is too long. */
function takeLine(line: Uint8Array, receiver: Receiver): boolean {
  if (line.length > MAX_FRAME_BYTES) return false;
  let text: string;
  try {
    text = decoder.decode(line);
  } catch {
    receiver.refuse("That line is not UTF-8 text.");
    return true;
  }
  receiver.receive(text);
  return true;
}

/** Passes lines on, as fast as they are taken. Returns false if one is too long. */
async function takeLines(lines: readonly Uint8Array[], receiver: Receiver): Promise<boolean> {
  for (const line of lines) {
    if (!takeLine(line, receiver)) return false;
    const ready = receiver.ready();
    if (ready) await ready;
  }
  return true;
}

/** Whether it may still be the beginning of a request. */
function isUndecided({ lines, commands, isTooLong, isLast }: LineInput): boolean {
  return lines.length + commands === 0 && !isTooLong && !isLast;
}
