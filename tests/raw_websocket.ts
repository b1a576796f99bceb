/**
 * A WebSocket that does nothing by itself, and can do everything wrong.
 *
 * @module
 */

import { CHAT_V1, DEFAULT_ROOM, formatAddress } from "../protocol.ts";
import { FIN, frame, Opcode, textFrame } from "./frame.ts";
import { ANSWER_TIME, type Place, RawConnection } from "./raw.ts";

/** Where to connect, and who does. */
export interface Party extends Place {
  /** What a proxy before the server would say the client's address is. Default: no proxy. */
  readonly from?: string;
}

/** As what a {@linkcode RawWebSocket} connects. */
export interface WebSocketOptions {
  /** Default `/`. */
  readonly path?: string;
  /** Default `chat.v1`; none if it is empty. */
  readonly protocol?: string;
  /** More lines of its request, or others instead: the first of a name counts. */
  readonly headers?: readonly string[];
}

/** Returns a request for a WebSocket. */
export function handshake(
  { hostname = "127.0.0.1", port, from }: Party,
  { path = "/", protocol = CHAT_V1, headers = [] }: WebSocketOptions = {},
): string {
  const names = headers.map((line) => line.split(":", 1)[0]);
  const usual = [
    `Host: ${formatAddress({ hostname, port })}`,
    ...from === undefined ? [] : [`X-Forwarded-For: ${from}`],
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...protocol === "" ? [] : [`Sec-WebSocket-Protocol: ${protocol}`],
  ].filter((line) => !names.includes(line.split(":", 1)[0]));
  return [`GET ${path} HTTP/1.1`, ...usual, ...headers, "", ""].join("\r\n");
}

/** A message of the server. */
export type Message = Readonly<Record<string, unknown>>;

/** A WebSocket that is not let in. Its message is what was answered instead. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/** A frame of the server. */
export interface Frame {
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** Returns the code of a Close frame; 1005 if it has none (RFC 6455, section 7.1.5). */
export function closeCodeOf({ payload }: Frame): number {
  const [high = 0, low = 0] = payload;
  return payload.length < 2 ? 1005 : 256 * high + low;
}

/** A WebSocket that answers no Close, and no Ping unless it is told to. */
export class RawWebSocket implements Disposable {
  readonly raw: RawConnection;
  answersPings = false;
  readonly #lines: string[] = [];
  #ending: string | undefined;

  private constructor(raw: RawConnection) {
    this.raw = raw;
  }

  /**
   * Connects.
   *
   * @throws {Refusal} If the server does not let it in.
   */
  static async open(party: Party, options: WebSocketOptions = {}): Promise<RawWebSocket> {
    const raw = await RawConnection.open(party);
    await raw.write(handshake(party, options));
    const head = await raw.takeTo("\r\n\r\n") ?? "";
    if (head.startsWith("HTTP/1.1 101 ")) return new RawWebSocket(raw);
    raw[Symbol.dispose]();
    throw new Refusal(head === "" ? "no answer" : `HTTP ${head.slice(9, 12)}`);
  }

  /**
   * Connects, and comes into a room.
   *
   * @throws {Refusal} If the server does not let it in.
   */
  static async enter(party: Party, name: string, room = DEFAULT_ROOM): Promise<RawWebSocket> {
    const socket = await RawWebSocket.open(party);
    await socket.send({ messageType: "register", data: name, room });
    await socket.find(({ messageType }) => messageType === "users");
    return socket;
  }

  /** Sends messages in a frame. Returns whether the connection lasted so long. */
  send(...messages: readonly (string | object)[]): Promise<boolean> {
    return this.raw.write(textFrame(...messages));
  }

  /** Returns the next line of a frame of text, or undefined if none comes. */
  async line(ms = ANSWER_TIME): Promise<string | undefined> {
    while (this.#lines.length === 0) {
      if (this.#ending !== undefined) return undefined;
      const isRead = await this.#readFrame(ms);
      if (!isRead) this.#ending = this.raw.hasEnded ? "cut off" : "left open";
    }
    return this.#lines.shift();
  }

  /** Returns the next message for which that is true, or undefined if none comes. */
  async find(
    isIt: (message: Message) => boolean,
    ms = ANSWER_TIME,
  ): Promise<Message | undefined> {
    for (let line; (line = await this.line(ms)) !== undefined;) {
      const message = JSON.parse(line);
      if (isIt(message)) return message;
    }
    return undefined;
  }

  /** Returns whether it still takes part: whether a ping is answered. */
  async isIn(): Promise<boolean> {
    await this.send({ messageType: "ping", data: "Am I in?" });
    return await this.find(({ data }) => data === "Am I in?") !== undefined;
  }

  /**
   * Reads to the end. Returns the codes of the errors that came, each once, and how it ended: with a
   * close code, or `cut off` without one, or it is `left open`.
   */
  async outcome(ms = ANSWER_TIME): Promise<string> {
    const codes = new Set<string>();
    for (let line; (line = await this.line(ms)) !== undefined;) {
      const code = /^\{"messageType":"error","code":"(\w+)"/.exec(line)?.[1];
      if (code !== undefined) codes.add(code);
    }
    const errors = Array.from(codes).join(", ");
    return errors === "" ? this.#ending ?? "" : `${errors}, then ${this.#ending}`;
  }

  [Symbol.dispose](): void {
    this.raw[Symbol.dispose]();
  }

  /** Returns the next frame, or undefined if none comes. */
  async frame(ms = ANSWER_TIME): Promise<Frame | undefined> {
    const head = await this.raw.take(2, ms);
    const short = (head?.[1] ?? 0) & 127;
    const extended = await this.raw.take(short === 127 ? 8 : short === 126 ? 2 : 0, ms);
    if (!head || !extended) return undefined;
    const length = extended.length === 0
      ? short
      : extended.reduce((sum, byte) => 256 * sum + byte, 0);
    const payload = await this.raw.take(length, ms);
    return payload && { opcode: (head[0] ?? 0) & 15, payload };
  }

  /** Reads a frame. Returns false if none comes. */
  async #readFrame(ms: number): Promise<boolean> {
    const read = await this.frame(ms);
    if (!read) return false;
    const { opcode, payload } = read;
    if (opcode === Opcode.close) this.#ending = `${closeCodeOf(read)}`;
    if (opcode === Opcode.ping && this.answersPings) {
      await this.raw.write(frame(FIN | Opcode.pong, payload));
    }
    if (opcode === Opcode.text) this.#lines.push(...new TextDecoder().decode(payload).split("\n"));
    return true;
  }
}
