import assert from "node:assert/strict";
import { stripAnsiCode } from "@std/fmt/colors";
import { plain } from "../client/layout.ts";
import {
  formatPrompt,
  formatWaiting,
  layoutLine,
  layoutLive,
  type Line,
  NEWLINE,
  type Status,
  TAB,
} from "../client/prompt.ts";
import type { Live } from "../client/screen.ts";
import { reachOf } from "../client/width.ts";
import type { ClientMessage } from "../protocol.ts";

function message(data: string, more: object = {}): ClientMessage {
  return { messageType: "message", data, ...more };
}

/** Lays a line out behind the prompt `> `. */
function layout(line: Line, columns: number, rows = 10): Live {
  const live = layoutLine([{ text: "> " }], line, { columns, rows });
  return { ...live, rows: live.rows.map(stripAnsiCode) };
}

Deno.test("prompt: the room and, if it is not there, the connection and what waits", () => {
  const waiting = [message("one"), message("two")];
  const textOf = (state: Status["state"], count: number): string =>
    plain(formatPrompt({ room: "lobby", state, waiting: waiting.slice(0, count) }));
  assert.equal(textOf("online", 0), "lobby> ");
  assert.equal(textOf("online", 1), "lobby> ");
  assert.equal(textOf("offline", 0), "lobby (offline)> ");
  assert.equal(textOf("offline", 2), "lobby (offline, 2 waiting)> ");
  assert.equal(textOf("leaving", 1), "lobby (leaving, 1 waiting)> ");
});

Deno.test("prompt: what waits is shown as it was typed, a row each", () => {
  const waiting: ClientMessage[] = [
    message("a\n b\tc"),
    message("waves", { action: true }),
    message("psst", { to: "bob" }),
    { messageType: "register", data: "al" },
    { messageType: "users" },
  ];
  const status = { room: "lobby", state: "online" as const, waiting };
  assert.deepEqual(formatWaiting(status, 40).map(stripAnsiCode), [
    "  ... a ↵ b c",
    "  ... /me waves",
    "  ... /msg bob psst",
    "  ... /nick al",
    "  ... /users",
  ]);
});

Deno.test("prompt: of much that waits the first is shown, cut to a row each, and how much more there is", () => {
  const waiting = Array.from({ length: 8 }, (_, i) => message(`message ${i}`));
  const status = { room: "lobby", state: "offline" as const, waiting };
  const rows = formatWaiting(status, 20).map(stripAnsiCode);
  assert.equal(rows[0], "  ... message 0 (wa…");
  assert.equal(formatWaiting(status, 80).map(stripAnsiCode)[0], "  ... message 0 (waiting)");
  assert.deepEqual(rows.slice(5), ["  ... and 3 more"]);
});

Deno.test("layoutLine: the cursor is where the next character will be", () => {
  assert.deepEqual(layout({ text: "abc", cursor: 3 }, 10), {
    rows: ["> abc"],
    row: 0,
    column: 5,
  });
  assert.deepEqual(layout({ text: "漢字x", cursor: 1 }, 10), {
    rows: ["> 漢字x"],
    row: 0,
    column: 4,
  });
  assert.equal(layout({ text: "👍👍", cursor: 2 }, 10).column, 4);
  assert.equal(layout({ text: "👨‍👩‍👧‍👦x", cursor: 11 }, 20).column, 4);
  // Within a character, where one was put between two that are one with it, it is at its beginning.
  assert.equal(layout({ text: "👨‍👩‍👧‍👦x", cursor: 3 }, 20).column, 2);
});

Deno.test("layoutLine: a full row goes on in the next one, and the cursor with it", () => {
  assert.deepEqual(layout({ text: "abcdef", cursor: 6 }, 8), {
    rows: ["> abcdef", ""],
    row: 1,
    column: 0,
  });
  assert.deepEqual(layout({ text: "abcdefgh", cursor: 6 }, 8), {
    rows: ["> abcdef", "gh"],
    row: 1,
    column: 0,
  });
  assert.deepEqual(layout({ text: "abcde漢", cursor: 5 }, 8), {
    rows: ["> abcde", "漢"],
    row: 1,
    column: 0,
  });
});

Deno.test("layoutLine: of a line with too many rows those around the cursor are shown", () => {
  const text = "aaaabbbbccccdddd";
  assert.deepEqual(layout({ text, cursor: 0 }, 4, 2).rows, ["> aa", "aabb"]);
  assert.deepEqual(layout({ text, cursor: 9 }, 4, 2).rows, ["aabb", "bbcc"]);
  assert.deepEqual(layout({ text, cursor: 16 }, 4, 2).rows, ["ccdd", "dd"]);
});

Deno.test("layoutLine: a row has room for what some terminals give more columns", () => {
  const { rows } = layout({ text: "🇩🇪🇫🇷🇮🇹❤\uFE0F❤\uFE0F", cursor: 0 }, 10);
  for (const row of rows) assert.ok(reachOf(row) <= 10, row);
});

Deno.test("formatWaiting: a row has room for what some terminals give more columns, too", () => {
  const waiting = [message("❤\uFE0F".repeat(99)), message("🇩🇪".repeat(99))];
  for (const row of formatWaiting({ room: "lobby", state: "online", waiting }, 80)) {
    assert.ok(reachOf(stripAnsiCode(row)) <= 80);
  }
});

Deno.test("layoutLine: newlines and tabs have a sign of one column, and no control character is written", () => {
  const { rows, column } = layout({ text: `a${NEWLINE}b${TAB}c\x1bd`, cursor: 4 }, 20);
  assert.deepEqual([rows, column], [["> a↵b→c\uFFFDd"], 6]);
});

Deno.test("layoutLive: what waits is above the line, and leaves room for it and the transcript", () => {
  const line = { text: "abc", cursor: 0 };
  const waiting = (): string[] => ["1", "2", "3", "4", "5"];
  const rowsOf = (rows: number): readonly string[] =>
    layoutLive({ prompt: [{ text: "> " }], line, waiting }, { columns: 10, rows }).rows;
  assert.deepEqual(rowsOf(10), ["1", "2", "3", "4", "5", "> abc"]);
  assert.deepEqual(rowsOf(5), ["1", "2", "> abc"]);
  assert.deepEqual(rowsOf(1), ["> abc"]);
  const tall = { text: "x".repeat(500), cursor: 500 };
  const { rows } = layoutLive({ prompt: [], line: tall, waiting }, { columns: 10, rows: 12 });
  assert.equal(rows.length, 11);
});
