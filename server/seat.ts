/**
 * A seat: a person's place in the chat. They come in under a name, into a room, and may go to another
 * room or take another name; if their client resumes, they come back to where they were.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { CloseCode, GREETING, ProtocolError, type Register, type Welcome } from "../protocol.ts";
import type { Connection } from "./connection.ts";
import type { Delivery } from "./delivery.ts";
import type { Dialect } from "./dialects.ts";
import type { Hub, Participant, Pass } from "./hub.ts";
import type { Room } from "./room.ts";
import { checkBan, EntryError, identify } from "./rules.ts";
import { StoreError } from "./store.ts";
import type { Bucket } from "./throttle.ts";
import type { Identity } from "./tokens.ts";

const RESUMED_ELSEWHERE = "Resumed by another connection";

const TAKEN_OVER = "Somebody came in with the same token";

/** What a connection's URL said about the person, before the person said anything. */
export interface Defaults {
  /** A valid name. */
  readonly name?: string | undefined;
  /** A valid room name. */
  readonly room?: string | undefined;
}

/** What a seat needs. */
export interface SeatOptions {
  readonly hub: Hub;
  readonly connection: Connection;
  readonly dialect: Dialect;
  readonly delivery: Delivery;
  readonly defaults: Defaults;
}

/** Returns 96 bits that tell a secret from others without telling it. */
function hashShortly(secret: string): string {
  return createHash("sha256").update(secret).digest().subarray(0, 12).toString("hex");
}

/** Where one person is, once they are in. */
export class Seat {
  readonly #person: Participant;
  readonly #hub: Hub;
  readonly #connection: Connection;
  readonly #dialect: Dialect;
  readonly #delivery: Delivery;
  readonly #defaults: Defaults;
  #room: Room | undefined;
  #identity: Identity | undefined;
  #pass: Pass | undefined;
  /** Computed when it is first asked for: most people only read. */
  #refOwner: string | undefined;

  /** Creates one for a person who is not in yet. */
  constructor(person: Participant, options: SeatOptions) {
    this.#person = person;
    this.#hub = options.hub;
    this.#connection = options.connection;
    this.#dialect = options.dialect;
    this.#delivery = options.delivery;
    this.#defaults = options.defaults;
  }

  /** The room that the person is in, once they are. */
  get room(): Room | undefined {
    return this.#room;
  }

  /** Whose token the person came in with, if tokens are needed. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** Whose the person's refs are: the same when they come again. */
  get refOwner(): string {
    if (this.#identity?.name !== undefined) return this.#identity.key;
    return this.#pass ? this.#refOwner ??= hashShortly(this.#pass.secret) : "";
  }

  /** Returns what limits how fast the person may go: it is the same when they come again. */
  bucket(): Bucket {
    const { buckets } = this.#hub;
    const isOwner = this.#identity?.name !== undefined;
    if (this.#identity && isOwner) return buckets.ofToken(this.#identity.key);
    return this.#pass?.bucket ?? buckets.create();
  }

  /**
   * Comes in, or back.
   *
   * @throws {EntryError} If the person may not, or there is no room for them.
   */
  comeIn(message: Register): void {
    const identity = identify(this.#hub.tokens, message.token);
    const pass = this.#redeem(message, identity);
    const name = identity?.name ?? pass?.name ?? message.data ?? this.#defaultName;
    checkBan(this.#hub.sanctions, { name, token: identity?.key });
    this.#identity = identity;
    // Before a room is opened: theirs may be empty then, and gone.
    this.#takeOver(pass?.holder);
    const room = this.#openRoom(message.room ?? pass?.room ?? this.#defaults.room);
    if (pass) return this.#resume(pass, room, message);
    if (name === undefined) this.#hub.claimGuestName(this.#person);
    else this.#hub.claim(this.#person, name);
    this.#enter(room, GREETING);
  }

  /** Goes to another room, or is welcomed again in this one. */
  changeRoom(wanted: string): void {
    const greeting = `You are ${this.#person.name} in ${wanted}`;
    if (wanted === this.#room?.name) return this.#greetAgain(this.#room, greeting);
    const next = this.#openRoom(wanted);
    this.#delivery.deliverRest();
    this.leave();
    this.#enter(next, greeting);
  }

  /** Takes the name `wanted`, or the one that is right. */
  changeName(wanted: string): void {
    const room = this.#room;
    if (!room) return;
    const before = this.#person.name;
    this.#hub.claim(this.#person, wanted);
    const { name } = this.#person;
    this.#greetAgain(room, `You are ${name} in ${room.name}`);
    if (name !== before) room.renamed(this.#person, before);
  }

  /**
   * Takes note that there are other tokens. Who has none of them is sent away.
   *
   * @returns Goes on under another name, if this one is somebody else's now.
   */
  review(): (() => void) | undefined {
    const { tokens } = this.#hub;
    if (!this.#room || !tokens || !this.#identity) return undefined;
    this.#identity = tokens.get(this.#identity.key);
    if (!this.#identity) {
      this.#person.sendAway(CloseCode.unauthorized, "Your token is not valid any more");
      return undefined;
    }
    const { name } = this.#person;
    const isFree = this.#identity.name === undefined && !tokens.hasLike(name);
    if (isFree || name === this.#identity.name) return undefined;
    this.#hub.release(this.#person);
    return () => this.changeName(name);
  }

  /** Leaves the room. */
  leave(): void {
    this.#delivery.unsubscribe();
    const room = this.#room;
    if (!room) return;
    this.#room = undefined;
    if (this.#hub.isClosing) room.remove(this.#person);
    else room.dismiss(this.#person);
    this.#hub.closeIfEmpty(room);
  }

  /** Makes way for another connection of the same person: nobody sees them leave. */
  makeWay(): void {
    this.#delivery.unsubscribe();
    this.#room?.remove(this.#person);
    this.#room = undefined;
    this.#person.close(CloseCode.normal, RESUMED_ELSEWHERE);
  }

  /** Gives up the seat: the person can come back for a while. */
  giveUp(): void {
    this.leave();
    this.#hub.release(this.#person);
    if (this.#pass) this.#hub.retire(this.#pass);
  }

  /** The name of who says none: in a dialect without names, the address, unless it is not told. */
  get #defaultName(): string | undefined {
    const { address } = this.#person;
    return this.#defaults.name ??
      (this.#dialect.entersAtOnce && address !== "" ? address : undefined);
  }

  /** Returns the pass that a client shows, if it is one of whoever has that token. */
  #redeem({ session, epoch }: Register, identity: Identity | undefined): Pass | undefined {
    const pass = this.#hub.redeem(session, epoch);
    if (!pass || !identity) return pass;
    const owner = this.#hub.tokens?.ownerOf(pass.name);
    const isOwn = identity.name === undefined ? !owner : owner?.key === identity.key;
    return isOwn ? pass : undefined;
  }

  /**
   * Ends the part of whoever came in with the same token before, and so has its name; `holder` of the
   * pass makes way in another manner.
   */
  #takeOver(holder: Participant | undefined): void {
    const name = this.#identity?.name;
    const first = name === undefined ? undefined : this.#hub.find(name);
    if (first !== holder) first?.sendAway(CloseCode.normal, TAKEN_OVER);
  }

  #resume(pass: Pass, room: Room, { epoch = "", after = Infinity }: Register): void {
    // Of a room that was just left too: the welcome of the other may not have arrived.
    const place = [pass, pass.left].find((place) => place?.room === room.name);
    // Who saw more than there was saw it in a history that is gone: a copy was restored.
    const resumed = place && after <= (this.#hub.reached(epoch, room.name) ?? -1)
      ? { after: Math.max(after, place.since), since: place.since }
      : undefined;
    const old = pass.holder;
    const isPresent = old?.room === room;
    // Whoever comes back has lost that connection, and maybe what went to it.
    old?.doubt();
    if (isPresent) old.makeWay();
    else old?.close(CloseCode.normal, RESUMED_ELSEWHERE);
    this.#hub.transfer(pass, this.#person);
    this.#pass = pass;
    this.#hub.claim(this.#person, pass.name, true);
    this.#comeInto(room, GREETING, resumed);
    if (!isPresent) room.announce(this.#person);
    this.#delivery.follow();
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
    room.announce(this.#person);
    this.#delivery.follow();
  }

  /**
   * Comes into a room, is greeted, and subscribes to what comes after the greeting; or, who has
   * `resumed`, to what comes after that id.
   */
  #comeInto(room: Room, greeting: string, resumed?: { after: number; since: number }): void {
    this.#room = room;
    room.admit(this.#person);
    if (this.#dialect.resumes) this.#pass ??= this.#hub.issue(this.#person);
    const left = this.#pass && { room: this.#pass.room, since: this.#pass.since };
    const newsBegin = this.#dialect.greet(this.#welcome(room, greeting), room);
    this.#delivery.watch();
    if (this.#pass && left) {
      if (left.room !== room.name) this.#pass.left = left;
      this.#pass.since = resumed?.since ?? newsBegin;
    }
    this.#delivery.subscribe(room.subscribe(resumed?.after ?? newsBegin));
  }

  #greetAgain(room: Room, greeting: string): void {
    this.#delivery.send(this.#welcome(room, greeting));
  }

  /** Words a welcome, and notes in the pass what resuming gives back. */
  #welcome(room: Room, greeting: string): Welcome {
    const { name } = this.#person;
    if (this.#pass) {
      this.#pass.name = name;
      this.#pass.room = room.name;
      this.#hub.save(this.#pass);
    }
    return {
      messageType: "welcome",
      data: greeting,
      name,
      address: this.#connection.address,
      room: room.name,
      epoch: this.#hub.epoch,
      session: this.#pass?.secret ?? "",
      id: room.newest,
    };
  }
}
