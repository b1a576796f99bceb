/**
 * The beginning of what takes many rows, and how to see the rest: nobody fills the others' windows
 * with one message, be it of many lines or of a single long one.
 *
 * @module
 */

import { dim } from "@std/fmt/colors";
import { type Block, heightOfRows, indentOf, type Row, type Span, wrap } from "./layout.ts";
import { fit, reachOf } from "./width.ts";

/** So many rows of a block are shown. */
const MAX_ROWS = 20;

/** Returns the beginning of a row, as much as surely fits into so many columns. */
function beginningOf(row: Row, columns: number): Row {
  const beginning: Span[] = [];
  let room = columns;
  for (const { text, style } of row) {
    const kept = fit(text, room);
    beginning.push({ text: kept, style });
    room -= reachOf(kept);
    if (kept !== text) break;
  }
  return beginning;
}

/** Returns what stands in the place of the rows that are not shown. */
function wordHidden(count: number): string {
  return `... ${count} more ${count === 1 ? "row" : "rows"}: /more shows all`;
}

/** Tells whether not all of a block is shown in a window of so many columns. */
export function isCut(block: Block, columns: number): boolean {
  return !block.isWhole && heightOfRows(wrap(block, columns), columns) > MAX_ROWS;
}

/** Lays a block out in rows of so many columns; of too many rows, the first. */
export function excerpt(block: Block, columns: number): Row[] {
  const rows = wrap(block, columns);
  const height = block.isWhole ? 0 : heightOfRows(rows, columns);
  if (height <= MAX_ROWS) return rows;
  const shown: Row[] = [];
  let room = MAX_ROWS;
  for (const row of rows) {
    const taken = heightOfRows([row], columns);
    shown.push(taken <= room ? row : beginningOf(row, room * columns));
    room -= taken;
    if (room <= 0) break;
  }
  const text = " ".repeat(indentOf(block, columns)) + wordHidden(height - MAX_ROWS);
  return [...shown, ...wrap({ spans: [{ text, style: dim }], indent: block.indent }, columns)];
}
