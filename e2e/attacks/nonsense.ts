/**
 * Attacks that send what means nothing, or is too large.
 *
 * @module
 */

import { type Attack, each, type Target, together } from "./attack.ts";
import { FIN, frame, Opcode } from "../../tests/frame.ts";
import { RawWebSocket } from "../../tests/raw_websocket.ts";
import { join } from "../../tests/raw.ts";

/** As many refusals as are abuse. */
const REFUSALS = 100;

const MEBIBYTE = 1_048_576;

/** How many of 1 MiB make a message that is far too large. */
const FRAGMENTS = 64;

const NOT_JSON = ["{", "}", "hello", '{"messageType":', "[1,2", "'a'", "NaN", "\u0000", "{}{}", ""];

const WRONG_TYPES = [
  "null",
  "[]",
  "1e999",
  "{}",
  '{"messageType":null}',
  '{"messageType":"__proto__"}',
  '{"messageType":["message"],"data":"x"}',
  '{"messageType":"message"}',
  '{"messageType":"message","data":{"toString":"x"}}',
  '{"messageType":"message","data":"x","ref":1}',
  '{"messageType":"message","data":"x","ref":""}',
  '{"messageType":"message","data":"x","action":"yes"}',
  '{"messageType":"message","data":""}',
  '{"messageType":"join","data":"../../etc"}',
  '{"messageType":"join"}',
  '{"messageType":"register","after":-1}',
  '{"messageType":"register","after":1e999}',
  '{"messageType":"mute","data":"x","seconds":"many"}',
];

/** Nested as deeply as a frame has room. */
const DEEP = [
  `${"[".repeat(32_000)}${"]".repeat(32_000)}`,
  `{"messageType":${"[".repeat(32_000)}${"]".repeat(32_000)}}`,
  `{"messageType":"message","data":${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}}`,
];

/** As many combining marks as a frame has room for, in the order that takes longest to sort. */
const MARKS = `a${"\u0301".repeat(15_000)}${"\u0316".repeat(15_000)}`;

/** Sends a hundred of these in a frame. */
async function sendNonsense(target: Target, lines: readonly string[]): Promise<string> {
  using socket = await RawWebSocket.enter(target, "fool");
  const nonsense = lines.filter((line) => line !== "");
  const all = Array.from({ length: REFUSALS }, (_, i) => nonsense[i % nonsense.length] ?? "");
  await socket.send(...all);
  return await socket.outcome();
}

async function sendLines(target: Target, count: number): Promise<string> {
  using socket = await RawWebSocket.enter(target, "fool");
  await socket.send("1\n".repeat(count));
  return await socket.outcome();
}

/** Returns the error that answers this, and whether who sent it stays. */
async function sendOne(target: Target, text: string): Promise<string> {
  using socket = await RawWebSocket.enter(target, "fool");
  await socket.send(text);
  const error = await socket.find(({ messageType }) => messageType === "error");
  return `${error?.["code"]}, and ${await socket.isIn() ? "stays" : "is out"}`;
}

async function sendBytes(target: Target): Promise<string> {
  using socket = await RawWebSocket.enter(target, "fool");
  const binary = frame(FIN | Opcode.binary, new Uint8Array(1_000));
  await socket.raw.write(join(...Array<Uint8Array>(REFUSALS).fill(binary)));
  return await socket.outcome();
}

async function sendLongFrame(target: Target, size: number): Promise<string> {
  using socket = await RawWebSocket.enter(target, "giant");
  await socket.raw.write(frame(FIN | Opcode.text, "x".repeat(size)));
  return await socket.outcome();
}

/** Sends a message in so many fragments of 1 MiB. */
async function sendFragments(target: Target, count: number): Promise<string> {
  using socket = await RawWebSocket.enter(target, "giant");
  const part = new Uint8Array(MEBIBYTE).fill(0x78);
  await socket.raw.write(frame(Opcode.text, part));
  for (let i = 2; i < count; i++) await socket.raw.write(frame(Opcode.continuation, part));
  await socket.raw.write(frame(FIN | Opcode.continuation, part));
  return await socket.outcome();
}

/** Sends the fragments of a message that never ends, each of nothing. */
async function sendNothing(target: Target): Promise<string> {
  using socket = await RawWebSocket.enter(target, "ghost");
  const nothing = frame(Opcode.continuation, "");
  await socket.raw.write(frame(Opcode.text, ""));
  await socket.raw.write(join(...Array<Uint8Array>(10_000).fill(nothing)));
  await socket.raw.write(frame(FIN | Opcode.continuation, '{"messageType":"ping"}'));
  const pong = await socket.find(({ messageType }) => messageType === "pong");
  return pong ? "one pong" : "nothing";
}

/**
 * Takes a name of combining marks, which have to be sorted to be compared (UAX 15), as a name is, and
 * writes to somebody who is called so.
 */
async function takeName(target: Target): Promise<string> {
  using socket = await RawWebSocket.open(target);
  await socket.send({ messageType: "register", data: MARKS });
  const welcome = await socket.find(({ messageType }) => messageType === "welcome");
  const { length } = Array.from(String(welcome?.["name"]));
  await socket.send({ messageType: "message", to: MARKS, data: "hello" });
  const error = await socket.find(({ messageType }) => messageType === "error");
  return `a name of ${length > 3 ? length : "few"} characters, then ${error?.["code"]}`;
}

/** Nonsense. */
export const NONSENSE: readonly Attack[] = [
  {
    name: "broken JSON",
    what: "A hundred lines that are no JSON.",
    expected: "bad_json, then 4429",
    run: (target) => sendNonsense(target, NOT_JSON),
  },
  {
    name: "wrong types",
    what: "A hundred JSON texts in which something is missing, or of another type.",
    expected: "bad_message, then 4429",
    run: (target) => sendNonsense(target, WRONG_TYPES),
  },
  {
    name: "deep nesting",
    what: "JSON nested 32,000 levels deep, where it is looked at and where it is not.",
    expected: "bad_message, and stays",
    run: (target) => each(DEEP, (text) => sendOne(target, text)),
  },
  {
    name: "long text",
    what: "A message of 4,097 bytes.",
    expected: "too_long, and stays",
    run: (target) => sendOne(target, `{"messageType":"message","data":"${"x".repeat(4_097)}"}`),
  },
  {
    name: "frame of 30,000 lines",
    what: "Each of a byte or two, on each of 10 connections.",
    expected: "bad_message, then 4429",
    run: (target) => together(10, () => sendLines(target, 30_000)),
  },
  {
    name: "name of combining marks",
    what: "30,000 marks, which have to be sorted, as a name to have and as one to write to.",
    expected: "a name of few characters, then unknown_user",
    run: (target) => together(3, () => takeName(target)),
  },
  {
    name: "binary frames",
    what: "A hundred frames of bytes.",
    expected: "bad_message, then 4429",
    run: sendBytes,
  },
  {
    name: "frame over 64 KiB",
    what: "One of 64 KiB and a byte, and one of 16 MiB.",
    expected: "1009",
    run: (target) => each([65_537, 16 * MEBIBYTE], (size) => sendLongFrame(target, size)),
  },
  {
    name: "message of 64 MiB",
    what: "In 64 fragments of 1 MiB, none of which is too large by itself for the runtime.",
    expected: "1009",
    run: (target) => sendFragments(target, FRAGMENTS),
  },
  {
    name: "fragments of nothing",
    what: "10,000 empty fragments, and then a ping.",
    expected: "one pong",
    run: (target) => together(5, () => sendNothing(target)),
  },
];
