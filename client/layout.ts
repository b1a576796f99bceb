/**
 * Text laid out in rows of a terminal: wrapped at the ends of words, and indented.
 *
 * A word that is longer than a row is not cut: the terminal breaks it where the row ends, and knows
 * that it is one word, so a long link can still be clicked and copied. Whatever looks like a space
 * ends a word: else what the terminal breaks could look like rows of its own.
 *
 * @module
 */

import { ISOLATE, ISOLATE_END } from "./direction.ts";
import { heightOf, reachOf } from "./width.ts";

/** Returns `text` with what makes a terminal show it in some way. */
export type Style = (text: string) => string;

/** A piece of text, and how it looks. */
export interface Span {
  readonly text: string;
  readonly style?: Style | undefined;
}

/** What is laid out together. */
export interface Block {
  readonly spans: readonly Span[];
  /** How many columns all rows but the first are indented. */
  readonly indent: number;
  /** Whether all its rows are shown, however many there are. Default: false. */
  readonly isWhole?: boolean | undefined;
}

/** One row; it is longer than the window only if it is a single word that is. */
export type Row = readonly Span[];

const TAB = "    ";

/** Between these and their neighbours a row may end, though there is no space. */
const CJK = String.raw`[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}][\p{M}\u3001\u3002\uFF01\uFF0C\uFF1F]*`;

/** Tabs and spaces of all kinds, and letters and signs that look like a space. */
const SPACE = String.raw`[\t\p{Z}\u115F\u1160\u2800\u3164\uFFA0\u{1D159}\u{13441}\u{13442}]`;

/** A newline, spaces, or what stays together. */
const PIECE = new RegExp(String.raw`\n|${SPACE}+|${CJK}|(?:(?!${CJK}|${SPACE})[^\n])+`, "gu");
const IS_SPACE = new RegExp(`^${SPACE}`, "u");
const OTHER_SPACE = new RegExp(SPACE, "gu");
/** Control characters, and those that say which way text goes (UAX 9, sections 2.1 to 2.5). */
const NOT_IN_ROW = /[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu;

const IS_CJK = new RegExp(`^${CJK}`, "u");

/** The rows of one block, while they are made. */
class Rows {
  readonly rows: Span[][] = [[]];
  readonly #columns: number;
  readonly #indent: number;
  #column = 0;
  /** Whether nothing stands in the row yet. */
  #isFresh = true;
  /** Whether what comes next is in an isolate, which each row has for itself. */
  #isIsolated = false;
  #space: Span | undefined;
  #word: Span[] = [];

  constructor({ columns, indent }: { columns: number; indent: number }) {
    this.#columns = columns;
    this.#indent = indent;
  }

  take(piece: Span): void {
    if (piece.text === "\n") {
      this.endWord();
      return this.#endRow();
    }
    if (IS_SPACE.test(piece.text)) {
      this.endWord();
      this.#space = {
        ...piece,
        text: piece.text.replaceAll("\t", TAB).replaceAll(OTHER_SPACE, " "),
      };
      return;
    }
    const isBreakable = IS_CJK.test(piece.text);
    if (isBreakable) this.endWord();
    this.#word.push(piece);
    if (isBreakable) this.endWord();
  }

  /** Puts the word where there is room for it. */
  endWord(): void {
    if (this.#word.length === 0) return;
    const width = this.#word.reduce((sum, { text }) => sum + reachOf(text), 0);
    const room = this.#columns - this.#column - width;
    const space = this.#space ?? { text: "" };
    if (space.text.length > room && !this.#isFresh) this.#endRow();
    else this.#append([{ ...space, text: space.text.slice(0, Math.max(0, room)) }]);
    this.#append(this.#word);
    this.#isFresh = false;
    this.#word = [];
    this.#space = undefined;
  }

  #append(spans: readonly Span[]): void {
    for (const span of spans) {
      this.rows.at(-1)?.push(span);
      this.#column += reachOf(span.text);
      const last = Math.max(span.text.lastIndexOf(ISOLATE), span.text.lastIndexOf(ISOLATE_END));
      if (last >= 0) this.#isIsolated = span.text[last] === ISOLATE;
    }
  }

  #endRow(): void {
    this.rows.push([]);
    this.#column = 0;
    this.#space = undefined;
    const indent = this.#indent > 0 ? [{ text: " ".repeat(this.#indent) }] : [];
    this.#append([...indent, ...(this.#isIsolated ? [{ text: ISOLATE }] : [])]);
    this.#isFresh = true;
  }
}

/** Returns how far a block is indented. In a window too narrow for it there would be no room. */
export function indentOf({ indent }: Block, columns: number): number {
  return columns < 3 * indent ? 0 : indent;
}

/** Lays a block out in rows of so many columns. */
export function wrap(block: Block, columns: number): Row[] {
  const rows = new Rows({ columns, indent: indentOf(block, columns) });
  for (const { text, style } of block.spans) {
    for (const [piece] of text.matchAll(PIECE)) rows.take({ text: piece, style });
  }
  rows.endWord();
  return rows.rows;
}

/**
 * Returns spans as a terminal may get them, wherever their text came from: without control characters
 * and without what turns the rest of the row around, of which only whole isolates stay.
 */
function clean(row: Row): Row {
  let isIsolated = false;
  const spans = row.map(({ text, style }) => {
    const cleaned = text.replaceAll(NOT_IN_ROW, (character) => {
      const isAllowed = character === (isIsolated ? ISOLATE_END : ISOLATE);
      if (isAllowed) isIsolated = !isIsolated;
      return isAllowed ? character : "";
    });
    return { text: cleaned, style };
  });
  return isIsolated ? [...spans, { text: ISOLATE_END }] : spans;
}

/** Returns how many rows of the terminal these take, of which it breaks those that are too long. */
export function heightOfRows(rows: readonly Row[], columns: number): number {
  return rows.reduce((sum, row) => sum + heightOf(plain(row), columns), 0);
}

/** Returns a row's text without its looks. */
export function plain(row: Row): string {
  return clean(row).map(({ text }) => text).join("");
}

/**
 * Returns a row as it is written to a terminal. All text that a terminal gets comes through here:
 * nothing in it writes anything but characters.
 */
export function render(row: Row): string {
  let [rendered, text] = ["", ""];
  let style: Style | undefined;
  for (const span of [...clean(row), { text: "" }]) {
    if (span.style !== style && text !== "") {
      rendered += style ? style(text) : text;
      text = "";
    }
    style = span.style;
    text += span.text;
  }
  return rendered + text;
}
