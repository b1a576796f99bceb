/// <reference lib="dom" />
/**
 * What the page remembers in the browser: the person's name and wishes for later visits, and for as
 * long as the tab is open what a page that is loaded again needs to go on.
 *
 * @module
 */

import { formatHandover, type Handover, parseHandover } from "../client/handover.ts";

const [NAME, TOKEN, NOTIFY] = ["chat.name", "chat.token", "chat.notify"];
const [HANDOVER, DRAFTS] = ["chat.handover", "chat.drafts"];

/** Does it, unless the browser keeps nothing for this page: then it is not remembered. */
function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    // Storage that is blocked, or full.
    if (error instanceof DOMException) return undefined;
    throw error;
  }
}

/** What the page remembers. */
export const memory = {
  /** The name that the person chose last. */
  get name(): string | undefined {
    return attempt(() => localStorage.getItem(NAME)) ?? undefined;
  },
  set name(name: string) {
    attempt(() => localStorage.setItem(NAME, name));
  },

  /** The secret that lets the person in, where one is needed, until they leave. */
  get token(): string | undefined {
    return attempt(() => localStorage.getItem(TOKEN)) ?? undefined;
  },
  set token(token: string | undefined) {
    if (token === undefined) attempt(() => localStorage.removeItem(TOKEN));
    else attempt(() => localStorage.setItem(TOKEN, token));
  },

  /** Whether the person wants notifications. */
  get notify(): boolean {
    return attempt(() => localStorage.getItem(NOTIFY)) === "yes";
  },
  set notify(isWanted: boolean) {
    attempt(() => localStorage.setItem(NOTIFY, isWanted ? "yes" : "no"));
  },

  /** What the person had begun to write in this tab, as the composer words it. */
  get drafts(): string {
    return attempt(() => sessionStorage.getItem(DRAFTS)) ?? "";
  },
  set drafts(drafts: string) {
    attempt(() => sessionStorage.setItem(DRAFTS, drafts));
  },

  /** Keeps what the next page in this tab goes on with, if there is anything. */
  leave(handover: Handover | undefined): void {
    if (handover) attempt(() => sessionStorage.setItem(HANDOVER, formatHandover(handover)));
    else attempt(() => sessionStorage.removeItem(HANDOVER));
  },

  /**
   * Returns what the page before this one has left, once: a tab that is copied must not become the
   * same person.
   */
  take(): Handover | undefined {
    const json = attempt(() => sessionStorage.getItem(HANDOVER)) ?? "";
    attempt(() => sessionStorage.removeItem(HANDOVER));
    return parseHandover(json);
  },
};
