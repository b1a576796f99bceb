import assert from "node:assert/strict";
import { TelnetDecoder } from "../server/telnet.ts";
import { FakeClock, TcpPeer, TestServer, turn } from "./peer.ts";
import { join, RawConnection } from "./raw.ts";

const [IAC, SE, NOP, DM, IP, SB, WILL, WONT, DO, DONT] = [
  0xff,
  240,
  241,
  242,
  244,
  250,
  251,
  252,
  253,
  254,
] as const;
const [ECHO, TIMING_MARK, LINEMODE] = [1, 6, 34] as const;

/** Returns the bytes of `parts`; a string is UTF-8. */
function bytes(...parts: readonly (string | readonly number[])[]): Uint8Array<ArrayBuffer> {
  return join(...parts.map((part) => typeof part === "string" ? part : new Uint8Array(part)));
}

/** Decodes a stream that comes in pieces of `size` bytes, to its end. */
function decode(stream: Uint8Array, size = stream.length): { text: string; answers: number[] } {
  const decoder = new TelnetDecoder();
  const texts: Uint8Array[] = [];
  const answers: number[] = [];
  for (let at = 0; at < stream.length; at += size) {
    const input = decoder.push(stream.subarray(at, at + size));
    texts.push(input.text);
    answers.push(...input.answers);
  }
  texts.push(decoder.end().text);
  return { text: new TextDecoder("latin1").decode(join(...texts)), answers };
}

Deno.test("telnet decoder: commands are taken out of the text, wherever the bytes are cut", () => {
  const stream = bytes("a", [IAC, NOP], "b", [IAC, WILL, ECHO], "c", [IAC, IP, IAC, 236], "d", [
    IAC,
    SB,
    LINEMODE,
    1,
    IAC,
    IAC,
    10,
    IAC,
    SE,
  ], "e\r\n");
  for (let size = 1; size <= stream.length; size++) {
    assert.deepEqual(decode(stream, size), { text: "abcde\r\n", answers: [IAC, DONT, ECHO] });
  }
});

Deno.test("telnet decoder: CR NUL ends a line, as CR LF does, and a NUL alone does not", () => {
  const stream = bytes("a\r\0b\r\nc\0d\r\0");
  for (let size = 1; size <= stream.length; size++) {
    assert.equal(decode(stream, size).text, "a\r\nb\r\nc\0d\r\n");
  }
});

Deno.test("telnet decoder: each option is refused, and once only; each timing mark is answered", () => {
  const options = Array.from({ length: 256 }, (_, option) => option)
    .filter((option) => option !== TIMING_MARK);
  const asked = options.flatMap((option) => [IAC, DO, option, IAC, WILL, option]);
  const { text, answers } = decode(bytes(asked, asked, asked));
  assert.equal(text, "");
  const refused = options.flatMap((option) => [IAC, WONT, option, IAC, DONT, option]);
  assert.deepEqual(answers, refused);
  const marks = [IAC, DO, TIMING_MARK, IAC, DO, TIMING_MARK];
  assert.deepEqual(decode(bytes(marks)).answers, [
    IAC,
    WILL,
    TIMING_MARK,
    IAC,
    WILL,
    TIMING_MARK,
  ]);
  assert.deepEqual(decode(bytes([IAC, DONT, ECHO, IAC, WONT, ECHO])).answers, []);
});

Deno.test("telnet decoder: the data mark may be missing, for urgent data is not in the stream", () => {
  const interrupt = [IAC, IP, IAC, DM, IAC, DO, TIMING_MARK];
  const without = interrupt.filter((byte) => byte !== DM);
  for (const stream of [interrupt, without]) {
    assert.deepEqual(decode(bytes(stream, "x\n")), {
      text: "x\n",
      answers: [IAC, WILL, TIMING_MARK],
    });
  }
});

Deno.test("telnet decoder: what is rather Latin-1 or UTF-16 stays, so that it is refused as a whole", () => {
  const texts = [
    "L'Ha\xff\n",
    "\xff\xfea\0b\0",
    "y\xffx\n",
    "h\xff\xfe\n",
    "end\xff",
    "end\xff\xfb",
  ];
  for (const text of texts) {
    const stream = Uint8Array.from(text, (character) => character.charCodeAt(0));
    assert.equal(decode(stream).text, text, JSON.stringify(text));
  }
});

Deno.test("tcp: what telnet negotiates is refused, and what is typed meanwhile is said", async () => {
  await using server = new TestServer();
  const { port = 0 } = server.server.tcpAddr ?? {};
  using telnet = await RawConnection.open({ port });
  await telnet.write(bytes([IAC, DO, 3, IAC, WILL, LINEMODE], "hel", [IAC, NOP], "lo\r\0"));
  const refusals = bytes([IAC, WONT, 3, IAC, DONT, LINEMODE]);
  assert.deepEqual(await telnet.take(refusals.length), refusals);
  assert.equal(await telnet.takeTo("\n"), "Welcome to chat! Type a message");
  assert.equal(await telnet.takeTo(" joined\n"), `* ${telnet.address}`);
  assert.equal(await telnet.takeTo("\n"), `${telnet.address}: hello`);
  await telnet.write(bytes([IAC, IP, IAC, DO, TIMING_MARK]));
  assert.deepEqual(await telnet.take(3), bytes([IAC, WILL, TIMING_MARK]));
  await telnet.write("and on\r\n");
  assert.equal(await telnet.takeTo("\n"), `${telnet.address}: and on`);
});

Deno.test("tcp: telnet's commands cost what empty lines do, so what comes behind many is said later", async () => {
  const clock = new FakeClock();
  await using server = new TestServer({ clock, rate: 1, burst: 10 });
  await using alice = await server.register("alice");
  const { port = 0 } = server.server.tcpAddr ?? {};
  using flooder = await RawConnection.open({ port });
  const marks = Array.from({ length: 500 }, () => [IAC, DO, TIMING_MARK]).flat();
  await flooder.write(bytes(marks, "hello\n"));
  assert.ok(await flooder.take(marks.length), "all are answered");
  await alice.json("join");
  await alice.expectNothing();
  const said = alice.jsonWhere(({ data }) => data === "hello");
  let isSaid = false;
  said.then(() => isSaid = true);
  const begun = clock.elapsed();
  for (; !isSaid; await turn()) clock.advance(1_000);
  assert.ok(clock.elapsed() - begun >= 40_000, "a tenth of a message each");
});

Deno.test("tcp: parameters of telnet that do not end are as long as a line may be, and no longer", async () => {
  await using server = new TestServer();
  await using endless = await TcpPeer.open(server);
  await endless.send(bytes([IAC, SB], "x".repeat(70_000)));
  while (await endless.line() !== "* A line is over 65536 bytes.");
  await endless.end();
});
