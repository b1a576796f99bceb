/**
 * The transcript: what a person sees of a conversation, message by message, as blocks that a screen
 * lays out. What belongs together, such as many people coming at once, is one block that grows.
 *
 * @module
 */

import { bold, dim, inverse, magenta, red } from "@std/fmt/colors";
import {
  type Membership,
  nameKey,
  type Private,
  type RoomMessage,
  type ServerMessage,
  type Users,
} from "../protocol.ts";
import { nameStyle } from "./colors.ts";
import { isMixed, ISOLATE, isolate, ISOLATE_END } from "./direction.ts";
import { Fold } from "./fold.ts";
import type { Block, Span, Style } from "./layout.ts";
import type { Context } from "./link.ts";
import { findMentions } from "./mention.ts";
import { formatDay, formatTime, wordNotice } from "./words.ts";

/** The most names that are shown to who comes in; `/users` shows more. */
const MAX_ON_ARRIVAL = 10;

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

/** Settings of a {@linkcode Transcript}. */
export interface TranscriptOptions {
  /** Returns the person's own name. */
  readonly name: () => string | undefined;
  /** Returns the time for what has none of its own, in milliseconds since 1970. */
  readonly now: () => number;
}

/** What stands behind the time. */
interface Words {
  readonly spans: readonly Span[];
  /** Whether it is meant for this person in particular. Default: false. */
  readonly isLoud?: boolean;
  /** Whether all of it is shown, however long it is. Default: false. */
  readonly isWhole?: boolean;
}

function layOut(time: number, { spans, isLoud, isWhole }: Words): Block {
  const mark = isLoud ? { text: "!", style: bold } : { text: " " };
  return {
    spans: [{ text: formatTime(time), style: dim }, mark, ...spans],
    indent: INDENT,
    isWhole,
  };
}

/** Returns a notice whose names keep to themselves, whichever way they go. */
function isolateNames<Message extends ServerMessage>(message: Message): Message {
  return {
    ...message,
    ...("from" in message ? { from: isolate(message.from) } : {}),
    ...("data" in message && message.data !== undefined ? { data: isolate(message.data) } : {}),
    ...("dataArray" in message ? { dataArray: message.dataArray.map(isolate) } : {}),
  };
}

/**
 * Returns a name as it stands where only its place tells what it is: in quotes if it has no letter or
 * digit, as the mark of a notice, or is the word for the person themselves.
 */
function showName(name: string): string {
  const isPlain = /[\p{L}\p{Nd}]/u.test(name) && nameKey(name) !== "you";
  return isolate(isPlain ? name : `"${name}"`);
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

  /** Words lines about the conversation. Of a single one, which may be another's, not all is shown. */
  notify(...lines: readonly string[]): Shown[] {
    return this.#showLine(lines.join("\n"), dim, lines.length > 1);
  }

  /** Words what went wrong. */
  complain(text: string): Shown[] {
    return this.#showLine(text, red);
  }

  #showLine(text: string, style: Style, isWhole = false): Shown[] {
    const spans = [{ text: `-- ${isolate(text)}`, style }];
    return this.#show(this.#options.now(), { spans, isWhole });
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
    const text = wordNotice(isolateNames(message));
    if (text === "") return [];
    const time = "time" in message ? message.time : this.#options.now();
    return this.#show(time, { spans: [{ text: `-- ${text}`, style: dim }] });
  }

  #count(message: ServerMessage & { messageType: "presence" }): Shown[] {
    const isAmended = this.#isCounting && formatDay(message.time) === this.#day;
    const shown = this.#showNotice(message).map((each) => ({ ...each, isAmended }));
    this.#isCounting = true;
    return shown;
  }

  #foldIn({ time, from }: Membership, messageType: "join" | "leave"): Shown[] {
    const isAmended = this.#fold?.isOpen(time) === true;
    const fold = (isAmended ? this.#fold : undefined) ?? new Fold(time);
    fold.add(messageType, isolate(from));
    const words = { spans: [{ text: `${fold.arrow} ${fold.text}`, style: dim }] };
    const shown = isAmended
      ? [{ block: layOut(fold.since, words), isAmended, isLoud: false }]
      : this.#show(time, words);
    this.#fold = fold;
    return shown;
  }

  #wordMessage(message: RoomMessage, { isOwn, isPast }: Context): Words {
    const { from, address, data, action } = message;
    const where = isOwn ? "you" : address;
    const name = { text: showName(from), style: isOwn ? ownNameStyle(from) : nameStyle(from) };
    const said = isOwn ? [{ text: data }] : this.#highlight(data);
    const text = isMixed(data) ? [{ text: ISOLATE }, ...said, { text: ISOLATE_END }] : said;
    const isLoud = !isPast && said.some(({ style }) => style !== undefined);
    // A server may tell nobody where others are.
    const origin = where === from || where === ""
      ? []
      : [{ text: " " }, { text: `(${where})`, style: dim }];
    const spans = action
      ? [{ text: "* " }, name, ...origin, { text: " " }, ...text]
      : [name, ...origin, { text: ": " }, ...text];
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
      { text: isolate(data) },
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
      : { text: showName(name), style: nameStyle(name) };
  }

  /** Returns the text in pieces, of which those that name this person stand out. */
  #highlight(text: string): readonly Span[] {
    const name = this.#options.name();
    if (name === undefined) return [{ text }];
    const spans: Span[] = [];
    let end = 0;
    for (const mention of findMentions(text, name)) {
      if (mention.start > end) spans.push({ text: text.slice(end, mention.start) });
      end = mention.end;
      spans.push({ text: text.slice(mention.start, end), style: inverse });
    }
    return end < text.length || spans.length === 0 ? [...spans, { text: text.slice(end) }] : spans;
  }
}
