/**
 * A TCP connection as the operating system has it: bytes in and out, of which nothing has to be
 * right, and nothing is waited for without a deadline.
 *
 * @module
 */

/** How long to wait for an answer that must come, in milliseconds. */
export const ANSWER_TIME = 10_000;

/** Bytes that one read takes at most. */
const READ_SIZE = 65_536;

const encoder = new TextEncoder();

/** Returns `parts` joined. */
export function join(...parts: readonly (string | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  const all = parts.map((part) => typeof part === "string" ? encoder.encode(part) : part);
  const whole = new Uint8Array(all.reduce((size, { length }) => size + length, 0));
  let offset = 0;
  for (const part of all) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Waits for `promise`, but at most `ms` milliseconds: then for nothing. */
async function atMost<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ms);
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Where to connect. */
export interface Place {
  /** Default `127.0.0.1`. */
  readonly hostname?: string;
  readonly port: number;
}

/** A TCP connection to a server that may do anything, or nothing. */
export class RawConnection implements Disposable {
  readonly #conn: Deno.TcpConn;
  #isClosed = false;
  #bytes = new Uint8Array(0);
  /** The read under way: the next one, if nobody waits for it any more. */
  #reading: Promise<Uint8Array | null> | undefined;
  #hasEnded = false;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  /** Connects. */
  static async open({ hostname = "127.0.0.1", port }: Place): Promise<RawConnection> {
    const conn = await Deno.connect({ hostname, port });
    conn.setNoDelay(true);
    return new RawConnection(conn);
  }

  /** This end, as the server sees it: `IP:PORT`. */
  get address(): string {
    const { hostname, port } = this.#conn.localAddr;
    return `${hostname}:${port}`;
  }

  /** Whether the other end has ended the connection, as far as was read. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Writes all of it. Returns whether the connection lasted so long. */
  async write(data: string | Uint8Array): Promise<boolean> {
    let bytes = typeof data === "string" ? encoder.encode(data) : data;
    try {
      while (bytes.length > 0) bytes = bytes.subarray(await this.#conn.write(bytes));
      return true;
    } catch {
      return false;
    }
  }

  /** Sends nothing more; what comes can still be read. */
  async closeWrite(): Promise<void> {
    await this.#conn.closeWrite();
  }

  /** Returns the next `size` bytes, or undefined if so many do not come. */
  async take(size: number, ms = ANSWER_TIME): Promise<Uint8Array | undefined> {
    while (this.#bytes.length < size) if (!await this.#fill(ms)) return undefined;
    const taken = this.#bytes.slice(0, size);
    this.#bytes = this.#bytes.subarray(size);
    return taken;
  }

  /** Returns the text before the next `end`, which is taken too, or undefined if none comes. */
  async takeTo(end: string, ms = ANSWER_TIME): Promise<string | undefined> {
    for (;;) {
      const [text = "", ...more] = new TextDecoder().decode(this.#bytes).split(end);
      if (more.length > 0) {
        await this.take(encoder.encode(text + end).length);
        return text;
      }
      if (!await this.#fill(ms)) return undefined;
    }
  }

  /** Returns all that comes until the connection ends, or nothing comes for so long. */
  async rest(ms = ANSWER_TIME): Promise<string> {
    const decoder = new TextDecoder();
    const texts: string[] = [];
    do {
      texts.push(decoder.decode(this.#bytes, { stream: true }));
      this.#bytes = new Uint8Array(0);
    } while (await this.#fill(ms));
    return texts.join("");
  }

  /** Ends the connection; if something is unread, at once (RFC 2525, section 2.17). */
  [Symbol.dispose](): void {
    if (!this.#isClosed) this.#conn.close();
    this.#isClosed = true;
  }

  /** Reads more behind what is there. Returns false at the end, or if nothing comes. */
  async #fill(ms: number): Promise<boolean> {
    if (this.#hasEnded) return false;
    this.#reading ??= this.#read();
    const chunk = await atMost(ms, this.#reading);
    if (chunk === undefined) return false;
    this.#reading = undefined;
    if (chunk) this.#bytes = join(this.#bytes, chunk);
    else this.#hasEnded = true;
    return chunk !== null;
  }

  async #read(): Promise<Uint8Array | null> {
    const buffer = new Uint8Array(READ_SIZE);
    const size = await this.#conn.read(buffer).catch(() => null);
    return size === null ? null : buffer.subarray(0, size);
  }
}
