/// <reference lib="dom" />
/**
 * The side of the page: which rooms there are, and who is in this one.
 *
 * @module
 */

import type { Roster } from "../client/roster.ts";
import { nameKey, type Rooms } from "../protocol.ts";
import { element, KeyedList, part, setText } from "./elements.ts";
import { avatarOf } from "./transcript.ts";

const COLLATOR = new Intl.Collator("en", { numeric: true });

/** What the side of the page shows. */
export interface Sides {
  readonly name: string;
  readonly room: string;
  readonly roster: Roster;
  /** Names of those who are not shown. */
  readonly ignored: readonly string[];
}

/** Someone in the list. */
interface Person {
  readonly name: string;
  readonly isSelf: boolean;
  readonly isIgnored: boolean;
}

/** A room in the list. */
interface RoomItem {
  readonly name: string;
  /** Undefined if it is not known. */
  readonly count: number | undefined;
  readonly isCurrent: boolean;
}

/** Settings of a {@linkcode Sidebar}. */
export interface SidebarOptions {
  /** The person wants to know, or do, something about another. */
  readonly choose: (name: string) => void;
  /** The person opens it, where it lies over the conversation. */
  readonly open: () => void;
}

function createRoom({ name }: RoomItem): HTMLElement {
  const hash = element("span", { class: "hash", "aria-hidden": "true" }, "#");
  const link = element("a", { href: `#${name}` }, hash, name);
  return element("li", {}, link, element("span", { class: "count" }));
}

function updateRoom(shown: HTMLElement, { count, isCurrent }: RoomItem): void {
  const [link, counted] = shown.children;
  if (isCurrent) link?.setAttribute("aria-current", "page");
  else link?.removeAttribute("aria-current");
  setText(counted, count === undefined ? "" : String(count));
  if (count !== undefined) counted?.setAttribute("title", wordPeople(count));
}

function updatePerson(shown: HTMLElement, { isSelf, isIgnored }: Person): void {
  const note = isSelf ? "you" : isIgnored ? "ignored" : "";
  setText(shown.querySelector(".note"), note);
  shown.classList.toggle("is-ignored", isIgnored);
}

/** Words how many people there are. */
export function wordPeople(count: number): string {
  return count === 1 ? "1 person" : `${count} people`;
}

/** The lists beside the conversation. */
export class Sidebar {
  readonly #side = part("side", HTMLElement);
  readonly #rooms = new KeyedList<RoomItem>(part("rooms", HTMLUListElement), {
    keyOf: ({ name }) => name,
    create: createRoom,
    update: updateRoom,
  });
  readonly #people: KeyedList<Person>;
  #known: Rooms | undefined;
  #sides: Sides | undefined;
  /** The room that was shown last. */
  #current = "";
  /** The names that are listed. */
  #names: readonly string[] = [];
  /** The names that are marked among them. */
  #marked = "";
  /** Whether it will be drawn in the next frame. */
  #isDue = false;

  /** Creates one that shows nothing yet. */
  constructor({ choose, open }: SidebarOptions) {
    this.#people = new KeyedList<Person>(part("people", HTMLUListElement), {
      keyOf: ({ name }) => name,
      create: ({ name }) => {
        const label = element("bdi", { class: "label", title: name }, name);
        const note = element("span", { class: "note" });
        const button = element("button", { type: "button" }, avatarOf(name), label, note);
        button.addEventListener("click", () => choose(name));
        return element("li", {}, button);
      },
      update: updatePerson,
    });
    this.#side.addEventListener("toggle", () => {
      if (!this.#side.matches(":popover-open")) return;
      this.#revealCurrent();
      open();
    });
    // Where there is room it is always there, and must not lie over the conversation.
    matchMedia("(min-width: 44rem)").addEventListener("change", () => {
      this.close();
      this.#revealCurrent();
    });
  }

  /** Takes note of the rooms that there are. */
  takeRooms(rooms: Rooms): void {
    this.#known = rooms;
  }

  /** Closes it, where it lies over the conversation. */
  close(): void {
    if (this.#side.matches(":popover-open")) this.#side.hidePopover();
  }

  /** Shows what has changed, once in a frame. */
  show(sides: Sides): void {
    this.#sides = sides;
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    this.#isDue = false;
    if (!this.#sides) return;
    const { name, room, roster, ignored } = this.#sides;
    this.#rooms.show(this.#listRooms(room, roster.count));
    // In a crowd there are hundreds, and most messages change nothing of it.
    const known = [name, ...ignored].join(" ");
    if (roster.names !== this.#names || known !== this.#marked) this.#listPeople(this.#sides);
    [this.#names, this.#marked] = [roster.names, known];
    const unnamed = roster.count - roster.names.length;
    setText(part("more-people", HTMLElement), unnamed > 0 ? `and ${unnamed} more` : "");
    setText(part("people-count", HTMLElement), String(roster.count));
    setText(part("present", HTMLElement), wordPeople(roster.count));
    if (room !== this.#current) this.#revealCurrent();
    this.#current = room;
  }

  #revealCurrent(): void {
    document.querySelector("#rooms [aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  #listPeople({ name, roster, ignored }: Sides): void {
    const hidden = new Set(ignored.map(nameKey));
    this.#people.show(roster.names.map((person) => ({
      name: person,
      isSelf: person === name,
      isIgnored: hidden.has(nameKey(person)),
    })));
  }

  #listRooms(current: string, count: number): RoomItem[] {
    const { dataArray = [], counts = [], count: all = 0 } = this.#known ?? {};
    const others = dataArray.map((name, i) => ({ name, count: counts[i], isCurrent: false }));
    const items = [
      ...others.filter(({ name }) => name !== current),
      { name: current, count, isCurrent: true },
    ].sort((a, b) => COLLATOR.compare(a.name, b.name));
    const unnamed = all - dataArray.length;
    setText(part("more-rooms", HTMLElement), unnamed > 0 ? `and ${unnamed} more` : "");
    return items;
  }
}
