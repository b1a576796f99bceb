/**
 * The roster: who is in the room, as far as the server tells.
 *
 * @module
 */

import { MAX_LISTED, type Membership, type ServerMessage, type Users } from "../protocol.ts";

const COLLATOR = new Intl.Collator("en", { sensitivity: "base", numeric: true });

/** The most people whose names are kept: more than a server that tells each coming has in a room. */
const MAX_KNOWN = 2 * MAX_LISTED;

/** Who is in the room. */
export class Roster {
  /** Addresses by names; undefined where it was not told. */
  readonly #people = new Map<string, string | undefined>();
  #names: readonly string[] | undefined;
  #count = 0;
  #isOutdated = false;

  /** How many people there are: more than names, in a crowd. */
  get count(): number {
    return this.#count;
  }

  /** Whether people have come and gone of whom only the number is known. */
  get isOutdated(): boolean {
    return this.#isOutdated;
  }

  /** The names that are known, in the order of the alphabet. The same list until they change. */
  get names(): readonly string[] {
    return this.#names ??= [...this.#people.keys()].sort(COLLATOR.compare);
  }

  /** Returns the address of a person, if that is known. */
  addressOf(name: string): string | undefined {
    // A server may tell nobody where others are.
    return this.#people.get(name) || undefined;
  }

  /** Learns from what the server tells; what is `isPast` is in the list already. */
  take(message: ServerMessage, { isPast }: { readonly isPast: boolean }): void {
    switch (message.messageType) {
      case "users":
        return this.#list(message);
      case "presence":
        if (isPast) return;
        this.#count = message.count;
        this.#isOutdated = true;
        return;
      case "join":
      case "leave":
      case "rename":
        if (!isPast) this.#change(message);
        return;
      case "message":
        // Who said it before may have been another of that name.
        if (!isPast && this.#people.has(message.from)) {
          this.#people.set(message.from, message.address);
        }
    }
  }

  #list({ dataArray, count }: Users): void {
    const before = new Map(this.#people);
    this.#names = undefined;
    this.#people.clear();
    for (const name of dataArray) this.#people.set(name, before.get(name));
    this.#count = count;
    this.#isOutdated = false;
  }

  #change({ messageType, from, address, data }: Membership): void {
    const was = this.#people.delete(from);
    this.#names = undefined;
    if (messageType === "rename" && data !== undefined) this.#know(data, address);
    if (messageType === "leave") this.#count -= was || this.#count > this.#people.size ? 1 : 0;
    if (messageType === "join") {
      this.#know(from, address);
      if (!was) this.#count++;
    }
  }

  #know(name: string, address: string): void {
    this.#people.set(name, address);
    const [first] = this.#people.keys();
    if (this.#people.size <= MAX_KNOWN || first === undefined) return;
    this.#people.delete(first);
    this.#isOutdated = true;
  }
}
