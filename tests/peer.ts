/**
 * What the tests talk to a server with: a server on free ports, raw WebSocket and TCP peers whose
 * every frame is a literal, and a connection and a clock that the test has in its hand.
 *
 * @module
 */

import assert from "node:assert/strict";
import { CHAT_V1 } from "../protocol.ts";
import { type ChatServer, serve, type ServeOptions } from "../server.ts";
import type { Clock } from "../server/clock.ts";
import type { Connection, Receiver } from "../server/connection.ts";
import { chatDialect } from "../server/dialects.ts";
import type { Hub, Participant } from "../server/hub.ts";
import { Intake } from "../server/intake.ts";
import { MAX_CHANGES } from "../server/room.ts";
import { Session } from "../server/session.ts";

/**
 * Opens a WebSocket as from behind a proxy that saw the client at that address. The runtime takes
 * headers, of which the types of a page's WebSocket know nothing.
 */
export function openFrom(address: string, url: string, protocols: string[] = []): WebSocket {
  const headers = { "x-forwarded-for": address };
  return Reflect.construct(WebSocket, [url, { protocols, headers }]);
}

/** A queue between events that come and a test that waits for them. */
class Inbox<T> {
  #items: T[] = [];
  #waiting: ((item: T) => void)[] = [];

  put(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(item);
    else this.#items.push(item);
  }

  take(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/**
 * A server on free ports, on which nobody is too fast unless the test says so, that is stopped when
 * the test leaves its scope.
 */
export class TestServer implements AsyncDisposable {
  readonly server: ChatServer;
  #registered = 0;
  /** Every log line, without its time: `info Server running on ...`. */
  readonly log: string[] = [];

  constructor(options: Partial<ServeOptions> = {}) {
    this.server = serve({
      hostname: "127.0.0.1",
      port: 0,
      tcpPort: 0,
      rate: 0,
      log: (level, word) => this.log.push(`${level} ${word()}`),
      ...options,
    });
  }

  /** Where WebSocket and HTTP are. */
  get port(): number {
    return this.server.addr.port;
  }

  /** Returns the URL of `path` for that scheme. */
  url(scheme: "ws" | "http", path = "/"): string {
    return `${scheme}://127.0.0.1:${this.server.addr.port}${path}`;
  }

  /** Connects a WebSocket without a subprotocol. */
  connect(path = "/"): Promise<Peer> {
    return Peer.open(this.url("ws", path));
  }

  /** Connects a `chat.v1` peer that has not registered. */
  connectChat(path = "/"): Promise<Peer> {
    return Peer.open(this.url("ws", path), CHAT_V1);
  }

  /** Connects a `chat.v1` peer, registers it, and takes in all up to its own join. */
  async register(name: string, room = "lobby"): Promise<Peer> {
    const peer = await this.enter(name, room);
    // Of many who come in, not each join is told.
    if (++this.#registered > MAX_CHANGES) peer.send({ messageType: "ping", data: "in?" });
    await peer.jsonWhere(({ messageType, from, data }) =>
      (messageType === "join" && from === name) || (messageType === "pong" && data === "in?")
    );
    return peer;
  }

  /** The same up to the welcome: of many who come in, not each join is told. */
  async enter(name: string, room = "lobby"): Promise<Peer> {
    const peer = await this.connectChat();
    peer.send({ messageType: "register", data: name, room });
    peer.welcome = await peer.json("welcome");
    return peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.shutdown();
  }
}

/** A WebSocket that keeps what comes until the test asks for it. */
export class Peer implements AsyncDisposable {
  readonly socket: WebSocket;
  /** The fields of the welcome, for a peer that {@linkcode TestServer.register} made. */
  welcome: Record<string, unknown> = {};
  readonly #frames = new Inbox<string>();
  readonly #closed = Promise.withResolvers<CloseEvent>();
  #lines: string[] = [];

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.onmessage = ({ data }) => this.#frames.put(String(data));
    socket.onclose = (event) => this.#closed.resolve(event);
  }

  static open(url: string, protocol?: string): Promise<Peer> {
    return Peer.of(new WebSocket(url, protocol === undefined ? [] : [protocol]));
  }

  /** Waits until a socket is open. */
  static async of(socket: WebSocket): Promise<Peer> {
    const peer = new Peer(socket);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    socket.onerror = null;
    return peer;
  }

  /** Sends text as it is, or anything else as JSON. */
  send(message: string | object): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** Returns the next frame. */
  frame(): Promise<string> {
    return this.#frames.take();
  }

  /** Returns the next line of the next frame, as `chat.v1` has it. */
  async line(): Promise<string> {
    if (this.#lines.length === 0) this.#lines = (await this.frame()).split("\n");
    return this.#lines.shift() ?? "";
  }

  /** Returns the next message, which must be of that type. */
  async json(messageType: string): Promise<Record<string, unknown>> {
    const message = JSON.parse(await this.line());
    assert.equal(message.messageType, messageType, JSON.stringify(message));
    return message;
  }

  /** Returns the next message for which that is true, skipping what comes before it. */
  async jsonWhere(
    isIt: (message: Record<string, unknown>) => boolean,
  ): Promise<Record<string, unknown>> {
    for (;;) {
      const message = JSON.parse(await this.line());
      if (isIt(message)) return message;
    }
  }

  /** Proves that nothing else has come: the pong to a ping that is sent now is next. */
  async expectNothing(): Promise<void> {
    this.send({ messageType: "ping", data: "nothing?" });
    assert.equal(await this.line(), '{"messageType":"pong","data":"nothing?"}');
  }

  /** Resolves when the connection has ended. */
  get closed(): Promise<CloseEvent> {
    return this.#closed.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}

/** A TCP connection that keeps what comes until the test asks for a line of it. */
export class TcpPeer implements AsyncDisposable {
  readonly conn: Deno.TcpConn;
  #text = "";
  readonly #decoder = new TextDecoder();

  private constructor(conn: Deno.TcpConn) {
    this.conn = conn;
  }

  static async open({ server: { tcpAddr } }: TestServer): Promise<TcpPeer> {
    assert.ok(tcpAddr);
    const { hostname, port } = tcpAddr;
    return new TcpPeer(await Deno.connect({ hostname, port }));
  }

  get address(): string {
    const { hostname, port } = this.conn.localAddr;
    return `${hostname}:${port}`;
  }

  async send(data: string | Uint8Array): Promise<void> {
    let bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    while (bytes.length > 0) bytes = bytes.subarray(await this.conn.write(bytes));
  }

  /** Returns the next line, or null at the end. */
  async line(): Promise<string | null> {
    while (!this.#text.includes("\n")) {
      const buffer = new Uint8Array(4096);
      const size = await this.conn.read(buffer);
      if (size === null) return null;
      this.#text += this.#decoder.decode(buffer.subarray(0, size), { stream: true });
    }
    const [line = "", ...rest] = this.#text.split("\n");
    this.#text = rest.join("\n");
    return line;
  }

  /** Resolves when the server has closed its side; fails if a line comes before. */
  async end(): Promise<void> {
    assert.equal(await this.line(), null);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.conn.close();
    return Promise.resolve();
  }
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #elapsed = 0;
  #setBack = 0;
  #timers = new Set<{ at: number; callback: () => void }>();

  now(): number {
    return 1_640_000_000_000 + this.#elapsed - this.#setBack;
  }

  /** Sets the time of day back, as an operator does; what has elapsed stays. */
  setBack(ms: number): void {
    this.#setBack += ms;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#elapsed + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many callbacks wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets `ms` milliseconds pass, and calls what is due, the earliest first. */
  advance(ms: number): void {
    this.#elapsed += ms;
    const due = [...this.#timers].filter(({ at }) => at <= this.#elapsed);
    for (const timer of due.sort((a, b) => a.at - b.at)) {
      this.#timers.delete(timer);
      timer.callback();
    }
  }
}

/** A connection that keeps what is sent, and is as congested as the test wants it. */
export class FakeConnection implements Connection {
  readonly address = "127.0.0.1:9";
  readonly frames: string[] = [];
  congested = false;
  closeCode: number | undefined;
  /** Called after each frame. */
  onSend: (() => void) | undefined;
  #draining = Promise.withResolvers<void>();

  send(frame: string): void {
    this.frames.push(frame);
    this.onSend?.();
  }

  drained(): Promise<void> {
    return this.congested ? this.#draining.promise : Promise.resolve();
  }

  drain(): void {
    this.congested = false;
    this.#draining.resolve();
    this.#draining = Promise.withResolvers();
  }

  close(code: number): void {
    this.closeCode = code;
  }

  /**
   * Returns and forgets the types of the messages that were sent, with the text of those that have
   * one.
   */
  taken(): string[] {
    const lines = this.frames.splice(0).flatMap((frame) => frame.split("\n"));
    return lines.map((line) => {
      const { messageType, data = "" } = JSON.parse(line);
      return `${messageType} ${data}`.trim();
    });
  }
}

/** Ends the turn of the event loop, in which subscribers are woken. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

/** Registers a `chat.v1` session on a connection that is none. */
export function joinChat(
  hub: Hub,
  name: string,
  more: object = {},
): { connection: FakeConnection; session: Receiver } {
  const connection = new FakeConnection();
  // Every turn of this intake begins at once.
  const intake = new Intake({ schedule: (begin) => begin() });
  const session = intake.pace(new Session(hub, connection, { dialect: chatDialect }));
  session.receive(JSON.stringify({ messageType: "register", data: name, ...more }));
  return { connection, session };
}

/** Has a session say each of `texts`. */
export function say(session: Receiver, ...texts: string[]): void {
  for (const data of texts) session.receive(JSON.stringify({ messageType: "message", data }));
}

/** Returns somebody who takes part in nothing, and to whom nothing matters. */
export function participant(): Participant {
  return {
    name: "",
    address: "",
    room: undefined,
    refOwner: "",
    identity: undefined,
    tell: () => true,
    notify() {},
    doubt() {},
    sendAway() {},
    makeWay() {},
    close() {},
  };
}
