/// <reference lib="dom" />
/**
 * The entry: where a person says their name before they come in.
 *
 * @module
 */

import { cleanName } from "../protocol.ts";
import { part } from "./elements.ts";

/** What the entry shows. */
export interface Question {
  /** The name that is proposed. */
  readonly name: string | undefined;
  readonly room: string;
  /** Why the person is not in, though they wanted to be. */
  readonly failure: string;
}

/** Asks for a name. Resolves with a valid one. */
export function askName({ name, room, failure }: Question): Promise<string> {
  const entry = part("entry", HTMLElement);
  const form = part("entry-form", HTMLFormElement);
  const input = part("entry-name", HTMLInputElement);
  const error = part("entry-error", HTMLElement);
  input.value = name ?? "";
  error.textContent = failure;
  part("entry-room", HTMLElement).textContent = `#${room}`;
  part("entry-submit", HTMLElement).textContent = failure === "" ? "Come in" : "Try again";
  entry.hidden = false;
  input.focus();
  return new Promise((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      const chosen = cleanName(input.value);
      if (chosen === undefined) {
        error.textContent = "A name needs a letter or a digit.";
        return;
      }
      entry.hidden = true;
      resolve(chosen);
    };
  });
}
