/// <reference lib="dom" />
/**
 * Attention: what the page does so that somebody who is looking elsewhere notices what is new.
 *
 * @module
 */

import { part } from "./elements.ts";
import { memory } from "./memory.ts";

const TITLE = "Broadcast chat";

const BLOCKED =
  "The browser does not allow this page to notify you. Its settings for this page can change that.";

/** Tells whether the person is looking at the page. */
export function isLooking(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

/** The title of the page, and notifications, if the person allows them. */
export class Attention {
  readonly #button = part("notify", HTMLButtonElement);

  readonly #complain: (text: string) => void;

  /** Creates one that notifies as the person wanted the last time, and complains if it cannot. */
  constructor(complain: (text: string) => void) {
    this.#complain = complain;
    // Where the page's address is not secure, browsers offer none.
    this.#button.hidden = !("Notification" in globalThis) || !isSecureContext;
    this.#button.addEventListener("click", () => void this.#toggle());
    this.#describe();
  }

  /** Shows in the title where the person is, and how much is new. */
  entitle(room: string, unread: number): void {
    const where = room === "" ? TITLE : `#${room} · ${TITLE}`;
    const title = unread > 0 ? `(${unread}) ${where}` : where;
    if (document.title !== title) document.title = title;
  }

  /** Notifies of what is meant for this person, if that is wanted. */
  notify(title: string, body: string): void {
    if (!this.#isWanted || isLooking()) return;
    try {
      const notification = new Notification(title, { body, tag: title, icon: "web/icon.svg" });
      notification.onclick = () => {
        globalThis.focus();
        notification.close();
      };
    } catch (error) {
      // Browsers on phones let only service workers notify.
      if (!(error instanceof TypeError)) throw error;
      this.#button.hidden = true;
    }
  }

  get #isWanted(): boolean {
    return !this.#button.hidden && memory.notify && Notification.permission === "granted";
  }

  async #toggle(): Promise<void> {
    const isWanted = !this.#isWanted;
    const permission = isWanted ? await Notification.requestPermission() : "default";
    memory.notify = isWanted;
    this.#describe();
    if (permission === "denied") this.#complain(BLOCKED);
  }

  #describe(): void {
    this.#button.setAttribute("aria-pressed", String(this.#isWanted));
  }
}
