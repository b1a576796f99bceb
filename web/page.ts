/// <reference lib="dom" />
/**
 * The page: one person's part in a chat, in a browser. It shows a conversation, which it shares with
 * the terminal client: so each control here does what a command does.
 *
 * @module
 */

import { Conversation, type View } from "../client/conversation.ts";
import { ConnectError } from "../client/failure.ts";
import type { Handover } from "../client/handover.ts";
import type { Context } from "../client/link.ts";
import { MAX_LEFT } from "../client/place.ts";
import {
  DEFAULT_ROOM,
  GREETING,
  isCommand,
  nameKey,
  parseRoom,
  type PersonInput,
  ProtocolError,
  type SendMessage,
  type ServerMessage,
  type Welcome,
} from "../protocol.ts";
import { nearestRoom, readHash, roomOfAddress, serverUrl, setAddress } from "./address.ts";
import { Attention, isLooking } from "./attention.ts";
import { Composer, type Written } from "./composer.ts";
import { PersonDialog, prepareHelp, prepareInvitation, RenameDialog } from "./dialogs.ts";
import { part, setText } from "./elements.ts";
import { Entry } from "./entry.ts";
import { Lists } from "./lists.ts";
import { memory } from "./memory.ts";
import { Pending } from "./pending.ts";
import { Sidebar } from "./sidebar.ts";
import { Status } from "./status.ts";
import { Tab } from "./tab.ts";
import { avatarOf, Transcript } from "./transcript.ts";
import { Unread } from "./unread.ts";

/** How often it is asked which rooms there are, in milliseconds, while the page is looked at. */
const ROOMS_TIME = 15_000;

/** Why a person is not in, as far as a browser tells. */
const UNREACHABLE = "The chat cannot be reached right now.";

/** Why a person is not in who has no token, or a wrong one. */
const [NO_TOKEN, WRONG_TOKEN] = [
  "This chat lets in who has a token. Ask who runs it for one.",
  "That token is not valid. Ask who runs this chat.",
];

/** Tells whether something that somebody else has said is to be read. */
function isToRead({ messageType }: ServerMessage, { isOwn }: Context): boolean {
  return (messageType === "message" || messageType === "private") && !isOwn;
}

/** A chat in a browser. */
export class Page implements View {
  readonly #tab = new Tab();
  readonly #entry = new Entry();
  readonly #status = new Status();
  readonly #pending = new Pending();
  #lists = new Lists();
  readonly #attention = new Attention((text) => this.complain(text));
  readonly #unread = new Unread(this.#attention);
  readonly #sidebar = new Sidebar({
    choose: (name) => this.#choose(name),
    open: () => {
      if (this.#conversation?.isOnline) this.#askLists();
    },
  });
  readonly #person: PersonDialog;
  readonly #rename = new RenameDialog((input) => this.#act(input));
  readonly #composer: Composer;
  /** Transcripts of rooms, the room that was shown last as the last. */
  readonly #transcripts = new Map<string, Transcript>();
  #transcript: Transcript | undefined;
  #conversation: Conversation | undefined;
  /** What an earlier page has left, until the person is in. */
  #resume: Handover | undefined;
  /** The secret that lets the person in, where one is needed. */
  #token = memory.token;
  /** What was told before there was a transcript. */
  #untold: ((transcript: Transcript) => void)[] = [];
  /** Whether what the room's past was is still coming. */
  #isArriving = false;
  /** Whether the last welcome was for another name alone, which everyone is told. */
  #isRenamed = false;

  /** Creates one that nobody has come into yet. */
  constructor() {
    this.#composer = new Composer({
      submit: (written) => this.#submit(written),
      known: () => {
        const { others = [], rooms = [] } = this.#conversation ?? {};
        return { names: others, rooms };
      },
      announce: (text) => this.#status.announce(text),
    });
    this.#composer.restore(memory.drafts);
    this.#person = new PersonDialog({
      write: (name) => this.#composer.address(name),
      mention: (name) => this.#composer.mention(name),
      act: (input) => this.#act(input),
    });
    prepareHelp();
    prepareInvitation();
    const onClick = (id: string, act: () => void): void =>
      part(id, HTMLElement).addEventListener("click", act);
    onClick("rename", () => this.#choose(this.#conversation?.name ?? ""));
    onClick("clear", () => this.#act({ messageType: "clear" }));
    onClick("leave", () => this.#act({ messageType: "quit" }));
    onClick("skip", () => this.#composer.focus());
    part("new-room", HTMLElement).addEventListener("submit", (event) => this.#joinAnother(event));
    this.#listen();
  }

  /** Takes part, for as long as the page is open. */
  async run(): Promise<never> {
    this.#resume = await this.#tab.take();
    let failed: ConnectError | undefined;
    for (;;) {
      const room = roomOfAddress() ?? DEFAULT_ROOM;
      const known = this.#resume?.welcome.name ?? memory.name;
      const isAsked = failed !== undefined || known === undefined;
      // Who was sent away, or may not come in, does not come back without wanting to.
      const isTriedAgain = failed?.failure === "unreachable" || failed?.failure === "full";
      const needsToken = failed?.failure === "unauthorized";
      const failure = failed ? this.#wordFailure(failed) : "";
      const question = { name: known, room, failure, isTriedAgain, needsToken };
      const answer = isAsked ? await this.#entry.ask(question) : { name: known };
      const { name } = answer;
      if (isAsked) memory.name = name;
      this.#token = answer.token ?? this.#token;
      this.#entry.wait(name);
      failed = await this.#attend(name, roomOfAddress() ?? DEFAULT_ROOM);
    }
  }

  /** Takes part in a conversation until it is over. Returns why it could not even begin. */
  async #attend(name: string, room: string): Promise<ConnectError | undefined> {
    const resume = this.#resume;
    const options = { url: serverUrl(), name, room, resume, token: this.#token };
    const conversation = new Conversation(options, this);
    this.#conversation = conversation;
    this.#untold = [];
    this.#lists = new Lists();
    const wanted = location.hash;
    try {
      await conversation.begin();
    } catch (error) {
      this.#conversation = undefined;
      if (error instanceof ConnectError) return error;
      throw error;
    }
    this.#resume = undefined;
    memory.token = this.#token;
    // Who takes an earlier page's place comes in as they were, and into that room.
    if (resume && name !== resume.welcome.name) this.#act({ messageType: "register", data: name });
    if (this.#destination === undefined) this.#goTo(wanted);
    await conversation.untilLeaving();
    // Somebody else may come to this browser. In this page the person can come in again.
    if (conversation.hasQuit) memory.token = undefined;
    this.change();
    await conversation.untilAnswered();
    await conversation.end();
    this.#giveUp(conversation);
    this.#conversation = undefined;
    this.#keep();
    await this.#offerReturn();
    return undefined;
  }

  #wordFailure({ failure, message }: ConnectError): string {
    if (failure === "unreachable") return UNREACHABLE;
    if (failure === "unauthorized") return this.#token === undefined ? NO_TOKEN : WRONG_TOKEN;
    return message;
  }

  show(message: ServerMessage, context: Context): void {
    if (message.messageType === "welcome") this.#enter(message);
    if (message.messageType === "rooms") this.#sidebar.takeRooms(message);
    if (message.messageType === "rename" && !context.isPast) {
      this.#composer.rename(message.from, message.data ?? "");
    }
    const transcript = this.#transcript;
    if (!transcript || context.isRoutine || this.#isForPage(message)) return;
    if (message.messageType === "error") return this.#fail(message, transcript);
    if (isToRead(message, context)) this.#unread.expect(context);
    const isLoud = transcript.take(message, context);
    if (isLoud && "from" in message) this.#attention.notify(message.from, message.data ?? "");
  }

  notify(...lines: readonly string[]): void {
    this.#tell((transcript) => transcript.notify(lines.join("\n")));
  }

  complain(text: string): void {
    this.#tell((transcript) => transcript.complain(text));
  }

  clear(): void {
    this.#transcript?.clear();
  }

  more(): void {
    if (!this.#transcript?.more()) this.notify("Nothing else is cut short.");
  }

  change(): void {
    this.#refresh();
    this.#keep();
  }

  #refresh(): void {
    const conversation = this.#conversation;
    const transcript = this.#transcript;
    if (!conversation || !transcript) return;
    const { name = "", room, roster, ignored } = conversation;
    const waiting = conversation.waiting();
    const unsaid = waiting.filter((message) => message.messageType === "message");
    const destination = this.#destination ?? room;
    this.#pending.show(unsaid, conversation);
    this.#composer.setRoom(destination);
    if (conversation.leaving.aborted) this.#status.tell("Leaving …");
    else if (conversation.isConnected) this.#status.tell("");
    else {
      this.#status.tellOffline({
        waiting: unsaid.length,
        room: destination === room ? undefined : destination,
        retry: () => conversation.retry(),
      });
    }
    // What came before the person was there is not read out.
    if (this.#isArriving || !conversation.isOnline) transcript.settle();
    this.#isArriving &&= !conversation.isOnline;
    // Where the server did not let the person go, the address does not stay either.
    if (destination === room) setAddress(room);
    this.#sidebar.show({ name, room, roster, ignored });
    this.#unread.refresh();
  }

  /** The room that the person will be in when all is answered; undefined if they stay. */
  get #destination(): string | undefined {
    const joins = this.#conversation?.waiting().filter(({ messageType }) => messageType === "join");
    const last = joins?.at(-1);
    return last?.messageType === "join" ? last.data : undefined;
  }

  /** Tells something in the transcript, as soon as there is one. */
  #tell(tell: (transcript: Transcript) => void): void {
    if (this.#transcript) tell(this.#transcript);
    else this.#untold.push(tell);
  }

  /** Comes into a room: the first, another, or the same under another name. */
  #enter({ room, name, data }: Welcome): void {
    const before = this.#transcript;
    const known = this.#transcripts.get(room);
    const transcript = known ?? this.#newTranscript();
    this.#transcripts.delete(room);
    this.#transcripts.set(room, transcript);
    const [oldest] = this.#transcripts.keys();
    // This one is not left yet.
    const isTooMany = this.#transcripts.size > MAX_LEFT + 1;
    if (isTooMany && oldest !== undefined) this.#transcripts.delete(oldest);
    const self = part("self-name", HTMLElement);
    const isRenamed = before !== undefined && self.textContent !== name;
    this.#isRenamed = isRenamed && before === transcript;
    // Who comes in, or back, under another name did not choose it.
    if (isRenamed && data !== GREETING) memory.name = name;
    setText(self, name);
    part("self-avatar", HTMLElement).replaceChildren(avatarOf(name));
    if (before === transcript) return;
    before?.log.shrink();
    this.#unread.turnTo(transcript, { room, isBack: known !== undefined });
    this.#turnTo(transcript, room);
  }

  /** Shows another room. */
  #turnTo(transcript: Transcript, room: string): void {
    const { log } = transcript;
    this.#transcript = transcript;
    this.#isArriving = true;
    this.#lists.expectPeople();
    this.#entry.close();
    part("app", HTMLElement).hidden = false;
    setText(part("room", HTMLElement), room);
    part("log", HTMLElement).replaceChildren(log.element);
    log.foot.replaceChildren(this.#pending.element);
    log.toEnd();
    for (const tell of this.#untold.splice(0)) tell(transcript);
    this.#composer.setRoom(this.#destination ?? room);
    this.#composer.focus();
    this.#status.announce(`You are in ${room}`);
    this.#sidebar.close();
    this.#askLists();
  }

  #newTranscript(): Transcript {
    return new Transcript({
      name: () => this.#conversation?.name,
      events: {
        choose: (name) => this.#choose(name),
        answer: (name) => this.#composer.address(name),
        edit: (message) => this.#composer.edit(message),
        move: () => this.#unread.refresh(),
      },
    });
  }

  /** Tells whether a message is an answer to what the page asked, or is said by other means. */
  #isForPage(message: ServerMessage): boolean {
    const isWelcome = message.messageType === "welcome";
    if (isWelcome) return message.data === GREETING || this.#isRenamed;
    return this.#lists.isAnswer(message);
  }

  #fail(
    { data, ref = "" }: ServerMessage & { messageType: "error" },
    transcript: Transcript,
  ): void {
    const message = this.#pending.find(ref);
    if (message) transcript.fail(message, data);
    else transcript.complain(data);
  }

  #askLists(): void {
    if (this.#conversation) this.#lists.ask(this.#conversation);
  }

  /** Does what a control stands for. Returns whether that can be done now. */
  #act(input: PersonInput): boolean {
    const isTaken = this.#conversation?.act(input) === true;
    this.change();
    return isTaken;
  }

  /** Says, or does, what was written. Returns whether it was taken. */
  #submit({ text, to, action }: Written): boolean {
    const conversation = this.#conversation;
    if (!conversation || conversation.leaving.aborted) return false;
    if (!conversation.hasRoom) {
      this.complain("Too much waits already: this was not taken. Send it later.");
      this.#transcript?.log.toEnd();
      return false;
    }
    const line = text.replace(/^\s*\n/, "");
    const isPlain = !isCommand(line) && (to !== undefined || action === true);
    const isTaken = isPlain
      ? conversation.say(line.replace(/^\/\//, "/"), { to, action })
      : conversation.take(line);
    // Also where the person sees why it was not taken.
    this.#transcript?.log.toEnd();
    if (!isTaken) return false;
    this.#transcript?.unmark();
    this.change();
    return true;
  }

  #choose(name: string): void {
    const conversation = this.#conversation;
    if (!conversation) return;
    this.#sidebar.close();
    if (name === conversation.name) return this.#rename.open(name);
    const isIgnored = conversation.ignored.some((other) => nameKey(other) === nameKey(name));
    this.#person.open({ name, address: conversation.roster.addressOf(name), isIgnored });
  }

  #joinAnother(event: Event): void {
    event.preventDefault();
    const input = part("new-room-name", HTMLInputElement);
    const data = nearestRoom(input.value);
    const isTaken = data !== "" && this.#act({ messageType: "join", data });
    const error = input.value === "" || isTaken
      ? ""
      : "A room's name needs a letter from a to z, a digit or _.";
    setText(part("new-room-error", HTMLElement), error);
    if (isTaken) input.value = "";
  }

  /** Goes to the room that an address names behind its `#`, unless the person goes there anyway. */
  #goTo(hash: string): void {
    const { room = "" } = this.#conversation ?? {};
    if (hash === "" || hash === `#${this.#destination ?? room}`) return;
    try {
      // Nothing else that an address says is done: anybody can make a link.
      this.#act({ messageType: "join", data: parseRoom(readHash(hash)) });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.complain(error.message);
      this.change();
    }
  }

  /** Makes what was not said a draft again, for the room that it was meant for. */
  takeBack(message: SendMessage): void {
    this.#composer.takeBack(message, message.room ?? this.#conversation?.room ?? "");
  }

  /** Gives back what was not said: it is a draft again. */
  #giveUp(conversation: Conversation): void {
    for (const message of conversation.waiting()) {
      if (message.messageType === "message") this.takeBack(message);
    }
    this.#composer.setRoom(conversation.room);
    this.#pending.show([], conversation);
  }

  /** Waits until a person who is not in any more wants to come in again. */
  async #offerReturn(): Promise<void> {
    const isOut = (isOut: boolean): void => {
      for (const id of ["composer", "tools"]) part(id, HTMLElement).hidden = isOut;
      part("side", HTMLElement).inert = isOut;
    };
    isOut(true);
    this.#unread.leave();
    await new Promise<void>((act) => {
      this.#status.tell("You are not in the chat any more.", { word: "Come in again", act });
      this.#status.focus();
    });
    this.#status.tell("");
    isOut(false);
    part("app", HTMLElement).hidden = true;
    this.#transcripts.clear();
    this.#transcript = undefined;
  }

  /** What another page in this tab would go on with. */
  get #handover(): Handover | undefined {
    return this.#conversation ? this.#conversation.handover() : this.#resume;
  }

  /** Keeps it: the page may be ended without a word. */
  #keep(): void {
    this.#tab.keep(this.#handover);
    memory.drafts = this.#composer.drafts;
  }

  #leaveBehind(): void {
    memory.drafts = this.#composer.drafts;
    this.#tab.leave(this.#handover);
  }

  /** Listens to what happens to the page as a whole. */
  #listen(): void {
    const look = (): void => {
      this.#unread.refresh();
      this.#keep();
      if (isLooking() && this.#conversation?.isOnline) this.#askLists();
    };
    addEventListener("focus", look);
    setInterval(look, ROOMS_TIME);
    addEventListener("online", () => this.#conversation?.retry());
    addEventListener("hashchange", ({ newURL }) => {
      this.#entry.setRoom(roomOfAddress() ?? DEFAULT_ROOM);
      this.#goTo(new URL(newURL).hash);
    });
    document.addEventListener("visibilitychange", look);
    addEventListener("pagehide", () => this.#leaveBehind());
    addEventListener("pageshow", ({ persisted }) => {
      // It was in the browser's cache, and another page in its tab may have gone on meanwhile.
      if (persisted && !this.#tab.back()) location.reload();
    });
    addEventListener("beforeunload", (event) => {
      const isUnsaid = this.#pending.size > 0 || (this.#resume?.unsaid.length ?? 0) > 0;
      if (isUnsaid) event.preventDefault();
    });
    document.addEventListener("keydown", (event) => this.#type(event));
  }

  /** Who types, without having chosen where, writes a message. */
  #type({ key, ctrlKey, metaKey, altKey, target }: KeyboardEvent): void {
    const isLetter = Array.from(key).length === 1 && key !== " " && !ctrlKey && !metaKey && !altKey;
    const isFree = target === document.body || target === this.#transcript?.log.element;
    if (isLetter && isFree && this.#conversation) this.#composer.focus();
  }
}
