import assert from "node:assert/strict";
import { isolate } from "../client/direction.ts";
import { plain, render, wrap } from "../client/layout.ts";
import { formatWaiting } from "../client/prompt.ts";
import { Transcript } from "../client/transcript.ts";
import { stripAnsiCode } from "@std/fmt/colors";
import type { ServerMessage } from "../protocol.ts";

const NOON = new Date(2026, 10, 21, 12, 0).getTime();
const OTHERS = { isPast: false, isOwn: false, isRoutine: false };
const [FSI, PDI] = ["\u2068", "\u2069"];

/** Shows isolates as brackets. */
function visible(text: string): string {
  return stripAnsiCode(text).replaceAll(FSI, "<").replaceAll(PDI, ">");
}

/** Returns the rows that a transcript makes of a message, in a window of that width. */
function rowsOf(message: ServerMessage, columns = 60): string[] {
  const transcript = new Transcript({ name: () => "me", now: () => NOON });
  transcript.notify("begin");
  const shown = transcript.take(message, OTHERS);
  return shown.flatMap(({ block }) => wrap(block, columns).map(render)).map(visible);
}

function said(from: string, data: string): ServerMessage {
  return { messageType: "message", id: 1, time: NOON, from, address: "x", data };
}

Deno.test("direction: a name and a text that go from right to left keep to themselves", () => {
  assert.deepEqual(rowsOf(said("דנה", "שלום 123")), ["12:00 <דנה> (x): <שלום 123>"]);
  assert.deepEqual(rowsOf(said("bob", "سلام me")), ["12:00!bob (x): <سلام me>"]);
  assert.deepEqual(rowsOf(said("دانا", "hi")), ["12:00 <دانا> (x): hi"]);
  assert.deepEqual(rowsOf(said("bob", "\u200F1 2")), ["12:00 bob (x): <\u200F1 2>"]);
  assert.deepEqual(rowsOf(said("bob", "Grüße, 漢字 👍")), ["12:00 bob (x): Grüße, 漢字 👍"]);
  const named = { id: 1, time: NOON, from: "דנה", address: "x" };
  assert.deepEqual(rowsOf({ messageType: "rename", data: "רון", ...named }), [
    "12:00 -- <דנה> is now <רון>",
  ]);
  assert.deepEqual(rowsOf({ messageType: "join", ...named }), ["12:00 --> <דנה> joined"]);
  const dataArray = ["a", "דנה", "רון"];
  assert.deepEqual(rowsOf({ messageType: "users", dataArray, count: 3, room: "lobby" }), [
    "12:00 -- 3 in lobby: a, <דנה>, <רון>",
  ]);
  const sent = { messageType: "private", time: NOON, from: "דנה", to: "me", data: "ש" } as const;
  assert.deepEqual(rowsOf(sent), ["12:00!(private) <דנה> to you: <ש>"]);
});

Deno.test("direction: each row of such a text has its own isolate, behind the indentation", () => {
  const rows = rowsOf(said("bob", "אבג דהו זחט\nיכל מנס"), 24);
  assert.deepEqual(rows, [
    "12:00 bob (x): <אבג דהו>",
    "        <זחט>",
    "        <יכל מנס>",
  ]);
});

Deno.test("direction: what waits and is cut keeps to itself too", () => {
  const waiting = [{ messageType: "message" as const, data: "אבגדהוזחט יכל" }];
  const rows = formatWaiting({ room: "lobby", state: "offline", waiting }, 14);
  assert.deepEqual(rows.map(visible), ["  ... <אבגדהוז…>"]);
});

Deno.test("direction: no text ends an isolate or turns a row around", () => {
  const rows = rowsOf(said("דנה\u2069\u202E", "ש\u2069\u202Eabc\u2067"));
  const [row = ""] = rows;
  assert.ok(/^[^<>]*(<[^<>]*>[^<>]*)*$/.test(row) && !/[\u202A-\u202E\u2066\u2067]/.test(row), row);
  assert.equal(isolate("abc"), "abc");
});

Deno.test("render: whatever is in a row, only characters are written", () => {
  const spans = [{ text: "a\x1b[2J\x07\x9b1A\r\nb\u202E\u2066c\u2069\x85d" }];
  assert.equal(render(spans), "a[2J1Abcd");
  assert.equal(plain(spans), render(spans));
});
