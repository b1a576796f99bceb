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
  GREETING,
  type Private,
  ProtocolError,
  type Register,
  type RoomMessage,
  type SendMessage,
  SERVER_NAME,
  type TextInput,
  type Welcome,
} from "../protocol.ts";
import type { Connection, Receiver } from "./connection.ts";
import { Deferral } from "./deferral.ts";
import { Delivery, PATIENCE, type Recipient } from "./delivery.ts";
import type { Dialect, DialectFor } from "./dialects.ts";
import { checkBan, EntryError, identify } from "./entry.ts";
import type { Guest, Hub, Pass } from "./hub.ts";
import { quote, quoteError } from "./log.ts";
import { moderate } from "./moderation.ts";
import type { Room, Speaker } from "./room.ts";
import { StoreError } from "./store.ts";
import { Throttle } from "./throttle.ts";
import type { Identity } from "./tokens.ts";

/** How long a client may take to register, in milliseconds. */
export const REGISTER_TIME = 10_000;

const RESUMED_ELSEWHERE = "Resumed by another connection";

const TAKEN_OVER = "Somebody came in with the same token";

/** What a connection's URL said about the person, before the person said anything. */
export interface Defaults {
  /** A valid name. */
  readonly name?: string | undefined;
  /** A valid room name. */
  readonly room?: string | undefined;
}

/** Settings of a {@linkcode Session}. */
export interface SessionOptions {
  readonly dialect: DialectFor;
  readonly defaults?: Defaults | undefined;
}

/** One connection's part in the conversation. */
export class Session implements Receiver, Guest, Recipient, Speaker {
  /** The person's name; empty until they take part. */
  name = "";
  /** The person's `IP:PORT`, as others are told it: empty if they are not. */
  readonly address: string;
  /** Whose token the person came in with, if tokens are needed. */
  identity: Identity | undefined;
  readonly #hub: Hub;
  readonly #connection: Connection;
  readonly #dialect: Dialect;
  readonly #delivery: Delivery;
  readonly #defaults: Defaults;
  #room: Room | undefined;
  #pass: Pass | undefined;
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
    this.#defaults = defaults;
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
    return this.#room;
  }

  /** Does what a line asks for; what cannot be done is answered with an error. */
  receive(line: string): void {
    if (!this.#hasEnded && !this.#hasQuit && !this.#hub.isClosing) this.#take(line);
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
    this.#leave();
    this.#delivery.end();
    this.#hub.release(this);
    if (this.#pass) this.#hub.retire(this.#pass);
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

  /**
   * Takes note that there are other tokens. Who has none of them is sent away.
   *
   * @returns Goes on under another name, if this one is somebody else's now.
   */
  review(): (() => void) | undefined {
    const room = this.#room;
    const { tokens } = this.#hub;
    if (!room || !tokens || !this.identity) return undefined;
    this.identity = tokens.get(this.identity.key);
    if (!this.identity) {
      return void this.sendAway(CloseCode.unauthorized, "Your token is not valid any more");
    }
    const owner = tokens.ownerOf(this.name);
    if (this.name === this.identity.name || (!owner && !this.identity.name)) return undefined;
    this.#hub.release(this);
    return () => this.#rename(room);
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
    this.#delivery.unsubscribe();
    this.#room?.remove(this);
    this.#room = undefined;
    this.close(CloseCode.normal, RESUMED_ELSEWHERE);
  }

  #begin(): void {
    const hub = this.#hub;
    hub.connected.add(this);
    hub.counters.opened++;
    hub.log("info", () => `New connection from ${this.#connection.address}`);
    const isLate = (): void =>
      this.sendAway(CloseCode.notRegistered, "You did not come in in time");
    this.#cancelLate = hub.clock.after(REGISTER_TIME, isLate);
    if (!this.#dialect.entersAtOnce || hub.tokens) return;
    this.#attempt(() => this.#register({ messageType: "register" }));
  }

  /**
   * Does what a line asks for, or defers it if that means to answer a client that does not read.
   */
  #take(line: string): void {
    if (this.#deferral.hasMove) return this.#defer(line);
    this.#attempt(() => {
      const input = this.#parse(line);
      if (!input || this.#hasSaid(input)) return;
      // Whatever is due goes first: it may be more than the client reads at once.
      this.#delivery.deliverRest();
      if (this.#deferral.size === 0 && !this.#connection.congested) return this.#handle(input);
      this.#deferral.hasMove = input.messageType === "join" || input.messageType === "register";
      this.#defer(line);
    });
  }

  /** Does something, and answers if it is refused. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const { code, message: data, ref, retryAfter } = error;
      this.#answer({ messageType: "error", code, data, ref, retryAfter });
      this.#countRefusal(code);
      if (error instanceof EntryError) this.close(error.closeCode, data);
    }
  }

  #countRefusal(code: ErrorCode): void {
    this.#hub.counters.refuse(code);
    // It is not the client's fault that nothing can be stored.
    if (code === "not_stored" || this.#hasEnded || !this.#throttle.refuse()) return;
    this.sendAway(CloseCode.abuse, "Too much of what you sent was refused");
  }

  /** Parses a line. Where a token is needed, the first one must bring it. */
  #parse(line: string): TextInput | undefined {
    const mustBringToken = this.#dialect.entersAtOnce && !this.#room;
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
    const room = this.#room;
    if (input.messageType !== "message" || input.to !== undefined || !room) return false;
    const { ref } = input;
    if (ref !== undefined && room.idOf(ref) !== undefined) return false;
    if (ref === undefined || !room.isStaged(ref)) this.#say(room, input);
    return true;
  }

  #say(room: Room, { data, ref, action }: SendMessage): void {
    this.#pay(ref, ref);
    this.#checkMute(ref);
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
    this.#checkWait(this.#throttle.say(key), ref);
  }

  /** Pays for an answer. Throws as {@linkcode #pay}. */
  #payForAnswer(): void {
    this.#checkWait(this.#throttle.ask());
  }

  #checkWait(wait: number, ref?: string): void {
    if (wait === 0) return;
    const seconds = (wait / 1000).toFixed(wait < 1000 ? 2 : 0);
    const text = `Too fast: this was not taken. Send it again in ${seconds} s.`;
    throw new ProtocolError("rate_limited", text, ref, wait);
  }

  /** @throws {ProtocolError} If the person may only read. */
  #checkMute(ref?: string): void {
    const seconds = this.#hub.sanctions.secondsLeft({ kind: "mute", name: this.name });
    if (seconds === 0) return;
    const text = `You can only read for another ${seconds} seconds.`;
    throw new ProtocolError("muted", text, ref);
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
        return this.#room ? this.#changeName(this.#room, input.data) : this.#register(input);
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
    if (!this.#room) {
      const ref = input.messageType === "message" ? input.ref : undefined;
      throw new ProtocolError("not_registered", "Register first.", ref);
    }
    switch (input.messageType) {
      case "message":
        return input.to === undefined
          ? this.#sayAgain(this.#room, input)
          : this.#whisper(input, input.to);
      case "join":
        return this.#join(this.#room, input.data);
      case "users":
        this.#payForAnswer();
        return void this.#delivery.send(this.#room.users());
      case "kick":
      case "ban":
      case "mute":
        this.#payForAnswer();
        return this.notify(moderate(this.#hub, this, input));
    }
  }

  #takeToken(token: string): void {
    if (this.#room) {
      throw new ProtocolError("bad_message", "You are in already: no token is needed.");
    }
    this.#register({ messageType: "register", token });
  }

  /** Comes in. */
  #register(message: Register): void {
    const identity = identify(this.#hub.tokens, message.token);
    const pass = this.#redeem(message, identity);
    const address = this.#dialect.entersAtOnce ? this.address || undefined : undefined;
    const name = identity?.name ?? pass?.name ?? message.data ?? this.#defaults.name ?? address;
    // Who was in before others misused a token that they share may come back.
    const token = pass ? undefined : identity?.key;
    checkBan(this.#hub.sanctions, { name, token });
    this.identity = identity;
    if (pass) return this.#resume(pass, message);
    const room = this.#openRoom(message.room ?? this.#defaults.room);
    this.#takeOver();
    if (name === undefined) this.#hub.claimGuestName(this);
    else this.#hub.claim(this, name);
    this.#enter(room, GREETING);
  }

  /** Returns the pass that a client shows, if it is one of whoever has that token. */
  #redeem({ session, epoch }: Register, identity: Identity | undefined): Pass | undefined {
    const pass = this.#hub.redeem(session, epoch);
    if (!pass || !identity) return pass;
    const owner = this.#hub.tokens?.ownerOf(pass.name);
    const isOwn = identity.name === undefined ? !owner : owner?.key === identity.key;
    return isOwn ? pass : undefined;
  }

  /** Ends the part of whoever came in with the same token before, and so has its name. */
  #takeOver(): void {
    const name = this.identity?.name;
    const first = name === undefined ? undefined : this.#hub.find(name);
    first?.sendAway(CloseCode.normal, TAKEN_OVER);
  }

  #resume(pass: Pass, message: Register): void {
    const room = this.#openRoom(message.room ?? pass.room);
    // Of a room that was just left too: the welcome of the other may not have arrived.
    const place = [pass, pass.left].find((place) => place?.room === room.name);
    const { after } = message;
    // Who saw more than there is saw it in a history that is gone: a copy was restored.
    const resumed = place && after !== undefined && after <= room.newest
      ? { after: Math.max(after, place.since), since: place.since }
      : undefined;
    const old = pass.holder;
    if (old?.name !== this.identity?.name) this.#takeOver();
    const isPresent = old?.room === room;
    if (isPresent) old.makeWay();
    else old?.close(CloseCode.normal, RESUMED_ELSEWHERE);
    this.#hub.transfer(pass, this);
    this.#pass = pass;
    this.#hub.claim(this, pass.name);
    this.#comeInto(room, GREETING, resumed);
    if (!isPresent) room.announce(this);
    this.#delivery.follow();
  }

  /** Takes another name, because the person wants it. */
  #changeName(room: Room, wanted = this.name): void {
    this.#pay(`register ${wanted}`);
    this.#checkMute();
    if (this.#hub.sanctions.secondsLeft({ kind: "ban", name: wanted }) > 0) {
      throw new ProtocolError("forbidden", "That name is banned. Take another.");
    }
    this.#rename(room, wanted);
  }

  #rename(room: Room, wanted = this.name): void {
    const before = this.name;
    this.#hub.claim(this, wanted);
    this.#delivery.send(this.#welcome(room, `You are ${this.name} in ${room.name}`));
    if (this.name !== before) room.renamed(this, before);
  }

  #join(room: Room, wanted: string): void {
    this.#pay(`join ${wanted}`);
    const greeting = `You are ${this.name} in ${wanted}`;
    if (wanted === room.name) return void this.#delivery.send(this.#welcome(room, greeting));
    const next = this.#openRoom(wanted);
    this.#delivery.deliverRest();
    this.#leave();
    this.#enter(next, greeting);
  }

  /**
   * Opens a room. If that fails, it is an error for who asked for it: who is in a room stays there,
   * and who is in none has to come again.
   */
  #openRoom(name: string | undefined): Room {
    try {
      return this.#hub.openRoom(name);
    } catch (error) {
      const reason = error instanceof StoreError
        ? new ProtocolError("not_stored", `The room cannot be opened: ${error.message}.`)
        : error;
      if (this.#room || !(reason instanceof ProtocolError)) throw reason;
      throw new EntryError(reason.code, reason.message, CloseCode.tryAgainLater);
    }
  }

  /** Comes into a room, and everyone there is told. */
  #enter(room: Room, greeting: string): void {
    this.#comeInto(room, greeting);
    room.announce(this);
    this.#delivery.follow();
  }

  /**
   * Comes into a room, is greeted, and subscribes to what comes after the greeting; or, who has
   * `resumed`, to what comes after that id.
   */
  #comeInto(room: Room, greeting: string, resumed?: { after: number; since: number }): void {
    this.#cancelLate?.();
    this.#cancelLate = undefined;
    this.#room = room;
    room.admit(this);
    if (this.#dialect.resumes) this.#pass ??= this.#hub.issue(this);
    const left = this.#pass && { room: this.#pass.room, since: this.#pass.since };
    const newsBegin = this.#dialect.greet(this.#welcome(room, greeting), room);
    this.#delivery.watch();
    if (this.#pass && left) {
      if (left.room !== room.name) this.#pass.left = left;
      this.#pass.since = resumed?.since ?? newsBegin;
    }
    this.#delivery.subscribe(room.subscribe(resumed?.after ?? newsBegin));
  }

  #leave(): void {
    this.#delivery.unsubscribe();
    const room = this.#room;
    if (!room) return;
    this.#room = undefined;
    if (this.#hub.isClosing) room.remove(this);
    else room.dismiss(this);
    this.#hub.closeIfEmpty(room);
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
    this.#checkMute(ref);
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

  /** Words a welcome, and notes in the pass what resuming gives back. */
  #welcome(room: Room, greeting: string): Welcome {
    if (this.#pass) {
      this.#pass.name = this.name;
      this.#pass.room = room.name;
      this.#hub.save(this.#pass);
    }
    return {
      messageType: "welcome",
      data: greeting,
      name: this.name,
      address: this.#connection.address,
      room: room.name,
      epoch: this.#hub.epoch,
      session: this.#pass?.secret ?? "",
      id: room.newest,
    };
  }
}
