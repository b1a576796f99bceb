/**
 * The screen: a transcript above, and what lives below it, an input line and what waits. It stays in
 * the terminal's own scrollback, so all that a terminal can do with text it can do with this.
 *
 * Only what is below is drawn anew: it is erased, what is new is written, and it is drawn again, in
 * one write. For that the screen must know exactly how many rows it takes, so it breaks those rows
 * itself. After a resize the whole window is drawn, so the screen must have it for itself: what was
 * there before has scrolled away.
 *
 * @module
 */

import { excerpt, isCut } from "./excerpt.ts";
import { type Block, heightOfRows, render, type Row } from "./layout.ts";
import { clustersOf, widthOfCluster } from "./width.ts";

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

/**
 * Erases the window from the second row on, and then the first: what is erased from the first on
 * some terminals take for something that has scrolled away, and keep.
 */
const ERASE_WINDOW = `\x1b[2H${ERASE_BELOW}${HOME}\x1b[K`;

function up(rows: number): string {
  return rows > 0 ? `\x1b[${rows}A` : "";
}

/** Erases so many rows from the cursor's on, and leaves the cursor in the first of them. */
function erase(rows: number): string {
  return rows > 1 ? `\r\x1b[K\x1b[B${ERASE_BELOW}\x1b[A` : "\r\x1b[K";
}

/**
 * Returns the beginning of a row, so many columns of it. Written again from the row's first column on
 * it leaves the cursor behind it, however wide this terminal takes its characters to be.
 */
function beginningOf(row: string, columns: number): string {
  let [beginning, column] = ["", 0];
  for (const [piece] of row.matchAll(/\p{Cc}\[[\d;]*m|\P{Cc}+/gu)) {
    if (piece.startsWith("\x1b")) beginning += piece;
    else {
      for (const cluster of clustersOf(piece)) {
        if (column >= columns) break;
        beginning += cluster;
        column += widthOfCluster(cluster);
      }
    }
  }
  return beginning;
}

/** A window of a terminal. */
export class Screen {
  readonly #options: ScreenOptions;
  #blocks: Block[] = [];
  /** Those that were shown whole behind their beginning. */
  readonly #told = new WeakSet<Block>();
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

  /** Makes the window empty; what was there is in the scrollback. */
  open(): void {
    this.#options.write("\r\n".repeat(this.#options.size().rows - 1) + HOME);
  }

  /** Goes on below the cursor, after another program has used the window. */
  resume(): void {
    this.#drawn = { rows: [], row: 0, column: 0 };
    this.#options.write("\r\n");
    this.flush();
  }

  /** Adds a block to the transcript; {@linkcode flush} shows it. */
  print(block: Block): void {
    this.#news.push(block);
  }

  /** Puts a block in the place of the last one; {@linkcode flush} shows it. */
  amend(block: Block): void {
    if (this.#news.pop() === undefined) this.#isAmending = true;
    this.#news.push(block);
  }

  /** Draws what is new, and what lives below. */
  flush(): void {
    const size = this.#options.size();
    const isResized = this.#columns > 0 && size.columns !== this.#columns;
    const { length: before } = this.#drawn.rows;
    this.#columns = size.columns;
    const retracted = this.#retract(size);
    const erased = up(this.#drawn.row + retracted) + erase(before + retracted);
    const rows = this.#news.flatMap((block) => excerpt(block, size.columns));
    this.#keep();
    this.#options.write(erased + rows.map(line).join("") + this.#drawLive(size));
    // Where much was typed there would be nothing.
    const isBare = before - this.#drawn.rows.length > size.rows / 2;
    if (isResized || isBare) this.repaint();
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
      for (const row of excerpt(block, size.columns).reverse()) {
        room -= heightOfRows([row], size.columns);
        if (room >= 0) shown.unshift(row);
      }
      if (room <= 0) break;
    }
    this.#options.write(ERASE_WINDOW + shown.map(line).join("") + live);
  }

  /**
   * Adds again, and whole, the last block of which only the beginning is shown; after that the one
   * before it, and so on. Returns whether there is one.
   */
  more(): boolean {
    const { columns } = this.#options.size();
    const block = this.#blocks.findLast((each) => !this.#told.has(each) && isCut(each, columns));
    if (!block) return false;
    this.#told.add(block);
    this.print({ ...block, isWhole: true });
    return true;
  }

  /** Forgets the transcript, and clears the window. */
  clear(): void {
    this.#blocks = [];
    this.#news = [];
    this.#isAmending = false;
    this.repaint();
  }

  /** Takes away what lives below; the cursor is then under the transcript. */
  close(): void {
    this.#options.write(up(this.#drawn.row) + erase(this.#drawn.rows.length));
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
    const height = heightOfRows(excerpt(last, columns), columns);
    return height + this.#drawn.rows.length <= rows ? height : 0;
  }

  #keep(): void {
    this.#blocks = this.#blocks.concat(this.#news).slice(-MAX_BLOCKS);
    this.#news = [];
  }

  #drawLive(size: Size): string {
    const live = this.#options.live(size);
    this.#drawn = live;
    const back = `\r${up(live.rows.length - 1 - live.row)}`;
    return live.rows.join("\r\n") + back + beginningOf(live.rows[live.row] ?? "", live.column);
  }
}

function line(row: Row): string {
  return `${render(row)}\r\n`;
}
