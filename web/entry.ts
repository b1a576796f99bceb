/// <reference lib="dom" />
/**
 * The entry: where a person says their name before they come in, and sees that they are coming in.
 *
 * @module
 */

import { cleanName } from "../protocol.ts";
import { part, setText } from "./elements.ts";

/** After so many milliseconds who has a name, and could not come in, is brought in again. */
const RETRY_TIME = 5_000;

/** What the entry asks. */
export interface Question {
  /** The name that is proposed. */
  readonly name: string | undefined;
  readonly room: string;
  /** Why the person is not in, though they wanted to be. */
  readonly failure: string;
  /** Whether they are brought in by themselves, if that can be done later. */
  readonly isTriedAgain: boolean;
}

/** Where a person comes in. */
export class Entry {
  readonly #entry = part("entry", HTMLElement);
  readonly #form = part("entry-form", HTMLFormElement);
  readonly #input = part("entry-name", HTMLInputElement);
  readonly #error = part("entry-error", HTMLElement);
  readonly #submit = part("entry-submit", HTMLButtonElement);

  /** Asks for a name. Resolves with a valid one. */
  async ask({ name = "", room, failure, isTriedAgain }: Question): Promise<string> {
    this.#input.value = name;
    this.#input.readOnly = false;
    this.#submit.disabled = false;
    this.#complain(failure);
    this.setRoom(room);
    setText(this.#submit, failure === "" ? "Come in" : "Try again");
    this.#entry.hidden = false;
    this.#input.focus();
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      const chosen = cleanName(this.#input.value);
      if (chosen === undefined) this.#complain("Type a name first.");
      else resolve(chosen);
    };
    const again = (): void => {
      if (this.#input.value === name) resolve(name);
    };
    const timer = isTriedAgain && name !== "" ? setTimeout(again, RETRY_TIME) : undefined;
    const chosen = await promise;
    clearTimeout(timer);
    return chosen;
  }

  /** Says which room the person comes into. */
  setRoom(room: string): void {
    setText(part("entry-room", HTMLElement), `#${room}`);
  }

  /** Shows that a person is coming in. */
  wait(name: string): void {
    this.#input.value = name;
    this.#input.readOnly = true;
    this.#submit.disabled = true;
    setText(this.#submit, "Coming in …");
    this.#entry.hidden = false;
  }

  /** Takes it away: the person is in. */
  close(): void {
    this.#entry.hidden = true;
  }

  #complain(text: string): void {
    setText(this.#error, text);
    this.#input.setAttribute("aria-invalid", String(text !== ""));
  }
}
