/**
 * Clients that come and go at random, in every dialect, politely and not. What they do depends on
 * chance alone, and each of them checks that it is answered.
 *
 * @module
 */

import { CHAT_V1, GREETING } from "../protocol.ts";
import { FIN, frame, Opcode, textFrame } from "./frame.ts";
import { type Message, RawWebSocket } from "./raw_websocket.ts";
import { RawConnection } from "./raw.ts";

/** How many rooms they go to. */
const ROOMS = 40;

/** How many sessions they remember, to resume. */
const MAX_REMEMBERED = 200;

/** Of what a slow one asks for and does not read: enough to be too slow. */
const SLOW_PINGS = 60;
const SLOW_PING_SIZE = 60_000;

/** Addresses of this machine: a connection that has ended keeps its ports for a while. */
const HOSTS = 50;

/** Where the server is. */
export interface VisitorsOptions {
  readonly port: number;
  readonly tcpPort: number;
  /** Whether it listens on all addresses of the loopback. Default: on 127.0.0.1 alone. */
  readonly isEverywhere?: boolean;
  /** Returns a random number from 0 to 1. */
  readonly chance: () => number;
}

/** What a client needs to come back as who it was. */
interface Ticket {
  readonly name: string;
  readonly session: string;
  readonly epoch: string;
  readonly after: number;
}

/** A visit by text: how a line is sent, and the next one read. */
interface Lines {
  send(line: string): Promise<unknown>;
  line(): Promise<string | undefined>;
}

/** Something that must come did not. */
export class VisitError extends Error {
  override readonly name = "VisitError";
}

/** Very many clients, of whom some are there at a time. */
export class Visitors {
  /** How many did what. */
  readonly counts = new Map<string, number>();
  readonly #options: VisitorsOptions;
  readonly #tickets: Ticket[] = [];
  #number = 0;

  constructor(options: VisitorsOptions) {
    this.#options = options;
  }

  /**
   * Has `count` clients come and go, `atATime` of them at a time.
   *
   * @throws {VisitError} If one was not answered.
   */
  async come(count: number, atATime: number): Promise<void> {
    const end = this.#number + count;
    const goOn = async (): Promise<void> => {
      while (this.#number < end) {
        this.#number++;
        await this.#visit(this.#number);
      }
    };
    await Promise.all(Array.from({ length: atATime }, goOn));
  }

  async #visit(number: number): Promise<void> {
    const kind = this.#pick(["chat", "chat", "chat", "chat", "envelope", "text", "tcp", "tcp"]);
    if (this.#happens(0.05)) return await this.#comeForNothing();
    switch (kind) {
      case "chat":
        return await this.#chat(number);
      case "envelope":
        return await this.#speakEnvelope(number);
      case "text":
        return await this.#speakText(number);
      default:
        return await this.#speakTcp(number);
    }
  }

  /** Connects, and is gone before anything is said. */
  async #comeForNothing(): Promise<void> {
    this.#count("gone at once");
    using connection = await RawConnection.open(this.#place(this.#happens(0.5)));
    if (this.#happens(0.5)) await connection.write("GET / HTTP/1.1\r\nHost: ");
  }

  async #chat(number: number): Promise<void> {
    this.#count(CHAT_V1);
    using socket = await RawWebSocket.open(this.#place());
    const ticket = this.#happens(0.3) ? this.#tickets.shift() : undefined;
    const welcome = await this.#register(socket, number, ticket);
    let last = Number(welcome["id"]);
    for (let i = this.#below(4); i > 0; i--) last = await this.#act(socket, number, last);
    if (this.#happens(0.005)) await this.#beSlow(socket);
    const isLeaving = this.#happens(0.5);
    if (isLeaving) return await this.#close(socket);
    this.#count("vanished");
    this.#tickets.push({
      name: String(welcome["name"]),
      session: String(welcome["session"]),
      epoch: String(welcome["epoch"]),
      after: last,
    });
    if (this.#tickets.length > MAX_REMEMBERED) this.#tickets.shift();
  }

  async #register(
    socket: RawWebSocket,
    number: number,
    ticket: Ticket | undefined,
  ): Promise<Message> {
    const { name = `visitor-${number % 500}`, ...resumed } = ticket ?? {};
    await socket.send({ messageType: "register", data: name, room: this.#room(), ...resumed });
    const welcome = expect(await find(socket, "welcome"), "welcome");
    if (!ticket) return welcome;
    // Who was renamed since is not who the ticket says.
    this.#count("resumed");
    if (welcome["session"] !== ticket.session) throw new VisitError("The session was not resumed");
    return welcome;
  }

  /** Does one thing, and waits for the answer. Returns the last id in the room. */
  async #act(socket: RawWebSocket, number: number, last: number): Promise<number> {
    const deed = this.#pick(["say", "say", "say", "join", "rename", "list", "whisper", "nonsense"]);
    this.#count(deed);
    const ref = `${number}-${Math.floor(this.#options.chance() * 1e9)}`;
    const isOwn = (message: Message): boolean => message["ref"] === ref;
    switch (deed) {
      case "say":
        await socket.send({ messageType: "message", data: `Hello from ${number}`, ref });
        return Number(expect(await socket.find(isOwn), "message")["id"]);
      case "join":
        await socket.send({ messageType: "join", data: this.#room() });
        return Number(expect(await find(socket, "welcome"), "welcome")["id"]);
      case "rename":
        await socket.send({ messageType: "register", data: `called-${number % 100}` });
        expect(await find(socket, "welcome"), "welcome");
        return last;
      case "list":
        await socket.send({ messageType: "rooms" });
        expect(await find(socket, "rooms"), "rooms");
        return last;
      case "whisper":
        await socket.send({ messageType: "message", data: "psst", to: "visitor-1", ref });
        expect(await socket.find(isOwn), "private or error");
        return last;
      default:
        await socket.send("{nonsense");
        expect(await find(socket, "error"), "error");
        return last;
    }
  }

  /** Asks for more than it reads. */
  async #beSlow(socket: RawWebSocket): Promise<void> {
    this.#count("slow");
    const ping = textFrame({ messageType: "ping", data: "x".repeat(SLOW_PING_SIZE) });
    for (let i = 0; i < SLOW_PINGS && await socket.raw.write(ping); i++);
  }

  async #speakEnvelope(number: number): Promise<void> {
    this.#count("envelope");
    using socket = await RawWebSocket.open(this.#place(), { protocol: "" });
    await socket.send({ messageType: "register", data: `yew-${number % 300}`, dataArray: null });
    expect(await find(socket, "users"), "users");
    if (this.#happens(0.7)) {
      const text = `Hello from ${number}`;
      await socket.send({ messageType: "message", data: text, dataArray: null });
      const isOwn = ({ data }: Message): boolean => String(data).includes(text);
      expect(await socket.find(isOwn), "message");
    }
    if (this.#happens(0.5)) await this.#close(socket);
    else this.#count("vanished");
  }

  async #speakText(number: number): Promise<void> {
    this.#count("text");
    const path = `/text?name=text-${number % 300}&room=${this.#room()}`;
    using socket = await RawWebSocket.open(this.#place(), { path, protocol: "" });
    await this.#converse(socket, number);
    if (this.#happens(0.5)) await this.#close(socket);
    else this.#count("vanished");
  }

  async #speakTcp(number: number): Promise<void> {
    this.#count("TCP");
    using connection = await RawConnection.open(this.#place(true));
    await this.#converse({
      send: (line) => connection.write(`${line}\n`),
      line: () => connection.takeTo("\n"),
    }, number);
    const way = this.#pick(["quit", "half-close", "vanish"]);
    if (way === "vanish") return this.#count("vanished");
    this.#count("closed");
    if (way === "quit") await connection.write("/quit\n");
    else await connection.closeWrite();
    await connection.rest();
    if (!connection.hasEnded) throw new VisitError(`A TCP connection was left open after ${way}`);
  }

  /** Reads the greeting, and says something or goes elsewhere. */
  async #converse(lines: Lines, number: number): Promise<void> {
    const greeting = await lines.line();
    if (greeting !== GREETING) throw new VisitError(`The greeting was ${greeting}`);
    const until = async (isIt: (line: string) => boolean): Promise<void> => {
      for (let line; (line = await lines.line()) !== undefined;) if (isIt(line)) return;
      throw new VisitError("A line did not come");
    };
    for (let i = this.#below(3); i > 0; i--) {
      if (this.#happens(0.7)) {
        const text = `Hello from ${number}, ${i}`;
        await lines.send(text);
        await until((line) => line.endsWith(`: ${text}`));
      } else {
        await lines.send(`/join ${this.#room()}`);
        await until((line) => /^\* You are .* in /.test(line));
      }
    }
  }

  /** Closes a WebSocket as RFC 6455, section 7.1.2, has it. */
  async #close(socket: RawWebSocket): Promise<void> {
    this.#count("closed");
    await socket.raw.write(frame(FIN | Opcode.close, new Uint8Array([3, 232])));
    const ending = await socket.outcome();
    if (!/1000$/.test(ending)) throw new VisitError(`A Close was answered by ${ending}`);
  }

  #place(isTcp = false): { hostname: string; port: number } {
    const { port, tcpPort, isEverywhere = false } = this.#options;
    const hostname = isEverywhere ? `127.0.0.${1 + this.#below(HOSTS)}` : "127.0.0.1";
    return { hostname, port: isTcp ? tcpPort : port };
  }

  #room(): string {
    return `room-${this.#below(ROOMS)}`;
  }

  #below(limit: number): number {
    return Math.floor(this.#options.chance() * limit);
  }

  #happens(probability: number): boolean {
    return this.#options.chance() < probability;
  }

  #pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.#below(items.length)] ?? items[0];
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

function find(socket: RawWebSocket, type: string): Promise<Message | undefined> {
  return socket.find(({ messageType }) => messageType === type);
}

function expect(message: Message | undefined, what: string): Message {
  if (message) return message;
  throw new VisitError(`No ${what} came`);
}
