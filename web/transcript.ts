/// <reference lib="dom" />
/**
 * The transcript of a room: what its reader sees of a conversation, message by message, as blocks of
 * a log. What belongs together stands together: messages that one person says one after the other,
 * and people who come and go at once.
 *
 * @module
 */

import { Fold } from "../client/fold.ts";
import { hueOf } from "../client/hue.ts";
import type { Context } from "../client/link.ts";
import { findMentions } from "../client/mention.ts";
import { formatDay, formatTime, wordNotice } from "../client/words.ts";
import {
  type Membership,
  nameKey,
  type Presence,
  type Private,
  type RoomMessage,
  type SendMessage,
  type ServerMessage,
} from "../protocol.ts";
import { element } from "./elements.ts";
import { excerpt } from "./excerpt.ts";
import { Log } from "./log.ts";
import { isOnlyEmoji, splitText } from "./text.ts";

/** Messages of one person within so many milliseconds stand together. */
const GROUP_TIME = 5 * 60_000;

/** What the reader of a transcript can ask for. */
export interface TranscriptEvents {
  /** The reader wants to know, or do, something about a person. */
  readonly choose: (name: string) => void;
  /** The reader wants to answer a private message. */
  readonly answer: (name: string) => void;
  /** The reader wants to change what was not said. */
  readonly edit: (message: SendMessage) => void;
  /** The reader has come to the end, or left it. */
  readonly move: () => void;
}

/** Who comes and goes is not read out: it would be again with each name that is added. */
const COMINGS = { class: "notice", "aria-live": "off" };

const SEGMENTER = new Intl.Segmenter();

/** Settings of a {@linkcode Transcript}. */
export interface TranscriptOptions {
  /** Returns the reader's own name. */
  readonly name: () => string | undefined;
  readonly events: TranscriptEvents;
}

/** Something said, as it is shown. */
interface Said {
  readonly time: number;
  readonly from: string;
  readonly text: string;
  /** Says that it is private, and whom with. */
  readonly tag?: string | undefined;
  readonly isOwn: boolean;
  readonly isAction?: true | undefined;
  /** Whether it was said before the reader came. */
  readonly isPast: boolean;
  /** Whether it is meant for the reader in particular. */
  readonly isLoud: boolean;
}

/** Returns what stands for a person in a picture's place. */
export function avatarOf(name: string): HTMLElement {
  const [first] = SEGMENTER.segment(name.toUpperCase());
  const attributes = { class: "avatar", "data-hue": hueOf(name), "aria-hidden": "true" };
  return element("span", attributes, first?.segment ?? "");
}

/** Shows a text, in which links can be followed and the reader's name stands out. */
function wordText(text: string, name: string | undefined): HTMLElement {
  const shown = element("div", { class: "text", dir: "auto" });
  if (isOnlyEmoji(text)) shown.classList.add("is-emoji");
  for (const piece of splitText(text, name)) {
    switch (piece.kind) {
      case "text":
        shown.append(piece.text);
        break;
      case "mention":
        shown.append(element("mark", {}, piece.text));
        break;
      case "link":
        shown.append(element("a", {
          href: piece.href ?? "",
          title: piece.href ?? "",
          target: "_blank",
          rel: "noopener noreferrer",
        }, piece.text));
    }
  }
  return shown;
}

function timeOf(time: number): HTMLElement {
  const date = new Date(time);
  return element("time", {
    datetime: date.toISOString(),
    title: `${formatDay(time)}, ${formatTime(time)}`,
  }, formatTime(time));
}

/** A room's conversation, as its reader sees it. */
export class Transcript {
  readonly log: Log;
  readonly #options: TranscriptOptions;
  #day: string | undefined;
  /** Whose messages those are that the next one can stand with, and when the last one was said. */
  #group: { readonly key: string; readonly time: number } | undefined;
  #fold: { readonly fold: Fold; readonly block: HTMLElement } | undefined;
  /** The last block, if it is a crowd's count, which the next one replaces. */
  #crowd: HTMLElement | undefined;
  /** Stands before what is new. */
  #marker: HTMLElement | undefined;

  /** Creates one of which nothing is shown yet. */
  constructor(options: TranscriptOptions) {
    this.#options = options;
    this.log = new Log(options.events.move);
  }

  /** Takes all that is shown out of sight, until its reader wants it back. */
  clear(): void {
    this.log.clear();
    const back = element("button", { type: "button" }, "Show it again");
    const notice = this.#notice("Cleared, for you alone. ", "");
    notice.append(back);
    back.addEventListener("click", () => {
      notice.remove();
      this.log.restore();
    });
  }

  /** Shows whole the last long text of which only the beginning is shown. Returns whether there is one. */
  more(): boolean {
    const buttons = this.log.element.querySelectorAll<HTMLElement>(
      '.more[aria-expanded="false"]:not([hidden])',
    );
    const last = Array.from(buttons).at(-1);
    last?.click();
    return last !== undefined;
  }

  /** What was shown until now is past: it is read out no more. */
  settle(): void {
    this.#end();
    this.log.settle();
  }

  /** Shows what the server tells. Returns whether it is meant for the reader in particular. */
  take(message: ServerMessage, context: Context): boolean {
    switch (message.messageType) {
      case "message":
        return this.#say(this.#ofMessage(message, context));
      case "private":
        return this.#say(this.#ofPrivate(message, context));
      case "join":
      case "leave":
        return this.#come(message, context);
      case "presence":
        return context.isPast ? false : this.#count(message);
      case "missed":
        this.#notice(message.data, "is-missed");
        return false;
      case "rename":
        if (!context.isPast) {
          this.#notice(`${message.from} is now ${message.data}`, "", message.time);
        }
        return false;
      default:
        this.notify(wordNotice(message));
        return false;
    }
  }

  /** Shows lines about the conversation. */
  notify(text: string): void {
    if (text !== "") this.#notice(text, text.includes("\n") ? "is-block" : "");
  }

  /** Shows what went wrong. */
  complain(text: string): void {
    this.#notice(text, "is-error");
  }

  /** Shows what was not said, and why. */
  fail(message: SendMessage, reason: string): void {
    const edit = element("button", { type: "button" }, "Edit it");
    edit.addEventListener("click", () => this.#options.events.edit(message));
    const why = element("div", { class: "reason" }, `Not said: ${reason} `, edit);
    const block = element("div", { class: "message is-failed" });
    block.append(...this.#excerpt(wordText(message.data, undefined)), why);
    this.#append(Date.now(), block);
  }

  /** Marks where what is new begins: what is shown next. Who was away finds it where they look. */
  mark(): void {
    this.unmark();
    this.#marker = element("div", { class: "marker", role: "separator" }, "New");
    this.#end();
    this.log.append(this.#marker);
    this.log.hold(this.#marker);
  }

  /** Brings the reader to what is new: where it begins, or else to the end. */
  revealNew(): void {
    const marker = this.#marker;
    if (marker && this.log.isBelow(marker)) this.log.reveal(marker);
    else this.log.toEnd();
  }

  /** Takes away the mark of what is new. */
  unmark(): void {
    this.#marker?.remove();
    this.#marker = undefined;
    this.log.hold(undefined);
  }

  /** Nothing that comes next stands with the last block. */
  #end(): void {
    this.#group = undefined;
    this.#fold = undefined;
    this.#crowd = undefined;
  }

  /** Shows a block, after one for the day if that is another. */
  #append(time: number, block: HTMLElement): void {
    this.#end();
    const day = formatDay(time);
    if (day !== this.#day) {
      this.log.append(
        element("div", { class: "day", role: "separator" }, element("span", {}, day)),
      );
    }
    this.#day = day;
    this.log.append(block);
  }

  #notice(text: string, kind: string, time = Date.now()): HTMLElement {
    const block = element("div", { class: `notice ${kind}`.trim(), dir: "auto" }, text);
    this.#append(time, block);
    return block;
  }

  #count(presence: Presence): boolean {
    const block = this.#crowd ?? element("div", COMINGS);
    block.textContent = wordNotice(presence);
    if (!this.#crowd) this.#append(presence.time, block);
    this.#crowd = block;
    return false;
  }

  #come({ messageType, from, time }: Membership, { isPast }: Context): boolean {
    if (isPast || from === this.#options.name()) return false;
    const isOpen = this.#fold?.fold.isOpen(time) === true;
    const last = isOpen ? this.#fold : undefined;
    const next = last ?? { fold: new Fold(time), block: element("div", COMINGS) };
    next.fold.add(messageType === "leave" ? "leave" : "join", from);
    next.block.textContent = next.fold.text;
    if (!last) this.#append(time, next.block);
    this.#fold = next;
    return false;
  }

  #ofMessage({ time, from, data, action }: RoomMessage, { isOwn, isPast }: Context): Said {
    const isByReader = isOwn || this.#isSelf(from);
    const isMention = !isByReader && this.#isNamed(data);
    const said = { time, from, text: data, isOwn: isByReader, isAction: action, isPast };
    return { ...said, isLoud: isMention };
  }

  #ofPrivate({ time, from, to, data }: Private, { isPast }: Context): Said {
    const isOwn = this.#isSelf(from);
    const tag = this.#isSelf(to) ? "privately to you" : `privately to ${to}`;
    return { time, from, text: data, tag, isOwn, isPast, isLoud: !isOwn };
  }

  #isSelf(name: string): boolean {
    return nameKey(name) === nameKey(this.#options.name() ?? "");
  }

  /** Tells whether a text names the reader. */
  #isNamed(text: string): boolean {
    return findMentions(text, this.#options.name() ?? "").next().done === false;
  }

  #say(said: Said): boolean {
    const { time, from, tag = "", isOwn, isAction, isLoud } = said;
    const key = isAction ? "" : `${nameKey(from)} ${tag}`;
    const group = this.#group;
    const continues = key !== "" && group?.key === key && time - group.time < GROUP_TIME &&
      formatDay(time) === this.#day;
    const block = element("div", { class: "message" });
    block.classList.toggle("is-first", !continues);
    block.classList.toggle("is-private", tag !== "");
    block.classList.toggle("is-action", isAction === true);
    block.classList.toggle("is-own", isOwn);
    block.classList.toggle("is-loud", isLoud && tag === "");
    if (isOwn) block.setAttribute("aria-live", "off");
    const text = wordText(said.text, isOwn ? undefined : this.#options.name());
    if (isAction) {
      text.prepend(this.#nameOf(from), " ");
      block.append(avatarOf(from), ...this.#excerpt(text), timeOf(time));
    } else if (continues) block.append(this.#spoken(said), timeOf(time), ...this.#excerpt(text));
    else block.append(avatarOf(from), this.#origin(said), ...this.#excerpt(text));
    this.#append(time, block);
    this.#group = { key, time };
    return isLoud && !said.isPast;
  }

  #excerpt(text: HTMLElement): HTMLElement[] {
    return excerpt(text, (topOf, change) => this.log.keep(topOf, change));
  }

  /** Words who said something, for those who hear it. */
  #spoken({ from, tag }: Said): HTMLElement {
    const text = tag === undefined ? `${from}: ` : `${from}, ${tag}: `;
    return element("span", { class: "spoken" }, text);
  }

  /** Words a name that leads to the person. */
  #nameOf(from: string): HTMLElement {
    // By keyboard, people are reached in their list: not past each message.
    const attributes = { class: "name", type: "button", tabindex: -1, "data-hue": hueOf(from) };
    const name = element("button", attributes, element("bdi", {}, from));
    name.addEventListener("click", () => this.#options.events.choose(from));
    return name;
  }

  /** Words who said something, whom to, and when. */
  #origin({ from, tag, time, isOwn }: Said): HTMLElement {
    const origin = element("div", { class: "origin" }, this.#nameOf(from));
    if (tag !== undefined) origin.append(element("span", { class: "tag" }, tag));
    origin.append(timeOf(time));
    if (tag !== undefined && !isOwn) {
      const reply = element("button", { class: "reply", type: "button" }, "Reply");
      reply.addEventListener("click", () => this.#options.events.answer(from));
      origin.append(reply);
    }
    return origin;
  }
}
