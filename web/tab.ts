/// <reference lib="dom" />
/**
 * What a page hands over to the next one in its tab: so that whatever ends it, what was said is said
 * once. A browser may end a page without a word, and may copy a tab with all that it remembers.
 *
 * So a page leaves what there is at each change, marked as its own. One that ends in order takes the
 * mark away. Another that finds a mark asks whether the page is there still, which answers in its tab;
 * else it takes its place, and takes for granted that everything may have been sent.
 *
 * @module
 */

import type { Handover } from "../client/handover.ts";
import { newRef } from "../client/outbox.ts";
import { memory } from "./memory.ts";

/** How long a page may take to say that it is there, in milliseconds. */
const ANSWER_TIME = 500;

/** How often what was merely seen since is kept, in milliseconds. */
const KEEP_TIME = 1_000;

/** Returns a handover of which anything may have been sent since. */
function doubt(handover: Handover): Handover {
  const unsaid = handover.unsaid.map(({ message, sent }) => ({ message, sent: Math.max(sent, 1) }));
  return { ...handover, unsaid };
}

/** Tells whether two handovers differ in more than what was seen. */
function differs(one: Handover | undefined, other: Handover | undefined): boolean {
  if (one?.welcome !== other?.welcome || one?.unsaid.length !== other?.unsaid.length) return true;
  return one?.unsaid.some(({ message, sent }, i) => {
    const { message: otherMessage, sent: otherSent } = other?.unsaid[i] ?? {};
    return message !== otherMessage || sent !== otherSent;
  }) === true;
}

/** A page's hold on what its tab remembers. */
export class Tab {
  readonly #id = newRef();
  #channel: BroadcastChannel | undefined;
  /** The page whose place this one has taken. */
  #before: string | undefined;
  /** The page that is asked for, and what takes its answer. */
  #asked: { readonly id: string; readonly answer: (isThere: boolean) => void } | undefined;
  #kept: Handover | undefined;
  #keptAt = 0;
  /** What was left when the page ended, unless it is back. */
  #left: string | undefined;
  #hasLeft = false;

  /** Creates one that answers other pages. */
  constructor() {
    this.#listen();
  }

  /** Returns what the page before this one has left; nothing if that page is there. */
  async take(): Promise<Handover | undefined> {
    const { handover, owner } = memory.left;
    if (!handover) return undefined;
    if (owner !== undefined && await this.#isThere(owner)) {
      memory.keep(undefined, this.#id);
      return undefined;
    }
    this.#before = owner;
    const taken = owner === undefined ? handover : doubt(handover);
    this.keep(taken);
    return taken;
  }

  /** Keeps what there is to go on with now, in case the page ends without a word. */
  keep(handover: Handover | undefined): void {
    const isSoon = Date.now() - this.#keptAt < KEEP_TIME;
    if (this.#hasLeft || (isSoon && !differs(this.#kept, handover))) return;
    memory.keep(handover, this.#id);
    this.#kept = handover;
    this.#keptAt = Date.now();
  }

  /** Leaves it to the next page: this one has ended, unless it comes {@linkcode back}. */
  leave(handover: Handover | undefined): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#channel?.close();
    this.#left = memory.leave(handover);
  }

  /** Takes note that the page is shown again. Returns whether no other has taken its place. */
  back(): boolean {
    if (memory.leftover !== this.#left) return false;
    this.#hasLeft = false;
    this.#kept = this.#left = undefined;
    this.#keptAt = 0;
    this.#listen();
    return true;
  }

  #isThere(id: string): Promise<boolean> {
    return new Promise((resolve) => {
      const answer = (isThere: boolean): void => {
        clearTimeout(timer);
        this.#asked = undefined;
        resolve(isThere);
      };
      const timer = setTimeout(() => answer(false), ANSWER_TIME);
      this.#asked = { id, answer };
      this.#channel?.postMessage(["ask", id, this.#id]);
    });
  }

  #listen(): void {
    this.#channel = new BroadcastChannel("chat.pages");
    this.#channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      const [kind, id, by = ""]: unknown[] = Array.isArray(data) ? data : [];
      const isAsked = id === this.#asked?.id;
      if (kind === "here" && isAsked) this.#asked?.answer(true);
      // Of two that ask for the same page, the one that was there first takes its place.
      const isThis = id === this.#id || id === this.#before || (isAsked && this.#id < String(by));
      if (kind === "ask" && isThis) this.#channel?.postMessage(["here", id]);
    };
  }
}
