/**
 * The link: a client's part in a chat, over one connection after the other. When a connection is
 * lost it makes another, goes on where that one ended, and sends again what was not accepted. So
 * its owner sees each event once and in order, and what it says is said once, for as long as the
 * server knows what it has accepted: those events that it keeps.
 *
 * It is for every client that speaks `chat.v1`, in a terminal or on a page: it needs nothing but the
 * standard `WebSocket`.
 *
 * @module
 */

import {
  type ClientMessage,
  CloseCode,
  type Failure,
  formatChat,
  type Missed,
  parseServerMessage,
  ProtocolError,
  type Register,
  type RoomEvent,
  type SendMessage,
  type ServerMessage,
  splitChat,
  type Welcome,
  wordMissed,
} from "../protocol.ts";
import { Backoff } from "./backoff.ts";
import { ConnectError } from "./failure.ts";
import type { Handover } from "./handover.ts";
import { newRef, Outbox } from "./outbox.ts";
import { Place } from "./place.ts";
import { Sender } from "./sender.ts";

/**
 * How often it is looked at whether anything came, in milliseconds. After two times that nothing
 * did, the server is asked whether it is there; after a third, the connection counts as lost.
 */
export const SILENCE = 15_000;

/** How long a server may take to let a client in, or not, in milliseconds. */
export const ARRIVAL_TIME = 10_000;

/** What the ping of a link that has heard nothing says, so that its pong is known. */
const STILL_THERE = "still there?";

/** How long leaving may take if the server does not answer, in milliseconds. */
const LEAVE_TIME = 2_000;

/** After these close codes it does not come back: it was sent away, and not by an accident. */
const FINAL_CODES: readonly number[] = [
  CloseCode.normal,
  CloseCode.unauthorized,
  CloseCode.kicked,
];

/** Close codes that may be this client's own doing: to come back at once would bring them again. */
const BLAMING_CODES: readonly number[] = [
  CloseCode.notJson,
  CloseCode.tooBig,
  CloseCode.internalError,
  CloseCode.abuse,
];

/** Stands for an end without a close frame (RFC 6455, section 7.1.5). */
const NO_CLOSE_CODE = 1006;

/** How a connection, or the link, has ended: the WebSocket close code, and the reason. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
}

/** What is known of a message besides what it says. */
export interface Context {
  /** It happened before this client came into the room. */
  readonly isPast: boolean;
  /** This client said it. */
  readonly isOwn: boolean;
  /**
   * A person need not see it: it only answers what a link asks, or is what a server says to everyone
   * who comes in, and this client is back.
   */
  readonly isRoutine: boolean;
}

const NEWS: Context = { isPast: false, isOwn: false, isRoutine: false };

/** What a link tells its owner. */
export interface LinkEvents {
  /**
   * Takes what the server tells: each event once, in the order of their ids, and everything else
   * but the pongs of the link's own pings.
   */
  readonly receive: (message: ServerMessage, context: Context) => void;
  /** The connection is lost; another is tried in so many milliseconds. */
  readonly lost: (delay: number) => void;
  /** It is back; so many messages of others were caught up. */
  readonly back: (caughtUp: number) => void;
  /**
   * Whether a message was said, or handed over, is not known: a private one's connection was lost, or
   * the server does not know any more what was accepted of this client.
   */
  readonly uncertain: (message: SendMessage) => void;
  /** A message was not said, because this client is not in the room that it was meant for. */
  readonly stranded: (message: SendMessage) => void;
  /** A message was not said, because its `ref` had been used before. */
  readonly repeated: (message: SendMessage) => void;
  /** So many messages more were not said, because this client may only read. */
  readonly silenced: (count: number) => void;
  /** It is back at a server whose history is not the one that it saw before. */
  readonly restarted: () => void;
  /** The server sent what cannot be read. */
  readonly unreadable: (error: ProtocolError) => void;
  /** Something has changed: what is not answered, or whether it is online. */
  readonly change: () => void;
}

/** Settings of a {@linkcode Link}. */
export interface LinkOptions {
  /** Connects a WebSocket that speaks `chat.v1`, or rejects with a {@linkcode ConnectError}. */
  readonly connect: () => Promise<WebSocket>;
  /** The wanted name. Default: the server gives one. */
  readonly name?: string | undefined;
  /** The secret that lets this client in, where one is needed. */
  readonly token?: string | undefined;
  /** The room to come into. Default: the server's. */
  readonly room?: string | undefined;
  /** What the one had whose place this takes. */
  readonly resume?: Handover | undefined;
  /**
   * Calls back after so many milliseconds, unless the returned function is called before. Default:
   * `setTimeout`.
   */
  readonly after?: ((ms: number, callback: () => void) => () => void) | undefined;
  /** Returns a random number from 0 to 1. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

function setTimer(ms: number, callback: () => void): () => void {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
}

/** One client's part in a chat, whatever happens to its connections. */
export class Link {
  readonly #options: LinkOptions;
  readonly #events: LinkEvents;
  readonly #after: (ms: number, callback: () => void) => () => void;
  readonly #ended = Promise.withResolvers<Ending>();
  readonly #outbox = new Outbox();
  readonly #sender: Sender;
  readonly #backoff: Backoff;
  /** The connection, until it is lost. */
  #socket: WebSocket | undefined;
  #welcome: Welcome | undefined;
  readonly #place: Place;
  /**
   * The ping that follows a registration: its pong says that all is caught up, and what waits can
   * go out. Undefined from then on.
   */
  #arrival: string | undefined;
  /**
   * How much more was not said than was told, while what is under way comes back because this client
   * may only read; undefined if it may speak.
   */
  #unsaid: number | undefined;
  /** Whether the server does not know any more who this client was, whose refs it may have accepted. */
  #isStranger = false;
  /** Whether that is so because it has forgotten everything: then nothing can be said twice. */
  #isForgotten = false;
  /** Whether this connection had its welcome. */
  #isWelcome = false;
  /** Whether this connection is not the first one, and not all is caught up. */
  #isReturning = false;
  #caughtUp = 0;
  /** Whether it was told that the connection is lost, and not yet that it is back. */
  #isLostTold = false;
  /** How often the time of {@linkcode SILENCE} has passed since anything came. */
  #silences = 0;
  /** Cancels the one timer there is: of the silence, of the next connection, or of leaving. */
  #cancelTimer: (() => void) | undefined;
  #isLeaving = false;
  /** Whether the timer is that of the next connection. */
  #isPausing = false;

  /** Creates a link that is not connected yet. */
  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
    this.#after = options.after ?? setTimer;
    this.#sender = new Sender({
      outbox: this.#outbox,
      transmit: (message) => this.#transmit(message),
      after: this.#after,
    });
    this.#backoff = new Backoff(options.random ?? Math.random);
    const { resume } = options;
    this.#place = new Place(resume);
    if (resume) this.#outbox.addName(resume.welcome.name);
    for (const { message, sent } of resume?.unsaid ?? []) this.#outbox.add(message, sent);
  }

  /**
   * Resolves when it is over: this client has left, was sent away for good, or was never let in.
   */
  get ended(): Promise<Ending> {
    return this.#ended.promise;
  }

  /** The last welcome; undefined before the first. */
  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  /** Whether it is connected, and all is caught up. */
  get isOnline(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN && this.#arrival === undefined;
  }

  /** Whether there is a connection, though not all may be caught up. */
  get isConnected(): boolean {
    return this.#socket !== undefined;
  }

  /** How much was sent, or waits to be sent, and is not answered yet. */
  get unanswered(): number {
    return this.#outbox.size;
  }

  /** How much of what is {@linkcode unanswered} was never sent. */
  get unsent(): number {
    return this.#outbox.entries().filter(({ sent }) => sent === 0).length;
  }

  /** Returns what is {@linkcode unanswered}, the oldest first. */
  waiting(): ClientMessage[] {
    return this.#outbox.entries().map(({ message }) => message);
  }

  /**
   * Connects for the first time.
   *
   * @throws {ConnectError} If there is no server: a first connection is not tried again.
   */
  async start(): Promise<void> {
    this.#attach(await this.#options.connect());
  }

  /** Returns what another link can go on with; undefined if there is nothing yet. */
  handover(): Handover | undefined {
    if (!this.#welcome) return this.#options.resume;
    const unsaid = this.#outbox.entries().flatMap(({ message, sent }) =>
      message.messageType === "message" || message.messageType === "join" ? [{ message, sent }] : []
    );
    return { welcome: this.#welcome, seen: this.#place.seen, unsaid, ignored: [] };
  }

  /** Tries the next connection now, if it waits for that. */
  retry(): void {
    if (!this.#isPausing || this.#isLeaving) return;
    this.#cancelTimer?.();
    void this.#reconnect();
  }

  /**
   * Sends something now, or as soon as it is online.
   *
   * @throws {ProtocolError} If it is too long, or its `ref` is that of another that is not answered.
   */
  send(message: ClientMessage): void {
    const isSaid = message.messageType === "message" && message.to === undefined;
    // It is meant for where its writer is by then, and for nowhere else.
    const room = this.#outbox.destination() ?? this.#welcome?.room;
    this.#outbox.add(isSaid ? { ...message, room: message.room ?? room } : message);
    this.#sender.go();
  }

  /** Leaves, now. What is not answered may be lost. */
  leave(): void {
    this.#isLeaving = true;
    this.#cancelTimer?.();
    const ending = { code: CloseCode.normal, reason: "" };
    if (!this.#socket) return this.#end(ending);
    this.#socket.close(CloseCode.normal);
    this.#cancelTimer = this.#after(LEAVE_TIME, () => this.#end(ending));
  }

  #end(ending: Ending): void {
    this.#cancelTimer?.();
    this.#sender.close();
    this.#ended.resolve(ending);
    this.#events.change();
  }

  #attach(socket: WebSocket): void {
    if (this.#isLeaving) return socket.close(CloseCode.normal);
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#take(data);
    socket.onclose = (ending) => this.#lose(ending);
    this.#unsaid = undefined;
    this.#isWelcome = false;
    this.#isReturning = this.#welcome !== undefined;
    this.#arrival = newRef();
    this.#caughtUp = 0;
    this.#transmit(this.#registration(), { messageType: "ping", data: this.#arrival });
    this.#silences = 0;
    const late = { code: NO_CLOSE_CODE, reason: "It does not answer" };
    this.#cancelTimer = this.#after(ARRIVAL_TIME, () => this.#lose(late));
    // It can be gone already: then its close event has been.
    if (socket.readyState !== WebSocket.OPEN) this.#lose({ code: NO_CLOSE_CODE, reason: "" });
  }

  #registration(): Register {
    const { name, room, token, resume } = this.#options;
    const before = this.#welcome ?? resume?.welcome;
    if (!before) return { messageType: "register", data: name, room, token };
    const { name: data, room: last, session } = before;
    const epoch = this.#place.epoch ?? before.epoch;
    // Who takes another's place has nothing to show yet: without `after` it gets the history.
    const after = this.#welcome && this.#place.seen;
    return { messageType: "register", data, room: last, token, epoch, session, after };
  }

  /** Sends messages in one frame. Returns whether they went out. */
  #transmit(...messages: ClientMessage[]): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(messages.map(formatChat).join("\n"));
    return true;
  }

  /** Notices when a server has gone without a word. */
  #watch(): void {
    this.#cancelTimer = this.#after(SILENCE, () => {
      this.#backoff.settle();
      this.#silences++;
      if (this.#silences > 2) return this.#lose({ code: NO_CLOSE_CODE, reason: "" });
      if (this.#silences === 2) this.#transmit({ messageType: "ping", data: STILL_THERE });
      this.#watch();
    });
  }

  /** Lets go of a connection that is gone, and tries another unless it is over. */
  #lose({ code, reason }: Ending): void {
    this.#cancelTimer?.();
    if (this.#socket) {
      this.#socket.onmessage = this.#socket.onclose = null;
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close();
    }
    this.#socket = undefined;
    this.#sender.close();
    const isOver = this.#isLeaving || FINAL_CODES.includes(code) || !this.#welcome;
    if (isOver) return this.#end({ code, reason });
    if (BLAMING_CODES.includes(code)) this.#backoff.blame();
    this.#tellUncertain();
    const delay = this.#tryLater();
    if (!this.#isLostTold) this.#events.lost(delay);
    this.#isLostTold = true;
    this.#events.change();
  }

  #tellUncertain({ isAll = false } = {}): void {
    for (const message of this.#outbox.takeUncertain(isAll)) this.#events.uncertain(message);
  }

  #tryLater(): number {
    const delay = this.#backoff.next();
    this.#isPausing = true;
    this.#cancelTimer = this.#after(delay, () => void this.#reconnect());
    return delay;
  }

  async #reconnect(): Promise<void> {
    this.#isPausing = false;
    try {
      this.#attach(await this.#options.connect());
    } catch (error) {
      if (this.#isLeaving) return;
      if (error instanceof ConnectError) this.#tryLater();
      else this.#end({ code: CloseCode.internalError, reason: String(error) });
    }
  }

  #take(frame: unknown): void {
    this.#silences = 0;
    if (typeof frame !== "string") return;
    let isGreeting = false;
    for (const line of splitChat(frame)) {
      try {
        const message = parseServerMessage(line);
        if (message) this.#handle(message, isGreeting);
        isGreeting = message?.messageType === "welcome";
      } catch (error) {
        if (error instanceof ProtocolError) this.#events.unreadable(error);
        // A fault of the owner's: what else is in the frame is still told.
        else reportError(error);
      }
    }
    this.#sender.go();
    this.#events.change();
  }

  #handle(message: ServerMessage, isGreeting: boolean): void {
    switch (message.messageType) {
      case "welcome":
        return this.#greet(message);
      case "ack":
        return this.#takeAck(message);
      case "pong":
        return this.#takePong(message);
      case "missed":
        // It is told with the event that follows: until that is here, the connection may be cut.
        return this.#place.expectGap(message.count);
      case "message":
      case "join":
      case "leave":
      case "rename":
      case "presence":
        return this.#takeEvent(message);
      case "private":
        this.#outbox.answer(message);
        return this.#events.receive(message, {
          ...NEWS,
          isOwn: this.#outbox.acceptPrivate(message),
        });
      case "error":
        return this.#takeFailure(message);
      case "users":
      case "rooms":
        // What follows a welcome belongs to it.
        if (!isGreeting) this.#outbox.answer(message);
        return this.#events.receive(message, { ...NEWS, isRoutine: this.#isReturning });
    }
  }

  #takeFailure(failure: Failure): void {
    if (failure.code === "rate_limited" && this.#sender.retry(failure)) return;
    const { ref, room, code } = failure;
    if (ref === undefined) return this.#takeRefusal(failure);
    this.#outbox.endCheck(ref);
    if (this.#outbox.takeRepeat(ref)) return;
    const message = this.#outbox.takeOut(ref)?.message;
    const isOwn = message !== undefined;
    if (isOwn && code === "muted") return this.#silence(failure);
    if (message?.messageType === "message" && code === "bad_message" && room !== undefined) {
      return this.#events.stranded(message);
    }
    this.#events.receive(failure, { ...NEWS, isOwn });
  }

  /** Takes the refusal of a request, and gives back what was to be said after it. */
  #takeRefusal(failure: Failure): void {
    const request = this.#outbox.refuse(failure)?.message;
    this.#events.receive(failure, NEWS);
    if (request?.messageType !== "join" || request.data === this.#welcome?.room) return;
    for (const message of this.#outbox.takeStranded(request.data)) this.#events.stranded(message);
  }

  /** Tells once that this client may only read, and drops what it still has to say. */
  #silence(failure: Failure): void {
    const isTold = this.#unsaid !== undefined;
    this.#unsaid = (this.#unsaid ?? 0) + this.#outbox.dropMessages() + (isTold ? 1 : 0);
    if (!isTold) this.#events.receive(failure, { ...NEWS, isOwn: true });
    this.#sender.hush();
    if (this.#outbox.isTalking) return;
    if (this.#unsaid > 0) this.#events.silenced(this.#unsaid);
    this.#unsaid = undefined;
  }

  #greet(welcome: Welcome): void {
    const before = this.#welcome;
    this.#recognize(welcome);
    this.#place.enter(welcome);
    this.#welcome = welcome;
    this.#outbox.addName(welcome.name);
    if (!this.#isWelcome) {
      this.#cancelTimer?.();
      this.#watch();
    }
    this.#isWelcome = true;
    this.#outbox.answer(welcome);
    // What an earlier link had sent to one person.
    if (!before) this.#tellUncertain();
    const isRoutine = this.#isReturning && before?.name === welcome.name;
    this.#events.receive(welcome, { ...NEWS, isRoutine });
  }

  /** Finds out whether the server can tell what goes out again from what is new: by the session. */
  #recognize({ session, epoch }: Welcome): void {
    if (this.#isWelcome) return;
    const before = this.#welcome ?? this.#options.resume?.welcome;
    this.#isStranger = before !== undefined && before.session !== session;
    // Until the next event tells that its history goes on.
    this.#isForgotten = this.#welcome !== undefined && this.#welcome.epoch !== epoch;
  }

  #takeAck(message: ServerMessage & { messageType: "ack" }): void {
    this.#outbox.endCheck(message.ref);
    if (this.#outbox.takeRepeat(message.ref)) return;
    const entry = this.#outbox.takeOut(message.ref);
    if (entry) this.#sender.goOn();
    this.#events.receive(message, { ...NEWS, isOwn: entry !== undefined, isRoutine: true });
    // What went out once was not accepted before: its ref was, with another message.
    const isRepeated = entry?.sent === 1 && entry.message.messageType === "message";
    if (isRepeated) this.#events.repeated(entry.message);
  }

  /** Takes the answer to a ping. */
  #takePong(message: ServerMessage & { messageType: "pong" }): void {
    const { data = "" } = message;
    if (data === this.#arrival) return this.#arrive();
    if (data === STILL_THERE) return;
    this.#outbox.answer(message);
    this.#events.receive(message, { ...NEWS, isOwn: true, isRoutine: true });
  }

  /** All is caught up: now what waits can go out. */
  #arrive(): void {
    if (!this.#isWelcome) {
      return this.#lose({ code: NO_CLOSE_CODE, reason: "It does not let anybody in" });
    }
    this.#arrival = undefined;
    this.#backoff.arrive();
    if (this.#isReturning) this.#events.back(this.#caughtUp);
    this.#isReturning = this.#isLostTold = false;
    // What the room's past has shown was taken out.
    if (this.#isStranger && !this.#isForgotten) this.#tellUncertain({ isAll: true });
    // What went out on an earlier connection, too: private messages were taken out when it was lost.
    this.#sender.open();
  }

  #miss(message: Missed): void {
    this.#events.receive(message, NEWS);
    if (this.isOnline) this.#sender.check();
  }

  #takeEvent(event: RoomEvent & { id: number }): void {
    const isOwn = this.#outbox.acceptEvent(event);
    if (isOwn) this.#sender.goOn();
    const isUnsettled = this.#place.epoch !== this.#welcome?.epoch;
    if (this.#place.settle(event.id)) this.#events.restarted();
    else if (isUnsettled) this.#isForgotten = false;
    const missed = this.#place.take(event.id);
    if (missed === undefined) return;
    if (missed > 0) this.#miss(wordMissed(missed));
    if (this.#isReturning && event.messageType === "message" && !isOwn) this.#caughtUp++;
    const isComing = event.messageType === "join" || event.messageType === "leave";
    // That it went and came back it tells in words of its own.
    const isRoutine = this.#isReturning && isComing && event.from === this.#welcome?.name;
    this.#events.receive(event, { isPast: this.#place.isPast(event.id), isOwn, isRoutine });
  }
}
