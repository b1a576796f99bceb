import assert from "node:assert/strict";
import { inverse } from "@std/fmt/colors";
import { colorOf, NAME_COLORS } from "../client/colors.ts";
import { plain, wrap } from "../client/layout.ts";
import type { Context } from "../client/link.ts";
import { HUES } from "../client/hue.ts";
import { type Shown, Transcript } from "../client/transcript.ts";
import { formatDay, formatTime } from "../client/words.ts";
import type { ServerMessage } from "../protocol.ts";
import { channelsOf } from "./palette.ts";

/** A time of day here, on 21 November 2026. */
function at(hours: number, minutes: number, seconds = 0): number {
  return new Date(2026, 10, 21, hours, minutes, seconds).getTime();
}

const NOON = at(12, 0);
const OTHERS: Context = { isPast: false, isOwn: false, isRoutine: false };
const OWN: Context = { isPast: false, isOwn: true, isRoutine: false };
const PAST: Context = { isPast: true, isOwn: false, isRoutine: false };

function said(data: string, more: object = {}): ServerMessage {
  return { messageType: "message", id: 1, time: NOON, from: "bob", address: "x:1", data, ...more };
}

function moved(messageType: "join" | "leave", from: string, time = NOON): ServerMessage {
  return { messageType, id: 1, time, from, address: "x:1" };
}

/** A transcript for alice, whose day has begun. */
function begin(): Transcript {
  const transcript = new Transcript({ name: () => "alice", now: () => NOON });
  transcript.notify("hello");
  return transcript;
}

/** Returns the rows of what is shown, in a window of 40 columns. */
function rowsOf(shown: readonly Shown[]): string[] {
  return shown.flatMap(({ block }) => wrap(block, 40).map(plain));
}

Deno.test("transcript: a message has the time, the name, the address and the text", () => {
  assert.deepEqual(rowsOf(begin().take(said("hi"), OTHERS)), ["12:00 bob (x:1): hi"]);
});

Deno.test("transcript: the person's own message says so", () => {
  const own = said("hi", { from: "alice" });
  assert.deepEqual(rowsOf(begin().take(own, OWN)), ["12:00 alice (you): hi"]);
});

Deno.test("transcript: later lines are indented further than anything can begin", () => {
  const shown = begin().take(said("one\n12:01 carol: two"), OTHERS);
  assert.deepEqual(rowsOf(shown), ["12:00 bob (x:1): one", "        12:01 carol: two"]);
});

Deno.test("transcript: who is called by an address is not told twice", () => {
  assert.deepEqual(rowsOf(begin().take(said("hi", { from: "x:1" }), OTHERS)), ["12:00 x:1: hi"]);
});

Deno.test("transcript: /me", () => {
  const shown = begin().take(said("waves", { action: true }), OTHERS);
  assert.deepEqual(rowsOf(shown), ["12:00 * bob (x:1) waves"]);
  const own = begin().take(said("waves", { from: "alice", action: true }), OWN);
  assert.deepEqual(rowsOf(own), ["12:00 * alice (you) waves"]);
});

Deno.test("transcript: a name that reads as something else is quoted", () => {
  const rows = (more: object): string[] => rowsOf(begin().take(said("hi", more), OTHERS));
  assert.deepEqual(rows({ from: "--", address: "" }), ['12:00 "--": hi']);
  assert.deepEqual(rows({ from: "You", address: "", action: true }), ['12:00 * "You" hi']);
  const to = { messageType: "private", from: "you", to: "alice" };
  assert.deepEqual(rows(to), ['12:00!(private) "you" to you: hi']);
});

Deno.test("transcript: a private message is marked at both ends, and meant for who gets it", () => {
  const sent = (from: string, to: string): ServerMessage => ({
    messageType: "private",
    time: NOON,
    from,
    to,
    data: "psst",
  });
  const got = begin().take(sent("bob", "alice"), OTHERS);
  assert.deepEqual(rowsOf(got), ["12:00!(private) bob to you: psst"]);
  assert.ok(got[0]?.isLoud);
  const own = begin().take(sent("alice", "bob"), OWN);
  assert.deepEqual(rowsOf(own), ["12:00 (private) you to bob: psst"]);
  assert.ok(!own[0]?.isLoud);
  assert.deepEqual(rowsOf(begin().take(sent("ALICE", "bob"), OTHERS)), rowsOf(own));
  assert.ok(!begin().take(sent("bob", "alice"), PAST)[0]?.isLoud);
});

Deno.test("transcript: who is named is told, but not of what was said before", () => {
  const [shown] = begin().take(said("thanks, Alice!"), OTHERS);
  assert.ok(shown?.isLoud);
  assert.deepEqual(rowsOf([shown]), ["12:00!bob (x:1): thanks, Alice!"]);
  for (
    const [data, context] of [["alice", PAST], ["alice-2", OTHERS], ["malice", OTHERS]] as const
  ) {
    assert.ok(!begin().take(said(data), context)[0]?.isLoud, data);
  }
  assert.ok(!begin().take(said("alice", { from: "alice" }), OWN)[0]?.isLoud);
  assert.ok(begin().take(said("alice"), OTHERS)[0]?.isLoud);
});

Deno.test("transcript: the person's name stands out wherever it is, and nothing else", () => {
  const [shown] = begin().take(said("alice and alice too"), OTHERS);
  const loud = shown?.block.spans.filter(({ style }) => style === inverse);
  assert.deepEqual(loud?.map(({ text }) => text), ["alice", "alice"]);
  assert.deepEqual(rowsOf(begin().take(said("a <alice>"), OTHERS)), ["12:00!bob (x:1): a <alice>"]);
});

Deno.test("transcript: who comes and goes within a minute is told in one block that grows", () => {
  const transcript = begin();
  const first = transcript.take(moved("join", "bob"), OTHERS);
  assert.deepEqual(rowsOf(first), ["12:00 --> bob joined"]);
  assert.ok(!first[0]?.isAmended);
  const second = transcript.take(moved("join", "carol", at(12, 0, 30)), OTHERS);
  assert.deepEqual(rowsOf(second), ["12:00 --> bob and carol joined"]);
  assert.ok(second[0]?.isAmended);
  const third = transcript.take(moved("leave", "bob", at(12, 0, 59)), OTHERS);
  assert.deepEqual(rowsOf(third), ["12:00 <-> bob and carol joined; bob left"]);
  const later = transcript.take(moved("leave", "carol", at(12, 1)), OTHERS);
  assert.deepEqual(rowsOf(later), ["12:01 <-- carol left"]);
  assert.ok(!later[0]?.isAmended);
});

Deno.test("transcript: midnight ends a block of those who come and go, and a crowd's count", () => {
  const [before, after] = [at(23, 59, 50), at(23, 59, 50) + 20_000];
  const transcript = begin();
  transcript.take(moved("join", "bob", before), OTHERS);
  const shown = transcript.take(moved("join", "eve", after), OTHERS);
  assert.deepEqual(rowsOf(shown), ["----- Sunday 22 November 2026", "00:00 --> eve joined"]);
  assert.deepEqual(shown.map(({ isAmended }) => isAmended), [false, false]);
  const counted = (time: number): ServerMessage => ({
    messageType: "presence",
    id: 1,
    time,
    count: 101,
  });
  const crowd = begin();
  crowd.take(counted(before), OTHERS);
  assert.deepEqual(crowd.take(counted(after), OTHERS).map(({ isAmended }) => isAmended), [
    false,
    false,
  ]);
  assert.deepEqual(crowd.take(counted(after), PAST), []);
});

Deno.test("transcript: the block of those who come and go has a bound, and the time of the first", () => {
  const transcript = begin();
  const amended = Array.from({ length: 1_002 }, (_, i) => {
    const [shown] = transcript.take(moved("join", `p${i}`), OTHERS);
    return shown?.isAmended;
  });
  assert.deepEqual(amended.filter((isAmended) => !isAmended).length, 2);
  const other = begin();
  other.take(moved("join", "bob", at(12, 0, 40)), OTHERS);
  const shown = other.take(moved("join", "eve", at(12, 1, 20)), OTHERS);
  assert.deepEqual(rowsOf(shown), ["12:00 --> bob and eve joined"]);
});

Deno.test("transcript: of many who come, some are named and the others counted", () => {
  const transcript = begin();
  const names = Array.from({ length: 20 }, (_, i) => `p${i}`);
  const last = names.flatMap((name) => transcript.take(moved("join", name), OTHERS)).at(-1);
  assert.ok(last);
  assert.deepEqual(rowsOf([last]), [
    "12:00 --> p0, p1, p2, p3, p4, p5, p6, p7",
    "        and 12 others joined",
  ]);
});

Deno.test("transcript: what is said between two who come makes two blocks of them", () => {
  const transcript = begin();
  transcript.take(moved("join", "bob"), OTHERS);
  transcript.take(said("hi"), OTHERS);
  const shown = transcript.take(moved("join", "carol"), OTHERS);
  assert.deepEqual(rowsOf(shown), ["12:00 --> carol joined"]);
  assert.ok(!shown[0]?.isAmended);
});

Deno.test("transcript: once its block is ended, who comes is not told with those before", () => {
  const transcript = begin();
  transcript.take(moved("join", "bob"), OTHERS);
  transcript.endBlock();
  const shown = transcript.take(moved("join", "carol"), OTHERS);
  assert.deepEqual(rowsOf(shown), ["12:00 --> carol joined"]);
  assert.ok(!shown[0]?.isAmended);
});

Deno.test("transcript: who comes in is told ten names, and who asks all", () => {
  const transcript = begin();
  const dataArray = Array.from({ length: 40 }, (_, i) => `p${i}`);
  const users: ServerMessage = { messageType: "users", dataArray, count: 41, room: "lobby" };
  const fields = { name: "alice", address: "", epoch: "", session: "", id: 0, room: "lobby" };
  transcript.take({ messageType: "welcome", data: "hi", ...fields }, OTHERS);
  const arrived = rowsOf(transcript.take(users, OTHERS)).join(" ");
  assert.match(arrived, /-- 41 in lobby: p0, .* p9 and 31 +more$/);
  assert.match(rowsOf(transcript.take(users, OTHERS)).join(" "), /p39 and 1 +more$/);
});

Deno.test("transcript: a crowd's count takes the place of the one before", () => {
  const transcript = begin();
  const counted = (count: number): ServerMessage => ({
    messageType: "presence",
    id: 1,
    time: NOON,
    count,
  });
  const first = transcript.take(counted(101), OTHERS);
  assert.deepEqual(rowsOf(first), ["12:00 -- 101 people are here"]);
  assert.ok(!first[0]?.isAmended);
  assert.ok(transcript.take(counted(102), OTHERS)[0]?.isAmended);
  transcript.take(said("hi"), OTHERS);
  assert.ok(!transcript.take(counted(103), OTHERS)[0]?.isAmended);
});

Deno.test("transcript: who came and went before is not told, nor the person's own coming", () => {
  assert.deepEqual(begin().take(moved("join", "alice"), OTHERS), []);
  assert.deepEqual(begin().take(moved("join", "bob"), PAST), []);
  const renamed = { messageType: "rename", id: 1, time: NOON, from: "a", address: "", data: "b" };
  assert.deepEqual(begin().take(renamed as ServerMessage, PAST), []);
});

Deno.test("transcript: a day is told before what was said on it", () => {
  const transcript = new Transcript({ name: () => "alice", now: () => NOON });
  const yesterday = NOON - 24 * 3_600_000;
  assert.deepEqual(rowsOf(transcript.take(said("hi", { time: yesterday }), PAST)), [
    "----- Friday 20 November 2026",
    "12:00 bob (x:1): hi",
  ]);
  assert.deepEqual(rowsOf(transcript.take(said("ho", { time: yesterday }), PAST)).length, 1);
  assert.deepEqual(rowsOf(transcript.take(moved("join", "bob"), OTHERS)), [
    "----- Saturday 21 November 2026",
    "12:00 --> bob joined",
  ]);
});

Deno.test("transcript: answers that only programs need are not shown", () => {
  assert.deepEqual(begin().take({ messageType: "ack", ref: "r", id: 1 }, OWN), []);
  assert.deepEqual(begin().take({ messageType: "pong", data: "x" }, OWN), []);
});

Deno.test("formatTime and formatDay: the time here", () => {
  assert.equal(formatTime(at(7, 5)), "07:05");
  assert.equal(formatDay(at(0, 0)), "Saturday 21 November 2026");
  assert.equal(formatDay(at(0, 0) - 1), "Friday 20 November 2026");
});

Deno.test("colorOf: the same for the same name in any case, and many names have all colours", () => {
  assert.equal(colorOf("alice"), colorOf("ALICE"));
  const names = Array.from({ length: 1200 }, (_, i) => `user${i}`);
  const counts = Map.groupBy(names, colorOf);
  assert.equal(counts.size, NAME_COLORS.length);
  for (const { length } of counts.values()) assert.ok(length > 50 && length < 150, `${length}`);
});

/** The relative luminance of one of 256 terminal colours that is in the cube of 6 x 6 x 6. */
function luminanceOf(color: number): number {
  const [r = 0, g = 0, b = 0] = channelsOf(color).map((channel) => {
    const value = channel / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

Deno.test("NAME_COLORS: each can be read on white and on dark grey", () => {
  assert.equal(NAME_COLORS.length, HUES);
  // The luminance of #1e1e1e.
  const dark = ((0x1e / 255 + 0.055) / 1.055) ** 2.4;
  for (const color of NAME_COLORS) {
    const luminance = luminanceOf(color);
    const [onWhite, onDark] = [1.05 / (luminance + 0.05), (luminance + 0.05) / (dark + 0.05)];
    assert.ok(onWhite >= 3.5 && onDark >= 3.5, `${color}: ${onWhite}, ${onDark}`);
  }
});
