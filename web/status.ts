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

/** What {@linkcode Status.tellOffline} tells. */
export interface Offline {
  /** How many messages wait. */
  readonly waiting: number;
  /** The room that the person goes to; undefined if they stay. */
  readonly room: string | undefined;
  readonly retry: () => void;
}

/** A line about the connection, while there is something to say about it. */
export class Status {
  readonly #bar = part("status", HTMLElement);
  readonly #text = part("status-text", HTMLElement);
  readonly #button = part("status-act", HTMLButtonElement);
  readonly #spoken = part("spoken", HTMLElement);
  #offer: Offer | undefined;

  /** Creates one that says nothing. */
  constructor() {
    this.#button.addEventListener("click", () => this.#offer?.act());
  }

  /** Says that there is no connection, and what happens when it is back. */
  tellOffline({ waiting, room, retry }: Offline): void {
    const what = waiting === 0
      ? "What you write is kept, and sent when you are back."
      : waiting === 1
      ? "1 message waits until you are back."
      : `${waiting} messages wait until you are back.`;
    const where = room === undefined ? "" : ` You are in #${room} then.`;
    this.tell(`Offline. ${what}${where}`, { word: "Try now", act: retry });
  }

  /** Tells those who cannot see it. */
  announce(text: string): void {
    this.#spoken.textContent = text;
  }

  /** Brings the focus to what can be done. */
  focus(): void {
    this.#button.focus();
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
