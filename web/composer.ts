/// <reference lib="dom" />
/**
 * The composer: where a person writes, to the room or to one other, and what helps them with it.
 *
 * @module
 */

import { complete, type Known } from "../client/completion.ts";
import { cleanText, MAX_TEXT_BYTES, PERSON_COMMANDS } from "../protocol.ts";
import { element, part } from "./elements.ts";

/** The most names, commands or rooms that are proposed at once. */
const MAX_HINTS = 6;

/** From so many bytes below the longest text on, it is said how many are left. */
const WARN_BYTES = 500;

const NOTE = "Enter sends, Shift-Enter begins a new line";

const EMOJI = "🙂 😀 😂 😉 😍 🤔 😅 😎 😢 😡 👍 👎 👏 🙏 💪 👋 🎉 ❤️ 🔥 ✅ ❌ ⭐ ☕ 🚀".split(" ");

/** Settings of a {@linkcode Composer}. */
export interface ComposerOptions {
  /** Takes what was written: a message, or a command. Returns whether it was taken. */
  readonly submit: (line: string) => boolean;
  /** Returns what names can be completed to. */
  readonly known: () => Known;
}

/** A word that a person may have meant, and what it is. */
interface Hint {
  readonly text: string;
  readonly help: string;
}

function hintsOf(candidates: readonly string[]): Hint[] {
  return candidates.slice(0, MAX_HINTS).map((text) => {
    const command = PERSON_COMMANDS.find(({ name }) => `/${name}` === text);
    return { text, help: command ? `${command.usage} ${command.help}`.trim() : "" };
  });
}

/** Where a person writes. */
export class Composer {
  readonly #options: ComposerOptions;
  readonly #form = part("composer", HTMLFormElement);
  readonly #input = part("message", HTMLTextAreaElement);
  readonly #action = part("action", HTMLButtonElement);
  readonly #mode = part("mode", HTMLElement);
  readonly #hints = part("hints", HTMLElement);
  readonly #note = part("note", HTMLElement);
  readonly #encoder = new TextEncoder();
  /** Whom it is written to; undefined for the room. */
  #to: string | undefined;
  #room = "";

  /** Creates one that is empty. */
  constructor(options: ComposerOptions) {
    this.#options = options;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("keydown", (event) => this.#press(event));
    this.#input.addEventListener("input", () => this.#change());
    this.#input.addEventListener("click", () => this.#change());
    this.#action.addEventListener("click", () => this.#setAction(!this.#isAction));
    part("mode-end", HTMLButtonElement).addEventListener("click", () => this.address(undefined));
    this.#fillEmoji();
    this.#change();
  }

  /** Whether what is written has not been sent. */
  get isEmpty(): boolean {
    return this.#input.value.trim() === "";
  }

  /** Puts the cursor there. */
  focus(): void {
    this.#input.focus();
  }

  /** Says where what is written goes. */
  setRoom(room: string): void {
    this.#room = room;
    this.#describe();
  }

  /** From now on writes to one person, or without a name to the room. */
  address(name: string | undefined): void {
    this.#to = name;
    this.#setAction(false);
    this.#describe();
    this.focus();
  }

  /** Takes note that somebody has another name. */
  rename(from: string, to: string): void {
    if (this.#to !== from) return;
    this.#to = to;
    this.#describe();
  }

  /** Puts a text in at the cursor. */
  insert(text: string): void {
    const { selectionStart, selectionEnd } = this.#input;
    this.#input.setRangeText(text, selectionStart, selectionEnd, "end");
    this.#change();
    this.focus();
  }

  /** Begins a message to that person in the room. */
  mention(name: string): void {
    this.insert(this.isEmpty ? `${name}: ` : `${name} `);
  }

  /** Gives back a message to be changed, unless another is being written. */
  edit({ data, to }: { readonly data: string; readonly to?: string | undefined }): void {
    if (!this.isEmpty) return this.insert(`\n${data}`);
    this.address(to);
    this.insert(data);
  }

  get #isAction(): boolean {
    return this.#action.getAttribute("aria-pressed") === "true";
  }

  #setAction(isAction: boolean): void {
    this.#action.setAttribute("aria-pressed", String(isAction));
    this.#describe();
    this.focus();
  }

  #describe(): void {
    const isPrivate = this.#to !== undefined;
    this.#mode.hidden = !isPrivate;
    this.#action.disabled = isPrivate;
    part("mode-name", HTMLElement).textContent = this.#to ?? "";
    const where = this.#isAction ? `What do you do in #${this.#room}?` : `Message #${this.#room}`;
    const text = isPrivate ? `Message ${this.#to}, privately` : where;
    this.#input.placeholder = text;
    this.#input.setAttribute("aria-label", text);
  }

  #submit(): void {
    const text = this.#input.value;
    if (text.trim() === "") return;
    if (!this.#options.submit(this.#word(text))) return;
    this.#input.value = "";
    this.#setAction(false);
    this.#change();
  }

  /** Words what is written as a line of the command table. */
  #word(text: string): string {
    const said = text.replace(/^\s*\n/, "");
    if (this.#to !== undefined) return `/msg ${this.#to} ${said}`;
    return this.#isAction ? `/me ${said}` : said;
  }

  #press(event: KeyboardEvent): void {
    // While letters are composed, Enter and Tab belong to that.
    if (event.isComposing) return;
    const isPlain = !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
    if (event.key === "Enter" && isPlain) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Tab" && isPlain) {
      // Where there is nothing to complete, Tab goes on to the next control.
      if (this.#complete()) event.preventDefault();
    } else if (event.key === "Escape" && this.#to !== undefined) {
      this.address(undefined);
    }
  }

  /** The text before the cursor, if nothing is selected. */
  get #before(): string {
    const { value, selectionStart, selectionEnd } = this.#input;
    return selectionStart === selectionEnd ? value.slice(0, selectionStart) : "";
  }

  /** Completes the word before the cursor. Returns whether there was anything to do. */
  #complete(): boolean {
    const before = this.#before;
    if (!/\S$/.test(before)) return false;
    const { length, text } = complete(before, this.#options.known());
    if (length === 0 || before.endsWith(text)) return false;
    const end = before.length;
    this.#input.setRangeText(text, end - length, end, "end");
    this.#change();
    return true;
  }

  /** Takes a proposal. */
  #take(text: string): void {
    const end = this.#before.length;
    const begun = /[^\s@]*$/.exec(this.#before)?.[0].length ?? 0;
    this.#input.setRangeText(`${text} `, end - begun, end, "end");
    this.#change();
    this.focus();
  }

  #change(): void {
    // First the height of one row: of a higher one it would never become less.
    this.#input.style.setProperty("height", "auto");
    this.#input.style.setProperty("height", `${this.#input.scrollHeight}px`);
    this.#showHints();
    this.#count();
  }

  /** Proposes commands and names that begin like what is written. */
  #showHints(): void {
    const before = this.#before;
    const isBegun = /^\/\S+$/.test(before) || /(^|\s)@\S*$/.test(before);
    const { candidates, text } = complete(isBegun ? before : "", this.#options.known());
    const proposed = candidates.length === 0 && text !== "" ? [text.trim()] : candidates;
    const hints = hintsOf(proposed).map(({ text, help }) => {
      const button = element("button", { type: "button" }, text, element("span", {}, help));
      button.addEventListener("click", () => this.#take(text));
      return element("li", {}, button);
    });
    this.#hints.replaceChildren(...hints);
    this.#hints.hidden = hints.length === 0;
  }

  /** Says how much room there is, once that matters. */
  #count(): void {
    const size = this.#encoder.encode(cleanText(this.#input.value).trimEnd()).length;
    const left = MAX_TEXT_BYTES - size;
    this.#note.classList.toggle("is-error", left < 0);
    this.#note.textContent = left < 0
      ? `${-left} bytes too long: send it in parts`
      : left < WARN_BYTES
      ? `${left} bytes left`
      : NOTE;
  }

  #fillEmoji(): void {
    const box = part("emoji", HTMLElement);
    for (const emoji of EMOJI) {
      const button = element("button", { type: "button" }, emoji);
      button.addEventListener("click", () => {
        box.hidePopover();
        this.insert(emoji);
      });
      box.append(button);
    }
  }
}
