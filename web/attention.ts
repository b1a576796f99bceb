/// <reference lib="dom" />
/**
 * Attention: what the page does so that somebody who is looking elsewhere notices what is new.
 *
 * @module
 */

import { part } from "./elements.ts";
import { memory } from "./memory.ts";

const TITLE = "Broadcast chat";

/** Tells whether the person is looking at the page. */
export function isLooking(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

/** The title of the page, and notifications, if the person allows them. */
export class Attention {
  readonly #button = part("notify", HTMLButtonElement);

  /** Creates one that notifies as the person wanted the last time. */
  constructor() {
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
    const notification = new Notification(title, { body, tag: title, icon: "web/icon.svg" });
    notification.onclick = () => {
      globalThis.focus();
      notification.close();
    };
  }

  get #isWanted(): boolean {
    return !this.#button.hidden && memory.notify && Notification.permission === "granted";
  }

  async #toggle(): Promise<void> {
    const isWanted = !this.#isWanted;
    if (isWanted) await Notification.requestPermission();
    memory.notify = isWanted;
    this.#describe();
  }

  #describe(): void {
    const isBlocked = !this.#button.hidden && Notification.permission === "denied";
    this.#button.disabled = isBlocked;
    this.#button.setAttribute("aria-pressed", String(this.#isWanted));
    this.#button.title = isBlocked
      ? "The browser does not allow this page to notify you"
      : "Notify me when somebody names me or writes to me privately";
  }
}
