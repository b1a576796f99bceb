/**
 * Attacks with frames that RFC 6455 forbids.
 *
 * @module
 */

import { type Attack, each } from "./attack.ts";
import { FIN, frame, Opcode } from "../../tests/frame.ts";
import { RawWebSocket } from "../../tests/raw_websocket.ts";
import { join } from "../../tests/raw.ts";

const PING = '{"messageType":"ping"}';

/** What nobody may take for a message, whatever it is sent in. */
function bytes(...values: readonly number[]): Uint8Array {
  return new Uint8Array(values);
}

/** Returns a Close frame with that code. */
function close(code: number): Uint8Array {
  return frame(FIN | Opcode.close, bytes(code >> 8, code & 255));
}

function malformed(
  name: string,
  what: string,
  expected: string,
  frames: readonly Uint8Array[],
): Attack {
  return {
    name,
    what,
    expected,
    run: (target) =>
      each(frames, async (frame) => {
        using socket = await RawWebSocket.enter(target, "vandal");
        await socket.raw.write(frame);
        return await socket.outcome();
      }),
  };
}

/** Malformed frames. */
export const MALFORMED: readonly Attack[] = [
  {
    name: "unmasked frame",
    what: "A client's frame without a mask (section 5.1).",
    // A mask protects proxies from browsers (section 10.3): the server is none the worse.
    expected: "a pong: the runtime does not mind",
    run: async (target) => {
      using socket = await RawWebSocket.enter(target, "vandal");
      await socket.raw.write(frame(FIN | Opcode.text, PING, { isMasked: false }));
      const pong = await socket.find(({ messageType }) => messageType === "pong");
      return pong ? "a pong: the runtime does not mind" : "cut off";
    },
  },
  malformed(
    "reserved bits",
    "Each of the three, of which one means compression that was not agreed on.",
    "cut off",
    [0x40, 0x20, 0x10].map((bit) => frame(FIN | bit | Opcode.text, PING)),
  ),
  malformed(
    "reserved opcodes",
    "All ten.",
    "cut off",
    [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => frame(FIN | opcode, PING)),
  ),
  malformed(
    "fragmented control frames",
    "A Ping and a Close that are to be continued.",
    "cut off",
    [
      frame(Opcode.ping, "x"),
      frame(Opcode.close, ""),
    ],
  ),
  malformed("Ping over 125 bytes", "It has 126.", "cut off", [
    frame(FIN | Opcode.ping, new Uint8Array(126)),
  ]),
  malformed(
    "Close over 125 bytes",
    "It has 202, of which the first two are right.",
    "1000",
    [frame(FIN | Opcode.close, join(bytes(3, 232), new Uint8Array(200)))],
  ),
  malformed(
    "fragments out of order",
    "A continuation of nothing; a message within another.",
    "cut off",
    [
      frame(FIN | Opcode.continuation, PING),
      join(frame(Opcode.text, "{"), frame(FIN | Opcode.text, PING)),
    ],
  ),
  malformed(
    "invalid UTF-8",
    "Bytes that are none, half a character, a surrogate; in one frame and in two.",
    "cut off",
    [
      frame(FIN | Opcode.text, bytes(0xff, 0xfe)),
      frame(FIN | Opcode.text, bytes(0xe2, 0x82)),
      frame(FIN | Opcode.text, bytes(0xed, 0xa0, 0x80)),
      join(frame(Opcode.text, bytes(0xe2)), frame(FIN | Opcode.continuation, bytes(0xff))),
    ],
  ),
  malformed(
    "wrong close codes",
    "0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000 and 65535.",
    "1002",
    [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map(close),
  ),
  malformed(
    "half a close code",
    "A Close of one byte, and one whose reason is no UTF-8.",
    "cut off",
    [
      frame(FIN | Opcode.close, bytes(3)),
      frame(FIN | Opcode.close, bytes(3, 232, 0xff)),
    ],
  ),
  malformed(
    "length of 63 bits",
    "Frames that claim 9 and 18 exabytes, and 65 MiB.",
    "cut off",
    [2n ** 63n - 1n, 2n ** 64n - 1n, 65n * 1_048_576n].map((length) =>
      frame(FIN | Opcode.text, PING, { length })
    ),
  ),
];
