/// <reference lib="dom" />
/**
 * What is unread: how much there is that the person has not seen, where it begins, and the button
 * that leads there.
 *
 * @module
 */

import type { Context } from "../client/link.ts";
import { type Attention, isLooking } from "./attention.ts";
import { part, setText } from "./elements.ts";
import type { Transcript } from "./transcript.ts";

/** What the person has not seen of the room that they are in. */
export class Unread {
  readonly #button = part("new", HTMLButtonElement);
  readonly #attention: Attention;
  #transcript: Transcript | undefined;
  #room = "";
  #count = 0;
  /** Whether the person has been in this room before, and has not seen what happened since. */
  #isBack = false;

  /** Creates one for nobody who is in a room. */
  constructor(attention: Attention) {
    this.#attention = attention;
    this.#button.addEventListener("click", () => {
      this.#transcript?.revealNew();
      // The button may be gone: the keys go on where the reader is.
      this.#transcript?.log.element.focus({ preventScroll: true });
    });
  }

  /** Begins anew in a room, in which the person has been before or not. */
  turnTo(transcript: Transcript, { room, isBack }: { room: string; isBack: boolean }): void {
    this.#transcript = transcript;
    this.#room = room;
    this.#count = 0;
    this.#isBack = isBack;
  }

  /** Begins anew in no room. */
  leave(): void {
    this.#transcript = undefined;
    this.#room = "";
    this.#count = 0;
    this.refresh();
  }

  /** Takes note that something to be read is shown next. Marks it, if that is the first of it. */
  expect({ isPast }: Context): void {
    const isNews = !isPast && !(isLooking() && this.#transcript?.log.isAtEnd);
    const isFirst = isPast ? this.#isBack : isNews && this.#count === 0;
    if (isFirst) this.#transcript?.mark();
    if (isNews) this.#count++;
    this.#isBack = false;
  }

  /** What is shown is read if the person sees the end of it. */
  refresh(): void {
    const { isAtEnd = true } = this.#transcript?.log ?? {};
    if (isAtEnd && isLooking()) this.#count = 0;
    const unread = this.#count === 1 ? "1 new message" : `${this.#count} new messages`;
    this.#button.hidden = isAtEnd;
    setText(this.#button, this.#count === 0 ? "To the end" : unread);
    this.#attention.entitle(this.#room, this.#count);
  }
}
