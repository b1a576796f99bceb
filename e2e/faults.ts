/**
 * Bad days of a real process: no file descriptor left, a log that nobody reads, an end under load,
 * messages of gigabytes, and peers that are gone without a word. Needs `prlimit`, and for a cable
 * that is pulled `ip`, `sysctl` and root.
 *
 * Run with `deno task e2e`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Peer } from "../tests/peer.ts";
import { Directory } from "./directory.ts";
import { HERE, Network } from "./network.ts";
import { Program, roleArgs, startServer } from "./program.ts";

const HANDSHAKE = "GET /text HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n" +
  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

/** Opens a TCP connection to a server, and sends it something. */
async function connect(port: string, text = ""): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  await conn.write(new TextEncoder().encode(text));
  return conn;
}

/** Says something as a text WebSocket, and waits until it has come back. */
async function echo(peer: Peer, text: string): Promise<void> {
  peer.send(text);
  while (!(await peer.frame()).endsWith(`: ${text}`));
}

/** Reads what a program writes until there is a line with that text. */
async function logs(program: Program, text: string): Promise<void> {
  for (let line = ""; !line.includes(text); line = await program.line()) {
    assert.notEqual(line, "(end)", `no line with ${text}`);
  }
}

Deno.test("no file descriptor is left: who is in talks on, and the door opens again by itself", async () => {
  const command = [
    Deno.execPath(),
    ...roleArgs("server", "--port=0", "--tcp-port=0", "--max-clients=1000"),
  ];
  await using server = new Program("prlimit", ["--nofile=200", ...command]);
  const warning = await server.line();
  const cap = Number(
    / WARN This process may not open enough files for --max-clients=1000: (\d+) clients can come in\. /
      .exec(warning)?.[1],
  );
  assert.ok(cap > 100 && cap < 180, warning);
  const port = (await server.line()).split(":").at(-1) ?? "";
  const tcpPort = (await server.line()).split(":").at(-1) ?? "";
  await using peer = await Peer.open(`ws://127.0.0.1:${port}/text?name=ann`);
  await echo(peer, "before");

  const peers: Peer[] = [];
  while (peers.length < cap - 1) peers.push(await Peer.open(`ws://127.0.0.1:${port}/text`));
  await assert.rejects(Peer.open(`ws://127.0.0.1:${port}/text`), "the cap holds");
  await echo(peer, "full");

  // What says nothing is no client, and no cap holds it.
  const silent: Deno.TcpConn[] = [];
  const isOpen = async (): Promise<boolean> => {
    const conn = await connect(port).catch(() => undefined);
    if (conn) silent.push(conn);
    return conn !== undefined;
  };
  while (silent.length < 300 && await isOpen());
  await logs(server, "ERROR Nobody can come in by HTTP now: ");
  await echo(peer, "during");
  // Each is turned away, but together they are too many.
  silent.push(...await Promise.all(Array.from({ length: 20 }, () => connect(tcpPort))));
  await logs(server, "ERROR Nobody can come in by TCP now: ");
  await logs(server, "INFO TCP is open again");
  for (const conn of silent) conn.close();
  await logs(server, "INFO HTTP is open again");
  for (const each of peers) await each[Symbol.asyncDispose]();
  await using late = await Peer.open(`ws://127.0.0.1:${port}/text?name=late`);
  await echo(late, "after");
});

Deno.test("the log's reader is gone: the chat goes on", async () => {
  const { program: server, port } = await startServer();
  await using _server = server;
  await server.deafen();
  await using peer = await Peer.open(`ws://127.0.0.1:${port}/text?name=ann`);
  for (const text of ["one", "two", "three"]) await echo(peer, text);
  server.child.kill("SIGTERM");
  assert.equal((await peer.closed).code, 1001);
  assert.equal((await server.child.status).code, 0);
});

/** Takes down what an event of `chat.v1` says by its id. */
function note(line: string, into: Map<number, string>): void {
  const { messageType, id, data } = JSON.parse(line);
  if (messageType === "message") into.set(id, data);
}

/** Talks as fast as it can until its connection ends. Returns what it has seen, by its id. */
async function babble(port: string, name: string, began: () => void): Promise<Map<number, string>> {
  const seen = new Map<number, string>();
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, "chat.v1");
  const closed = Promise.withResolvers<number>();
  let said = 0;
  const say = (): void => {
    if (socket.readyState !== WebSocket.OPEN) return;
    const data = `${name} ${said++}`;
    socket.send(JSON.stringify({ messageType: "message", data, ref: data }));
  };
  socket.onopen = () => {
    socket.send(JSON.stringify({ messageType: "register", data: name }));
    for (let i = 0; i < 50; i++) say();
  };
  socket.onmessage = ({ data }) => {
    const before = seen.size;
    for (const line of data.split("\n")) note(line, seen);
    for (let i = before; i < seen.size; i += 2) say();
    if (seen.size > 2_000) began();
  };
  socket.onclose = ({ code }) => closed.resolve(code);
  assert.equal(await closed.promise, 1001);
  return seen;
}

Deno.test("SIGTERM under load: all that was accepted is delivered and stored, and it ends within 5 s", async () => {
  using directory = new Directory();
  const db = directory.file("chat.db");
  const { program: server, port } = await startServer(
    "--rate=0",
    "--capacity=100000",
    `--db=${db}`,
  );
  await using _server = server;
  // Nobody reads the log, and one of them reads nothing at all.
  using deaf = await connect(port, HANDSHAKE);
  const loaded = Promise.withResolvers<void>();
  const talkers = ["ann", "bob", "cat"].map((name) => babble(port, name, loaded.resolve));
  await loaded.promise;
  const begun = performance.now();
  server.child.kill("SIGTERM");
  const seen = await Promise.all(talkers);
  assert.equal((await server.child.status).code, 0);
  assert.ok(performance.now() - begun < 5_500, `${performance.now() - begun} ms`);
  void deaf;

  const file = new DatabaseSync(db);
  const rows = file.prepare("SELECT id, event FROM events WHERE room = 'lobby'").all();
  file.close();
  const stored = new Map<number, string>();
  for (const { id, event } of rows) {
    note(JSON.stringify({ ...JSON.parse(String(event)), id }), stored);
  }
  const last = Math.max(...stored.keys());
  for (const each of seen) {
    // Each has seen all there is from its coming on, to the very last.
    const first = Math.min(...each.keys());
    const expected = [...stored].filter(([id]) => id >= first);
    assert.deepEqual([...each], expected);
    assert.ok(each.has(last));
  }
});

/** Returns the head of a frame of text that may go on, masked with zeros. */
function headOf(
  size: number,
  { isFirst, isLast }: { isFirst: boolean; isLast: boolean },
): Uint8Array {
  const head = new DataView(new ArrayBuffer(14));
  head.setUint8(0, (isLast ? 0x80 : 0) | (isFirst ? 1 : 0));
  head.setUint8(1, 0xff);
  head.setBigUint64(2, BigInt(size));
  return new Uint8Array(head.buffer);
}

/** Sends a message of text in fragments of 16 MiB, as far as the other side takes it. */
async function sendFragments(conn: Deno.TcpConn, count: number): Promise<void> {
  const body = new Uint8Array(16_777_216).fill(0x61);
  for (let i = 0; i < count; i++) {
    const head = headOf(body.length, { isFirst: i === 0, isLast: i === count - 1 });
    for (const part of [head, body]) {
      for (let rest = part; rest.length > 0;) rest = rest.subarray(await conn.write(rest));
    }
  }
}

Deno.test("a message of 128 MB in fragments is too big, one of 640 MB ends nothing", async () => {
  const { program: server, port } = await startServer();
  await using _server = server;
  await using peer = await Peer.open(`ws://127.0.0.1:${port}/text?name=ann`);
  const big = await connect(port, HANDSHAKE);
  await sendFragments(big, 8);
  await logs(server, "(1009)");
  big.close();
  await echo(peer, "and on");
  using huge = await connect(port, HANDSHAKE);
  // Beyond half a gigabyte the runtime fails inside, and that socket is never heard of again.
  await sendFragments(huge, 40).catch(() => {});
  await logs(server, "ERROR Unhandled rejection: ");
  await echo(peer, "still there");
  await using late = await Peer.open(`ws://127.0.0.1:${port}/text?name=late`);
  await echo(late, "new here");
});

Deno.test("a peer that is gone without a word is let go within half a minute", async () => {
  const { program: server, port } = await startServer();
  await using _server = server;
  // It answers no ping, as a machine that has lost its network.
  using gone = await connect(port, HANDSHAKE);
  await logs(server, "New connection");
  const begun = performance.now();
  await logs(server, "Disconnected");
  const seconds = (performance.now() - begun) / 1000;
  assert.ok(seconds > 10 && seconds < 40, `${seconds} s`);
  void gone;
});

Deno.test({
  name:
    "a TCP peer whose cable is pulled is let go within half a minute, as docs/sysctl.conf has it",
  ignore: !await Network.canBeMade(),
  fn: async () => {
    await using network = await Network.make();
    const { here, there } = network;
    await network.configure(here, "docs/sysctl.conf");
    const flags = [`--host=${HERE}`, "--port=0", "--tcp-port=0", "--max-clients=500"];
    await using server = network.start(here, Deno.execPath(), ...roleArgs("server", ...flags));
    await server.line();
    const port = (await server.line()).split(":").at(-1) ?? "";
    await using silent = network.start(there, "nc", HERE, port);
    await silent.type("/join quiet\n");
    await logs(silent, " in quiet");
    await using spokenTo = network.start(there, "nc", HERE, port);
    await spokenTo.line();
    await using near = network.start(here, "nc", HERE, port);
    await near.line();
    await network.cut();
    const begun = performance.now();
    // Of the two, one has not confirmed what it was sent.
    await near.type("is anybody there?\n");
    await logs(server, "is anybody there?");
    for (let gone = 0; gone < 2; gone++) await logs(server, "Disconnected 10.0.0.2:");
    const seconds = (performance.now() - begun) / 1000;
    assert.ok(seconds > 10 && seconds < 40, `${seconds} s`);
  },
});
