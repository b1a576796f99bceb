/**
 * The people whom a client has heard of in its room, or in private, for the completion of their
 * names.
 *
 * @module
 */

import { nameKey, type ServerMessage } from "../protocol.ts";

/** The most people that are kept; who spoke last stays longest. */
const MAX_PEOPLE = 1_000;

/** People, who spoke last first. */
export class People {
  /** Names by their keys, the most recent last. */
  readonly #names = new Map<string, string>();

  /** The names, who spoke or came last first. */
  get names(): string[] {
    return [...this.#names.values()].reverse();
  }

  /** Learns from what the server tells. */
  take(message: ServerMessage): void {
    switch (message.messageType) {
      case "users":
        return this.#list(message.dataArray);
      case "message":
      case "private":
      case "join":
        return this.#add(message.from);
      case "leave":
        return void this.#names.delete(nameKey(message.from));
      case "rename":
        this.#names.delete(nameKey(message.from));
        return this.#add(message.data ?? "");
    }
  }

  /** Keeps those who are listed, in the order in which they spoke. */
  #list(names: readonly string[]): void {
    const listed = new Set(names);
    const known = [...this.#names.values()].filter((name) => listed.has(name));
    this.#names.clear();
    for (const name of [...names.toReversed(), ...known]) this.#add(name);
  }

  #add(name: string): void {
    const key = nameKey(name);
    this.#names.delete(key);
    this.#names.set(key, name);
    const [oldest] = this.#names.keys();
    if (this.#names.size > MAX_PEOPLE && oldest !== undefined) this.#names.delete(oldest);
  }
}
