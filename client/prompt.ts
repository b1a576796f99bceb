/**
 * What lives below the transcript: the prompt with the line that is being typed, and above it what
 * was typed and is not accepted yet.
 *
 * @module
 */

import { bold, dim, red } from "@std/fmt/colors";
import type { ClientMessage } from "../protocol.ts";
import { isolate } from "./direction.ts";
import { plain, render, type Span } from "./layout.ts";
import type { Live, Size } from "./screen.ts";
import { clustersOf, reachOfCluster, truncate, widthOfCluster } from "./width.ts";

/**
 * What stands for a newline and for a tab in a line that is being typed: two of the code points that
 * Unicode keeps for a program's own use and that no text has (noncharacters, section 23.7).
 */
export const [NEWLINE, TAB] = ["\uFDD0", "\uFDD1"];

/** How these look. */
const LOOKS: Readonly<Record<string, Span>> = {
  [NEWLINE]: { text: "↵", style: dim },
  [TAB]: { text: "→", style: dim },
};

/** The most messages that are shown as waiting, one row each. */
const MAX_WAITING_ROWS = 5;

/** Where a conversation is, as the prompt tells it. */
export interface Status {
  readonly room: string;
  readonly state: "online" | "offline" | "leaving";
  /** What was typed and is not answered yet. */
  readonly waiting: readonly ClientMessage[];
}

/** A line that is being typed, and the cursor's place in it, in UTF-16 units. */
export interface Line {
  readonly text: string;
  readonly cursor: number;
}

/** Returns the prompt: the room and, if it is not there, the connection. */
export function formatPrompt({ room, state, waiting }: Status): Span[] {
  const count = waiting.length > 0 ? `, ${waiting.length} waiting` : "";
  const more = state === "online" ? [] : [{ text: ` (${state}${count})`, style: red }];
  return [{ text: room, style: bold }, ...more, { text: "> " }];
}

/** Returns what was typed to ask for `message`. */
function formatTyped(message: ClientMessage): string {
  const { messageType } = message;
  switch (messageType) {
    case "message": {
      const { to, action, data } = message;
      if (to !== undefined) return `/msg ${to} ${data}`;
      return action ? `/me ${data}` : data;
    }
    case "register":
      return `/nick ${message.data ?? ""}`;
    case "users":
    case "rooms":
      return `/${messageType}`;
    default:
      return `/${messageType} ${message.data ?? ""}`;
  }
}

function inOneRow(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " ↵ ").replaceAll("\t", " ");
}

/** Returns a row for each of the first messages that wait, and one that counts the others. */
export function formatWaiting({ waiting, state }: Status, columns: number): string[] {
  const shown = waiting.slice(0, MAX_WAITING_ROWS);
  const rows = shown.map((message) =>
    `  ... ${isolate(inOneRow(formatTyped(message)))}${state === "online" ? "" : " (waiting)"}`
  );
  const others = waiting.length - shown.length;
  return [...rows, ...(others > 0 ? [`  ... and ${others} more`] : [])]
    .map((row) => render([{ text: truncate(row, columns), style: dim }]));
}

/** What stands for a newline or a tab, or what is between two of these. */
const RUNS = new RegExp(`[${NEWLINE}${TAB}]|[^${NEWLINE}${TAB}]+`, "g");

/**
 * Yields the grapheme clusters of a line that is being typed. What stands for a newline or a tab is
 * one of its own, also before a combining mark.
 */
export function* clustersOfLine(text: string): Generator<string> {
  for (const [run] of text.matchAll(RUNS)) yield* clustersOf(run);
}

/** The grapheme clusters of prompt and line, one span each, and how long they are there. */
function* clusters(prompt: readonly Span[], text: string): Generator<Span & { length: number }> {
  for (const { text, style } of prompt) {
    for (const cluster of clustersOf(text)) yield { text: cluster, style, length: cluster.length };
  }
  for (const cluster of clustersOfLine(text)) {
    const span = LOOKS[cluster] ?? { text: cluster.replaceAll(/\p{Cc}/gu, "\uFFFD") };
    yield { ...span, length: cluster.length };
  }
}

/**
 * Lays out prompt and line, broken wherever a row is full. Of what takes more than `rows` rows, those
 * are shown that the cursor is in.
 */
export function layoutLine(prompt: readonly Span[], line: Line, { columns, rows }: Size): Live {
  const all: Span[][] = [[]];
  let [column, reach] = [0, 0];
  let cursor = { row: 0, column: 0 };
  // The prompt comes before the line: so far is the cursor from the beginning.
  let left = plain(prompt).length + line.cursor;
  const endRow = (): void => {
    all.push([]);
    column = reach = 0;
  };
  for (const { length, ...span } of clusters(prompt, line.text)) {
    if (reach + reachOfCluster(span.text) > columns) endRow();
    if (left >= 0 && left < length) cursor = { row: all.length - 1, column };
    left -= length;
    all.at(-1)?.push(span);
    column += widthOfCluster(span.text);
    reach += reachOfCluster(span.text);
  }
  if (left === 0) {
    if (reach >= columns) endRow();
    cursor = { row: all.length - 1, column };
  }
  const first = Math.max(0, cursor.row - rows + 1);
  const shown = all.slice(first, first + rows).map(render);
  return { rows: shown, row: cursor.row - first, column: cursor.column };
}

/** Lays out all that lives below the transcript. */
export function layoutLive(
  { prompt, line, waiting }: {
    prompt: readonly Span[];
    line: Line;
    waiting: (columns: number) => readonly string[];
  },
  { columns, rows }: Size,
): Live {
  const above = waiting(columns).slice(0, Math.max(0, rows - 3));
  const below = layoutLine(prompt, line, { columns, rows: Math.max(1, rows - above.length - 1) });
  return {
    rows: [...above, ...below.rows],
    row: above.length + below.row,
    column: below.column,
  };
}
