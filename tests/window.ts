/**
 * A terminal's window, as far as the client's screen needs one: what is written to it can be read.
 *
 * @module
 */

import type { Size } from "../client/screen.ts";
import type { Tty, TtyEvents } from "../client/tty.ts";
import { clustersOf, widthOfCharacter, widthOfCluster } from "../client/width.ts";

/** A control sequence, a control character, or other text. */
const PIECE = /\p{Cc}\[[?\d;]*[A-Za-z]|\p{Cc}|\P{Cc}+/gu;

/** Colours and other looks. */
const LOOKS = /\p{Cc}\[[\d;]*m/gu;

/** A window of a terminal, and what has left it at the top. */
export class Window implements Tty {
  columns: number;
  rows: number;
  /** Rows of cells; the second cell of a wide character is empty. */
  #cells: string[][] = [[]];
  readonly scrollback: string[] = [];
  row = 0;
  column = 0;
  bells = 0;
  /** All control sequences that came, colours aside. */
  readonly controls = new Set<string>();
  events: TtyEvents | undefined;
  isOpen = false;
  /** Whether it is of the kind that gives each code point columns of its own. */
  isOld = false;
  #wake: (() => void) | undefined;

  constructor(columns = 40, rows = 10) {
    this.columns = columns;
    this.rows = rows;
  }

  open(events: TtyEvents): void {
    this.events = events;
    this.isOpen = true;
  }

  close(): void {
    this.isOpen = false;
  }

  size(): Size {
    return { columns: this.columns, rows: this.rows };
  }

  /** The rows without those at the end that are empty. */
  get text(): string[] {
    return this.#cells.map((cells) => cells.join("").trimEnd()).join("\n").trimEnd().split("\n");
  }

  write(text: string): void {
    for (const [piece] of text.replaceAll(LOOKS, "").matchAll(PIECE)) this.#take(piece);
    this.#wake?.();
  }

  /** Waits until something is so. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#wake = resolve);
  }

  #take(piece: string): void {
    if (piece === "\r") this.column = 0;
    else if (piece === "\n") this.#down();
    else if (piece === "\x07") this.bells++;
    else if (piece.startsWith("\x1b")) this.#control(piece);
    else if (this.isOld) { for (const character of piece) this.#put(character); }
    else for (const cluster of clustersOf(piece)) this.#put(cluster);
  }

  #control(sequence: string): void {
    this.controls.add(sequence.replace(/\d+/, "N"));
    const count = Number(/\d+/.exec(sequence)?.[0] ?? 1);
    switch (sequence.at(-1)) {
      case "A":
        this.row = Math.max(0, this.row - count);
        break;
      case "B":
        this.row = Math.min(this.rows - 1, this.row + count);
        break;
      case "C":
        this.column += count;
        break;
      case "H":
        this.row = Math.min(this.rows, count) - 1;
        this.column = 0;
        break;
      case "K":
        this.#cells[this.row] = (this.#cells[this.row] ?? []).slice(0, this.column);
        break;
      case "J":
        // As tmux does, and others: what is erased as a whole has scrolled away.
        if (this.row + this.column === 0 && this.text[0] !== "") this.#keep(this.#cells);
        this.#cells.length = this.row + 1;
        this.#cells[this.row] = (this.#cells[this.row] ?? []).slice(0, this.column);
    }
  }

  #down(): void {
    this.row++;
    this.#cells[this.row] ??= [];
    if (this.row < this.rows) return;
    this.#keep(this.#cells.splice(0, 1));
    this.row--;
  }

  #keep(rows: readonly (readonly string[])[]): void {
    for (const cells of rows) this.scrollback.push(cells.join("").trimEnd());
  }

  #put(character: string): void {
    const width = this.isOld ? widthOfCharacter(character) : widthOfCluster(character);
    const before = this.#cells[this.row]?.findLastIndex((cell, i) =>
      i < this.column && cell !== ""
    );
    if (width === 0 && before !== undefined && before >= 0) {
      const cells = this.#cells[this.row] ?? [];
      // Written over itself, a mark is there once.
      if (!cells[before]?.endsWith(character)) cells[before] += character;
      return;
    }
    if (this.column + width > this.columns) {
      this.column = 0;
      this.#down();
    }
    const cells = this.#cells[this.row] ??= [];
    while (cells.length < this.column) cells.push(" ");
    cells[this.column] = character;
    if (width === 2) cells[this.column + 1] = "";
    this.column += width;
  }
}
