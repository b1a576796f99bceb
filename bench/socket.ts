/**
 * A WebSocket client (RFC 6455) that does as little as a client can: it reads frames where they lie
 * in its buffer and builds no message of them, so that a benchmark measures the server.
 *
 * It masks with a key of zeros, which RFC 6455 (section 5.3) forbids to clients that talk to
 * strangers; a server cannot tell and does the same work.
 *
 * @module
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes that a connection's buffer holds at first; it grows to hold the largest frame. */
const BUFFER_SIZE = 16_384;

/** Bytes that it is given once so much comes at a time. */
const LARGE_BUFFER_SIZE = 262_144;

const OPCODE_TEXT = 1;
const OPCODE_CLOSE = 8;
const OPCODE_PING = 9;
const OPCODE_PONG = 10;

/** Takes a text frame's payload: the bytes from `start` to `end`, which are not there later. */
export type TakeFrame = (bytes: Uint8Array, start: number, end: number) => void;

/** Returns the bytes of a client's frame with that payload. */
export function encodeFrame(payload: string | Uint8Array, opcode = OPCODE_TEXT): Uint8Array {
  const data = typeof payload === "string" ? encoder.encode(payload) : payload;
  if (data.length > 65_535) throw new RangeError("A benchmark's message is short");
  const head = data.length < 126
    ? [0x80 | opcode, 0x80 | data.length, 0, 0, 0, 0]
    : [0x80 | opcode, 0x80 | 126, data.length >> 8, data.length & 255, 0, 0, 0, 0];
  const frame = new Uint8Array(head.length + data.length);
  frame.set(head);
  frame.set(data, head.length);
  return frame;
}

/** Returns `parts` joined. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Where and as what a {@linkcode RawSocket} connects. */
export interface RawSocketOptions {
  readonly port: number;
  readonly path: string;
  readonly protocol?: string | undefined;
}

/** One connection. */
export class RawSocket {
  readonly #conn: Deno.TcpConn;
  #buffer = new Uint8Array(BUFFER_SIZE);
  #start = 0;
  #end = 0;
  #isClosed = false;
  #paused: PromiseWithResolvers<void> | undefined;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  /**
   * Connects to the server on the loopback and shakes hands.
   *
   * @throws {Error} If the server does not switch protocols.
   */
  static async connect({ port, path, protocol }: RawSocketOptions): Promise<RawSocket> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    const socket = new RawSocket(conn);
    const head = [
      `GET ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version: 13",
      ...protocol ? [`Sec-WebSocket-Protocol: ${protocol}`] : [],
    ];
    await socket.write(encoder.encode(`${head.join("\r\n")}\r\n\r\n`));
    const answer = await socket.#readHead();
    if (!answer.startsWith("HTTP/1.1 101")) throw new Error(`No WebSocket: ${answer}`);
    return socket;
  }

  /** Writes bytes: frames of {@linkcode encodeFrame}. */
  async write(bytes: Uint8Array): Promise<void> {
    while (bytes.length > 0) bytes = bytes.subarray(await this.#conn.write(bytes));
  }

  /**
   * Reads until the connection ends. Pings are answered.
   *
   * @throws {Error} If the server ended it.
   */
  async read(take: TakeFrame): Promise<void> {
    for (;;) {
      this.#takeFrames(take);
      await this.#paused?.promise;
      const isOpen = await this.#fill();
      if (this.#isClosed) return;
      if (!isOpen) throw new Error("The server ended a connection");
    }
  }

  /** Stops reading, after what the read under way brings. */
  pause(): void {
    this.#paused ??= Promise.withResolvers();
  }

  /** Reads again. */
  resume(): void {
    this.#paused?.resolve();
    this.#paused = undefined;
  }

  /** Ends the connection. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#conn.close();
  }

  async #readHead(): Promise<string> {
    while (await this.#fill()) {
      const text = decoder.decode(this.#buffer.subarray(0, this.#end));
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) continue;
      this.#start = end + 4;
      return text.slice(0, end);
    }
    throw new Error("The server ended a connection instead of answering");
  }

  /** Reads more behind what is there. Returns false at the end. */
  async #fill(): Promise<boolean> {
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    if (this.#end === this.#buffer.length) this.#grow();
    const size = await this.#conn.read(this.#buffer.subarray(this.#end)).catch(() => null);
    this.#end += size ?? 0;
    if (this.#end === this.#buffer.length) this.#grow();
    return size !== null;
  }

  #grow(): void {
    const old = this.#buffer;
    this.#buffer = new Uint8Array(Math.max(2 * old.length, LARGE_BUFFER_SIZE));
    this.#buffer.set(old);
  }

  #takeFrames(take: TakeFrame): void {
    const bytes = this.#buffer;
    for (;;) {
      const start = this.#start;
      const available = this.#end - start;
      if (available < 2) return;
      const first = bytes[start] ?? 0;
      let length = (bytes[start + 1] ?? 0) & 127;
      let head = 2;
      if (length >= 126) {
        head = length === 126 ? 4 : 10;
        if (available < head) return;
        length = 0;
        for (let i = start + 2; i < start + head; i++) length = length * 256 + (bytes[i] ?? 0);
      }
      const end = start + head + length;
      if (end > this.#end) return;
      this.#start = end;
      if (first === (0x80 | OPCODE_TEXT)) take(bytes, start + head, end);
      else this.#takeControl(first, bytes.slice(start + head, end));
    }
  }

  #takeControl(first: number, payload: Uint8Array): void {
    if (first === (0x80 | OPCODE_PING)) {
      this.write(encodeFrame(payload, OPCODE_PONG)).catch(() => {});
    } else if (first === (0x80 | OPCODE_CLOSE)) {
      throw new Error(`The server closed a connection: ${decoder.decode(payload.subarray(2))}`);
    } else if (first !== (0x80 | OPCODE_PONG)) {
      throw new Error(`A frame begins with ${first}: not whole, or not text`);
    }
  }
}
