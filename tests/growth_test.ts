import assert from "node:assert/strict";
import { cpuUsage } from "node:process";
import { parseHandover } from "../client/handover.ts";
import {
  cleanName,
  cleanText,
  isJsonObject,
  MAX_FRAME_BYTES,
  nameKey,
  parseChat,
  parseEnvelope,
  parseMessageText,
  parsePersonInput,
  parseRoom,
  parseRoomEvents,
  parseServerMessage,
  parseText,
  splitChat,
} from "../protocol.ts";
import { isOriginAllowed, parseOrigin } from "../server/origin.ts";
import { LineDecoder, LineSplitter } from "../server/lines.ts";
import { parseTokens } from "../server/tokens.ts";
import { EVENT, EVENTS } from "./corpus.ts";
import { quoteInput } from "./mutate.ts";

/** How much more the larger input is. What takes time in proportion takes so many times as long. */
const FACTOR = 4;

/** More than what noise makes of {@linkcode FACTOR}, less than its square. */
const MAX_RATIO = 10;

/** What takes less has no room to grow within a frame, and is too short to measure, in milliseconds. */
const MIN_TIME = 20;

/** How often a measurement is repeated: what else goes on here can slow down one or two, not all. */
const ATTEMPTS = 3;

/** The most that one input's runs may take together, unless it is one run, in milliseconds. */
const MAX_RUNS_TIME = 300;

/** Makes an input of about so many bytes of UTF-8. */
type Make = (size: number) => string;

const encoder = new TextEncoder();

function repeat(piece: string, size: number): string {
  return piece.repeat(size / encoder.encode(piece).length);
}

/** What one piece, repeated, can be to a parser: blank, a name, an escape, a depth, many lines. */
const PIECES = [
  ...[" ", "\t", "\n", "\r\n", "/", "//", "/a ", "a", "a ", "a\n", " a", "1", ".", "_", "#", "# "],
  ...['"', "\\", "\\n", '\\"', "[", "{", '{"a":', "[]", ",", '{"a":1}\n', "{}\n", "%41", "@"],
  ...["é", "漢", "\u{1f600}", "\u0000", "\u202e", "\u200b", "\ud800", "\ufdfa", "\u0301", "\u1e9e"],
  ...["\u0315\u0316", "\u0345\u0301\u0323", "e\u0301", "\u1100\u1161", "a#b@", "-", "xn--"],
];

/** Texts of any size that take a parser the longest, if it looks at something again and again. */
const SHAPES: readonly Make[] = [
  ...PIECES.map((piece): Make => (size) => repeat(piece, size)),
  (size) => repeat("\u0315", size / 2) + repeat("\u0316", size / 2),
  (size) => repeat(" ", size - 1) + "x",
  (size) => "x" + repeat(" ", size - 2) + "x",
  (size) => repeat("x", size / 2) + repeat(" ", size / 2) + "x",
  (size) => repeat("\n", size - 1) + "x",
  (size) => `x${repeat("\n", size - 1)}`,
  (size) => repeat("[", size / 2) + repeat("]", size / 2),
  (size) => repeat('{"a":', size * 5 / 6) + "1" + repeat("}", size / 6),
];

/** Returns shapes with something before and behind them. */
function within(before: string, behind = ""): Make[] {
  return SHAPES.map((shape) => (size) => before + shape(size) + behind);
}

/** Returns shapes as the last string of an object of JSON that begins so: escaped, as it must be. */
function withinJson(before: string): Make[] {
  return SHAPES.map((shape) => (size) => `${before}${JSON.stringify(shape(size))}}`);
}

/** Returns what a run takes of a processor, in milliseconds: what other programs take is not in it. */
function timeOf(run: () => unknown): number {
  const start = cpuUsage();
  try {
    run();
  } catch {
    // What an error is, is tested elsewhere.
  }
  const { user, system } = cpuUsage(start);
  return (user + system) / 1_000;
}

function medianTime(run: () => unknown): number {
  const times: number[] = [];
  for (let sum = 0; times.length < 3 && sum < MAX_RUNS_TIME; sum += times.at(-1) ?? 0) {
    times.push(timeOf(run));
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)] ?? 0;
}

/** Checks that a parser takes about four times as long for four times as much, up to a frame. */
function checkGrowth(parse: (input: string) => unknown, makes: readonly Make[]): void {
  for (const make of makes) {
    const [small, large] = [make(MAX_FRAME_BYTES / FACTOR), make(MAX_FRAME_BYTES)];
    if (timeOf(() => parse(large)) < MIN_TIME) continue;
    const measured: string[] = [];
    for (let left = ATTEMPTS; left > 0; left--) {
      const [less, more] = [medianTime(() => parse(small)), medianTime(() => parse(large))];
      if (more < MIN_TIME || more < MAX_RATIO * less) break;
      measured.push(`${less.toFixed(1)} ms, ${more.toFixed(1)} ms`);
    }
    const what = `${quoteInput(large.slice(0, 60))}...${quoteInput(large.slice(-20))}`;
    const sizes = `${small.length} and ${large.length} characters`;
    assert.ok(measured.length < ATTEMPTS, `${sizes} of ${what} take ${measured.join("; ")}`);
  }
}

/** Tests that a parser's time grows no faster than what it reads. */
function testGrowth(name: string, parse: (input: string) => unknown, ...makes: Make[][]): void {
  Deno.test(`growth: ${name} takes about four times as long for four times as much`, () => {
    checkGrowth(parse, makes.flat());
  });
}

const REGISTER = '{"messageType":"register","data":';
const MESSAGE = '{"messageType":"message","data":';
const PRIVATE = '{"messageType":"private","time":1,"from":"a","to":"b","data":"x",';

testGrowth("parseChat", (line) => parseChat(line), [
  ...[...within(""), ...within(REGISTER, "}"), ...withinJson(REGISTER), ...withinJson(MESSAGE)],
  ...withinJson('{"messageType":'),
  ...withinJson('{"messageType":"message","data":"hi","ref":'),
  ...withinJson('{"messageType":"register","room":'),
]);
testGrowth("parseEnvelope", (frame) => parseEnvelope(frame), [
  ...[...within(""), ...withinJson(REGISTER), ...withinJson(MESSAGE)],
]);
testGrowth("parseServerMessage", parseServerMessage, [
  ...[...within(""), ...withinJson(`${PRIVATE}"data":`), ...withinJson(`${PRIVATE}"from":`)],
  ...withinJson(`{"messageType":"message","id":1,${EVENT},"data":`),
]);
testGrowth("parseRoomEvents", parseRoomEvents, [
  ...within(""),
  (size) => `[${Array.from({ length: size / 70 }, () => EVENTS[2]).join()}]`,
]);
testGrowth("parseText", (line) => parseText(line), [
  ...[...within(""), ...within("/"), ...within("//"), ...within("/nick "), ...within("/me ")],
  ...[...within("/msg "), ...within("/msg a ", " x"), ...within("/msg ", " x")],
  ...[...within("/ban ", " x"), ...within("/ban a "), ...within("/token "), ...within("/join ")],
]);
testGrowth("parsePersonInput", parsePersonInput, [
  ...[...within(""), ...within("/"), ...within("/nick "), ...within("/reply ")],
  ...[...within("/ignore "), ...within("/ignore ", " x"), ...within("/me ", "\nx")],
]);
testGrowth("parseMessageText", (raw) => parseMessageText(raw), within(""), within("x", "x"));
testGrowth("parseRoom", parseRoom, within(""));
testGrowth("cleanName", cleanName, within(""), within("a", "b"));
testGrowth("nameKey", nameKey, within(""), within("a", "b"));
testGrowth("cleanText", cleanText, within(""));
testGrowth("splitChat", splitChat, within(""), within("{}\n", "\n{}"));
testGrowth("isJsonObject", isJsonObject, within(""), within('{"a":', "}"));
testGrowth("parseTokens", parseTokens, [
  ...[...within(""), ...within("4f2c9e7a0b ", " operator"), ...within("", " alice")],
  (size) => Array.from({ length: size / 12 }, (_, i) => `t${i} n${i}`).join("\n"),
]);
testGrowth("parseOrigin", parseOrigin, within(""), within("http://"), within("http://a", ":80"));
testGrowth("isOriginAllowed", (origin) => {
  isOriginAllowed({ origin, url: new URL("http://localhost:8080"), allowed: new Set() });
}, within("http://"));
testGrowth("parseHandover", parseHandover, [
  ...[...within(""), ...within('{"welcome":', "}"), ...withinJson('{"welcome":')],
]);
testGrowth("LineSplitter", (text) => {
  const splitter = new LineSplitter();
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length; at += 8) splitter.push(bytes.subarray(at, at + 8));
  return splitter.rest();
}, [(size) => "a".repeat(size), (size) => "a".repeat(63).concat("\n").repeat(size / 64)]);
testGrowth("LineDecoder", (text) => {
  const decoder = new LineDecoder();
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0) & 255);
  for (let at = 0; at < bytes.length; at += 4_096) decoder.push(bytes.subarray(at, at + 4_096));
  return decoder.end();
}, [
  ...["GET /", "GET ", "", "SSH-2.0-", "\xff\xfa"].flatMap((before): Make[] =>
    [" ", "/", "a ", "a", "\xff\xff"].map((piece) => (size) =>
      before + piece.repeat(size / piece.length) + " HTTP/1.1\n"
    )
  ),
  (size) => "\xff\xfd\x06".repeat(size / 3),
  (size) => "\0".repeat(size),
]);
