/**
 * What a terminal sends: keys, and between the marks of bracketed paste what was pasted. A mark can be
 * lost, on a bad line or with a terminal that was restarted: Ctrl-C ends a paste that has no end.
 *
 * @module
 */

/** Makes a terminal mark what is pasted, and stop it (xterm control sequences, DECSET 2004). */
export const [MARK_PASTES, MARK_NO_PASTES] = ["\x1b[?2004h", "\x1b[?2004l"];

const [PASTE_BEGIN, PASTE_END] = ["\x1b[200~", "\x1b[201~"];

/**
 * Ctrl-C behind all else that came: a key. In the middle it was pasted, and what follows is not to be
 * taken for keys.
 */
const CTRL_C = "\x03";
const LAST_KEYS = new RegExp(`${CTRL_C}+$`);

/** The most that is kept of a paste, in UTF-16 units: more than any message may have. */
const MAX_PASTE = 100_000;

/** A part of what a terminal has sent. */
export type TerminalInput =
  | { readonly kind: "keys"; readonly text: string }
  | { readonly kind: "paste"; readonly text: string }
  /** A paste without an end, which Ctrl-C has ended. */
  | { readonly kind: "broken paste"; readonly text: string };

/** Returns how many last characters of `text` may be the beginning of `mark`. */
function lengthOfBegun(text: string, mark: string): number {
  for (let length = Math.min(text.length, mark.length - 1); length > 0; length--) {
    if (text.endsWith(mark.slice(0, length))) return length;
  }
  return 0;
}

/** Tells keys and pastes apart, however the text comes cut. */
export class PasteSplitter {
  /** What was pasted so far; undefined while nothing is pasted. */
  #pasted: string | undefined;
  /** What may be the beginning of a mark. */
  #held = "";

  /** Whether the end of a paste is awaited: until then no key is one, but for Ctrl-C. */
  get isPasting(): boolean {
    return this.#pasted !== undefined;
  }

  /** Takes what came next. Returns what is complete. */
  split(text: string): TerminalInput[] {
    const keys = LAST_KEYS.exec(text)?.[0] ?? "";
    const parts = this.#split(text.slice(0, text.length - keys.length));
    if (keys === "") return parts;
    if (this.#pasted === undefined) return [...parts, ...this.#split(keys)];
    const broken = this.#pasted;
    this.#pasted = undefined;
    this.#held = "";
    // The first of them is used up.
    return [...parts, { kind: "broken paste", text: broken }, ...this.#split(keys.slice(1))];
  }

  #split(text: string): TerminalInput[] {
    const parts: TerminalInput[] = [];
    let rest = this.#held + text;
    for (;;) {
      const isPasting = this.#pasted !== undefined;
      const mark = isPasting ? PASTE_END : PASTE_BEGIN;
      const index = rest.indexOf(mark);
      if (index < 0) break;
      this.#take(rest.slice(0, index), parts);
      rest = rest.slice(index + mark.length);
      if (this.#pasted !== undefined) parts.push({ kind: "paste", text: this.#pasted });
      this.#pasted = isPasting ? undefined : "";
    }
    const begun = lengthOfBegun(rest, this.#pasted === undefined ? PASTE_BEGIN : PASTE_END);
    // Outside of a paste a single escape is a key, which must not wait for another.
    const held = begun === 1 && this.#pasted === undefined ? 0 : begun;
    this.#held = rest.slice(rest.length - held);
    this.#take(rest.slice(0, rest.length - held), parts);
    return parts;
  }

  #take(text: string, parts: TerminalInput[]): void {
    if (this.#pasted !== undefined) {
      // One that begins before the last has ended goes on: its end was lost.
      this.#pasted = (this.#pasted + text.replaceAll(PASTE_BEGIN, "")).slice(0, MAX_PASTE);
    } else if (text !== "") {
      parts.push({ kind: "keys", text });
    }
  }
}
