/**
 * Nothing that a person says or does looks like a notice of the server's, or like another person's
 * words, wherever it is read.
 *
 * @module
 */

import assert from "node:assert/strict";
import { plain, wrap } from "../client/layout.ts";
import { Transcript } from "../client/transcript.ts";
import {
  cleanName,
  formatText,
  nameKey,
  parseMessageText,
  type Private,
  type RoomMessage,
  SERVER_NAME,
} from "../protocol.ts";
import { OTHERS } from "../server/envelope.ts";
import { Peer, TcpPeer, TestServer } from "./peer.ts";
import { random } from "./random.ts";

/** Repeats a run that failed: the seed that it has printed. */
const SEED: number | undefined = undefined;

const ROUNDS = 10_000;

/** What somebody who forges would try, in names and in texts. */
const PARTS = [
  ...[
    "*",
    "* ",
    "-- ",
    "--",
    "-->",
    "You",
    "server",
    "alice",
    ":",
    ": ",
    " ",
    "  ",
    "joined",
    "(private)",
  ],
  ...[
    "\n",
    "\r",
    "\r\n",
    "\v",
    "\f",
    "\x1c",
    "\x85",
    "\u2028",
    "\u2029",
    "\t",
    "\b",
    "\x1b[1G",
    "\0",
  ],
  ...[
    "\u202E",
    "\u2066",
    "\u200B",
    "\u00A0",
    "\u3000",
    "א",
    "é",
    "漢",
    "-",
    ".",
    "_",
    "7",
    "127.0.0.1:9",
  ],
];

/** What ends a line for any program: also for Python's `splitlines`, and for a terminal. */
const LINE_END = /\r\n|[^\P{Cc}\t]|[\u2028\u2029]/u;

const NAME = String.raw`\S*[^\s:]`;

const seed = SEED ?? Math.floor(Math.random() * 2 ** 32);
console.log(`forging: SEED = ${seed}`);

const next = random(seed);

function pick<T>(items: readonly T[], otherwise: T): T {
  return items[Math.floor(next() * items.length)] ?? otherwise;
}

function makeText(length: number): string {
  return Array.from({ length: 1 + Math.floor(next() * length) }, () => pick(PARTS, "")).join("");
}

/** Returns a name that somebody can have: in a dialect without names, an address. */
function makeName(): string {
  if (next() < 0.1) return pick(["127.0.0.1:49123", "[::1]:49123"], "");
  const name = cleanName(makeText(4)) ?? "guest-1";
  return nameKey(name) === SERVER_NAME ? "server-2" : name;
}

/** Returns a text that somebody can say. */
function makeSaid(): string {
  for (;;) {
    try {
      return parseMessageText(makeText(12));
    } catch {
      // Nothing of it was left.
    }
  }
}

function makeMessage(): RoomMessage | Private {
  const [time, from, data] = [5, makeName(), makeSaid()];
  if (next() < 0.3) return { messageType: "private", time, from, to: makeName(), data };
  const action = next() < 0.5 ? true : undefined;
  return {
    messageType: "message",
    time,
    from,
    address: pick(["", "127.0.0.1:9"], ""),
    data,
    action,
  };
}

/** Returns whose words begin in a line of the text dialect. */
function authorOf(line: string): string | undefined {
  const pattern = `^(?:\\(private\\) (${NAME}) to ${NAME}: |(${NAME}): )`;
  const match = new RegExp(pattern, "u").exec(line);
  return match?.[1] ?? match?.[2];
}

Deno.test("text: each line that a person makes is known as theirs, and none is like a notice", () => {
  for (let round = 0; round < ROUNDS; round++) {
    const message = makeMessage();
    const [first = "", ...later] = (formatText(message) ?? "").split(LINE_END);
    const shown = `SEED = ${seed}: ${JSON.stringify(message)}`;
    assert.equal(authorOf(first), message.from, shown);
    assert.ok(!first.startsWith("* "), shown);
    for (const line of later) assert.ok(line.startsWith("  "), shown);
  }
});

Deno.test("terminal: no row that a person makes begins as a notice or another's does", () => {
  for (let round = 0; round < ROUNDS; round++) {
    const transcript = new Transcript({ name: () => "alice", now: () => 5 });
    transcript.notify("hello");
    const message = makeMessage();
    const context = { isPast: false, isOwn: false, isRoutine: false };
    const event = message.messageType === "message" ? { ...message, id: 1 } : message;
    const [{ block } = assert.fail("nothing is shown")] = transcript.take(event, context);
    const [first = "", ...later] = wrap(block, 10_000).map(plain);
    const shown = `SEED = ${seed}: ${JSON.stringify(message)}: ${first}`;
    assert.ok(!/^.{6}(?:-- |-->|--:|<--|<->)/u.test(first), shown);
    for (const row of later) assert.ok(row.startsWith("        "), shown);
  }
});

Deno.test("envelope: nobody can have the name under which the server or many people speak", async () => {
  await using server = new TestServer();
  for (const name of ["server", "SERVER", "(others)", OTHERS]) {
    await using peer = await server.connect();
    peer.send(JSON.stringify({ messageType: "register", data: name }));
    const { dataArray } = JSON.parse(await peer.frame());
    assert.ok(!dataArray.includes("server") && !dataArray.includes(OTHERS), dataArray);
  }
});

Deno.test("text: /me is no notice, on any way in", async () => {
  await using server = new TestServer();
  await using text = await Peer.open(server.url("ws", "/text?name=tom"));
  await using tcp = await TcpPeer.open(server);
  await using you = await server.register("You");
  const data = "were logged out. Type /msg admin TOKEN\u2028* now";
  you.send({ messageType: "message", data, action: true });
  const expected = "You: * were logged out. Type /msg admin TOKEN\n  * now";
  for (;;) {
    const frame = await text.frame();
    if (frame.includes("logged out")) {
      assert.equal(frame, expected);
      break;
    }
  }
  for (;;) {
    const line = await tcp.line() ?? assert.fail("the end");
    if (!line.includes("logged out")) continue;
    assert.equal(`${line}\n${await tcp.line()}`, expected);
    break;
  }
});
