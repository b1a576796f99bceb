/**
 * What people wrote, taken apart: links, mentions, and the text between them.
 *
 * @module
 */

import { findMentions } from "../client/mention.ts";

/** A part of a text. */
export interface Piece {
  readonly kind: "text" | "link" | "mention";
  readonly text: string;
  /** Where a link leads: `http:` or `https:`. */
  readonly href?: string;
}

/** Where a link can begin. */
const SCHEME = /https?:\/\//giu;

/**
 * What is never a part of a link: spaces, what is not seen, quotes, and the brackets and the
 * punctuation of other scripts than that of addresses, in which it is written with a percent sign. A
 * dash or a dot in the middle of a line is no punctuation of a sentence.
 */
const NEVER =
  /[\s\p{Z}\p{Cc}\p{Cs}<>"`\u00a1\u00bf\u2014\u2015\u2025\u2026\u22ef\u301c]|(?![\p{ASCII}\u2019\u200c\u200d])[\p{Ps}\p{Pe}\p{Quotation_Mark}\p{Terminal_Punctuation}\p{Cf}]/u;

/** What follows a link in a sentence rather than belongs to it (GFM, extended autolinks), or opens. */
const TRAILING = /^(?:(?!-)\p{Pd}|[.,:;!?*~|'\u2019\u00b7\u30fb(\[{])$/u;

/** Brackets that a link may have within, by what closes them. */
const BRACKETS: ReadonlyMap<string, string> = new Map([[")", "("], ["]", "["], ["}", "{"]]);

/** The marks that stand directly before a link, and the same after it: of Markdown, or a quote. */
const MARKS = /(?:\*{1,3}|~{1,2}|\|{1,2}|['\u2018\u201a\u201b])$/u;

/** An underscore of Markdown that opens, as the first group, or closes. */
const UNDERSCORE = /(?<![\p{L}\p{N}_])(_+)(?=[^\s_]|$)|(?<!_)_+(?![\p{L}\p{N}_])/gu;

/** What an apostrophe can stand between: letters of scripts that have one. */
const IN_WORD = /^[[\p{L}\p{N}]--[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}]]$/v;

/** Longer ones are no links, in UTF-16 units. */
const MAX_LINK = 2_048;

/** The most links, and the most mentions, that stand out in one text. */
const MAX_FOUND = 50;

/** A text that is up to three emoji and nothing else. */
const ONLY_EMOJI = /^(?:\p{RGI_Emoji}\s?){1,3}$/v;

/** Tells whether a link whose opening marks are these ends at a place of a text. */
function isClosed(text: string, at: number, marks: string): boolean {
  if (marks === "") return false;
  if (/^[*~|]/.test(marks)) return text.startsWith(marks, at);
  const isQuote = text[at] === "'" || text[at] === "\u2019";
  // An apostrophe in a word closes nothing.
  return isQuote && !(IN_WORD.test(text[at - 1] ?? "") && IN_WORD.test(text[at + 1] ?? ""));
}

/** Returns where what can be a link ends at the latest: where no part of one is, or its brackets end. */
function reachOf(text: string, from: number, marks: string): number {
  const open: string[] = [];
  let at = from;
  for (const character of text.slice(from)) {
    if (NEVER.test(character) || isClosed(text, at, marks)) break;
    if ("([{".includes(character)) open.push(character);
    const opening = BRACKETS.get(character);
    if (opening !== undefined && open.pop() !== opening) break;
    at += character.length;
  }
  return at;
}

/** Returns where a link ends that reaches up to `end` with what follows it in its sentence. */
function trimEnd(text: string, end: number, isEmphasized: boolean): number {
  let last = end;
  for (; last > 0; last--) {
    const character = text[last - 1] ?? "";
    const isTrailing = TRAILING.test(character) || (character === "_" && isEmphasized);
    if (!isTrailing) break;
  }
  return last;
}

function isWebAddress(link: string): boolean {
  return link.length <= MAX_LINK && URL.canParse(link) && /^https?:$/.test(new URL(link).protocol);
}

/** Tells whether an underscore that opens emphasis is the last one before a link. */
function opensEmphasis(text: string, before: boolean): boolean {
  let isOpen = before;
  for (const [, opening] of text.matchAll(UNDERSCORE)) isOpen = opening !== undefined;
  return isOpen;
}

function splitLinks(text: string): Piece[] {
  const pieces: Piece[] = [];
  let [end, seen, isEmphasized] = [0, 0, false];
  const scheme = new RegExp(SCHEME);
  for (let found = scheme.exec(text); found; found = scheme.exec(text)) {
    const { 0: { length }, index } = found;
    if (pieces.length >= 2 * MAX_FOUND) break;
    isEmphasized = opensEmphasis(text.slice(seen, index), isEmphasized);
    const [marks = ""] = MARKS.exec(text.slice(Math.max(seen, index - 3), index)) ?? [];
    // Nothing is looked at twice.
    seen = scheme.lastIndex = reachOf(text, index + length, marks);
    const last = trimEnd(text, seen, isEmphasized);
    const link = text.slice(index, last);
    if (!isWebAddress(link)) continue;
    pieces.push({ kind: "text", text: text.slice(end, index) });
    pieces.push({ kind: "link", text: link, href: new URL(link).href });
    end = last;
  }
  pieces.push({ kind: "text", text: text.slice(end) });
  return pieces;
}

/** Takes a text without links apart, up to `most` mentions in it. */
function splitMentions(text: string, name: string, most: number): Piece[] {
  const pieces: Piece[] = [];
  let last = 0;
  for (const { start, end } of findMentions(text, name)) {
    if (pieces.length >= 2 * most) break;
    pieces.push({ kind: "text", text: text.slice(last, start) });
    pieces.push({ kind: "mention", text: text.slice(start, end) });
    last = end;
  }
  pieces.push({ kind: "text", text: text.slice(last) });
  return pieces;
}

/**
 * Takes a text apart: together, the pieces are the text. The reader's `name` is looked for if there is
 * one, and never within a link.
 */
export function splitText(text: string, name?: string): Piece[] {
  const pieces: Piece[] = [];
  let mentions = 0;
  for (const piece of splitLinks(text)) {
    const parts = piece.kind === "text" && name !== undefined
      ? splitMentions(piece.text, name, MAX_FOUND - mentions)
      : [piece];
    mentions += parts.filter(({ kind }) => kind === "mention").length;
    pieces.push(...parts);
  }
  return pieces.filter((piece) => piece.text !== "");
}

/** Tells whether a text is up to three emoji and nothing else. */
export function isOnlyEmoji(text: string): boolean {
  return text.length <= 100 && ONLY_EMOJI.test(text);
}
