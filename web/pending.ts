/// <reference lib="dom" />
/**
 * What is pending: messages that were said and have not come back yet. They stand below the
 * transcript, where they will be, until they have.
 *
 * @module
 */

import type { SendMessage } from "../protocol.ts";
import { element, KeyedList } from "./elements.ts";

function createPending({ data, to, action }: SendMessage): HTMLElement {
  const whom = to === undefined ? "" : `privately to ${to}: `;
  const text = element("div", { class: "text", dir: "auto" }, `${whom}${data}`);
  const note = element("div", { class: "note" });
  const block = element("div", { class: "message is-pending" }, text, note);
  block.classList.toggle("is-action", action === true);
  return block;
}

/** Messages that have not come back. */
export class Pending {
  /** Where they are shown. They are not read out: that is done when they have come back. */
  readonly element: HTMLElement = element("div", { class: "pending", "aria-live": "off" });
  readonly #list = new KeyedList<SendMessage>(this.element, {
    keyOf: ({ ref = "" }) => ref,
    create: createPending,
  });
  #messages: ReadonlyMap<string, SendMessage> = new Map();

  /** How many there are. */
  get size(): number {
    return this.#messages.size;
  }

  /** Returns the one with that `ref`, also if it was answered since {@linkcode show}. */
  find(ref: string): SendMessage | undefined {
    return this.#messages.get(ref);
  }

  /** Shows these, and no others. */
  show(messages: readonly SendMessage[], { isOnline }: { readonly isOnline: boolean }): void {
    this.#messages = new Map(messages.map((message) => [message.ref ?? "", message]));
    this.#list.show(messages);
    this.element.classList.toggle("is-offline", !isOnline);
  }
}
