/// <reference lib="dom" />
/**
 * What the page remembers in the browser: the person's name and wishes for later visits, and for as
 * long as the tab is open what a page that is loaded again needs to go on.
 *
 * @module
 */

import { formatHandover, type Handover, parseHandover } from "../client/handover.ts";

const [NAME, TOKEN, NOTIFY] = ["chat.name", "chat.token", "chat.notify"];
const [HANDOVER, OWNER, DRAFTS] = ["chat.handover", "chat.owner", "chat.drafts"];

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

  /** What the page before this one has left in this tab, and whose it is unless that page has ended. */
  get left(): { readonly handover: Handover | undefined; readonly owner: string | undefined } {
    const owner = attempt(() => sessionStorage.getItem(OWNER)) ?? undefined;
    return { handover: parseHandover(this.leftover), owner };
  },

  /** The same as it is stored; empty if there is nothing. */
  get leftover(): string {
    return attempt(() => sessionStorage.getItem(HANDOVER)) ?? "";
  },

  /** Keeps what the next page in this tab goes on with, if there is anything, as that page's own. */
  keep(handover: Handover | undefined, owner: string): void {
    attempt(() => sessionStorage.setItem(OWNER, owner));
    this.leave(handover, owner);
  },

  /** The same for a page that has ended, unless there is an owner. Returns it as it is stored. */
  leave(handover: Handover | undefined, owner?: string): string {
    // What is too long to be kept is not to be taken for what was kept before.
    attempt(() => sessionStorage.removeItem(HANDOVER));
    if (handover) attempt(() => sessionStorage.setItem(HANDOVER, formatHandover(handover)));
    if (owner === undefined) attempt(() => sessionStorage.removeItem(OWNER));
    return this.leftover;
  },
};
