/// <reference lib="dom" />
/**
 * Hints: commands, names and rooms that begin like what is being written, in a list above it that
 * arrow keys go through (ARIA, "listbox").
 *
 * @module
 */

import { complete, type Known } from "../client/completion.ts";
import { PERSON_COMMANDS } from "../protocol.ts";
import { element, part } from "./elements.ts";

/** The most that is proposed at once. */
const MAX_HINTS = 20;

/** Returns what could be meant by the last word before the cursor, if something is to be proposed. */
function propose(before: string, known: Known): string[] {
  const [, command] = /^\/(\S+)\s+\S+$/.exec(before) ?? [];
  const takesName = PERSON_COMMANDS.some(({ name, names }) => names && name === command);
  if (!takesName && !/^\/\S*$|(?:^|\s)@\S*$/.test(before)) return [];
  const { candidates, text } = complete(before, known);
  return candidates.length > 0 ? candidates.slice(0, MAX_HINTS) : text === "" ? [] : [text.trim()];
}

/** Proposals for what is being written. */
export class Hints {
  readonly #list = part("hints", HTMLElement);
  readonly #input: HTMLTextAreaElement;
  readonly #take: (text: string) => void;
  #proposed: readonly string[] = [];
  #chosen = -1;

  /** Creates hints for `input` that pass on which of them is taken. */
  constructor(input: HTMLTextAreaElement, take: (text: string) => void) {
    this.#input = input;
    this.#take = take;
    // The focus stays where is written.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
  }

  /** Whether there are any. */
  get isShown(): boolean {
    return this.#proposed.length > 0;
  }

  /** The one that arrow keys have come to. */
  get chosen(): string | undefined {
    return this.#proposed[this.#chosen];
  }

  /** Shows what could be meant by what stands before the cursor. */
  show(before: string, known: Known): void {
    const proposed = propose(before, known);
    // What is written in full already needs no hint.
    this.#proposed = proposed.length === 1 && before.endsWith(proposed[0] ?? "") ? [] : proposed;
    this.#draw(-1);
  }

  /** Takes them away. */
  hide(): void {
    this.#proposed = [];
    this.#draw(-1);
  }

  /** Goes to the next one, or by -1 to the one before. */
  move(step: 1 | -1): void {
    const count = this.#proposed.length + 1;
    this.#draw((this.#chosen + 1 + step + count) % count - 1);
  }

  #draw(chosen: number): void {
    this.#chosen = chosen;
    const options = this.#proposed.map((text, i) => {
      const { usage = "", help = "" } = PERSON_COMMANDS.find(({ name }) => `/${name}` === text) ??
        {};
      const option = element(
        "li",
        { id: `hint-${i}`, role: "option", "aria-selected": String(i === chosen) },
        element("strong", {}, element("bdi", {}, text)),
        ...(usage === "" ? [] : [" ", element("code", {}, usage)]),
        ...(help === "" ? [] : [element("span", {}, help)]),
      );
      option.addEventListener("click", () => this.#take(text));
      return option;
    });
    this.#list.replaceChildren(...options);
    this.#list.hidden = options.length === 0;
    options[chosen]?.scrollIntoView({ block: "nearest" });
    if (chosen >= 0) this.#input.setAttribute("aria-activedescendant", `hint-${chosen}`);
    else this.#input.removeAttribute("aria-activedescendant");
  }
}
