/**
 * The TCP transport: lines of UTF-8 that end in `\n` or `\r\n`, for `nc`, `telnet` and every
 * program that has a socket.
 *
 * @module
 */

import { CloseCode, formatAddress, MAX_FRAME_BYTES } from "../protocol.ts";
import { type Admission, FullError } from "./admission.ts";
import { type Connection, HIGH_WATER, type Open, type Receiver } from "./connection.ts";
import { type Log, quoteError } from "./log.ts";
import type { Counters } from "./metrics.ts";

/** Bytes that one read takes at most. */
const READ_SIZE = 16_384;

/**
 * How long a connection that we close may take to read what is still unsent and to close its own
 * side, in milliseconds.
 */
const CLOSE_TIMEOUT = 2_000;

/** How long to wait before accepting again after that failed, in milliseconds. */
const ACCEPT_PAUSE = 100;

const NEWLINE = 0x0a;

const TOO_LONG = `A line is over ${MAX_FRAME_BYTES} bytes.`;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Settings of {@linkcode serveTcp}. */
export interface TcpOptions {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly open: Open;
  readonly log: Log;
  readonly admission: Admission;
  readonly counters: Counters;
}

/** A running TCP listener. */
export interface TcpServer {
  readonly addr: Deno.NetAddr;
  /** Stops accepting. Connections go on until each is closed. */
  shutdown(): void;
  /** Resolves when nobody is accepted any more and all connections have ended. */
  readonly finished: Promise<void>;
}

/** Splits bytes into lines. It sets no bound: whoever feeds it stops once `isTooLong`. */
export class LineSplitter {
  #parts: Uint8Array[] = [];
  #size = 0;

  /** Takes bytes that came in, and returns the lines that they complete, without their newline. */
  push(chunk: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end; (end = chunk.indexOf(NEWLINE, start)) >= 0; start = end + 1) {
      this.#keep(chunk.slice(start, end));
      lines.push(this.rest());
    }
    this.#keep(chunk.slice(start));
    return lines;
  }

  /** Whether the unfinished line is longer than any line may be. */
  get isTooLong(): boolean {
    return this.#size > MAX_FRAME_BYTES;
  }

  /** Takes out the unfinished line; empty if there is none. */
  rest(): Uint8Array {
    const [first = new Uint8Array(), ...others] = this.#parts;
    const line = others.length === 0 ? first : concat(this.#parts, this.#size);
    this.#parts = [];
    this.#size = 0;
    return line;
  }

  #keep(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#size += part.length;
  }
}

function concat(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

class TcpConnection implements Connection {
  readonly address: string;
  readonly #conn: Deno.TcpConn;
  readonly #counters: Counters;
  /** Lines that wait for the write that is under way. */
  #pending = "";
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

  /** Reads lines until the client sends nothing more, or the connection is released or breaks. */
  async read(receiver: Receiver): Promise<void> {
    const splitter = new LineSplitter();
    const buffer = new Uint8Array(READ_SIZE);
    for (;;) {
      const size = await this.#conn.read(buffer).catch(() => undefined);
      if (size === undefined) return receiver.end();
      // What comes after our close is read and forgotten: unread, it would reset the connection
      // under our last words.
      if (!this.#isClosing) {
        this.#counters.received += size ?? 0;
        const lines = size === null ? [splitter.rest()] : splitter.push(buffer.subarray(0, size));
        const isTooLong = !await takeLines(lines, receiver) || splitter.isTooLong;
        if (isTooLong) receiver.refuse(TOO_LONG);
        if (size === null || isTooLong) await receiver.finish();
      }
      if (size === null) return;
    }
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
      while (this.#pending !== "") {
        const data = encoder.encode(this.#pending);
        const length = this.#pending.length;
        this.#pending = "";
        this.#counters.sent += data.length;
        await writeAll(this.#conn, data);
        this.#unsent -= length;
        if (!this.congested) this.#goOn();
      }
    } catch {
      // The client is gone. Whoever reads from it finds out and ends the session.
      this.#pending = "";
      this.#unsent = 0;
    }
    this.#writing = undefined;
    this.#goOn();
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

function isClientsFault(error: unknown): boolean {
  const { NotConnected, ConnectionAborted, ConnectionReset } = Deno.errors;
  return [NotConnected, ConnectionAborted, ConnectionReset].some((type) => error instanceof type);
}

/** Has somebody in, or tells them why not. */
async function handle(conn: Deno.TcpConn, options: TcpOptions): Promise<void> {
  try {
    const release = options.admission.admit(conn.remoteAddr.hostname);
    await attend(conn, options).finally(release);
  } catch (error) {
    if (!(error instanceof FullError)) throw error;
    options.counters.refuse("full");
    await turnAway(conn, error.message);
  }
}

/** Says why somebody cannot come in, without waiting for them: they may be many. */
async function turnAway(conn: Deno.TcpConn, reason: string): Promise<void> {
  try {
    await conn.write(encoder.encode(`* ${reason} Try again later.\n`));
  } catch {
    // They are gone already.
  }
  conn.close();
}

async function attend(conn: Deno.TcpConn, { open, log, counters }: TcpOptions): Promise<void> {
  const connection = new TcpConnection(conn, counters);
  let receiver: Receiver | undefined;
  try {
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
    receiver = open(connection);
    await connection.read(receiver);
  } catch (error) {
    // A fault of ours must cost this connection, not the process.
    log("error", () => `Connection of ${connection.address} failed: ${quoteError(error)}`);
    receiver?.end(CloseCode.internalError);
  }
  connection.close();
  await connection.flushed();
  connection.release();
}

/**
 * Listens for TCP connections and opens a session for each.
 *
 * @throws {Deno.errors.AddrInUse} If the port is in use.
 */
export function serveTcp(options: TcpOptions): TcpServer {
  const { hostname, port, log } = options;
  const listener = Deno.listen({ hostname, port });
  const connections = new Set<Promise<void>>();
  let isOpen = true;

  async function accept(): Promise<void> {
    while (isOpen) {
      try {
        const conn = await listener.accept();
        if (!isOpen) {
          conn.close();
          break;
        }
        const connection = handle(conn, options);
        connections.add(connection);
        connection.finally(() => connections.delete(connection));
      } catch (error) {
        if (!isOpen) break;
        // The client was gone before it was accepted: the next one is not to wait for that.
        if (isClientsFault(error)) continue;
        log("error", () => `Cannot accept a TCP connection: ${quoteError(error)}`);
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE));
      }
    }
    await Promise.all(connections);
  }

  const shutdown = (): void => {
    isOpen = false;
    listener.close();
  };
  return { addr: listener.addr, shutdown, finished: accept() };
}
