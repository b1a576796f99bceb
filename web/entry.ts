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
  /** Whether a token is asked for, too. */
  readonly needsToken: boolean;
}

/** What a person said at the entry. */
export interface Answer {
  /** A valid name. */
  readonly name: string;
  /** The token, if one was asked for. */
  readonly token?: string | undefined;
}

/** Where a person comes in. */
export class Entry {
  readonly #entry = part("entry", HTMLElement);
  readonly #form = part("entry-form", HTMLFormElement);
  readonly #input = part("entry-name", HTMLInputElement);
  readonly #secret = part("entry-secret", HTMLElement);
  readonly #token = part("entry-token", HTMLInputElement);
  readonly #error = part("entry-error", HTMLElement);
  readonly #submit = part("entry-submit", HTMLButtonElement);

  /** Asks for a name, and a token where it is needed. */
  async ask(question: Question): Promise<Answer> {
    const { name = "", room, failure, isTriedAgain, needsToken } = question;
    this.#input.value = name;
    this.#token.value = "";
    this.#secret.hidden = !needsToken;
    this.#token.required = needsToken;
    this.#setReadOnly(false);
    this.#submit.disabled = false;
    this.#complain(failure);
    this.setRoom(room);
    setText(this.#submit, failure === "" ? "Come in" : "Try again");
    this.#entry.hidden = false;
    if (needsToken && name !== "") this.#token.focus();
    else this.#input.focus();
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      const chosen = cleanName(this.#input.value);
      const token = this.#token.value.trim();
      if (chosen === undefined) this.#complain("Type a name first.");
      else resolve({ name: chosen, token: needsToken ? token : undefined });
    };
    const again = (): void => {
      if (this.#input.value === name) resolve({ name });
    };
    const timer = isTriedAgain && name !== "" ? setTimeout(again, RETRY_TIME) : undefined;
    const answer = await promise;
    clearTimeout(timer);
    return answer;
  }

  /** Says which room the person comes into. */
  setRoom(room: string): void {
    setText(part("entry-room", HTMLElement), `#${room}`);
  }

  /** Shows that a person is coming in. */
  wait(name: string): void {
    this.#input.value = name;
    this.#setReadOnly(true);
    this.#submit.disabled = true;
    setText(this.#submit, "Coming in …");
    this.#entry.hidden = false;
  }

  /** Takes it away: the person is in. */
  close(): void {
    this.#entry.hidden = true;
  }

  #setReadOnly(isReadOnly: boolean): void {
    this.#input.readOnly = this.#token.readOnly = isReadOnly;
  }

  #complain(text: string): void {
    setText(this.#error, text);
    this.#input.setAttribute("aria-invalid", String(text !== ""));
  }
}
