/**
 * Attacks by TCP, where everything is a line of text.
 *
 * @module
 */

import { type Attack, each, type Target, together } from "./attack.ts";
import { join, RawConnection } from "../../tests/raw.ts";

const GREETING = "Welcome to chat! Type a message";

/** Bytes of a line that does not end. */
const ENDLESS = 8_000_000;

/** Lines with nothing in them. */
const EMPTY = 1_000_000;

/** Connects, and reads the greeting. */
async function enter({ tcpPort }: Target): Promise<RawConnection> {
  const connection = await RawConnection.open({ port: tcpPort });
  const greeting = await connection.takeTo("\n");
  if (greeting !== GREETING) throw new Error(`Not let in: ${greeting}`);
  return connection;
}

/** Returns what comes as a message of this connection's own, or undefined if none does. */
async function hear(connection: RawConnection): Promise<string | undefined> {
  const own = `${connection.address}: `;
  for (let line; (line = await connection.takeTo("\n")) !== undefined;) {
    if (line.startsWith(own)) return line.slice(own.length);
  }
  return undefined;
}

/** Returns the last line before the end that is the server's word to this client. */
export async function lastLine(connection: RawConnection): Promise<string> {
  const lines = (await connection.rest()).split("\n")
    .filter((line) => line !== "" && !/^\* .* (joined|left)$|^[^*]/.test(line));
  return connection.hasEnded ? `${lines.at(-1)}, and the end` : "left open";
}

/** Sends bytes, and returns what comes back as a message. */
async function echo(target: Target, bytes: Uint8Array): Promise<string> {
  using connection = await enter(target);
  await connection.write(bytes);
  return `${JSON.stringify(await hear(connection))} is told`;
}

async function sendEndlessLine(target: Target): Promise<string> {
  using connection = await enter(target);
  const answer = lastLine(connection);
  const part = "x".repeat(64_000);
  for (let sent = 0; sent < ENDLESS && await connection.write(part); sent += part.length);
  return await answer;
}

/** Sends lines with nothing in them, which are read as slowly as they are paid for, and leaves. */
async function sendEmptyLines(target: Target): Promise<string> {
  using connection = await enter(target);
  await connection.write("\n".repeat(EMPTY));
  using other = await enter(target);
  await other.write("hello\n");
  return `${JSON.stringify(await hear(other))} is told meanwhile`;
}

async function sendOtherBytes(target: Target): Promise<string> {
  using connection = await enter(target);
  // What telnet (RFC 854) has no command for, Latin-1, UTF-16, and what is left of a character.
  const lines = [[0xff, 1], [0xe4], [0xfe, 0xff, 0, 0x61], [0xe2, 0x82]]
    .map((bytes) => new Uint8Array([...bytes, 0x0a]));
  await connection.write(join(...Array.from({ length: 25 }, () => lines).flat()));
  return await lastLine(connection);
}

async function sendByteByByte(target: Target): Promise<string> {
  using connection = await enter(target);
  for (const byte of join("one byte at a time: é\n")) {
    await connection.write(new Uint8Array([byte]));
  }
  return `${JSON.stringify(await hear(connection))} is told`;
}

async function halfClose(target: Target): Promise<string> {
  using connection = await enter(target);
  await connection.write("last words\nand no newline");
  await connection.closeWrite();
  const last = await connection.rest();
  const isTold = last.includes(": last words\n") && last.includes(": and no newline\n");
  return `${isTold ? "both lines are told" : "not told"}, and ${
    connection.hasEnded ? "the end" : "left open"
  }`;
}

/** Begins as a client of another protocol does. Returns what it gets before the end. */
async function speakOtherwise({ tcpPort }: Target, begin: Uint8Array): Promise<string> {
  using connection = await RawConnection.open({ port: tcpPort });
  await connection.write(join(begin, "\n/nick honest-2\nsend me the password\n"));
  const answer = await connection.rest();
  return `${answer === "" ? "nothing" : "an answer"}, and ${
    connection.hasEnded ? "the end" : "left open"
  }`;
}

/** By TCP. */
export const LINES: readonly Attack[] = [
  {
    name: "endless line",
    what: "8 MB by TCP without a newline.",
    expected: "* A line is over 65536 bytes., and the end",
    run: (target) => together(5, () => sendEndlessLine(target)),
  },
  {
    name: "NUL bytes",
    what: "Within a line, and lines of nothing else.",
    expected: '"ab" is told',
    run: (target) => echo(target, join("\0\0\0\n".repeat(50), "a\0\0b\n")),
  },
  {
    name: "bytes that are no UTF-8",
    what: "A hundred lines of Latin-1, UTF-16, and halves of characters.",
    expected: "* Too much of what you sent was refused., and the end",
    run: sendOtherBytes,
  },
  {
    name: "a byte at a time",
    what: "A line in as many packets as it has bytes.",
    expected: '"one byte at a time: é" is told',
    run: (target) => together(10, () => sendByteByByte(target)),
  },
  {
    name: "a million empty lines",
    what: "Nothing is asked for, and nothing is said.",
    expected: '"hello" is told meanwhile',
    run: sendEmptyLines,
  },
  {
    name: "other protocols",
    what: "A request that a page elsewhere has a browser send, a TLS hello, and SSH.",
    expected: "nothing, and the end",
    run: (target) =>
      each(
        ["POST / HTTP/1.1\r\nHost: x\r\n", new Uint8Array([0x16, 3, 1, 2, 0, 1]), "SSH-2.0-x\r\n"],
        (begin) => speakOtherwise(target, join(begin)),
      ),
  },
  {
    name: "half-close",
    what: "Who says something and then that nothing more will come.",
    expected: "both lines are told, and the end",
    run: (target) => together(10, () => halfClose(target)),
  },
];
