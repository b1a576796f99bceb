/// <reference lib="dom" />
/**
 * The composer: where a person writes, to the room or to one other. What is half written stays with
 * whom it was written to.
 *
 * @module
 */

import { complete, type Known } from "../client/completion.ts";
import { cleanText, MAX_TEXT_BYTES, nameKey, type SendMessage } from "../protocol.ts";
import { part } from "./elements.ts";
import { prepareEmoji } from "./emoji.ts";
import { Hints } from "./hints.ts";

/** From so many bytes below the longest text on, it is said how many are left. */
const WARN_BYTES = 500;

/** The most drafts that are kept. */
const MAX_DRAFTS = 50;

const NOTE = "Enter sends, Shift-Enter begins a new line";

const encoder = new TextEncoder();

/** Something that was written. */
export interface Written {
  readonly text: string;
  /** Whom to; undefined for the room. */
  readonly to: string | undefined;
  readonly action: true | undefined;
}

/** Settings of a {@linkcode Composer}. */
export interface ComposerOptions {
  /** Takes what was written. Returns whether it was taken. */
  readonly submit: (written: Written) => boolean;
  /** Returns what names can be completed to. */
  readonly known: () => Known;
  /** Tells those who cannot see it. */
  readonly announce: (text: string) => void;
}

/** Something that was said, and can be again. */
type Said = Pick<SendMessage, "data" | "to" | "action">;

/** Returns a text as it is written: what begins with a slash would be a command. */
function escapeSlash(text: string): string {
  return text.startsWith("/") ? `/${text}` : text;
}

/** Returns what stands for where a draft goes to. */
function keyOf(to: string | undefined, room: string): string {
  return to === undefined ? `#${room}` : `@${nameKey(to)}`;
}

/** Where a person writes. */
export class Composer {
  readonly #options: ComposerOptions;
  readonly #form = part("composer", HTMLFormElement);
  readonly #input = part("message", HTMLTextAreaElement);
  readonly #action = part("action", HTMLButtonElement);
  readonly #note = part("note", HTMLElement);
  readonly #hints: Hints;
  /** What was not sent, by whom it was to be sent to. */
  #drafts = new Map<string, string>();
  /** Whom it is written to; undefined for the room. */
  #to: string | undefined;
  #room = "";
  /** For what the hints are. */
  #hinted = "";

  /** Creates one that is empty. */
  constructor(options: ComposerOptions) {
    this.#options = options;
    this.#hints = new Hints(this.#input, (text) => this.#take(text));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("keydown", (event) => this.#press(event));
    this.#input.addEventListener("input", () => this.#change());
    document.addEventListener("selectionchange", () => this.#hint());
    this.#action.addEventListener("click", () => this.#setAction(!this.#isAction));
    part("mode-end", HTMLButtonElement).addEventListener("click", () => this.address(undefined));
    prepareEmoji((emoji) => this.insert(emoji));
    this.#change();
  }

  /** What was not sent, as JSON. */
  get drafts(): string {
    this.#keep();
    return JSON.stringify([...this.#drafts]);
  }

  /** Takes back what {@linkcode drafts} returned to an earlier page; ignores anything else. */
  restore(json: string): void {
    try {
      const entries: unknown = JSON.parse(json);
      if (!Array.isArray(entries)) return;
      this.#drafts = new Map(entries.map(([key, text]) => [String(key), String(text)]));
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    }
  }

  /** Puts the cursor there. */
  focus(): void {
    this.#input.focus();
  }

  /** Says which room what is written goes to. */
  setRoom(room: string): void {
    if (room !== this.#room) this.#turn(room, this.#to);
  }

  /** From now on writes to one person, or without a name to the room. */
  address(name: string | undefined): void {
    if (name !== this.#to) {
      this.#turn(this.#room, name);
      this.#options.announce(name === undefined ? "To the room" : `Privately to ${name}`);
    }
    this.focus();
  }

  /** Takes note that somebody has another name. */
  rename(from: string, to: string): void {
    this.#keep();
    const [before, after] = [keyOf(from, ""), keyOf(to, "")];
    const draft = this.#drafts.get(before);
    this.#drafts.delete(before);
    if (draft !== undefined) this.#drafts.set(after, draft);
    if (this.#to !== undefined && keyOf(this.#to, "") === before) this.#to = to;
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
    this.address(undefined);
    const isWord = /\S$/.test(this.#before);
    this.insert(this.#isEmpty ? `${name}: ` : `${isWord ? " " : ""}${name} `);
  }

  /** Gives back a message to be changed, behind what is being written to the same. */
  edit({ data, to, action }: Said): void {
    this.address(to);
    const { length } = this.#input.value;
    this.#input.setSelectionRange(length, length);
    this.insert(this.#isEmpty ? escapeSlash(data) : `\n${data}`);
    if (action) this.#setAction(true);
  }

  /** Makes a message that was for that room, or one person, a draft again. */
  takeBack({ data, to, action }: Said, room: string): void {
    this.#keep();
    const key = keyOf(to, room);
    const draft = this.#drafts.get(key);
    const text = action ? `/me ${data}` : escapeSlash(data);
    this.#drafts.set(key, draft === undefined ? text : `${draft}\n${data}`);
    this.#input.value = this.#drafts.get(this.#key) ?? "";
    this.#change();
  }

  get #isEmpty(): boolean {
    return this.#input.value.trim() === "";
  }

  get #isAction(): boolean {
    return this.#action.getAttribute("aria-pressed") === "true";
  }

  /** Under which key of the drafts it is written. */
  get #key(): string {
    return keyOf(this.#to, this.#room);
  }

  #keep(): void {
    this.#drafts.delete(this.#key);
    if (!this.#isEmpty) this.#drafts.set(this.#key, this.#input.value);
    const [oldest] = this.#drafts.keys();
    if (this.#drafts.size > MAX_DRAFTS && oldest !== undefined) this.#drafts.delete(oldest);
  }

  /** Goes on with what was being written there. */
  #turn(room: string, to: string | undefined): void {
    this.#keep();
    this.#room = room;
    this.#to = to;
    this.#input.value = this.#drafts.get(this.#key) ?? "";
    this.#action.setAttribute("aria-pressed", "false");
    this.#describe();
    this.#change();
  }

  #setAction(isAction: boolean): void {
    this.#action.setAttribute("aria-pressed", String(isAction));
    this.#describe();
    this.focus();
  }

  #describe(): void {
    const isPrivate = this.#to !== undefined;
    this.#form.classList.toggle("is-private", isPrivate);
    part("mode", HTMLElement).hidden = !isPrivate;
    part("mode-name", HTMLElement).textContent = this.#to ?? "";
    this.#action.disabled = isPrivate;
    const where = this.#isAction ? `What do you do in #${this.#room}?` : `Message #${this.#room}`;
    const text = isPrivate ? `Message ${this.#to}, privately` : where;
    this.#input.placeholder = text;
    this.#input.setAttribute("aria-label", text);
    part("send", HTMLButtonElement).setAttribute(
      "aria-label",
      isPrivate ? "Send privately" : "Send",
    );
  }

  #submit(): void {
    if (this.#isEmpty) return;
    const text = this.#input.value;
    const action = this.#isAction || undefined;
    // What is sent is no draft any more, wherever it leads.
    this.#input.value = "";
    if (!this.#options.submit({ text, to: this.#to, action })) this.#input.value = text;
    else this.#action.setAttribute("aria-pressed", "false");
    this.#describe();
    this.#change();
  }

  #press(event: KeyboardEvent): void {
    // While letters are composed, keys belong to that; Safari tells the last of them by 229 alone.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
    if (this.#act(event.key)) event.preventDefault();
  }

  /** Does what a key stands for. Returns whether it stands for anything. */
  #act(key: string): boolean {
    const { chosen, isShown } = this.#hints;
    switch (key) {
      case "Enter":
        if (chosen === undefined) this.#submit();
        else this.#take(chosen);
        return true;
      case "Tab":
        // Where there is nothing to complete, Tab goes on to the next control.
        return chosen === undefined ? this.#complete() : this.#take(chosen);
      case "ArrowDown":
      case "ArrowUp":
        if (isShown) this.#hints.move(key === "ArrowDown" ? 1 : -1);
        return isShown;
      case "Escape":
        if (isShown) this.#hints.hide();
        else if (this.#to !== undefined) this.address(undefined);
        return isShown;
      default:
        return false;
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
    return this.#replace(length, text);
  }

  /** Takes a hint for the word before the cursor. */
  #take(text: string): true {
    const begun = /[^\s@]*$/.exec(this.#before)?.[0] ?? "";
    return this.#replace(begun.length, `${text} `);
  }

  /** Puts a text in the place of so many UTF-16 units before the cursor. */
  #replace(length: number, text: string): true {
    const end = this.#input.selectionStart;
    this.#input.setRangeText(text, end - length, end, "end");
    this.#change();
    this.focus();
    return true;
  }

  #change(): void {
    // A copy that cannot be seen, in the same place, gives the field its height: see the style.
    this.#input.parentElement?.setAttribute("data-copy", `${this.#input.value} `);
    this.#hint();
    this.#count();
  }

  /** Proposes what could be meant by what stands before the cursor. */
  #hint(): void {
    const before = this.#before;
    if (before === this.#hinted) return;
    this.#hinted = before;
    this.#hints.show(before, this.#options.known());
  }

  /** Says how much room there is, once that matters. */
  #count(): void {
    const size = encoder.encode(cleanText(this.#input.value).trimEnd()).length;
    const left = MAX_TEXT_BYTES - size;
    const isOver = left < 0;
    this.#note.classList.toggle("is-error", isOver);
    this.#input.setAttribute("aria-invalid", String(isOver));
    this.#note.textContent = isOver
      ? `${-left} bytes too long: send it in parts`
      : left < WARN_BYTES
      ? `${left} bytes left`
      : NOTE;
  }
}
