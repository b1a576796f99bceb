/**
 * The programs as people start them: real processes, their output, exit codes and signals. Needs
 * `nc` (Debian's netcat-openbsd), `telnet` (inetutils-telnet) and `tmux`.
 *
 * Run with `deno task e2e`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Peer } from "../tests/peer.ts";
import { clientCommand, Program, startServer } from "./program.ts";
import { TmuxPane } from "./tmux.ts";

/** Longer than the time within which two signals count as one, in milliseconds. */
const LATER = 400;

/** Drops the time, and replaces ports, which differ from run to run. */
function steady(logLine: string): string {
  return logLine.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /, "").replaceAll(
    /127\.0\.0\.1:\d+/g,
    "ADDRESS",
  );
}

Deno.test("a terminal client, a text WebSocket and nc are in the same conversation, and the server logs it", async () => {
  const { program: server, port, tcpPort } = await startServer();
  await using _server = server;
  await using alice = Program.role("client", "alice", `--port=${port}`);
  assert.match(steady(await server.line()), /^INFO New connection from ADDRESS$/);
  await using web = await Peer.open(`ws://127.0.0.1:${port}/text?name=wendy`);
  await web.frame();
  await server.line();
  await using nc = new Program("nc", ["127.0.0.1", tcpPort]);
  assert.equal(await nc.line(), "Welcome to chat! Type a message");
  await server.line();

  await nc.type("Hello\n");
  const said = (await alice.line()).replaceAll(/127\.0\.0\.1:\d+/g, "ADDRESS");
  assert.equal(said, "ADDRESS: Hello");
  assert.equal(steady(await server.line()), 'INFO From client ADDRESS "Hello"');
  await alice.type("hi there\n");
  assert.equal(steady(await server.line()), 'INFO From client ADDRESS "hi there"');
  const heard: string[] = [];
  while (heard.at(-1) !== "alice: hi there") heard.push(await nc.line());
  while (await web.frame() !== "alice: hi there");
  assert.equal((await alice.finish()).code, 0);
  assert.equal(steady(await server.line()), "INFO Disconnected ADDRESS (1000)");
});

Deno.test("printf | client: says it, waits until it came back, and exits with 0", async () => {
  const { program: server, port } = await startServer();
  await using _server = server;
  await using client = Program.role("client", "alice", `--port=${port}`);
  await client.type("hello\n");
  const { code, stdout, stderr } = await client.finish();
  assert.deepEqual([code, stdout], [0, []], stderr);
  assert.match(stderr, /^Welcome to chat! Type a message\n\* You are alice in lobby\n/);
});

Deno.test("printf | nc -N: a last line without a newline is said too", async () => {
  const { program: server, tcpPort } = await startServer();
  await using _server = server;
  await using nc = new Program("nc", ["-N", "127.0.0.1", tcpPort]);
  await nc.type("no newline");
  const { code, stdout } = await nc.finish();
  assert.equal(code, 0);
  assert.match(stdout.at(-1) ?? "", /^127\.0\.0\.1:\d+: no newline$/);
});

for (const command of ["telnet", "telnet -8"]) {
  Deno.test(`${command}: what it negotiates is not in the way, and after Ctrl-C it goes on`, async () => {
    const { program: server, tcpPort } = await startServer();
    await using _server = server;
    await using telnet = await TmuxPane.open(`${command} 127.0.0.1 ${tcpPort}`);
    await telnet.shows("Welcome to chat! Type a message");
    for (const text of ["hello", "and on", "to the end"]) {
      await telnet.type(text);
      await telnet.press("Enter");
      await telnet.shows(`: ${text}`);
      await telnet.press("C-c");
    }
    const rows = await telnet.screen();
    assert.ok(!rows.some((row) => row.includes("UTF-8")), rows.join("\n"));
  });
}

Deno.test("client: no server there is one line and exit 1", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await using client = Program.role("client", "alice", `--port=${port}`);
  const { code, stdout, stderr } = await client.finish();
  assert.deepEqual([code, stdout], [1, []]);
  assert.equal(
    stderr,
    `Cannot connect to ws://127.0.0.1:${port}: connection refused. Is the server running on that port?\n`,
  );
});

Deno.test("client: an output that is full, and an input that is none, are a line each", async () => {
  const { program: server, port } = await startServer();
  await using _server = server;
  await using bob = await Peer.open(`ws://127.0.0.1:${port}/text?name=bob`);
  bob.send("something to print");
  await bob.frame();
  const client = clientCommand(`--port=${port}`);
  await using full = new Program("sh", ["-c", `${client} >/dev/full`]);
  const { code, stderr } = await full.finish();
  assert.equal(code, 10);
  assert.match(stderr, /\nCannot write to standard output: No space left .*\n$/);
  await using directory = new Program("sh", ["-c", `${client} </`]);
  const ended = await directory.finish();
  assert.equal(ended.code, 9);
  assert.match(ended.stderr, /\n\* Cannot read the input: Is a directory .*\n$/);
});

Deno.test("client: ends when nobody reads its output any more", async () => {
  const { program: server, port } = await startServer();
  await using _server = server;
  await using client = Program.role("client", "alice", `--port=${port}`);
  await server.line();
  await client.deafen();
  await using web = await Peer.open(`ws://127.0.0.1:${port}/text?name=wendy`);
  web.send("is anybody there?");
  assert.equal((await client.child.status).code, 10);
});

Deno.test("server: a second one on the port is one line and exit 1", async () => {
  const { program: server, port } = await startServer();
  await using _server = server;
  await using second = Program.role("server", `--port=${port}`);
  const { code, stdout, stderr } = await second.finish();
  assert.deepEqual([code, stdout], [1, []]);
  assert.equal(stderr, `Cannot listen on 127.0.0.1:${port}: the port is in use. Choose another.\n`);
});

for (const role of ["server", "client"] as const) {
  Deno.test(`${role}: wrong arguments are one line on standard error and exit 2`, async () => {
    for (const arg of ["--nope", "--port=abc", "--port=70000"]) {
      await using program = Program.role(role, arg);
      const { code, stdout, stderr } = await program.finish();
      assert.deepEqual([code, stdout, stderr.split("\n").length], [2, [], 2], stderr);
      assert.match(stderr, new RegExp(arg));
    }
  });

  Deno.test(`${role}: --help and --version are on standard output, with exit 0`, async () => {
    await using help = Program.role(role, "--help");
    const shown = await help.finish();
    assert.deepEqual([shown.code, shown.stderr], [0, ""]);
    assert.match(shown.stdout.join("\n"), /^Usage: deno task /m);
    await using version = Program.role(role, "--version");
    assert.match((await version.finish()).stdout.join(), /^\d+\.\d+\.\d+$/);
  });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`server: ${signal}, also twice at once, closes everyone with 1001 and exits with 0`, async () => {
    const { program: server, port } = await startServer();
    await using _server = server;
    await using peer = await Peer.open(`ws://127.0.0.1:${port}/text`);
    await peer.frame();
    server.child.kill(signal);
    server.child.kill(signal);
    assert.equal((await peer.closed).code, 1001);
    const { code, stderr } = await server.finish();
    assert.deepEqual([code, stderr], [0, ""]);
  });
}

Deno.test("server: a second signal, later, ends it at once", async () => {
  const { program: server, tcpPort } = await startServer();
  await using _server = server;
  using stubborn = await Deno.connect({ hostname: "127.0.0.1", port: Number(tcpPort) });
  await server.line();
  server.child.kill("SIGINT");
  const buffer = new Uint8Array(1024);
  while (await stubborn.read(buffer) !== null);
  // The time between the signals is what this test is about.
  await new Promise((resolve) => setTimeout(resolve, LATER));
  server.child.kill("SIGINT");
  assert.equal((await server.finish()).code, 130);
});

Deno.test("server: neither a client nor a log that is not read holds up its end", async () => {
  const { program: server, port } = await startServer("--rate=0");
  await using _server = server;
  using deaf = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  await deaf.write(new TextEncoder().encode(
    "GET /text HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
  ));
  await server.line();
  await using loud = await Peer.open(`ws://127.0.0.1:${port}/text`);
  for (let i = 0; i < 3000; i++) loud.send("x".repeat(4000));
  for (let count = 0; count < 3000;) {
    const frame = await loud.frame();
    const missed = /^\* (\d+) messages? missed$/.exec(frame)?.[1];
    count += missed ? Number(missed) : frame.length > 4000 ? 1 : 0;
  }
  server.child.kill("SIGTERM");
  assert.equal((await loud.closed).code, 1001);
  // Nobody reads the log here either.
  assert.equal((await server.child.status).code, 0);
});
