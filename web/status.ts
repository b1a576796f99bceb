/// <reference lib="dom" />
/**
 * The status: what a person has to know about the connection, and can do about it.
 *
 * @module
 */

import { part } from "./elements.ts";

/** Something that can be done. */
export interface Offer {
  readonly word: string;
  readonly act: () => void;
}

/** A line about the connection, while there is something to say about it. */
export class Status {
  readonly #bar = part("status", HTMLElement);
  readonly #text = part("status-text", HTMLElement);
  readonly #button = part("status-act", HTMLButtonElement);
  #offer: Offer | undefined;

  /** Creates one that says nothing. */
  constructor() {
    this.#button.addEventListener("click", () => this.#offer?.act());
  }

  /** Says that so many messages wait until the connection is back. */
  tellOffline(waiting: number, retry: () => void): void {
    const what = waiting === 0
      ? "What you write is kept, and"
      : waiting === 1
      ? "1 message waits, and is"
      : `${waiting} messages wait, and are`;
    const offer = { word: "Try now", act: retry };
    this.tell(`Offline. ${what} sent when the connection is back.`, offer);
  }

  /** Says something, and what can be done. Without a text there is nothing to say. */
  tell(text: string, offer?: Offer): void {
    this.#offer = offer;
    // Whatever is put there is read out, also if it is the same.
    if (this.#text.textContent === text) return;
    this.#text.textContent = text;
    this.#button.textContent = offer?.word ?? "";
    this.#button.hidden = !offer;
    this.#bar.classList.toggle("is-shown", text !== "");
  }
}
