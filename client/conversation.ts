/**
 * The conversation: what a person or a program says and asks for, and what comes back, whatever it
 * is shown on.
 *
 * @module
 */

import {
  type ClientMessage,
  CloseCode,
  formatHelp,
  GREETING,
  isNotice,
  nameKey,
  parseMessageText,
  parsePersonInput,
  PERSON_COMMANDS,
  type PersonInput,
  ProtocolError,
  type SendMessage,
  type ServerMessage,
  type Welcome,
} from "../protocol.ts";
import { connect, type Explain, formatUrl } from "./connect.ts";
import { ExitCode, FAILURE_CODES } from "./exit.ts";
import { ConnectError, type ConnectFailure } from "./failure.ts";
import type { Handover } from "./handover.ts";
import { type Context, type Ending, Link } from "./link.ts";
import { People } from "./people.ts";
import { Roster } from "./roster.ts";

/** The most messages and commands that may be unanswered; more input waits. */
const MAX_UNANSWERED = 64;

/** The same while there is no connection: a `/quit` among what is typed must be found. */
const MAX_UNSENT = 1_000;

/** The most rooms that are remembered for completion. */
const MAX_ROOMS = 1_000;

/** So often it is told that the server sent what cannot be read. */
const MAX_UNREADABLE = 5;

/** Where a conversation is shown. */
export interface View {
  /** Shows what the server tells. */
  readonly show: (message: ServerMessage, context: Context) => void;
  /** Shows lines about the conversation, together. */
  readonly notify: (...lines: readonly string[]) => void;
  /** Shows what went wrong. */
  readonly complain: (text: string) => void;
  /** Takes away what was shown. */
  readonly clear: () => void;
  /** Shows whole what was cut short last. Default: nothing is. */
  readonly more?: () => void;
  /** Shows that something has changed: the name, the room, the connection, or what waits. */
  readonly change: () => void;
  /** Makes what could not be said a draft again, where there are drafts. */
  readonly takeBack?: (message: SendMessage) => void;
}

/** Settings of a {@linkcode Conversation}. */
export interface ConversationOptions {
  readonly url: URL;
  /** The wanted name. Default: the server gives one. */
  readonly name?: string | undefined;
  readonly room?: string | undefined;
  /** The secret that lets this person in, where one is needed. */
  readonly token?: string | undefined;
  /** Finds out why there is no connection. Default: there is no answer. */
  readonly explain?: Explain | undefined;
  /** What the one had whose place this takes. */
  readonly resume?: Handover | undefined;
}

/** One person's or program's part in a chat. */
export class Conversation {
  /** Who is in the room. */
  readonly roster: Roster = new Roster();
  readonly #options: ConversationOptions;
  readonly #view: View;
  readonly #link: Link;
  readonly #leaving = new AbortController();
  readonly #people = new People();
  readonly #rooms = new Set<string>();
  /** Names of those who are not shown, by their keys. */
  readonly #ignored = new Map<string, string>();
  /** The other end of the last private message. */
  #correspondent: string | undefined;
  #isIn = false;
  #hasQuit = false;
  /** Whether something that was said is lost, or may be. */
  #hasLost = false;
  /** What the server said against coming in. */
  #refusal: (ServerMessage & { messageType: "error" }) | undefined;
  #ending: Ending | undefined;
  /** How often the server sent what cannot be read. */
  #unreadable = 0;
  /** Wakes `#until`, which checks its condition again. */
  #onChange: (() => void) | undefined;

  /** Creates one that has not begun. */
  constructor(options: ConversationOptions, view: View) {
    this.#options = options;
    this.#view = view;
    const { url, explain, resume } = options;
    for (const name of resume?.ignored ?? []) this.#ignored.set(nameKey(name), name);
    this.#link = new Link({ ...options, connect: () => connect(url, { explain }) }, {
      receive: (message, context) => this.#receive(message, context),
      lost: (delay) => {
        view.notify(`connection lost, trying again in ${Math.ceil(delay / 1000)} s`);
      },
      back: (caughtUp) => view.notify(`back${wordCaughtUp(caughtUp)}`),
      uncertain: (message) => {
        this.#lose(wordUncertain(message));
        view.takeBack?.(message);
      },
      stranded: (message) => {
        const { room = "", data } = message;
        this.#lose(`Not said, for you are not in ${room}: ${data}`);
        view.takeBack?.(message);
      },
      repeated: ({ ref = "" }) => {
        this.#lose(`Not said: its ref ${JSON.stringify(ref)} had been used before.`);
      },
      silenced: (count) => {
        const more = count === 1 ? "1 more message was" : `${count} more messages were`;
        this.#lose(`${more} not said.`);
      },
      restarted: () => {
        view.notify("the server has begun a new history: some of what was said may be missing");
      },
      unreadable: ({ message }) => this.#tellUnreadable(message),
      change: () => this.#change(),
    });
  }

  /** The person's name; undefined before coming in. */
  get name(): string | undefined {
    return this.#link.welcome?.name;
  }

  /** The room; empty before coming in. */
  get room(): string {
    return this.#link.welcome?.room ?? "";
  }

  /** Whether there is a connection, though not all may be caught up. */
  get isConnected(): boolean {
    return this.#link.isConnected;
  }

  /** Whether it is connected, and all is caught up. */
  get isOnline(): boolean {
    return this.#link.isOnline;
  }

  /** Names of people in the room, who spoke last first, without this person's. */
  get others(): string[] {
    return this.#people.names.filter((name) => name !== this.name);
  }

  /** Names of people who are not shown. */
  get ignored(): string[] {
    return [...this.#ignored.values()];
  }

  /** Names of rooms that were heard of. */
  get rooms(): string[] {
    return [...this.#rooms];
  }

  /** Aborted once this person has quit, or it is over. */
  get leaving(): AbortSignal {
    return this.#leaving.signal;
  }

  /** Whether it is over, or will be, because this person wants it. */
  get hasQuit(): boolean {
    return this.#hasQuit;
  }

  /** Returns what was said or asked for and is not answered yet, the oldest first. */
  waiting(): ClientMessage[] {
    return this.#link.waiting();
  }

  /**
   * Comes in.
   *
   * @throws {ConnectError} If there is no server, or it does not let this client in.
   */
  async begin(): Promise<void> {
    await this.#link.start();
    this.#link.ended.then((ending) => {
      this.#ending = ending;
      this.#leaving.abort();
      this.#change();
    });
    await this.#until(() => this.#link.welcome !== undefined);
    if (!this.#link.welcome && this.#ending) throw this.#explain(this.#ending);
  }

  /** Does what a line that was typed asks for. Returns whether it was taken. */
  take(line: string): boolean {
    return this.#attempt(() => parsePersonInput(line));
  }

  /** Says a text, whatever it begins with: to the room or to one person. Returns as {@linkcode take}. */
  say(text: string, { to, action }: Pick<SendMessage, "to" | "action"> = {}): boolean {
    return this.#attempt(() => ({
      messageType: "message",
      data: parseMessageText(text),
      to,
      action,
    }));
  }

  /** Does what a command stands for. Returns as {@linkcode take}. */
  act(input: PersonInput): boolean {
    return this.#attempt(() => input);
  }

  #attempt(parse: () => PersonInput | undefined): boolean {
    try {
      const input = parse();
      if (input) this.#do(input);
      return true;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#view.complain(error.message);
      return false;
    }
  }

  /**
   * Says or asks for something, now or as soon as it is online.
   *
   * @throws {ProtocolError} If it is too long, or its `ref` is that of another that is not answered.
   */
  send(message: ClientMessage): void {
    this.#link.send(message);
    this.#view.change();
  }

  /** Tries the next connection now, if it waits for that. */
  retry(): void {
    this.#link.retry();
  }

  /** Returns what another conversation can go on with; undefined if there is nothing yet. */
  handover(): Handover | undefined {
    const handover = this.#link.handover();
    return handover && { ...handover, ignored: this.ignored };
  }

  /** Whether more may be taken. */
  get hasRoom(): boolean {
    return this.#link.unanswered < (this.#link.isConnected ? MAX_UNANSWERED : MAX_UNSENT);
  }

  /** Waits until more can be taken. */
  async untilRoom(): Promise<void> {
    await this.#until(() => this.hasRoom);
  }

  /** Waits until all is answered; who has quit does not wait for a server that is not there. */
  async untilAnswered(): Promise<void> {
    await this.#until(() =>
      this.#link.unanswered === 0 || (this.#hasQuit && !this.#link.isConnected)
    );
  }

  /** Waits until this person quits, or it is over, or so many milliseconds have passed. */
  async untilLeaving(longest = Infinity): Promise<void> {
    let isLate = false;
    const giveUp = (): void => {
      isLate = true;
      this.#onChange?.();
    };
    const timer = longest < Infinity ? setTimeout(giveUp, longest) : undefined;
    await this.#until(() => isLate || this.leaving.aborted);
    clearTimeout(timer);
  }

  /** Quits: a second time without waiting for answers. */
  quit(): void {
    if (this.#hasQuit) this.#link.leave();
    this.#hasQuit = true;
    this.#leaving.abort();
    this.#change();
  }

  /** Leaves, and says why if it was not this person's wish. */
  async end(): Promise<ExitCode> {
    const { unanswered, unsent } = this.#link;
    const error = this.#ending && !this.#hasQuit ? this.#explain(this.#ending) : undefined;
    if (error) this.#view.complain(error.message);
    if (unsent > 0) this.#view.complain(`${wordLines(unsent, "was", "were")} not sent`);
    if (unanswered > unsent) {
      this.#view.complain(`${wordLines(unanswered - unsent, "may", "may")} not have arrived`);
    }
    this.#link.leave();
    await this.#link.ended;
    if (error) return FAILURE_CODES[error.failure];
    return unanswered > 0 || this.#hasLost ? ExitCode.refused : ExitCode.left;
  }

  #tellUnreadable(why: string): void {
    this.#unreadable++;
    if (this.#unreadable > MAX_UNREADABLE) return;
    const more = this.#unreadable === MAX_UNREADABLE ? " More of that is not told." : "";
    this.#view.notify(`The server sent what this client cannot read: ${why}${more}`);
  }

  #lose(text: string): void {
    this.#hasLost = true;
    this.#view.complain(text);
  }

  /** Resolves once `isSo`, or it is over. Only one may wait at a time. */
  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo() && !this.#ending) {
      await new Promise<void>((resolve) => this.#onChange = resolve);
    }
  }

  #change(): void {
    this.#onChange?.();
    this.#view.change();
  }

  #do(input: PersonInput): void {
    switch (input.messageType) {
      case "help":
        return this.#view.notify("The commands:", ...formatHelp(PERSON_COMMANDS));
      case "quit":
        return this.quit();
      case "clear":
        return this.#view.clear();
      case "more":
        if (this.#view.more) return this.#view.more();
        return this.#view.complain("/more is for a terminal: here nothing is cut short.");
      case "ignore":
        return this.#ignore(input.data);
      case "reply":
        return this.#reply(input.data);
      default:
        return this.send(input);
    }
  }

  #reply(data: string): void {
    const to = this.#correspondent;
    if (to === undefined) return this.#view.complain("There is no private message yet to answer.");
    this.send({ messageType: "message", data, to });
  }

  #ignore(name: string | undefined): void {
    if (name === undefined) {
      const names = [...this.#ignored.values()].join(", ");
      return this.#view.notify(names === "" ? "You ignore nobody" : `You ignore ${names}`);
    }
    const key = nameKey(name);
    if (key === nameKey(this.name ?? "")) {
      return this.#view.complain("Others may ignore you. You cannot.");
    }
    if (this.#ignored.delete(key)) return this.#view.notify(`You hear ${name} again`);
    this.#ignored.set(key, name);
    this.#view.notify(`You ignore ${name}; the same again ends it`);
  }

  /** Tells whether what a person does is not shown; follows one who takes another name. */
  #isIgnored(message: ServerMessage, { isOwn, isPast }: Context): boolean {
    if (isOwn || !("from" in message) || !this.#ignored.has(nameKey(message.from))) return false;
    if (message.messageType === "rename" && message.data !== undefined && !isPast) {
      this.#ignored.delete(nameKey(message.from));
      this.#ignored.set(nameKey(message.data), message.data);
    }
    return true;
  }

  #receive(message: ServerMessage, context: Context): void {
    if (message.messageType === "error" && !this.#isIn) {
      this.#refusal = message;
      // Why it is not let in is told at the end.
      return this.#view.show(message, { ...context, isRoutine: true });
    }
    if (message.messageType === "private" && isNotice(message)) {
      this.#view.show(message, { ...context, isRoutine: true });
      return this.#view.notify(message.data);
    }
    this.#people.take(message);
    this.roster.take(message, context);
    if (this.#isIgnored(message, context)) {
      // Who else has to follow a name does.
      if (message.messageType === "rename") {
        this.#view.show(message, { ...context, isRoutine: true });
      }
      return;
    }
    this.#learn(message, context);
    if (message.messageType === "welcome") return this.#greet(message, context);
    this.#view.show(message, context);
  }

  /** Remembers who was last in a private conversation, and rooms. */
  #learn(message: ServerMessage, { isPast }: Context): void {
    switch (message.messageType) {
      case "private":
        this.#correspondent = message.from === this.name ? message.to : message.from;
        break;
      case "rename":
        if (!isPast && message.from === this.#correspondent) this.#correspondent = message.data;
        break;
      case "welcome":
        if (this.#rooms.size >= MAX_ROOMS) this.#rooms.clear();
        this.#rooms.add(message.room);
        break;
      case "rooms":
        this.#rooms.clear();
        for (const room of [this.room, ...message.dataArray]) this.#rooms.add(room);
    }
  }

  #greet(welcome: Welcome, context: Context): void {
    // After /nick and /join the server's own words say it; who comes back as another is not greeted.
    const isRegistered = !this.#isIn || welcome.data === GREETING;
    const isRoutine = context.isRoutine || (this.#isIn && isRegistered);
    this.#view.show(welcome, { ...context, isRoutine });
    if (isRegistered && !context.isRoutine) {
      this.#view.notify(`You are ${welcome.name} in ${welcome.room}`);
    }
    this.#isIn = true;
    this.#refusal = undefined;
    // Whose name it was before is somebody else now.
    this.#ignored.delete(nameKey(welcome.name));
  }

  /** Words why it is over, though this person did not leave. */
  #explain({ code, reason }: Ending): ConnectError {
    const where = formatUrl(this.#options.url);
    const why = wordReason(this.#refusal?.data ?? (reason || `code ${code}`));
    const failure = this.#findFailure(code);
    switch (failure) {
      case "kicked":
        return new ConnectError(failure, `${where} has sent you away: ${why} Ask who runs it.`);
      case "full":
        return new ConnectError(failure, `${where} is full: ${why} Try again later.`);
      case "unauthorized": {
        const text = `${where} does not let you in: ${why} Ask who runs it for a token.`;
        return new ConnectError(failure, text);
      }
      default: {
        const text = `The connection to ${where} has ended: ${why} Try again later.`;
        return new ConnectError(failure, text);
      }
    }
  }

  #findFailure(code: number): ConnectFailure {
    if (code === CloseCode.kicked) return "kicked";
    if (code === CloseCode.unauthorized) return "unauthorized";
    // What the server has said tells more than its close code.
    switch (this.#refusal?.code) {
      case "full":
        return "full";
      case "unauthorized":
      case "forbidden":
        return "unauthorized";
      default:
        return code === CloseCode.tryAgainLater ? "full" : "unreachable";
    }
  }
}

/** Makes one sentence of what a server says. */
function wordReason(reason: string): string {
  return `${reason.replaceAll(/\s+/g, " ").trim().replace(/[.!?]$/, "")}.`;
}

function wordLines(count: number, verb: string, verbs: string): string {
  return count === 1 ? `1 line ${verb}` : `${count} lines ${verbs}`;
}

function wordCaughtUp(count: number): string {
  return count === 0 ? "" : `; ${count} ${count === 1 ? "message" : "messages"} caught up`;
}

function wordUncertain({ to, data }: SendMessage): string {
  const what = to === undefined ? "was said" : `reached ${to}`;
  return `Not known whether this ${what}: ${data}`;
}
