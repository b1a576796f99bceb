/// <reference lib="dom" />
/**
 * The page: one person's part in a chat, in a browser. It shows a conversation, which it shares with
 * the terminal client: so each control here does what a command does, by the same words.
 *
 * @module
 */

import { Conversation, type View } from "../client/conversation.ts";
import { ConnectError } from "../client/failure.ts";
import type { Context } from "../client/link.ts";
import { MAX_LEFT } from "../client/place.ts";
import { DEFAULT_ROOM, GREETING, nameKey, type ServerMessage, type Welcome } from "../protocol.ts";
import { readHash, roomOfAddress, serverUrl, setAddress } from "./address.ts";
import { Attention, isLooking } from "./attention.ts";
import { Composer } from "./composer.ts";
import { PersonDialog, prepareHelp, RenameDialog } from "./dialogs.ts";
import { part } from "./elements.ts";
import { askName } from "./entry.ts";
import { memory } from "./memory.ts";
import { Pending } from "./pending.ts";
import { Sidebar, wordPeople } from "./sidebar.ts";
import { Status } from "./status.ts";
import { avatarOf, Transcript } from "./transcript.ts";

/** How often it is asked which rooms there are, in milliseconds, while the page is looked at. */
const ROOMS_TIME = 15_000;

/** Tells whether something that somebody else has just said is new to the reader. */
function isNews({ messageType }: ServerMessage, { isOwn, isPast }: Context): boolean {
  return (messageType === "message" || messageType === "private") && !isOwn && !isPast;
}

/** A chat in a browser. */
export class Page implements View {
  readonly #attention = new Attention();
  readonly #transcripts = new Map<string, Transcript>();
  readonly #sidebar = new Sidebar({ choose: (name) => this.#choose(name) });
  readonly #person: PersonDialog;
  readonly #rename: RenameDialog;
  readonly #composer: Composer;
  readonly #pending = new Pending();
  readonly #status = new Status();
  readonly #new = part("new", HTMLButtonElement);
  #conversation: Conversation | undefined;
  /** The room's, once the person is in one. */
  #transcript: Transcript | undefined;
  #unread = 0;
  /** Whether the next list of rooms, or of people, is for the page and not for the person. */
  readonly #isAsking = { rooms: false, users: false };

  /** Creates one that nobody has come into yet. */
  constructor() {
    const command = (line: string): void => this.#command(line);
    this.#composer = new Composer({
      submit: (line) => this.#submit(line),
      known: () => {
        const { others = [], rooms = [] } = this.#conversation ?? {};
        return { names: others, rooms };
      },
    });
    this.#person = new PersonDialog({
      write: (name) => this.#composer.address(name),
      mention: (name) => this.#composer.mention(name),
      command,
    });
    this.#rename = new RenameDialog(command);
    prepareHelp();
    part("rename", HTMLElement).addEventListener("click", () => {
      this.#choose(this.#conversation?.name ?? "");
    });
    part("clear", HTMLElement).addEventListener("click", () => command("/clear"));
    part("leave", HTMLElement).addEventListener("click", () => command("/quit"));
    part("new-room", HTMLElement).addEventListener("submit", (event) => this.#joinAnother(event));
    this.#new.addEventListener("click", () => this.#transcript?.revealNew());
    this.#listen();
  }

  /** Takes part, for as long as the page is open. */
  async run(): Promise<never> {
    let resume = memory.take();
    let failure = "";
    for (;;) {
      const room = roomOfAddress() ?? DEFAULT_ROOM;
      const known = resume?.welcome.name ?? memory.name;
      const isAsked = failure !== "" || known === undefined;
      const name = isAsked ? await askName({ name: known, room, failure }) : known;
      if (isAsked) memory.name = name;
      const conversation = new Conversation({ url: serverUrl(), name, room, resume }, this);
      failure = await this.#attend(conversation);
      if (failure === "") resume = undefined;
    }
  }

  /** Takes part in a conversation until it is over. Returns why it could not even begin. */
  async #attend(conversation: Conversation): Promise<string> {
    this.#conversation = conversation;
    this.#transcripts.clear();
    this.#transcript = undefined;
    const wanted = location.hash;
    try {
      await conversation.begin();
    } catch (error) {
      this.#conversation = undefined;
      if (error instanceof ConnectError) return error.message;
      throw error;
    }
    // Who takes an earlier page's place comes into its room first.
    this.#goTo(wanted);
    this.#composer.focus();
    await conversation.untilLeaving();
    this.change();
    await conversation.untilAnswered();
    await conversation.end();
    this.change();
    this.#conversation = undefined;
    await this.#offerReturn();
    return "";
  }

  show(message: ServerMessage, context: Context): void {
    if (message.messageType === "welcome") this.#enter(message);
    if (message.messageType === "rooms") this.#sidebar.takeRooms(message);
    if (message.messageType === "rename") this.#composer.rename(message.from, message.data ?? "");
    const transcript = this.#transcript;
    if (!transcript || context.isRoutine || this.#isForPage(message)) return;
    if (message.messageType === "error") return this.#fail(message, transcript);
    const isAway = !isLooking() || !transcript.log.isAtEnd;
    const isUnread = isAway && isNews(message, context);
    if (isUnread && this.#unread === 0) transcript.mark();
    if (isUnread) this.#unread++;
    const isLoud = transcript.take(message, context);
    if (isLoud && "from" in message) this.#attention.notify(message.from, message.data ?? "");
  }

  notify(...lines: readonly string[]): void {
    this.#transcript?.notify(lines.join("\n"));
  }

  complain(text: string): void {
    this.#transcript?.complain(text);
  }

  clear(): void {
    this.#transcript?.clear();
  }

  change(): void {
    const conversation = this.#conversation;
    const transcript = this.#transcript;
    if (!conversation || !transcript) return;
    const waiting = conversation.waiting();
    const unsaid = waiting.filter((message) => message.messageType === "message");
    this.#pending.show(unsaid, conversation);
    if (conversation.leaving.aborted) this.#status.tell("Leaving …");
    else if (conversation.isConnected) this.#status.tell("");
    else this.#status.tellOffline(unsaid.length, () => conversation.retry());
    const isMoving = waiting.some(({ messageType }) => messageType === "join");
    // Where the server did not let the person go, the address does not stay either.
    if (!isMoving && roomOfAddress() !== conversation.room) setAddress(conversation.room);
    const { name = "", room, roster, ignored } = conversation;
    part("present", HTMLElement).textContent = wordPeople(roster.count);
    this.#sidebar.show({ name, room, roster, ignored });
    this.#readIfLooking();
  }

  /** Comes into a room: the first, another, or the same under another name. */
  #enter(welcome: Welcome): void {
    const { room, name } = welcome;
    const before = this.#transcript;
    const transcript = this.#transcripts.get(room) ?? this.#newTranscript();
    this.#transcripts.delete(room);
    this.#transcripts.set(room, transcript);
    const [oldest] = this.#transcripts.keys();
    if (this.#transcripts.size > MAX_LEFT && oldest !== undefined) this.#transcripts.delete(oldest);
    this.#transcript = transcript;
    const self = part("self-name", HTMLElement);
    const isRenamed = before !== undefined && self.textContent !== name;
    // Who comes in, or back, under another name did not choose it.
    if (isRenamed && welcome.data !== GREETING) memory.name = name;
    self.textContent = name;
    part("self-avatar", HTMLElement).replaceChildren(avatarOf(name));
    if (before !== transcript) this.#turnTo(transcript, room);
  }

  /** Shows another room. */
  #turnTo(transcript: Transcript, room: string): void {
    const { log } = transcript;
    this.#isAsking.users = true;
    part("app", HTMLElement).hidden = false;
    part("room", HTMLElement).textContent = room;
    part("log", HTMLElement).replaceChildren(log.element);
    log.foot.replaceChildren(this.#pending.element);
    log.toEnd();
    this.#unread = 0;
    this.#composer.setRoom(room);
    this.#composer.focus();
    this.#sidebar.close();
    setAddress(room);
    this.#askLists();
  }

  #newTranscript(): Transcript {
    return new Transcript({
      name: () => this.#conversation?.name,
      events: {
        choose: (name) => this.#choose(name),
        answer: (name) => this.#composer.address(name),
        edit: (message) => this.#composer.edit(message),
        move: () => this.#readIfLooking(),
      },
    });
  }

  /** Tells whether a message is an answer to what the page asked, or is said by other means. */
  #isForPage(message: ServerMessage): boolean {
    const { messageType } = message;
    if (messageType === "welcome") return message.data === GREETING;
    if (messageType !== "rooms" && messageType !== "users") return false;
    const isAsked = this.#isAsking[messageType];
    this.#isAsking[messageType] = false;
    return isAsked;
  }

  #fail(
    { data, ref = "" }: ServerMessage & { messageType: "error" },
    transcript: Transcript,
  ): void {
    const message = this.#pending.find(ref);
    if (message) transcript.fail(message, data);
    else transcript.complain(data);
  }

  /** Asks for what the side shows and nobody tells by itself. */
  #askLists(): void {
    const conversation = this.#conversation;
    if (!conversation) return;
    const types = ["rooms" as const, ...(conversation.roster.isOutdated ? ["users" as const] : [])];
    for (const messageType of types) {
      if (this.#isAsking[messageType]) continue;
      this.#isAsking[messageType] = true;
      conversation.send({ messageType });
    }
  }

  /** Does what a control stands for, by the words of its command. */
  #command(line: string): void {
    this.#conversation?.take(line);
    this.change();
  }

  #submit(line: string): boolean {
    const conversation = this.#conversation;
    if (!conversation || conversation.leaving.aborted) return false;
    if (!conversation.hasRoom) {
      this.complain("Too much waits already: this was not taken. Send it later.");
      return false;
    }
    if (!conversation.take(line)) return false;
    this.change();
    this.#transcript?.unmark();
    this.#transcript?.log.toEnd();
    return true;
  }

  #choose(name: string): void {
    const { roster, ignored = [] } = this.#conversation ?? {};
    const isIgnored = ignored.some((other) => nameKey(other) === nameKey(name));
    this.#sidebar.close();
    if (name === this.#conversation?.name) return this.#rename.open(name);
    this.#person.open({ name, address: roster?.addressOf(name), isIgnored });
  }

  #joinAnother(event: Event): void {
    event.preventDefault();
    const input = part("new-room-name", HTMLInputElement);
    const room = input.value.trim().toLowerCase().replace(/^#/, "");
    if (room !== "" && this.#conversation?.take(`/join ${room}`)) input.value = "";
  }

  /** Goes to the room that an address names behind its `#`. */
  #goTo(hash: string): void {
    const conversation = this.#conversation;
    if (!conversation || hash === "" || hash === `#${conversation.room}`) return;
    conversation.take(`/join ${readHash(hash)}`);
    this.change();
  }

  /** Waits until a person who is not in any more wants to come in again. */
  async #offerReturn(): Promise<void> {
    const composer = part("composer", HTMLElement);
    composer.hidden = true;
    await new Promise<void>((act) => {
      this.#status.tell("You are not in the chat any more.", { word: "Come in again", act });
    });
    this.#status.tell("");
    composer.hidden = false;
  }

  /** What is shown is read if the person sees the end of it. */
  #readIfLooking(): void {
    const { isAtEnd = true } = this.#transcript?.log ?? {};
    if (isAtEnd && isLooking()) this.#unread = 0;
    this.#new.hidden = isAtEnd;
    this.#new.textContent = this.#unread === 0
      ? "To the end"
      : this.#unread === 1
      ? "1 new message"
      : `${this.#unread} new messages`;
    this.#attention.entitle(this.#conversation?.room ?? "", this.#unread);
  }

  /** Listens to what happens to the page as a whole. */
  #listen(): void {
    const look = (): void => {
      this.#readIfLooking();
      if (this.#conversation?.isOnline) this.#askLists();
    };
    addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    setInterval(() => {
      if (isLooking() && this.#conversation?.isOnline) this.#askLists();
    }, ROOMS_TIME);
    addEventListener("online", () => this.#conversation?.retry());
    addEventListener("hashchange", ({ newURL }) => this.#goTo(new URL(newURL).hash));
    addEventListener("pagehide", () => {
      const handover = this.#conversation?.handover();
      if (handover) memory.leave(handover);
    });
    addEventListener("pageshow", ({ persisted }) => {
      if (persisted) memory.take();
    });
    addEventListener("beforeunload", (event) => {
      if (this.#pending.size > 0) event.preventDefault();
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
