/**
 * A session: one connection's part in the conversation, from its first frame to its end. It reads
 * what the client asks for, does it in the {@linkcode Hub} and the {@linkcode Room}, and has its
 * {@linkcode Delivery} pass on what happens there. It knows neither what the connection is made
 * of nor how its dialect words things.
 *
 * It does one thing after the other. While a request waits, because it is not paid for yet
 * ({@linkcode Throttle}) or its answer could not be sent, the session is not ready for more, and what
 * the client sends meanwhile waits in the intake. Only a ping is answered at once.
 *
 * While a client does not read (its connection is congested), what happens in the room waits in the
 * room's queue: so what one client can make the server hold is bounded. What it says to the room is
 * published all the same.
 *
 * @module
 */

import {
  CloseCode,
  type DirectMessage,
  type ErrorCode,
  MAX_FRAME_BYTES,
  type Private,
  ProtocolError,
  type Register,
  type RoomMessage,
  type SendMessage,
  SERVER_NAME,
  type TextInput,
} from "../protocol.ts";
import type { Connection, LineReceiver } from "./connection.ts";
import { Delivery, PATIENCE, type Recipient } from "./delivery.ts";
import type { Dialect, DialectFor } from "./dialects.ts";
import type { Guest, Hub, Participant } from "./hub.ts";
import { quote, quoteError } from "./log.ts";
import { moderate } from "./moderation.ts";
import type { Room, Speaker } from "./room.ts";
import { checkMute, EntryError, tooFast } from "./rules.ts";
import { type Defaults, Seat } from "./seat.ts";
import { ASK_COST, SAY_COST, Throttle } from "./throttle.ts";
import type { Identity } from "./tokens.ts";
import { Unconfirmed } from "./unconfirmed.ts";

/** How long a client may take to register, in milliseconds. */
export const REGISTER_TIME = 10_000;

/** How many UTF-16 units of answers may wait until a client reads: as many as one frame has. */
export const MAX_UNREAD = MAX_FRAME_BYTES;

/** Longest line that may be a ping. */
const MAX_PING = 512;

/** When to send again what did not fit, in milliseconds: some of what waits was done by then. */
const OVERFLOW_WAIT = 1_000;

/** Settings of a {@linkcode Session}. */
export interface SessionOptions {
  readonly dialect: DialectFor;
  readonly defaults?: Defaults | undefined;
}

/** Returns the room that something asked for names, if it does. */
function roomOf(input: TextInput | undefined): string | undefined {
  if (input?.messageType === "join") return input.data;
  return input?.messageType === "message" ? input.room : undefined;
}

/** Tells whether somebody would come in with a token. */
function bringsToken(input: TextInput | undefined): boolean {
  return input?.messageType === "token" ||
    (input?.messageType === "register" && input.token !== undefined);
}

/** Tells whether it is said to the room. */
function isSaid(input: TextInput): input is SendMessage {
  return input.messageType === "message" && input.to === undefined;
}

/** Tells whether somebody who is not in would come in by it. */
function comesIn({ messageType }: TextInput): boolean {
  return messageType === "register" || messageType === "token";
}

/** Tells whether it is told to others, or lets somebody in, and so costs as much as a message. */
function costsMuch(input: TextInput): boolean {
  return input.messageType === "message" || input.messageType === "join" || comesIn(input);
}

/** One connection's part in the conversation. */
export class Session implements LineReceiver, Guest, Recipient, Speaker {
  /** The person's name; empty until they take part. */
  name = "";
  /** The person's `IP:PORT`, as others are told it: empty if they are not. */
  readonly address: string;
  readonly #hub: Hub;
  readonly #connection: Connection;
  readonly #dialect: Dialect;
  readonly #delivery: Delivery;
  readonly #seat: Seat;
  readonly #throttle: Throttle;
  readonly #unconfirmed: Unconfirmed;
  /** The request that waits, and what it has paid; without `input` a blank line. */
  #held: { readonly input: TextInput | undefined; readonly cost: number } | undefined;
  #cancelHeld: (() => void) | undefined;
  /** Resolves once nothing is held. */
  #readiness: PromiseWithResolvers<void> | undefined;
  /** Answers that wait until the client reads, and how long they are, in UTF-16 units. */
  #unread: DirectMessage[] = [];
  #unreadSize = 0;
  #cancelLate: (() => void) | undefined;
  #isGone = false;
  /** Whether something of a client that is gone was dropped: then all that follows is, too. */
  #isOver = false;
  #hasQuit = false;
  #hasEnded = false;

  /** Begins a session on an open connection. */
  constructor(hub: Hub, connection: Connection, { dialect, defaults = {} }: SessionOptions) {
    this.address = hub.hidesAddresses ? "" : connection.address;
    this.#hub = hub;
    this.#dialect = dialect(connection, hub);
    this.#connection = this.#dialect.connection;
    this.#delivery = new Delivery(this.#dialect, { recipient: this, hub });
    this.#seat = new Seat(this, {
      hub,
      connection,
      dialect: this.#dialect,
      delivery: this.#delivery,
      defaults,
    });
    this.#unconfirmed = new Unconfirmed(hub.clock);
    this.#throttle = new Throttle(hub.clock, hub.buckets.ofAddress(connection.address));
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

  /** Whose the person's refs are: the owner's of the token, or the session's. */
  get refOwner(): string {
    return this.#seat.refOwner;
  }

  /** Whose token the person came in with, if tokens are needed. */
  get identity(): Identity | undefined {
    return this.#seat.identity;
  }

  /** Does what a line asks for; what cannot be done is answered with an error. */
  receive(line: string): void {
    if (this.#isDeaf) return;
    let input: TextInput | undefined;
    try {
      input = this.#parse(line);
      if (input?.messageType === "ping" && this.room) return this.#pong(input.data);
      const wait = this.#pay(input);
      if (wait > 0) this.#hold(input, wait);
      else if (input) this.#do(input);
    } catch (error) {
      this.#refuse(error, input);
    }
  }

  /** Resolves once no request waits. */
  ready(): Promise<void> | undefined {
    return this.#held && (this.#readiness ??= Promise.withResolvers()).promise;
  }

  /** Answers a ping. All else has to wait for its turn. */
  overtake(line: string): boolean {
    if (this.#isDeaf || !this.room || line.length > MAX_PING || !line.includes('"ping"')) {
      return false;
    }
    let input: TextInput | undefined;
    try {
      input = this.#parse(line);
      if (input?.messageType !== "ping") return false;
      this.#pong(input.data);
    } catch (error) {
      this.#refuse(error, input);
    }
    return true;
  }

  /** Refuses a line because too much waits before it. */
  overflow(line: string): void {
    if (this.#isDeaf) return;
    let input: TextInput | undefined;
    try {
      input = this.#parse(line);
      throw tooFast(OVERFLOW_WAIT, input?.messageType === "message" ? input.ref : undefined);
    } catch (error) {
      this.#refuse(error, input);
    }
  }

  /**
   * Takes note that the client is gone: what is still too fast was never accepted, and is not waited for
   * any more. Nor is what comes behind it taken, which would be said before it if it comes again.
   */
  gone(): void {
    this.#isGone = true;
    if (!this.#cancelHeld) return;
    this.#isOver = true;
    this.#letGoOfHeld();
  }

  /** Answers what was no frame of text. */
  refuse(reason: string): void {
    if (!this.#connection.congested) this.#dialect.refuse(reason);
    this.#delivery.watch();
    this.#countRefusal("bad_message");
  }

  /** Delivers what is still due, as fast as the client reads, then closes the connection. */
  async finish(): Promise<void> {
    this.#hub.settle();
    this.#delivery.deliverRest();
    while (!this.#hasEnded && (this.#connection.congested || this.#unread.length > 0)) {
      if (this.#connection.congested) await this.#delivery.drained();
      // What waits for the end of this turn has to have one.
      else await new Promise((resolve) => setImmediate(resolve));
      this.#delivery.deliverRest();
    }
    this.close(CloseCode.normal, "");
  }

  /** Delivers what is still due, unless the client does not read, and closes the connection. */
  close(code: number, reason: string): void {
    if (this.#hasEnded) return;
    this.#hub.settle();
    this.#delivery.deliverRest();
    for (const message of this.#unread.splice(0)) this.#delivery.send(message);
    this.#connection.close(code, reason);
    this.end(code);
  }

  /** Takes the person out of the conversation. Does nothing the second time. */
  end(code?: number, isBroken = false): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (isBroken) this.doubt();
    this.#cancelLate?.();
    this.#letGoOfHeld();
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
    this.doubt();
    this.close(CloseCode.tryAgainLater, `Too much was unread for ${PATIENCE / 1000} s`);
  }

  /** Hands over a private message of `sender`. Returns whether it went out. */
  tell(message: Private, sender: Participant): boolean {
    if (this.#isGone || !this.#delivery.send(message)) return false;
    if (sender !== this) this.#unconfirmed.add(message, sender);
    return true;
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

  /** Tells those who wrote to this person lately that it may not have arrived. */
  doubt(): void {
    this.#unconfirmed.tellSenders((name) => this.#hub.find(name));
  }

  #begin(): void {
    const hub = this.#hub;
    hub.connected.add(this);
    hub.counters.opened++;
    hub.log("info", () => `New connection from ${this.#connection.address}`);
    const isLate = (): void => {
      hub.counters.refuse("not_registered");
      this.#dialect.remind();
      this.sendAway(CloseCode.notRegistered, "You did not come in in time");
    };
    this.#cancelLate = hub.clock.after(REGISTER_TIME, isLate);
    if (!this.#dialect.entersAtOnce || hub.tokens) return;
    const input = { messageType: "register" } as const;
    try {
      const wait = this.#pay(input);
      if (wait > 0) this.#hold(input, wait);
      else this.#do(input);
    } catch (error) {
      this.#refuse(error, input);
    }
  }

  /** Whether nothing more is taken. */
  get #isDeaf(): boolean {
    return this.#hasEnded || this.#hasQuit || this.#isOver || this.#hub.isClosing;
  }

  /**
   * Pays for something, or for a blank line.
   *
   * @returns After how many milliseconds it may be done.
   * @throws {EntryError} If somebody would come in, and too many do from their address.
   */
  #pay(input: TextInput | undefined): number {
    if (!input || !costsMuch(input)) return this.#throttle.reserve(ASK_COST);
    if (this.room || !comesIn(input)) return this.#throttle.reserve(SAY_COST);
    const isGuess = this.#hub.tokens !== undefined && bringsToken(input);
    const wait = this.#throttle.reserveEntry(isGuess);
    if (wait !== undefined) return wait;
    const text = "Too many come in from your address. Try again later.";
    throw new EntryError("rate_limited", text, CloseCode.tryAgainLater);
  }

  /** Does something, once its answer can be sent. */
  #do(input: TextInput): void {
    if (isSaid(input) && this.room) return this.#sayTo(this.room, input);
    // An answer comes behind what has happened: so all that a turn brings is one transaction.
    if (this.#hub.defer(() => this.#guard(() => this.#takeDeferred()))) {
      this.#held = { input, cost: 0 };
      return;
    }
    // Whatever is due goes first: it may be more than the client reads at once.
    this.#delivery.deliverRest();
    if (this.#unread.length === 0 && !this.#connection.congested) return this.#handle(input);
    this.#held = { input, cost: 0 };
    if (this.#unread.length === 0) this.#whenRead();
  }

  /** Goes on with a request that waited for the end of a turn. */
  #takeDeferred(): void {
    if (this.#held && !this.#cancelHeld && this.#unread.length === 0) this.#takeHeld();
  }

  /** Has a request wait until it is paid for. */
  #hold(input: TextInput | undefined, wait: number): void {
    const cost = input && costsMuch(input) ? SAY_COST : ASK_COST;
    if (this.#isGone) {
      this.#isOver = true;
      return void this.#throttle.reserve(-cost);
    }
    this.#hub.counters.throttled++;
    this.#held = { input, cost };
    // Whoever waits to come in is not late.
    if (input && !this.room && comesIn(input)) this.#cancelLate?.();
    this.#cancelHeld = this.#hub.clock.after(wait, () => this.#guard(() => this.#takeHeld()));
  }

  /** Does something that nobody else would catch a fault of. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Does what was held, if nothing prevents it any more. */
  #takeHeld(): void {
    const input = this.#held?.input;
    this.#held = this.#cancelHeld = undefined;
    try {
      if (input && !this.#isDeaf) this.#do(input);
    } catch (error) {
      this.#refuse(error, input);
    }
    if (!this.#held) this.#letGoOfHeld();
  }

  #letGoOfHeld(): void {
    // What is not done is not paid for.
    if (this.#held && this.#cancelHeld) this.#throttle.reserve(-this.#held.cost);
    this.#cancelHeld?.();
    this.#held = this.#cancelHeld = undefined;
    this.#readiness?.resolve();
    this.#readiness = undefined;
  }

  /** Answers a ping, however much waits. */
  #pong(data: string | undefined): void {
    const wait = this.#throttle.reservePing();
    if (wait > 0) throw tooFast(wait);
    this.#answer({ messageType: "pong", data });
  }

  /** Answers that something is refused. Throws what is a fault of ours. */
  #refuse(error: unknown, input: TextInput | undefined): void {
    if (!(error instanceof ProtocolError)) throw error;
    const { code, message: data, ref, retryAfter } = error;
    this.#answer({ messageType: "error", code, data, ref, room: roomOf(input), retryAfter });
    this.#countRefusal(code);
    if (!(error instanceof EntryError)) return;
    if (error.code !== "unauthorized") this.#returnGuess(input);
    this.close(error.closeCode, data);
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

  /** Says something to the room, unless it was said already. */
  #sayTo(room: Room, message: SendMessage): void {
    const { ref, room: wanted = room.name } = message;
    if (wanted !== room.name) {
      const text = `You are not in ${wanted} but in ${room.name}: this was not said.`;
      throw new ProtocolError("bad_message", text, ref);
    }
    // Its answer comes once it is stored.
    if (ref !== undefined && room.isStaged(this.refOwner, ref)) return;
    const id = ref === undefined ? undefined : room.idOf(this.refOwner, ref);
    if (ref === undefined || id === undefined) return this.#say(room, message);
    // That is no more than an answer.
    this.#throttle.reserve(ASK_COST - SAY_COST);
    this.acknowledge(ref, id);
  }

  #say(room: Room, { data, ref, action }: SendMessage): void {
    checkMute(this.#hub.sanctions, this, ref);
    const { name: from, address } = this;
    const time = this.#hub.clock.now();
    room.publish({ messageType: "message", time, from, address, data, ref, action }, this);
    // Who needs a token does not expect to be read by whoever reads the log.
    const level = this.#hub.tokens ? "debug" : "info";
    this.#hub.log(level, () => `From client ${this.#connection.address} ${quote(data)}`);
  }

  #answer(message: DirectMessage): void {
    const mustWait = this.#unread.length > 0 ||
      this.#hub.defer(() => this.#guard(() => this.#answerUnread()));
    if (!mustWait && this.#delivery.send(message)) return;
    this.#unreadSize += JSON.stringify(message).length;
    if (this.#unreadSize > MAX_UNREAD) {
      return this.close(CloseCode.abuse, "Many requests, and their answers are not read");
    }
    this.#unread.push(message);
    if (this.#unread.length === 1 && !mustWait) this.#whenRead();
  }

  /** Goes on once the client has read. */
  #whenRead(): void {
    this.#delivery.drained().then(() => this.#answerUnread()).catch((error) => this.fail(error));
  }

  #answerUnread(): void {
    const unread = this.#unread;
    this.#unread = [];
    this.#unreadSize = 0;
    for (const message of unread) this.#answer(message);
    // What waits to be paid for has a timer of its own.
    if (this.#unread.length === 0 && this.#held && !this.#cancelHeld) this.#takeHeld();
  }

  #handle(input: TextInput): void {
    switch (input.messageType) {
      case "register":
        return this.room ? this.#changeName(input.data) : this.#comeIn(input);
      case "token":
        return this.#takeToken(input.data);
      case "ping":
        return this.#pong(input.data);
      case "rooms":
        return void this.#delivery.send(this.#hub.rooms());
      case "help":
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
          ? this.#sayTo(this.room, input)
          : this.#whisper(input, input.to);
      case "join":
        return this.#seat.changeRoom(input.data);
      case "users":
        return void this.#delivery.send(this.room.users());
      case "kick":
      case "ban":
      case "mute":
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
    this.#throttle.use(this.#seat.bucket());
    this.#returnGuess(message);
    this.#cancelLate?.();
  }

  /** Gives back what a token has cost that was right, or was not looked at. */
  #returnGuess(input: TextInput | undefined): void {
    if (this.#hub.tokens && bringsToken(input)) this.#throttle.returnGuess();
  }

  /** Takes another name, because the person wants it. */
  #changeName(wanted = this.name): void {
    checkMute(this.#hub.sanctions, this);
    if (this.#hub.sanctions.secondsLeft({ kind: "ban", name: wanted }) > 0) {
      throw new ProtocolError("forbidden", "That name is banned. Take another.");
    }
    this.#seat.changeName(wanted);
  }

  #whisper({ data, ref }: SendMessage, to: string): void {
    checkMute(this.#hub.sanctions, this, ref);
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
    if (!target.tell(message, this)) {
      throw new ProtocolError("unknown_user", `${target.name} is too far behind to be told.`, ref);
    }
    if (target !== this) this.#answer(message);
  }
}
