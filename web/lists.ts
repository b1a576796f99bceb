/// <reference lib="dom" />
/**
 * The lists of rooms and people, as far as the page asks for them by itself: nobody tells of other
 * rooms, and in a crowd not who comes and goes.
 *
 * @module
 */

import type { Conversation } from "../client/conversation.ts";
import type { ServerMessage } from "../protocol.ts";

/** In a room of more people, only some of the pages there ask anew who they are. */
const CROWD = 500;

/** What the page asks for, in one conversation. */
export class Lists {
  /** Whether the next list of rooms, or of people, is for the page and not for the person. */
  readonly #isAsking = { rooms: false, users: false };

  /** Takes note that a list of people comes without being asked for: to who comes into a room. */
  expectPeople(): void {
    this.#isAsking.users = true;
  }

  /** Asks for what may have changed. */
  ask(conversation: Conversation): void {
    const { isOutdated, count } = conversation.roster;
    const isTurn = isOutdated && Math.random() < CROWD / count;
    for (const messageType of ["rooms" as const, ...(isTurn ? ["users" as const] : [])]) {
      if (this.#isAsking[messageType]) continue;
      this.#isAsking[messageType] = true;
      conversation.act({ messageType });
    }
  }

  /** Tells whether a message is a list that a person did not ask for. */
  isAnswer({ messageType }: ServerMessage): boolean {
    if (messageType !== "rooms" && messageType !== "users") return false;
    const isAsked = this.#isAsking[messageType];
    this.#isAsking[messageType] = false;
    return isAsked;
  }
}
