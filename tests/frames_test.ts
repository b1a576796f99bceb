/**
 * What frames of a WebSocket come to, in the groups of the Autobahn test suite: where this server
 * departs from RFC 6455, it is because the runtime does, and README.md says so.
 *
 * @module
 */

import assert from "node:assert/strict";
import { MAX_FRAME_BYTES } from "../protocol.ts";
import { FIN, frame, Opcode } from "./frame.ts";
import { TestServer } from "./peer.ts";
import { join, RawConnection } from "./raw.ts";
import { closeCodeOf, handshake, RawWebSocket } from "./raw_websocket.ts";

/** The question of `chat.v1` that tells whether a message arrived: it is answered with `x`. */
const ASK = '{"messageType":"ping","data":"x"}';

/** Names, frames, and what comes back. */
type Cases = Readonly<Record<string, readonly [readonly Uint8Array[], string]>>;

function bytes(...values: readonly number[]): Uint8Array {
  return new Uint8Array(values);
}

function text(payload: string | Uint8Array = ASK): Uint8Array {
  return frame(FIN | Opcode.text, payload);
}

function ping(payload: string | Uint8Array = ""): Uint8Array {
  return frame(FIN | Opcode.ping, payload);
}

/** Returns a Close frame with a code, and with a reason of so many bytes. */
function close(code: number, reason = 0): Uint8Array {
  const payload = join(bytes(code >> 8, code & 255), new Uint8Array(reason).fill(0x61));
  return frame(FIN | Opcode.close, payload);
}

/** Returns a message in as many frames as it has parts. */
function fragments(...parts: readonly (string | Uint8Array)[]): Uint8Array[] {
  return parts.map((part, i) =>
    frame(
      (i === parts.length - 1 ? FIN : 0) | (i === 0 ? Opcode.text : Opcode.continuation),
      part,
    )
  );
}

/** Returns what a frame of the server is, in a word or two. */
function describe({ opcode, payload }: { opcode: number; payload: Uint8Array }): string {
  if (opcode === Opcode.close) return `close ${closeCodeOf({ opcode, payload })}`;
  if (opcode === Opcode.pong) return `pong ${payload.length}`;
  const { messageType, data, code } = JSON.parse(new TextDecoder().decode(payload));
  return messageType === "error" ? code : data;
}

/**
 * Sends frames, and a question behind them unless a Close is to answer them: whoever still talks
 * then may not get it. Returns what comes back up to its answer or the end.
 */
async function answersTo(
  server: TestServer,
  frames: readonly Uint8Array[],
  isClose: boolean,
): Promise<string> {
  using socket = await RawWebSocket.open({ port: server.port });
  for (const each of frames) await socket.raw.write(each);
  if (!isClose) await socket.send({ messageType: "ping", data: "and on" });
  const answers: string[] = [];
  while (!/^(close|and on)/.test(answers.at(-1) ?? "")) {
    const answer = await socket.frame();
    if (!answer) return [...answers, socket.raw.hasEnded ? "cut off" : "no answer"].join(", ");
    answers.push(describe(answer));
  }
  return answers.join(", ");
}

function testFrames(group: string, cases: Cases): void {
  Deno.test(`frames, Autobahn ${group}`, async () => {
    await using server = new TestServer();
    for (const [name, [frames, expected]] of Object.entries(cases)) {
      const answers = await answersTo(server, frames, expected.startsWith("close"));
      assert.equal(answers, expected, name);
    }
  });
}

testFrames(
  "1: a message of text arrives, with an unmasked or overlong head too; bytes are refused",
  {
    "text": [[text()], "x, and on"],
    "an empty one": [[text("")], "bad_json, and on"],
    "up to the limit": [
      [text(`{"messageType":"ping","data":"${"x".repeat(MAX_FRAME_BYTES - 32)}"}`)],
      `${"x".repeat(MAX_FRAME_BYTES - 32)}, and on`,
    ],
    "in single bytes": [Array.from(text(), (byte) => bytes(byte)), "x, and on"],
    "bytes": [[frame(FIN | Opcode.binary, ASK)], "bad_message, and on"],
    "no bytes": [[frame(FIN | Opcode.binary, "")], "bad_message, and on"],
    // The standard has these three fail (sections 5.1 and 5.2).
    "unmasked": [[frame(FIN | Opcode.text, ASK, { isMasked: false })], "x, and on"],
    "length in 2 bytes": [[frame(FIN | Opcode.text, ASK, { lengthSize: 2 })], "x, and on"],
    "length in 8 bytes": [[frame(FIN | Opcode.text, ASK, { lengthSize: 8 })], "x, and on"],
  },
);

testFrames("2: a Ping is answered, up to 125 bytes; a Pong is not", {
  "empty": [[ping()], "pong 0, and on"],
  "125 bytes": [[ping(new Uint8Array(125))], "pong 125, and on"],
  "in single bytes": [Array.from(ping("abc"), (byte) => bytes(byte)), "pong 3, and on"],
  "no UTF-8": [[ping(bytes(0, 0xff, 0xfe, 0xfd))], "pong 4, and on"],
  "ten": [Array.from({ length: 10 }, () => ping("a")), `${"pong 1, ".repeat(10)}and on`],
  "126 bytes": [[ping(new Uint8Array(126))], "cut off"],
  "Pong": [[frame(FIN | Opcode.pong, "a")], "and on"],
  // The standard has this one fail (section 5.5).
  "Pong of 126 bytes": [[frame(FIN | Opcode.pong, new Uint8Array(126))], "and on"],
});

testFrames("3: a reserved bit ends the connection, and what came before it is answered", {
  ...Object.fromEntries(
    [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70].flatMap((bits) =>
      [Opcode.text, Opcode.binary, Opcode.ping, Opcode.pong, Opcode.close].map((opcode) => [
        `${bits} ${opcode}`,
        [[text(), frame(FIN | bits | opcode, "")], "x, cut off"],
      ])
    ),
  ),
});

testFrames("4: a reserved opcode ends the connection", {
  ...Object.fromEntries(
    [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [
      opcode,
      [[text(), frame(FIN | opcode, "a")], "x, cut off"],
    ]),
  ),
});

testFrames(
  "5: fragments are joined, with Pings between them; out of order they end the connection",
  {
    "two": [fragments(ASK.slice(0, 9), ASK.slice(9)), "x, and on"],
    "single characters": [fragments(...ASK), "x, and on"],
    "empty ones": [fragments("", ASK, ""), "x, and on"],
    "nothing but empty ones": [fragments("", "", ""), "bad_json, and on"],
    "a Ping between": [fragments(ASK, "").toSpliced(1, 0, ping("a")), "pong 1, x, and on"],
    "a Pong between": [
      fragments(ASK, "").toSpliced(1, 0, frame(FIN | Opcode.pong, "a")),
      "x, and on",
    ],
    "fragmented Ping": [[frame(Opcode.ping, "a")], "cut off"],
    "fragmented Pong": [[frame(Opcode.pong, "a")], "cut off"],
    "the end of nothing": [[frame(FIN | Opcode.continuation, ASK)], "cut off"],
    "the middle of nothing": [[frame(Opcode.continuation, ASK)], "cut off"],
    "the end of a message that has ended": [
      [...fragments(ASK, ""), frame(FIN | Opcode.continuation, "a")],
      "x, cut off",
    ],
    "a message within another": [[frame(Opcode.text, "{"), text()], "cut off"],
  },
);

/** Bytes that are no UTF-8: a byte alone, an overlong form, a surrogate, over U+10FFFF, half of one. */
const NO_UTF8 = [
  [0xff],
  [0x80],
  [0xc0, 0xaf],
  [0xf0, 0x80, 0x80, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf8, 0x88, 0x80, 0x80, 0x80],
  [0xe2, 0x82],
].map((values) => bytes(...values));

testFrames(
  "6: what is no UTF-8 ends the connection, in a fragment too; a character may be cut in two",
  {
    ...Object.fromEntries(NO_UTF8.map((each) => [each.join(), [[text(each)], "cut off"]])),
    ...Object.fromEntries(
      NO_UTF8.map((each) => [`${each.join()} behind`, [fragments("a", each, "b"), "cut off"]]),
    ),
    "cut in two": [
      fragments(join('{"messageType":"ping","data":"', bytes(0xf0, 0x9f)), bytes(0x98, 0x80), '"}'),
      "\u{1f600}, and on",
    ],
    "U+FFFF and U+10FFFF": [
      [text('{"messageType":"ping","data":"\uffff\u{10ffff}"}')],
      "\uffff\u{10ffff}, and on",
    ],
  },
);

testFrames("7: a Close is answered with its code, a wrong one with 1002 or not at all", {
  "empty": [[frame(FIN | Opcode.close, "")], "close 1005"],
  "reason of 123 bytes": [[close(1000, 123)], "close 1000"],
  "twice": [[close(1000), close(1000)], "close 1000"],
  "a Ping behind it": [[close(1000), ping()], "close 1000"],
  "within a message": [[frame(Opcode.text, "{"), close(1000)], "close 1000"],
  "half a code": [[frame(FIN | Opcode.close, bytes(3))], "cut off"],
  "reason that is no UTF-8": [[frame(FIN | Opcode.close, bytes(3, 232, 0xff))], "cut off"],
  "fragmented": [[frame(Opcode.close, bytes(3, 232))], "cut off"],
  // The standard has these two fail (sections 5.1 and 5.5).
  "unmasked": [[frame(FIN | Opcode.close, bytes(3, 232), { isMasked: false })], "close 1000"],
  "reason of 65,536 bytes": [[close(1000, 65_536)], "close 1000"],
  ...Object.fromEntries(
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999]
      .map((code) => [`right ${code}`, [[close(code)], `close ${code}`]]),
  ),
  ...Object.fromEntries(
    [0, 999, 1004, 1005, 1006, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
      .map((code) => [`wrong ${code}`, [[close(code)], "close 1002"]]),
  ),
});

const TOO_BIG = "x".repeat(MAX_FRAME_BYTES + 1);

testFrames("9 and 10: a message over the limit is closed with 1009, however many frames it is in", {
  "in one": [[text(TOO_BIG)], "close 1009"],
  "in two": [fragments(TOO_BIG.slice(1), "x"), "close 1009"],
  "in many": [fragments(...TOO_BIG.match(/.{1,1300}/g) ?? []), "close 1009"],
  "bytes": [[frame(FIN | Opcode.binary, TOO_BIG)], "close 1009"],
  "in many, at the limit": [
    fragments(...`${ASK}${" ".repeat(MAX_FRAME_BYTES - ASK.length)}`.match(/.{1,1300}/g) ?? []),
    "x, and on",
  ],
  ...Object.fromEntries(
    [2n ** 26n + 1n, 2n ** 63n - 1n, 2n ** 64n - 1n].map((length) => [
      `${length} bytes, as it claims`,
      [[frame(FIN | Opcode.text, ASK, { length })], "cut off"],
    ]),
  ),
});

Deno.test("frames, Autobahn 12 and 13: compression is not agreed on", async () => {
  await using server = new TestServer();
  using raw = await RawConnection.open({ port: server.port });
  const headers = ["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"];
  await raw.write(handshake({ port: server.port }, { headers }));
  const head = await raw.takeTo("\r\n\r\n") ?? "";
  assert.match(head, /^HTTP\/1\.1 101 /);
  assert.doesNotMatch(head, /^sec-websocket-extensions:/im);
});
