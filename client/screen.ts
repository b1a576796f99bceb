/**
 * The screen: a transcript above, and what lives below it, an input line and what waits. It stays in
 * the terminal's own scrollback, so all that a terminal can do with text it can do with this.
 *
 * Only what is below is ever drawn anew: it is erased, what is new is written, and it is drawn
 * again, in one write. For that the screen must know exactly how many rows it takes, so it breaks
 * those rows itself. After a resize the whole window is drawn.
 *
 * @module
 */

import { type Block, plain, render, type Row, wrap } from "./layout.ts";
import { heightOf } from "./width.ts";

/** Blocks that are kept to draw the window anew: more than fit into it. */
const MAX_BLOCKS = 300;

/** The size of a window, in characters. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What lives below the transcript: rows no longer than the window, and where the cursor is. */
export interface Live {
  readonly rows: readonly string[];
  /** The cursor's row, from 0, in `rows`. */
  readonly row: number;
  /** The cursor's column, from 0. */
  readonly column: number;
}

/** Settings of a {@linkcode Screen}. */
export interface ScreenOptions {
  readonly write: (text: string) => void;
  readonly size: () => Size;
  /** Lays out what lives below in a window of that size; it must leave the transcript a row. */
  readonly live: (size: Size) => Live;
}

const ERASE_BELOW = "\x1b[J";
const HOME = "\x1b[H";

function up(rows: number): string {
  return rows > 0 ? `\x1b[${rows}A` : "";
}

function heightOfRows(rows: readonly Row[], columns: number): number {
  return rows.reduce((sum, row) => sum + heightOf(plain(row), columns), 0);
}

/** A window of a terminal. */
export class Screen {
  readonly #options: ScreenOptions;
  readonly #blocks: Block[] = [];
  /** What is drawn below the transcript, and how it is. */
  #drawn: Live = { rows: [], row: 0, column: 0 };
  #columns = 0;
  /** Blocks that are not written yet. */
  #news: Block[] = [];
  /** Whether the first of them takes the place of the last one that is written. */
  #isAmending = false;

  /** Creates one with nothing on it. */
  constructor(options: ScreenOptions) {
    this.#options = options;
  }

  /** Adds a block to the transcript; {@linkcode flush} shows it. */
  print(block: Block): void {
    this.#news.push(block);
  }

  /** Puts a block in the place of the last one; {@linkcode flush} shows it. */
  amend(block: Block): void {
    if (this.#news.pop() === undefined) this.#isAmending = this.#blocks.length > 0;
    this.#news.push(block);
  }

  /** Draws what is new, and what lives below. */
  flush(): void {
    const size = this.#options.size();
    const isResized = this.#columns > 0 && size.columns !== this.#columns;
    this.#columns = size.columns;
    const erased = `\r${up(this.#drawn.row + this.#retract(size))}${ERASE_BELOW}`;
    const rows = this.#news.flatMap((block) => wrap(block, size.columns));
    this.#keep();
    this.#options.write(erased + rows.map(line).join("") + this.#drawLive(size));
    if (isResized) this.repaint();
  }

  /** Draws the whole window. */
  repaint(): void {
    if (this.#news.length > 0) this.flush();
    const size = this.#options.size();
    this.#columns = size.columns;
    const live = this.#drawLive(size);
    const shown: Row[] = [];
    let room = size.rows - this.#drawn.rows.length;
    for (const block of this.#blocks.toReversed()) {
      for (const row of wrap(block, size.columns).reverse()) {
        room -= heightOf(plain(row), size.columns);
        if (room >= 0) shown.unshift(row);
      }
      if (room <= 0) break;
    }
    this.#options.write(HOME + ERASE_BELOW + shown.map(line).join("") + live);
  }

  /** Forgets the transcript, and clears the window. */
  clear(): void {
    this.#blocks.length = this.#news.length = 0;
    this.#isAmending = false;
    this.repaint();
  }

  /** Takes away what lives below; the cursor is then under the transcript. */
  close(): void {
    this.#options.write(`\r${up(this.#drawn.row)}${ERASE_BELOW}`);
    this.#drawn = { rows: [], row: 0, column: 0 };
  }

  /**
   * Takes back the last block if it is to be replaced.
   *
   * @returns How many rows it takes on the screen. Of a block that has left the window, or will,
   * none: it stays where it is, and the new one comes below.
   */
  #retract({ columns, rows }: Size): number {
    const isAmending = this.#isAmending;
    this.#isAmending = false;
    const last = this.#blocks.at(-1);
    if (!isAmending || !last) return 0;
    this.#blocks.pop();
    const height = heightOfRows(wrap(last, columns), columns);
    return height + this.#drawn.rows.length <= rows ? height : 0;
  }

  #keep(): void {
    this.#blocks.push(...this.#news);
    this.#news = [];
    if (this.#blocks.length > MAX_BLOCKS) this.#blocks.splice(0, this.#blocks.length - MAX_BLOCKS);
  }

  #drawLive(size: Size): string {
    const live = this.#options.live(size);
    this.#drawn = live;
    const right = live.column > 0 ? `\x1b[${live.column}C` : "";
    return `${live.rows.join("\r\n")}\r${up(live.rows.length - 1 - live.row)}${right}`;
  }
}

function line(row: Row): string {
  return `${render(row)}\r\n`;
}
