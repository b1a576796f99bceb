/// <reference lib="dom" />
/**
 * The log: blocks one below the other in a frame that scrolls, of which only those near the reader
 * are in the document, however many there are.
 *
 * Blocks are kept in chunks. The newest chunk is always there, and is what a screen reader listens
 * to (`role="log"`): what is added to it is read out. Of the chunks before it, which are read out
 * no more, those around the reader's place are there. So there can be a gap before the newest one
 * while the reader is far above; it closes before the reader comes to it.
 *
 * A reader who is at the end stays at the end; everyone else stays where they are.
 *
 * @module
 */

import { element } from "./elements.ts";

/** Blocks in a chunk. */
const CHUNK = 50;

/** The most chunks that are in the document, besides the newest. */
const MAX_ATTACHED = 10;

/** The most chunks that are kept, in the document or not. */
const MAX_KEPT = 100;

/** A block that is held stays so many pixels below the top. */
const HELD_MARGIN = 8;

/** Who is less than so many pixels above the end is at the end. */
const END_MARGIN = 48;

/** Blocks that can be scrolled. */
export class Log {
  /** The frame that scrolls. */
  readonly element: HTMLElement;
  /** Stands below all blocks. */
  readonly foot: HTMLElement = element("div", { class: "foot" });
  readonly #earlier = element("div", { class: "earlier", role: "group", "aria-label": "Earlier" });
  readonly #newest = element("div", { class: "newest", role: "log", "aria-label": "Messages" });
  readonly #onMove: () => void;
  readonly #chunks: HTMLElement[] = [];
  /** The chunks from `#first` up to and without `#end` are among the earlier ones. */
  #first = 0;
  #end = 0;
  #isAtEnd = true;
  /** Where the frame was scrolled to, as far as is known. */
  #top = 0;
  /** How high the frame was then. */
  #height = 0;
  /** The chunks before this one were cleared. */
  #floor = 0;
  /** A block that stays in sight, whatever comes below it. */
  #held: HTMLElement | undefined;

  /** Creates an empty one, which calls `onMove` when its reader comes to the end or leaves it. */
  constructor(onMove: () => void) {
    this.#onMove = onMove;
    const content = element("div", { class: "content" }, this.#earlier, this.#newest, this.foot);
    const attributes = { class: "log", tabindex: 0, role: "region", "aria-label": "Conversation" };
    this.element = element("div", attributes, content);
    this.element.addEventListener("scroll", () => this.#follow(), { passive: true });
    const observer = new ResizeObserver(() => this.#stay());
    observer.observe(this.element);
    observer.observe(content);
  }

  /** Whether the reader is at the end. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Adds a block at the end. */
  append(block: HTMLElement): void {
    let chunk = this.#chunks.at(-1);
    if (!chunk || chunk.childElementCount >= CHUNK) chunk = this.#begin();
    chunk.append(block);
  }

  /** Keeps a block in sight of a reader who is at the end, whatever comes below it; or no more. */
  hold(block: HTMLElement | undefined): void {
    this.#held = block;
    this.#stay();
  }

  /**
   * Changes how high a block is, and keeps in its place what `topOf` measures. A reader who was at the
   * end stays there only if that is the end still.
   */
  keep(topOf: () => number, change: () => void): void {
    const before = topOf();
    change();
    this.#scrollTo(this.element.scrollTop + topOf() - before);
    const { scrollTop, clientHeight, scrollHeight } = this.element;
    const isNearEnd = scrollHeight - scrollTop - clientHeight < END_MARGIN;
    if (isNearEnd && !this.#isAtEnd) this.toEnd();
    else this.#setAtEnd(isNearEnd);
  }

  /** Tells whether a block is further below than what the reader sees. */
  isBelow(block: HTMLElement): boolean {
    if (!block.isConnected) return this.#indexOf(block) >= this.#end;
    return block.getBoundingClientRect().top >= this.element.getBoundingClientRect().bottom;
  }

  /** What was added until now is read out no more. */
  settle(): void {
    const newest = this.#chunks.at(-1);
    if (!newest?.hasChildNodes()) return;
    // To a reader far above, who may have a gap below, nothing else would show the newest.
    if (this.#end !== this.#newestIndex || !this.#isNear) return;
    const before = this.#newestIndex > this.#floor ? this.#chunks.at(-2) : undefined;
    // A chunk is not left with a few blocks: their number is what the limits mean.
    const isLow = before && before.childElementCount + newest.childElementCount <= CHUNK;
    if (isLow) before.append(...newest.childNodes);
    else this.#begin();
  }

  /** Takes all blocks out of sight, until {@linkcode restore}. */
  clear(): void {
    this.#begin();
    this.#floor = this.#newestIndex;
    this.toEnd();
  }

  /** Gives back what was cleared. */
  restore(): void {
    this.#floor = 0;
    this.toEnd();
  }

  /** Forgets all but the newest blocks, of which there are enough for a reader who comes back. */
  shrink(): void {
    while (this.#chunks.length > MAX_ATTACHED) this.#forget();
  }

  /** Brings the reader to the end. */
  toEnd(): void {
    const newest = this.#newestIndex;
    const first = Math.max(this.#floor, newest - MAX_ATTACHED);
    if (this.#end !== newest || this.#first !== first) this.#attach(first);
    this.#held = undefined;
    this.#setAtEnd(true);
    this.#stay();
  }

  /** Brings the reader to a block, or to the end if it is not kept any more. */
  reveal(block: HTMLElement): void {
    const index = this.#indexOf(block);
    if (index < 0) return this.toEnd();
    const isThere = index === this.#newestIndex || (index >= this.#first && index < this.#end);
    if (!isThere) this.#attach(index - 1);
    block.scrollIntoView({ block: "start" });
  }

  #indexOf(block: HTMLElement): number {
    return this.#chunks.findIndex((chunk) => chunk.contains(block));
  }

  get #newestIndex(): number {
    return Math.max(0, this.#chunks.length - 1);
  }

  /** Whether the reader may see the newest chunk soon. */
  get #isNear(): boolean {
    const { scrollTop, clientHeight } = this.element;
    return this.#isAtEnd || this.#newest.offsetTop < scrollTop + 2 * clientHeight;
  }

  /** Begins another chunk. The one before it is not listened to any more. */
  #begin(): HTMLElement {
    const before = this.#chunks.at(-1);
    const index = this.#chunks.length - 1;
    const next = element("div", { class: "chunk" });
    this.#chunks.push(next);
    if (before && this.#end === index && (this.#isNear || this.#end - this.#first < MAX_ATTACHED)) {
      this.#earlier.append(before);
      this.#end++;
    }
    this.#newest.replaceChildren(next);
    this.#stay();
    if (this.#chunks.length > MAX_KEPT) this.#forget();
    while (this.#end - this.#first > MAX_ATTACHED) this.#detachFirst();
    this.#stay();
    return next;
  }

  /** Forgets the oldest chunk. */
  #forget(): void {
    if (this.#first === 0 && this.#end > 0) this.#detachFirst();
    this.#chunks.shift();
    this.#first = Math.max(0, this.#first - 1);
    this.#end = Math.max(0, this.#end - 1);
    this.#floor = Math.max(0, this.#floor - 1);
  }

  /** Takes the first chunk out of the document, and keeps the reader's place. */
  #detachFirst(): void {
    const chunk = this.#chunks[this.#first];
    // To be asked before: what is too far down after it would be changed.
    const top = this.element.scrollTop - (chunk?.offsetHeight ?? 0);
    chunk?.remove();
    this.#first++;
    this.#scrollTo(top);
  }

  /** Has as many chunks in the document as there may be, from that one on. */
  #attach(from: number): void {
    this.#first = Math.max(this.#floor, from);
    this.#end = Math.min(this.#first + MAX_ATTACHED, this.#newestIndex);
    this.#earlier.replaceChildren(...this.#chunks.slice(this.#first, this.#end));
  }

  #scrollTo(top: number): void {
    this.element.scrollTop = top;
    this.#top = this.element.scrollTop;
    this.#height = this.element.clientHeight;
  }

  /** Keeps a reader who is at the end there, as far as what is held stays in sight. */
  #stay(): void {
    if (!this.#isAtEnd) return;
    const end = this.element.scrollHeight - this.element.clientHeight;
    const held = this.#held?.isConnected ? this.#held.offsetTop - HELD_MARGIN : end;
    this.#scrollTo(Math.min(end, held));
    if (end - held >= END_MARGIN) this.#setAtEnd(false);
  }

  #setAtEnd(isAtEnd: boolean): void {
    const hasMoved = this.#isAtEnd !== isAtEnd;
    this.#isAtEnd = isAtEnd;
    if (hasMoved) this.#onMove();
  }

  /** Follows the reader, with more chunks where there are some. */
  #follow(): void {
    const { scrollTop, clientHeight, scrollHeight } = this.element;
    // A frame that became lower or higher moved what is in it by itself; that is looked after.
    if (this.#isAtEnd && clientHeight !== this.#height) return;
    const isNearEnd = scrollHeight - scrollTop - clientHeight < END_MARGIN;
    // That more was added below is no move of the reader's.
    const isUp = scrollTop < this.#top - 1;
    this.#top = scrollTop;
    if (isNearEnd) {
      if (!this.#isAtEnd) this.toEnd();
      return;
    }
    if (isUp) this.#setAtEnd(false);
    if (this.#isAtEnd) return;
    if (scrollTop < clientHeight) this.#attachBefore();
    const rest = this.#earlier.offsetTop + this.#earlier.offsetHeight - scrollTop - clientHeight;
    if (rest < clientHeight && this.#end < this.#newestIndex) this.#attachNext();
  }

  #attachBefore(): void {
    const chunk = this.#chunks[this.#first - 1];
    if (!chunk || this.#first <= this.#floor) return;
    const before = this.element.scrollHeight;
    this.#earlier.prepend(chunk);
    this.#first--;
    this.#scrollTo(this.element.scrollTop + this.element.scrollHeight - before);
    // What is far below is out of sight.
    if (this.#end - this.#first > MAX_ATTACHED) this.#chunks[--this.#end]?.remove();
  }

  #attachNext(): void {
    const chunk = this.#chunks[this.#end];
    if (!chunk) return;
    this.#earlier.append(chunk);
    this.#end++;
    if (this.#end - this.#first > MAX_ATTACHED) this.#detachFirst();
  }
}
