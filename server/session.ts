/**
 * A session: one connection's part in the conversation, from its first frame to its end. It reads
 * what the client asks for, does it in the {@linkcode Hub} and the {@linkcode Room}, and passes on
 * what happens there as fast as the client takes it. It knows neither what the connection is made
 * of nor how its dialect words things.
 *
 * A client that does not read gets no answers: while its connection is congested, what it asks for
 * itself is not done, and what happens in the room waits in the room's queue. So what one client
 * can make the server hold is bounded. What it says is published all the same.
 *
 * @module
 */

import {
  CloseCode,
  type DirectMessage,
  formatHelp,
  GREETING,
  type Private,
  ProtocolError,
  type Register,
  type RoomEvent,
  type Say,
  type TextInput,
  type Welcome,
} from "../protocol.ts";
import type { Connection, Receiver } from "./connection.ts";
import type { Dialect, DialectFor } from "./dialects.ts";
import type { Hub, Participant, Pass } from "./hub.ts";
import type { Subscription, Turn } from "./queue.ts";
import type { Room } from "./room.ts";

const RESUMED_ELSEWHERE = "Resumed by another connection";

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
export class Session implements Receiver, Participant {
  /** The person's name; empty until they take part. */
  name = "";
  /** The person's `IP:PORT`. */
  readonly address: string;
  readonly #hub: Hub;
  readonly #connection: Connection;
  readonly #dialect: Dialect;
  readonly #defaults: Defaults;
  #room: Room | undefined;
  #pass: Pass | undefined;
  #subscription: Subscription<RoomEvent> | undefined;
  #hasEnded = false;

  /** Begins a session on an open connection. */
  constructor(hub: Hub, connection: Connection, { dialect, defaults = {} }: SessionOptions) {
    this.address = connection.address;
    this.#hub = hub;
    this.#connection = connection;
    this.#dialect = dialect(connection, hub.history);
    this.#defaults = defaults;
    hub.connected.add(this);
    hub.counters.connected++;
    hub.log("info", `New connection from ${this.address}`);
    if (!this.#dialect.entersAtOnce) return;
    this.#hub.claim(this, defaults.name ?? this.address);
    this.#enter(hub.room(defaults.room));
  }

  /** The room that the person is in, once they take part. */
  get room(): Room | undefined {
    return this.#room;
  }

  /**
   * Does what each message of the frame asks for; one that cannot be done is answered with an
   * error.
   */
  receive(frame: string): void {
    for (const line of this.#dialect.split(frame)) {
      if (this.#hasEnded) return;
      try {
        const input = this.#dialect.parse(line);
        if (input) this.#handle(input);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.#send({
          messageType: "error",
          code: error.code,
          data: error.message,
          ref: error.ref,
        });
      }
    }
  }

  /** Answers what was no frame of text. */
  refuse(reason: string): void {
    this.#send({ messageType: "error", code: "bad_message", data: reason });
  }

  /** Hands over what the client has coming, and lets it go. */
  finish(): void {
    this.close(CloseCode.normal, "");
  }

  /** Hands over what the client has coming, and ends its connection. */
  close(code: number, reason: string): void {
    if (this.#hasEnded) return;
    this.#deliverRest();
    this.#connection.close(code, reason);
    this.end(code);
  }

  /** Takes the person out of the conversation. Does nothing the second time. */
  end(code?: number): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#leave();
    this.#hub.release(this);
    if (this.#pass) this.#hub.retire(this.#pass);
    this.#dialect.close();
    this.#hub.connected.delete(this);
    const how = code === undefined ? "" : ` (${code})`;
    this.#hub.log("info", `Disconnected ${this.address}${how}`);
  }

  /** Hands over a private message. Returns whether it went out. */
  tell(message: Private): boolean {
    return this.#send(message);
  }

  /** Makes way for another connection of the same person: nobody sees them leave. */
  makeWay(): void {
    this.#subscription?.close();
    this.#room = undefined;
    this.#pass = undefined;
    this.close(CloseCode.normal, RESUMED_ELSEWHERE);
  }

  #handle(input: TextInput): void {
    if (input.messageType !== "message" && this.#connection.congested) return;
    switch (input.messageType) {
      case "register":
        return this.#register(input);
      case "ping":
        this.#send({ messageType: "pong", data: input.data });
        return;
      case "help":
        return formatHelp().forEach((line) => this.#connection.send(`* ${line}`));
      case "quit":
        return this.close(CloseCode.normal, "Bye");
      case "rooms":
        this.#send(this.#hub.rooms());
        return;
    }
    if (!this.#room) {
      const text = 'Register first: {"messageType":"register","data":"NAME"}.';
      throw new ProtocolError("not_registered", text, "ref" in input ? input.ref : undefined);
    }
    switch (input.messageType) {
      case "message":
        return input.to === undefined
          ? this.#say(this.#room, input)
          : this.#whisper(input, input.to);
      case "join":
        return this.#join(this.#room, input.data);
      case "users":
        this.#send(this.#room.users());
        return;
      case "kick":
      case "ban":
      case "mute":
        throw new ProtocolError("forbidden", `Only an operator may ${input.messageType}.`);
    }
  }

  #register(message: Register): void {
    if (this.#room) return this.#rename(this.#room, message.data);
    const pass = this.#hub.redeem(message.session, message.epoch);
    if (pass) return this.#resume(pass, message);
    const name = message.data ?? this.#defaults.name;
    if (name === undefined) this.#hub.claimGuestName(this);
    else this.#hub.claim(this, name);
    this.#enter(this.#hub.room(message.room ?? this.#defaults.room));
  }

  #resume(pass: Pass, message: Register): void {
    const room = this.#hub.room(message.room ?? pass.room);
    const after = room.name === pass.room ? message.after : undefined;
    const old = pass.holder;
    const isPresent = old?.room === room;
    if (isPresent) {
      room.replace(old, this);
      old.makeWay();
    } else {
      old?.close(CloseCode.normal, RESUMED_ELSEWHERE);
    }
    this.#hub.transfer(pass, this);
    this.#pass = pass;
    this.#hub.claim(this, pass.name);
    this.#enter(room, { after, untold: isPresent });
  }

  #rename(room: Room, wanted = this.name): void {
    const before = this.name;
    this.#hub.claim(this, wanted);
    if (this.#pass) this.#pass.name = this.name;
    this.#send(this.#welcome(room, `You are ${this.name} in ${room.name}`));
    if (this.name !== before) room.renamed(this, before);
  }

  #join(room: Room, wanted: string): void {
    const text = `You are ${this.name} in ${wanted}`;
    if (wanted === room.name) {
      this.#send(this.#welcome(room, text));
      return;
    }
    this.#deliverRest();
    this.#leave();
    this.#enter(this.#hub.room(wanted), { greeting: text });
  }

  /**
   * Comes into a room: is greeted, gets what happened there after the id `after`, and unless
   * `untold` everyone is told.
   */
  #enter(
    room: Room,
    { after, untold = false, greeting = GREETING }: {
      after?: number | undefined;
      untold?: boolean;
      greeting?: string;
    } = {},
  ): void {
    this.#room = room;
    room.admit(this);
    const newsBegin = this.#dialect.greet(this.#welcome(room, greeting), room);
    const subscription = room.subscribe(after ?? newsBegin);
    this.#subscription = subscription;
    if (!untold) room.announce(this);
    this.#deliverAll(subscription).catch((error) => this.#fail(error));
  }

  #leave(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
    const room = this.#room;
    if (!room) return;
    this.#room = undefined;
    if (this.#hub.isClosing) room.remove(this);
    else room.dismiss(this);
    this.#hub.vacated(room);
  }

  #say(room: Room, { data, ref, action }: Say): void {
    const { name: from, address } = this;
    const time = this.#hub.clock.now();
    const said = { messageType: "message", time, from, address, data, ref, action } as const;
    const { id, again } = room.say(said);
    if (again && ref !== undefined) {
      this.#send({ messageType: "ack", ref, id });
      return;
    }
    this.#hub.counters.published++;
    this.#hub.log("info", `From client ${address} ${JSON.stringify(data)}`);
  }

  #whisper({ data, ref }: Say, to: string): void {
    const target = this.#hub.find(to);
    if (!target) {
      const text = `Nobody here is called ${JSON.stringify(to.slice(0, 80))}.`;
      throw new ProtocolError("unknown_user", text, ref);
    }
    const time = this.#hub.clock.now();
    const message = {
      messageType: "private",
      time,
      from: this.name,
      to: target.name,
      data,
      ref,
    } as const;
    if (!target.tell(message)) {
      throw new ProtocolError("unknown_user", `${target.name} is too far behind to be told.`, ref);
    }
    if (target !== this) this.#send(message);
  }

  #welcome(room: Room, greeting: string): Welcome {
    this.#pass ??= this.#hub.issue(this);
    this.#pass.name = this.name;
    this.#pass.room = room.name;
    return {
      messageType: "welcome",
      data: greeting,
      name: this.name,
      address: this.address,
      room: room.name,
      epoch: this.#hub.epoch,
      session: this.#pass.secret,
      id: room.newest,
    };
  }

  /** Sends a message for this client alone, if the client reads. Returns whether it went out. */
  #send(message: DirectMessage): boolean {
    if (this.#connection.congested) return false;
    this.#dialect.send(message);
    return true;
  }

  async #deliverAll(subscription: Subscription<RoomEvent>): Promise<void> {
    for await (const turn of subscription) {
      this.#deliver(turn);
      if (this.#connection.congested) await this.#connection.drained();
    }
  }

  /**
   * Hands over, before a subscription is closed, what was published in this turn of the event loop.
   */
  #deliverRest(): void {
    if (this.#connection.congested) return;
    const turn = this.#subscription?.take();
    if (turn) this.#deliver(turn);
  }

  #deliver({ missed, batch }: Turn<RoomEvent>): void {
    if (missed > 0) {
      const data = `${missed} ${missed === 1 ? "message" : "messages"} missed`;
      this.#dialect.send({ messageType: "missed", count: missed, data });
    }
    this.#dialect.deliver(batch);
    this.#hub.counters.missed += missed;
    this.#hub.counters.delivered += batch.events.length;
  }

  #fail(error: unknown): void {
    this.#hub.log("error", `Session of ${this.address} failed: ${String(error)}`);
    this.close(CloseCode.internalError, "Internal error");
  }
}
