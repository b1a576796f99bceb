/**
 * The transcript: what a person sees of a conversation, message by message, as blocks that a screen
 * lays out. What belongs together, such as many people coming at once, is one block that grows.
 *
 * @module
 */

import { bold, dim, inverse, magenta, red } from "@std/fmt/colors";
import {
  formatText,
  type Membership,
  nameKey,
  type Private,
  type RoomMessage,
  type ServerMessage,
  type Users,
} from "../protocol.ts";
import { nameStyle } from "./colors.ts";
import type { Block, Span, Style } from "./layout.ts";
import type { Context } from "./link.ts";

/** People who come and go within so many milliseconds of the first are told in one block. */
const FOLD_TIME = 60_000;

/** The most names in such a block; of more, only how many they are. */
const MAX_FOLDED = 8;

/** The most names that are shown to who comes in; `/users` shows more. */
const MAX_ON_ARRIVAL = 10;

/** The most comings, and goings, in such a block; then there is another. */
const MAX_FOLD = 1_000;

/** How many columns stand before all text: the time and a mark. */
const GUTTER = 6;

/** Later rows are indented further than any first row, so that none looks like another message. */
const INDENT = GUTTER + 2;

/** What is to be shown next. */
export interface Shown {
  readonly block: Block;
  /** Whether it takes the place of the block before it. */
  readonly isAmended: boolean;
  /** Whether it is meant for this person in particular. */
  readonly isLoud: boolean;
}

/** Who came and went, in a block that can still grow. */
interface Fold {
  readonly since: number;
  readonly joined: Set<string>;
  readonly left: Set<string>;
}

/** Settings of a {@linkcode Transcript}. */
export interface TranscriptOptions {
  /** Returns the person's own name. */
  readonly name: () => string | undefined;
  /** Returns the time for what has none of its own, in milliseconds since 1970. */
  readonly now: () => number;
}

/** Returns a time of day, here, as `HH:MM`. */
export function formatTime(time: number): string {
  const date = new Date(time);
  return [date.getHours(), date.getMinutes()].map((n) => String(n).padStart(2, "0")).join(":");
}

const DAY_FORMAT = new Intl.DateTimeFormat("en-GB", { dateStyle: "full" });

/** Returns a day, here, such as `Saturday 21 November 2026`. */
export function formatDay(time: number): string {
  return DAY_FORMAT.format(time).replace(",", "");
}

/**
 * Returns a pattern that finds `name` in a text, alone and not as a part of another name, in any
 * case.
 */
export function mentionOf(name: string): RegExp {
  const letter = String.raw`[\p{L}\p{M}\p{Nd}_]`;
  const word = name.replace(/[^\p{L}\p{M}\p{Nd}_]/gu, (character) => {
    return `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });
  return new RegExp(`(?<!${letter}[-.]?)${word}(?![-.]?${letter})`, "giu");
}

/** Words a list of people, some of whom may not be named. */
function wordPeople(names: ReadonlySet<string>): string {
  const shown = [...names].slice(0, MAX_FOLDED);
  const others = names.size - shown.length;
  if (others > 0) return `${shown.join(", ")} and ${others} ${others === 1 ? "other" : "others"}`;
  const last = shown.pop() ?? "";
  return shown.length === 0 ? last : `${shown.join(", ")} and ${last}`;
}

function wordFold({ joined, left }: Fold): string {
  const parts = [
    ...(joined.size > 0 ? [`${wordPeople(joined)} joined`] : []),
    ...(left.size > 0 ? [`${wordPeople(left)} left`] : []),
  ];
  const arrow = left.size === 0 ? "-->" : joined.size === 0 ? "<--" : "<->";
  return `${arrow} ${parts.join("; ")}`;
}

/** What stands behind the time. */
interface Words {
  readonly spans: readonly Span[];
  /** Whether it is meant for this person in particular. Default: false. */
  readonly isLoud?: boolean;
}

function layOut(time: number, { spans, isLoud }: Words): Block {
  const mark = isLoud ? { text: "!", style: bold } : { text: " " };
  return { spans: [{ text: formatTime(time), style: dim }, mark, ...spans], indent: INDENT };
}

function ownNameStyle(name: string): Style {
  const color = nameStyle(name);
  return (text) => bold(color(text));
}

/** Words a conversation for one person's eyes. */
export class Transcript {
  readonly #options: TranscriptOptions;
  #day: string | undefined;
  #fold: Fold | undefined;
  /** Whether the last block is a crowd's count, which the next one replaces. */
  #isCounting = false;
  /** Whether the next list of people is the one that everyone gets who comes in. */
  #isArriving = false;

  /** Creates one of which nothing is shown yet. */
  constructor(options: TranscriptOptions) {
    this.#options = options;
  }

  /** Ends the last block: it does not grow any more. */
  endBlock(): void {
    this.#fold = undefined;
    this.#isCounting = false;
  }

  /** Words what the server tells. Returns what to show, which can be nothing. */
  take(message: ServerMessage, context: Context): Shown[] {
    switch (message.messageType) {
      case "message":
        return this.#show(message.time, this.#wordMessage(message, context));
      case "private":
        return this.#show(message.time, this.#wordPrivate(message, context));
      case "join":
      case "leave":
        return this.#isNews(message, context) ? this.#foldIn(message, message.messageType) : [];
      case "rename":
        return context.isPast ? [] : this.#showNotice(message);
      case "welcome":
        this.#isArriving = true;
        return this.#showNotice(message);
      case "users":
        return this.#showUsers(message);
      case "presence":
        return context.isPast ? [] : this.#count(message);
      case "error":
        return this.complain(message.data);
      case "missed":
        return this.#showLine(message.data, bold);
      default:
        return this.#showNotice(message);
    }
  }

  /** Tells whether this person does not know yet that somebody has come or gone. */
  #isNews({ from }: Membership, { isPast }: Context): boolean {
    return !isPast && from !== this.#options.name();
  }

  /** Words a line about the conversation. */
  notify(text: string): Shown[] {
    return this.#showLine(text, dim);
  }

  /** Words what went wrong. */
  complain(text: string): Shown[] {
    return this.#showLine(text, red);
  }

  #showLine(text: string, style: Style): Shown[] {
    return this.#show(this.#options.now(), { spans: [{ text: `-- ${text}`, style }] });
  }

  /** Returns a new block, after one for the day if that is another. */
  #show(time: number, words: Words): Shown[] {
    this.endBlock();
    const shown: Shown[] = [];
    const day = formatDay(time);
    if (day !== this.#day) {
      const block = {
        spans: [{ text: `${"-".repeat(GUTTER - 1)} ${day}`, style: dim }],
        indent: GUTTER,
      };
      shown.push({ block, isAmended: false, isLoud: false });
    }
    this.#day = day;
    const isLoud = words.isLoud === true;
    return [...shown, { block: layOut(time, words), isAmended: false, isLoud }];
  }

  /** Words who is there; for who has just come in, in about a row. */
  #showUsers(message: Users): Shown[] {
    const count = this.#isArriving ? MAX_ON_ARRIVAL : message.dataArray.length;
    this.#isArriving = false;
    return this.#showNotice({ ...message, dataArray: message.dataArray.slice(0, count) });
  }

  #showNotice(message: ServerMessage): Shown[] {
    const text = formatText(message);
    if (text === undefined) return [];
    const time = "time" in message ? message.time : this.#options.now();
    return this.#show(time, { spans: [{ text: `-- ${text.replace(/^\* /, "")}`, style: dim }] });
  }

  #count(message: ServerMessage & { messageType: "presence" }): Shown[] {
    const isAmended = this.#isCounting && formatDay(message.time) === this.#day;
    const shown = this.#showNotice(message).map((each) => ({ ...each, isAmended }));
    this.#isCounting = true;
    return shown;
  }

  #foldIn({ time, from }: Membership, messageType: "join" | "leave"): Shown[] {
    const fold = this.#fold;
    const isAmended = fold !== undefined && time - fold.since < FOLD_TIME &&
      formatDay(time) === this.#day && fold.joined.size + fold.left.size < MAX_FOLD;
    const next = isAmended
      ? fold
      : { since: time, joined: new Set<string>(), left: new Set<string>() };
    (messageType === "join" ? next.joined : next.left).add(from);
    const words = { spans: [{ text: wordFold(next), style: dim }] };
    const shown = isAmended
      ? [{ block: layOut(next.since, words), isAmended, isLoud: false }]
      : this.#show(time, words);
    this.#fold = next;
    return shown;
  }

  #wordMessage(message: RoomMessage, { isOwn, isPast }: Context): Words {
    const { from, address, data, action } = message;
    const where = isOwn ? "you" : address;
    const name = { text: from, style: isOwn ? ownNameStyle(from) : nameStyle(from) };
    const said = isOwn ? [{ text: data }] : this.#highlight(data);
    const isLoud = !isPast && said.some(({ style }) => style !== undefined);
    const origin = where === from ? [] : [{ text: " " }, { text: `(${where})`, style: dim }];
    const spans = action
      ? [{ text: "* " }, name, ...origin, { text: " " }, ...said]
      : [name, ...origin, { text: ": " }, ...said];
    return { spans, isLoud };
  }

  #wordPrivate(message: Private, { isPast }: Context): Words {
    const { from, to, data } = message;
    const spans = [
      { text: "(private) ", style: magenta },
      this.#wordPerson(from),
      { text: " to ", style: magenta },
      this.#wordPerson(to),
      { text: ": " },
      { text: data },
    ];
    return { spans, isLoud: !isPast && !this.#isSelf(from) };
  }

  #isSelf(name: string): boolean {
    const own = this.#options.name();
    return own !== undefined && nameKey(name) === nameKey(own);
  }

  /** Words one end of a private message. */
  #wordPerson(name: string): Span {
    return this.#isSelf(name)
      ? { text: "you", style: ownNameStyle(name) }
      : { text: name, style: nameStyle(name) };
  }

  /** Returns the text in pieces, of which those that name this person stand out. */
  #highlight(text: string): readonly Span[] {
    const name = this.#options.name();
    if (name === undefined) return [{ text }];
    const spans: Span[] = [];
    let end = 0;
    for (const { 0: found, index } of text.matchAll(mentionOf(name))) {
      if (index > end) spans.push({ text: text.slice(end, index) });
      spans.push({ text: found, style: inverse });
      end = index + found.length;
    }
    return end < text.length || spans.length === 0 ? [...spans, { text: text.slice(end) }] : spans;
  }
}
