/**
 * The line that a person types: `node:readline` edits it and keeps the history, and is told every
 * key; what it would draw is left to the screen.
 *
 * @module
 */

import readline, { type Interface, type Key } from "node:readline";
import { PassThrough, Readable, Writable } from "node:stream";
import { cleanText } from "../protocol.ts";
import type { Completion } from "./completion.ts";
import { clustersOfLine, type Line, NEWLINE, TAB } from "./prompt.ts";

/** Lines that can be called back with the up key. */
const HISTORY_SIZE = 500;

/** The most that a line can hold, in UTF-16 units: more than any message may have. */
const MAX_LINE = 5_000;

/**
 * More characters at once were not typed but pasted, in a terminal that does not mark it. Key by key
 * they would take seconds.
 */
const MAX_TYPED = 64;

const ESCAPE = "\x1b";

/** A control sequence (ECMA-48, section 5.4), whole or its beginning; a run of text; or a key. */
const KEYS = new RegExp(
  String.raw`${ESCAPE}(?:\[(?:\[[A-E]?|[\d;?]*[@-~]?)|O[^\p{Cc}]?|[^${ESCAPE}]?)|[^\p{Cc}]+|\p{Cc}`,
  "gu",
);

/** A whole control sequence, and those that keys send. Others would be taken for text in part. */
const CONTROL_SEQUENCE = new RegExp(String.raw`^${ESCAPE}\[[\d;?]*[@-Z\\-~]$`);
const KEY_SEQUENCE = new RegExp(String.raw`^${ESCAPE}\[(\d\d?(;\d)?)?[A-Za-z~^]$`);

/** The beginning of a sequence that a key sends, of which more may come. */
const BEGUN = new RegExp(String.raw`^${ESCAPE}(?:O|\[(?:\[|[\d;?]*))$`);

/** The longest beginning that is kept. No key sends as much. */
const MAX_BEGUN = 16;

/** What a person asks for by keys. */
export interface EditorEvents {
  /** The line was entered. */
  readonly submit: (text: string) => void;
  /** Ctrl-C, or Ctrl-D, on an empty line. */
  readonly leave: () => void;
  /** Ctrl-L. */
  readonly repaint: () => void;
  /** Ctrl-Z. */
  readonly suspend: () => void;
  /** Returns how the text before the cursor goes on. */
  readonly complete: (before: string) => Completion;
  /** Takes what the text before the cursor can be, when Tab cannot decide. */
  readonly list: (candidates: readonly string[]) => void;
  /** The line can hold no more. */
  readonly refuse: () => void;
}

/** Cleans what was pasted: lines end in `\n`, and the last one has no end. */
export function cleanPaste(text: string): string {
  return cleanText(text.replaceAll(/\r\n?|[\u2028\u2029]/g, "\n")).replace(/\n+$/, "");
}

/** Returns where the grapheme cluster begins and ends that `index` is within, or twice `index`. */
function clusterAround(text: string, index: number): [begin: number, end: number] {
  let end = 0;
  for (const cluster of clustersOfLine(text)) {
    const begin = end;
    end += cluster.length;
    if (index < end) return index === begin ? [index, index] : [begin, end];
  }
  return [index, index];
}

/** A line that is being typed. */
export class Editor {
  readonly #events: EditorEvents;
  readonly #readline: Interface;
  /** Decodes keys: text goes in as `data`, and comes out as `keypress`. */
  readonly #decoder = new Readable({ read() {} });
  /** What may be the beginning of a control sequence. */
  #begun = "";
  /** The line for which it was listed last what it can be. */
  #listed: string | undefined;

  /** Creates one with an empty line and no history. */
  constructor(events: EditorEvents) {
    this.#events = events;
    this.#readline = readline.createInterface({
      input: new PassThrough(),
      output: new Writable({ write: (_chunk, _encoding, done) => done() }),
      terminal: true,
      historySize: HISTORY_SIZE,
      removeHistoryDuplicates: true,
    });
    this.#readline.on("line", (line) => {
      events.submit(line.replaceAll(NEWLINE, "\n").replaceAll(TAB, "\t"));
    });
    readline.emitKeypressEvents(this.#decoder);
    this.#decoder.on("keypress", (text: string | undefined, key: Key) => this.#press(text, key));
  }

  /** The line as it is. */
  get line(): Line {
    return { text: this.#readline.line, cursor: this.#readline.cursor };
  }

  /** Takes keys, as a terminal sends them. */
  type(keys: string): void {
    const clean = keys.replaceAll(NEWLINE, "").replaceAll(TAB, "");
    const isPasted = clean.length > MAX_TYPED;
    // A control character is a key of its own, whatever has begun: Ctrl-C always is.
    const all = /^\p{Cc}/u.test(clean) ? clean : this.#begun + clean;
    this.#begun = "";
    for (const { 0: part, index } of all.matchAll(KEYS)) {
      const isBegun = BEGUN.test(part);
      const isLast = index + part.length === all.length;
      if (isBegun && isLast && part.length <= MAX_BEGUN) this.#begun = part;
      else if (isPasted && part.length > 1 && /^\P{Cc}/u.test(part)) this.insert(part);
      else if (KEY_SEQUENCE.test(part) || !(isBegun || CONTROL_SEQUENCE.test(part))) {
        this.#decode(part);
      }
    }
  }

  /** Puts text at the cursor; it can have several lines. */
  insert(text: string): void {
    if (this.line.text.length + text.length > MAX_LINE) return this.#events.refuse();
    this.#readline.write(text.replaceAll("\n", NEWLINE).replaceAll("\t", TAB));
  }

  /** Lets go of it. */
  close(): void {
    this.#readline.close();
  }

  #decode(keys: string): void {
    this.#decoder.emit("data", keys);
  }

  #press(text: string | undefined, key: Key): void {
    const isPlain = !key.ctrl && !key.meta && !key.shift;
    if (isPlain && key.name === "tab") return this.#complete();
    const control = key.ctrl && !key.meta ? key.name : undefined;
    switch (control) {
      case "c":
        return this.line.text === "" ? this.#events.leave() : this.#erase();
      case "d":
        if (this.line.text === "") return this.#events.leave();
        break;
      case "l":
        return this.#events.repaint();
      case "z":
        return this.#events.suspend();
    }
    const isText = text !== undefined && !/\p{Cc}/u.test(text);
    if (isText && this.line.text.length >= MAX_LINE) return this.#events.refuse();
    const before = this.line;
    this.#readline.write(text, key);
    this.#settle(before);
  }

  /**
   * Makes whole grapheme clusters of what a key has done by code points or words: the cursor stands
   * between two of them, and what was taken away in part is taken away.
   */
  #settle(before: Line): void {
    const { text, cursor } = this.line;
    if (text === before.text) {
      const [begin, end] = clusterAround(text, cursor);
      if (cursor < before.cursor) this.#repeat("left", text.slice(begin, cursor));
      if (cursor > before.cursor) this.#repeat("right", text.slice(cursor, end));
      return;
    }
    const last = cursor + before.text.length - text.length;
    const isTaken = last > cursor &&
      text === before.text.slice(0, cursor) + before.text.slice(last);
    if (!isTaken) return;
    const [begin] = clusterAround(before.text, cursor);
    const [, end] = clusterAround(before.text, last);
    this.#repeat("backspace", before.text.slice(begin, cursor));
    this.#repeat("delete", before.text.slice(last, end));
  }

  /** Presses a key once for each code point. */
  #repeat(name: string, characters: string): void {
    for (const _ of characters) this.#readline.write(undefined, { name });
  }

  #erase(): void {
    this.#readline.write(undefined, { ctrl: true, name: "e" });
    this.#readline.write(undefined, { ctrl: true, name: "u" });
  }

  #complete(): void {
    const { text, cursor } = this.line;
    const before = text.slice(0, cursor);
    const { length, text: completed, candidates } = this.#events.complete(before);
    const begun = before.slice(cursor - length);
    if (candidates.length > 0 && completed === begun) {
      if (text !== this.#listed) this.#events.list(candidates);
      this.#listed = text;
      return;
    }
    if (text.length - length + completed.length > MAX_LINE) return this.#events.refuse();
    this.#repeat("backspace", begun);
    this.insert(completed);
  }
}
