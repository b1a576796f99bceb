/**
 * A session: one connection's part in the conversation, from its first frame to its end. It reads
 * what the client asks for, does it in the {@linkcode Hub} and the {@linkcode Room}, and has its
 * {@linkcode Delivery} pass on what happens there. It knows neither what the connection is made
 * of nor how its dialect words things.
 *
 * While a client does not read (its connection is congested), what happens in the room waits in the
 * room's queue, and what the client asks for itself waits in its {@linkcode Deferral}: so what one
 * client can make the server hold is bounded. What it says to the room is published all the same,
 * unless a change of room or name is waiting before it.
 *
 * @module
 */

import {
  CloseCode,
  type DirectMessage,
  type ErrorCode,
  type Private,
  ProtocolError,
  type Register,
  type RoomMessage,
  type SendMessage,
  SERVER_NAME,
  type TextInput,
} from "../protocol.ts";
import type { Connection, Receiver } from "./connection.ts";
import { Deferral } from "./deferral.ts";
import { Delivery, PATIENCE, type Recipient } from "./delivery.ts";
import type { Dialect, DialectFor } from "./dialects.ts";
import type { Guest, Hub } from "./hub.ts";
import { quote, quoteError } from "./log.ts";
import { moderate } from "./moderation.ts";
import type { Room, Speaker } from "./room.ts";
import { checkMute, checkPace, EntryError } from "./rules.ts";
import { type Defaults, Seat } from "./seat.ts";
import { Throttle } from "./throttle.ts";
import type { Identity } from "./tokens.ts";

/** How long a client may take to register, in milliseconds. */
export const REGISTER_TIME = 10_000;

/** Settings of a {@linkcode Session}. */
export interface SessionOptions {
  readonly dialect: DialectFor;
  readonly defaults?: Defaults | undefined;
}

/** Returns the room that something asked for names, if it does. */
function roomOf(input: TextInput): string | undefined {
  if (input.messageType === "join") return input.data;
  return input.messageType === "message" ? input.room : undefined;
}

/** One connection's part in the conversation. */
export class Session implements Receiver, Guest, Recipient, Speaker {
  /** The person's name; empty until they take part. */
  name = "";
  /** The person's `IP:PORT`, as others are told it: empty if they are not. */
  readonly address: string;
  readonly #hub: Hub;
  readonly #connection: Connection;
  readonly #dialect: Dialect;
  readonly #delivery: Delivery;
  readonly #seat: Seat;
  readonly #deferral = new Deferral();
  readonly #throttle: Throttle;
  #cancelLate: (() => void) | undefined;
  #hasQuit = false;
  #hasEnded = false;

  /** Begins a session on an open connection. */
  constructor(hub: Hub, connection: Connection, { dialect, defaults = {} }: SessionOptions) {
    this.address = hub.hidesAddresses ? "" : connection.address;
    this.#hub = hub;
    this.#connection = connection;
    this.#dialect = dialect(connection, hub);
    this.#delivery = new Delivery(connection, this.#dialect, { recipient: this, hub });
    this.#seat = new Seat(this, {
      hub,
      connection,
      dialect: this.#dialect,
      delivery: this.#delivery,
      defaults,
    });
    this.#throttle = new Throttle(hub);
    try {
      this.#begin();
    } catch (error) {
      this.fail(error);
    }
  }

  /** The name of the dialect that this client speaks. */
  get dialect(): string {
    return this.#dialect.name;
  }

  /** The room that the person is in, once they take part. */
  get room(): Room | undefined {
    return this.#seat.room;
  }

  /** Whose token the person came in with, if tokens are needed. */
  get identity(): Identity | undefined {
    return this.#seat.identity;
  }

  /** Does what a line asks for; what cannot be done is answered with an error. */
  receive(line: string): void {
    if (!this.#hasEnded && !this.#hasQuit && !this.#hub.isClosing) this.#take(line);
  }

  /** Takes all at once. */
  ready(): undefined {
    return undefined;
  }

  /** Answers what was no frame of text. */
  refuse(reason: string): void {
    if (!this.#connection.congested) this.#dialect.refuse(reason);
    this.#delivery.watch();
    this.#countRefusal("bad_message");
  }

  /** Delivers what is still due, as fast as the client reads, then closes the connection. */
  async finish(): Promise<void> {
    this.#delivery.deliverRest();
    while (!this.#hasEnded && (this.#connection.congested || this.#deferral.size > 0)) {
      await this.#delivery.drained();
      this.#delivery.deliverRest();
    }
    this.close(CloseCode.normal, "");
  }

  /** Delivers what is still due, unless the client does not read, and closes the connection. */
  close(code: number, reason: string): void {
    if (this.#hasEnded) return;
    this.#delivery.deliverRest();
    this.#connection.close(code, reason);
    this.end(code);
  }

  /** Takes the person out of the conversation. Does nothing the second time. */
  end(code?: number): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#cancelLate?.();
    this.#seat.giveUp();
    this.#delivery.end();
    this.#dialect.close();
    this.#hub.connected.delete(this);
    const how = code === undefined ? "" : ` (${code})`;
    this.#hub.log("info", () => `Disconnected ${this.#connection.address}${how}`);
  }

  /** Logs what went wrong, and ends this session. */
  fail(error: unknown): void {
    const { address } = this.#connection;
    this.#hub.log("error", () => `Session of ${address} failed: ${quoteError(error)}`);
    // Nothing is delivered any more: that may be what failed.
    this.#connection.close(CloseCode.internalError, "Internal error");
    this.end(CloseCode.internalError);
  }

  /** Sends the client away, because it did not read for too long; it may come back. */
  letGo(): void {
    this.close(CloseCode.tryAgainLater, `Too much was unread for ${PATIENCE / 1000} s`);
  }

  /** Hands over a private message. Returns whether it went out. */
  tell(message: Private): boolean {
    return this.#delivery.send(message);
  }

  /** Tells this client alone a sentence of the server's. */
  notify(data: string): void {
    const { name: to } = this;
    const time = this.#hub.clock.now();
    this.#answer({ messageType: "private", time, from: SERVER_NAME, to, data });
  }

  /** Closes the connection, and says why where close codes are not seen. */
  sendAway(code: number, reason: string): void {
    if (!this.#dialect.resumes) {
      this.#delivery.send({ messageType: "error", code: "forbidden", data: `${reason}.` });
    }
    this.close(code, reason);
  }

  /** Takes note that there are other tokens; see `Guest.review`. */
  review(): (() => void) | undefined {
    return this.#seat.review();
  }

  /** Answers that something said to the room was not stored, and so was not published. */
  notStored({ ref }: RoomMessage, reason: string): void {
    if (this.#hasEnded) return;
    const data = `The message was not stored: ${reason}. Send it again later.`;
    this.#answer({ messageType: "error", code: "not_stored", data, ref });
  }

  /** Answers that something said was accepted: now, or before. */
  acknowledge(ref: string, id: number): void {
    if (!this.#hasEnded) this.#answer({ messageType: "ack", ref, id });
  }

  /** Makes way for another connection of the same person: nobody sees them leave. */
  makeWay(): void {
    this.#seat.makeWay();
  }

  #begin(): void {
    const hub = this.#hub;
    hub.connected.add(this);
    hub.counters.opened++;
    hub.log("info", () => `New connection from ${this.#connection.address}`);
    const isLate = (): void => {
      hub.counters.refuse("not_registered");
      this.sendAway(CloseCode.notRegistered, "You did not come in in time");
    };
    this.#cancelLate = hub.clock.after(REGISTER_TIME, isLate);
    if (!this.#dialect.entersAtOnce || hub.tokens) return;
    this.#attempt(() => this.#comeIn({ messageType: "register" }));
  }

  /**
   * Does what a line asks for, or defers it if that means to answer a client that does not read.
   */
  #take(line: string): void {
    if (this.#deferral.hasMove) return this.#defer(line);
    this.#attempt((about) => {
      const input = this.#parse(line);
      if (!input) return this.#payForAnswer();
      about(roomOf(input));
      if (this.#hasSaid(input)) return;
      // Whatever is due goes first: it may be more than the client reads at once.
      this.#delivery.deliverRest();
      if (this.#deferral.size === 0 && !this.#connection.congested) return this.#handle(input);
      this.#deferral.hasMove = input.messageType === "join" || input.messageType === "register";
      this.#defer(line);
    });
  }

  /** Does something, and answers if it is refused: with the room that it says to be about. */
  #attempt(work: (about: (named: string | undefined) => void) => void): void {
    let room: string | undefined;
    try {
      work((named) => room = named);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const { code, message: data, ref, retryAfter } = error;
      this.#answer({ messageType: "error", code, data, ref, room, retryAfter });
      this.#countRefusal(code);
      if (error instanceof EntryError) this.close(error.closeCode, data);
    }
  }

  #countRefusal(code: ErrorCode): void {
    this.#hub.counters.refuse(code);
    this.#hub.log("debug", () => `Refused ${this.#connection.address}: ${code}`);
    // It is not the client's fault that nothing can be stored.
    if (code === "not_stored" || this.#hasEnded || !this.#throttle.refuse()) return;
    this.sendAway(CloseCode.abuse, "Too much of what you sent was refused");
  }

  /** Parses a line. Where a token is needed, the first one must bring it. */
  #parse(line: string): TextInput | undefined {
    const mustBringToken = this.#dialect.entersAtOnce && !this.room;
    try {
      const input = this.#dialect.parse(line);
      if (!mustBringToken || !input || input.messageType === "token") return input;
    } catch (error) {
      if (!mustBringToken) throw error;
    }
    const text = "A token is needed here: begin with /token TOKEN.";
    throw new EntryError("unauthorized", text, CloseCode.unauthorized);
  }

  /**
   * Says something to the room. Returns false for all else, which is answered to its sender alone:
   * also for what was said already.
   */
  #hasSaid(input: TextInput): boolean {
    const room = this.room;
    if (input.messageType !== "message" || input.to !== undefined || !room) return false;
    const { ref } = input;
    if (input.room !== undefined && input.room !== room.name) {
      const text = `You are not in ${input.room} but in ${room.name}: this was not said.`;
      throw new ProtocolError("bad_message", text, ref);
    }
    if (ref !== undefined && room.idOf(ref) !== undefined) return false;
    if (ref === undefined || !room.isStaged(ref)) this.#say(room, input);
    return true;
  }

  #say(room: Room, { data, ref, action }: SendMessage): void {
    this.#pay(ref, ref);
    checkMute(this.#hub.sanctions, this.name, ref);
    const { name: from, address } = this;
    const time = this.#hub.clock.now();
    room.publish({ messageType: "message", time, from, address, data, ref, action }, this);
    // Who needs a token does not expect to be read by whoever reads the log.
    const level = this.#hub.tokens ? "debug" : "info";
    this.#hub.log(level, () => `From client ${this.#connection.address} ${quote(data)}`);
  }

  /**
   * Pays for what is told to others; `key` knows it if it comes again.
   *
   * @throws {ProtocolError} If that is too fast, or something else is to come again first.
   */
  #pay(key: string | undefined, ref?: string): void {
    checkPace(this.#throttle.say(key), ref);
  }

  /** Pays for an answer. Throws as {@linkcode #pay}. */
  #payForAnswer(): void {
    checkPace(this.#throttle.ask());
  }

  #answer(message: DirectMessage): void {
    if (!this.#delivery.send(message)) this.#defer(message);
  }

  #defer(item: string | DirectMessage): void {
    if (!this.#deferral.add(item)) {
      return this.close(CloseCode.abuse, "Many requests, and their answers are not read");
    }
    if (this.#deferral.size > 1) return;
    this.#delivery.drained().then(() => this.#takeDeferred()).catch((error) => this.fail(error));
  }

  #takeDeferred(): void {
    for (const item of this.#deferral.takeAll()) {
      if (typeof item === "string") this.receive(item);
      else if (!this.#delivery.send(item)) this.#defer(item);
    }
  }

  #handle(input: TextInput): void {
    switch (input.messageType) {
      case "register":
        return this.room ? this.#changeName(input.data) : this.#comeIn(input);
      case "token":
        return this.#takeToken(input.data);
      case "ping":
        this.#payForAnswer();
        return void this.#delivery.send({ messageType: "pong", data: input.data });
      case "rooms":
        this.#payForAnswer();
        return void this.#delivery.send(this.#hub.rooms());
      case "help":
        this.#payForAnswer();
        return this.#dialect.help();
      case "quit":
        this.#hasQuit = true;
        return void this.finish().catch((error) => this.fail(error));
    }
    if (!this.room) {
      const ref = input.messageType === "message" ? input.ref : undefined;
      throw new ProtocolError("not_registered", "Register first.", ref);
    }
    switch (input.messageType) {
      case "message":
        return input.to === undefined
          ? this.#sayAgain(this.room, input)
          : this.#whisper(input, input.to);
      case "join":
        return this.#join(input.data);
      case "users":
        this.#payForAnswer();
        return void this.#delivery.send(this.room.users());
      case "kick":
      case "ban":
      case "mute":
        this.#payForAnswer();
        return this.notify(moderate(this.#hub, this, input));
    }
  }

  #takeToken(token: string): void {
    if (this.room) {
      throw new ProtocolError("bad_message", "You are in already: no token is needed.");
    }
    this.#comeIn({ messageType: "register", token });
  }

  #comeIn(message: Register): void {
    this.#seat.comeIn(message);
    this.#cancelLate?.();
  }

  /** Takes another name, because the person wants it. */
  #changeName(wanted = this.name): void {
    this.#pay(`register ${wanted}`);
    checkMute(this.#hub.sanctions, this.name);
    if (this.#hub.sanctions.secondsLeft({ kind: "ban", name: wanted }) > 0) {
      throw new ProtocolError("forbidden", "That name is banned. Take another.");
    }
    this.#seat.changeName(wanted);
  }

  #join(wanted: string): void {
    this.#pay(`join ${wanted}`);
    this.#seat.changeRoom(wanted);
  }

  /** Answers what was said already, unless it was forgotten meanwhile. */
  #sayAgain(room: Room, message: SendMessage): void {
    const { ref } = message;
    const id = ref === undefined ? undefined : room.idOf(ref);
    if (ref === undefined || id === undefined) this.#say(room, message);
    else this.acknowledge(ref, id);
  }

  #whisper({ data, ref }: SendMessage, to: string): void {
    this.#pay(ref, ref);
    checkMute(this.#hub.sanctions, this.name, ref);
    const target = this.#hub.find(to);
    if (!target) {
      const text = `Nobody here is called ${JSON.stringify(to.slice(0, 80))}.`;
      throw new ProtocolError("unknown_user", text, ref);
    }
    const time = this.#hub.clock.now();
    const message: Private = {
      messageType: "private",
      time,
      from: this.name,
      to: target.name,
      data,
      ref,
    };
    if (!target.tell(message)) {
      throw new ProtocolError("unknown_user", `${target.name} is too far behind to be told.`, ref);
    }
    if (target !== this) this.#answer(message);
  }
}
