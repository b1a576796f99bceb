import assert from "node:assert/strict";
import { MAX_REQUESTS } from "../server/intake.ts";
import { REGISTER_TIME } from "../server/session.ts";
import { ABUSE_COUNT } from "../server/throttle.ts";
import { FakeClock, Peer, TcpPeer, TestServer } from "./peer.ts";

/** Begins a WebSocket by hand, and returns the status and the body of the answer. */
async function shakeHands(
  server: TestServer,
  headers: Record<string, string> = {},
  path = "/",
): Promise<{ status: number; body: string; conn: Deno.TcpConn }> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const head = {
    host: `127.0.0.1:${server.port}`,
    upgrade: "websocket",
    connection: "upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    ...headers,
  };
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
  await conn.write(new TextEncoder().encode(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`));
  const buffer = new Uint8Array(4096);
  const text = new TextDecoder().decode(buffer.subarray(0, await conn.read(buffer) ?? 0));
  const [, status = ""] = /^HTTP\/1\.1 (\d+)/.exec(text) ?? [];
  return { status: Number(status), body: text.split("\r\n\r\n")[1] ?? "", conn };
}

/** Returns the status and body of a handshake, and lets the connection go. */
async function tryToConnect(
  server: TestServer,
  headers: Record<string, string> = {},
  path = "/",
): Promise<[number, string]> {
  const { status, body, conn } = await shakeHands(server, headers, path);
  conn.close();
  return [status, body.trim()];
}

/** Resolves with what comes until the pong of a ping that is sent now: what was served by now. */
async function served(peer: Peer): Promise<Record<string, unknown>[]> {
  peer.send({ messageType: "ping", data: "served" });
  const messages: Record<string, unknown>[] = [];
  for (;;) {
    const message = await peer.jsonWhere(() => true);
    if (message["data"] === "served") return messages;
    messages.push(message);
  }
}

Deno.test("rate: what is too fast is served later, in its order, and nothing is refused", async () => {
  const clock = new FakeClock();
  await using server = new TestServer({ clock, rate: 10, burst: 2 });
  await using alice = await server.register("alice");
  const texts = async (): Promise<unknown[]> => (await served(alice)).map(({ data }) => data);
  const said = ["one", "two", "three", "four"];
  for (const data of said) alice.send({ messageType: "message", data, ref: data });
  alice.send({ messageType: "join", data: "dev" });
  alice.send({ messageType: "message", data: "in dev", room: "dev" });
  assert.deepEqual(await texts(), ["one", "two"]);
  // The ping was at once, and cost a tenth.
  clock.advance(110);
  assert.deepEqual(await texts(), ["three"]);
  clock.advance(110);
  assert.deepEqual(await texts(), ["four"]);
  clock.advance(110);
  const [welcome] = await served(alice);
  assert.deepEqual([welcome?.["messageType"], welcome?.["room"]], ["welcome", "dev"]);
  clock.advance(110);
  assert.deepEqual(await texts(), ["in dev"]);
});

Deno.test("rate: messages, joins and renames cost 1, questions and repeated refs a tenth", async () => {
  const clock = new FakeClock();
  await using server = new TestServer({ clock, rate: 1, burst: 4 });
  await using alice = await server.register("alice");
  const types = async (): Promise<unknown[]> =>
    (await served(alice)).map(({ messageType }) => messageType)
      .filter((type) => type !== "join" && type !== "rename" && type !== "users");
  const say = { messageType: "message", data: "hi", ref: "r" };
  // 1 and two tenths; 1; 1; seven tenths: together 3.9.
  for (const message of [say, say, say, { messageType: "register", data: "al" }]) {
    alice.send(message);
  }
  alice.send({ messageType: "join", data: "dev" });
  for (let i = 0; i < 7; i++) alice.send({ messageType: "rooms" });
  alice.send({ ...say, ref: "s" });
  const first = ["message", "ack", "ack", "welcome", "welcome", ...Array(7).fill("rooms")];
  assert.deepEqual(await types(), first);
  clock.advance(899);
  assert.deepEqual(await types(), []);
  clock.advance(1);
  assert.deepEqual(await types(), ["message"]);
});

Deno.test("rate: what does not fit into the queue is refused, and told when to send it again", async () => {
  await using server = new TestServer({ clock: new FakeClock(), rate: 10, burst: 1 });
  await using alice = await server.register("alice");
  // One is said, one is on account, and the others wait.
  for (let i = 1; i <= MAX_REQUESTS + 3; i++) {
    alice.send({ messageType: "message", data: "hi", ref: `r${i}` });
  }
  assert.deepEqual(await alice.jsonWhere(({ messageType }) => messageType === "error"), {
    messageType: "error",
    code: "rate_limited",
    data: "Too fast: this was not taken. Send it again in 1 s.",
    ref: `r${MAX_REQUESTS + 3}`,
    retryAfter: 1000,
  });
});

Deno.test("rate: a client with 50 unanswered requests of the longest texts sees no refusal", async () => {
  await using server = new TestServer({ rate: 2_000, burst: 1 });
  await using alice = await server.register("alice");
  const send = (i: number): void =>
    alice.send({ messageType: "message", data: "x".repeat(4096), ref: `${i}` });
  for (let i = 1; i <= 50; i++) send(i);
  for (let i = 1; i <= 200; i++) {
    const { ref } = await alice.jsonWhere(({ messageType }) => messageType !== "join");
    assert.equal(ref, `${i}`);
    send(50 + i);
  }
});

Deno.test("rate: coming in again and again gives nobody more than their address has", async () => {
  const clock = new FakeClock();
  await using server = new TestServer({ clock, rate: 1, burst: 10, history: 0 });
  await using reader = await server.register("reader");
  let said = 0;
  for (let i = 0; i < 9; i++) {
    await using eve = await server.register("eve");
    for (let n = 0; n < 10; n++) eve.send({ messageType: "message", data: "spam" });
    said += (await served(eve)).filter(({ data }) => data === "spam").length;
  }
  // The reader and eve came in ten times.
  assert.equal(said, 90);
  await using late = await server.connectChat();
  late.send({ messageType: "register", data: "late" });
  const metrics = async (): Promise<string> =>
    await (await fetch(server.url("http", "/metrics"))).text();
  while (!(await metrics()).includes("\nchat_throttled_total 1\n"));
  assert.ok((await served(reader)).every(({ from }) => from !== "late"));
  clock.advance(100);
  await late.json("welcome");
});

Deno.test("rate: a client that is gone is not there any more, whatever it had sent too fast", async () => {
  await using server = new TestServer({ clock: new FakeClock(), rate: 1, burst: 3 });
  await using alice = await server.register("alice");
  const bob = await server.register("bob");
  for (let i = 0; i < 50; i++) bob.send({ messageType: "message", data: `${i}` });
  await alice.jsonWhere(({ data }) => data === "2");
  await bob[Symbol.asyncDispose]();
  await alice.jsonWhere(({ messageType }) => messageType === "leave");
  alice.send({ messageType: "message", to: "bob", data: "psst" });
  assert.equal((await alice.json("error"))["code"], "unknown_user");
  // What was not done is not paid for: the address has tokens left for others.
  await using carl = await server.register("carl");
  carl.send({ messageType: "message", data: "here" });
  await alice.jsonWhere(({ data }) => data === "here");
});

Deno.test("late: who was throttled and did not register is let go all the same", async () => {
  const clock = new FakeClock();
  await using server = new TestServer({ clock, rate: 1, burst: 1 });
  await using eve = await server.connectChat();
  for (let i = 0; i < 12; i++) eve.send({ messageType: "message", data: "hi" });
  for (let i = 0; i < 10; i++) await eve.json("error");
  clock.advance(1_000);
  clock.advance(REGISTER_TIME);
  assert.equal((await eve.closed).code, 4408);
});

Deno.test("rate: who resumes finds the bucket that they left", async () => {
  await using server = new TestServer({ clock: new FakeClock(), rate: 1, burst: 2 });
  const alice = await server.register("alice");
  const { session, epoch } = alice.welcome;
  for (const data of ["one", "two"]) alice.send({ messageType: "message", data });
  const { id: after } = await alice.jsonWhere(({ data }) => data === "two");
  await alice[Symbol.asyncDispose]();
  await using back = await server.connectChat();
  back.send({ messageType: "register", session, epoch, after });
  back.send({ messageType: "message", data: "three" });
  assert.equal((await back.json("welcome"))["name"], "alice");
  assert.ok((await served(back)).every(({ data }) => data !== "three"));
});

Deno.test("abuse: a hundred refusals in a minute end a connection with 4429, whatever was refused", async () => {
  await using server = new TestServer();
  const refused: Record<string, (peer: Peer, i: number) => void> = {
    nonsense: (peer) => peer.send("nonsense"),
    bytes: (peer) => peer.socket.send(new Uint8Array(3)),
    mixed: (peer, i) => peer.send(i % 2 === 0 ? "{}" : { messageType: "message", data: " " }),
  };
  for (const [what, refuse] of Object.entries(refused)) {
    await using eve = await server.register("eve");
    for (let i = 1; i < ABUSE_COUNT; i++) refuse(eve, i);
    for (let i = 1; i < ABUSE_COUNT; i++) await eve.json("error");
    await eve.expectNothing();
    refuse(eve, ABUSE_COUNT);
    const { code, reason } = await eve.closed;
    assert.deepEqual([code, reason], [4429, "Too much of what you sent was refused"], what);
  }
  await using tom = await TcpPeer.open(server);
  await tom.send("/nope\n".repeat(ABUSE_COUNT));
  while (await tom.line() !== "* Too much of what you sent was refused.");
  await tom.end();
});

Deno.test("--max-message: a longer message is too_long in every dialect, and at the limit it is not", async () => {
  await using server = new TestServer({ maxMessage: 5 });
  await using alice = await server.register("alice");
  for (const data of ["12345", "123456", "ééé", "1234\u00e9"]) {
    alice.send({ messageType: "message", data });
    const { code, data: text } = await alice.jsonWhere(({ from }) => from !== "eve");
    if (data === "12345") assert.equal(text, data);
    else {
      assert.equal(code, "too_long", data);
      assert.equal(text, "The message is over 5 bytes. Send it in parts.");
    }
  }
  await using tom = await server.connect("/text?name=tom");
  for (const line of ["123456", "/me 123456", "//23456", "/msg alice 123456"]) {
    tom.send(line);
    while (await tom.frame() !== "* The message is over 5 bytes. Send it in parts.");
  }
  tom.send("//2345");
  assert.equal(await tom.frame(), "tom: /2345");
});

Deno.test("--max-clients: 503 before the upgrade, a line over TCP; who goes makes room", async () => {
  await using server = new TestServer({ maxClients: 2 });
  const alice = await server.register("alice");
  await using _tcp = await TcpPeer.open(server);
  while ((await alice.jsonWhere(() => true))["messageType"] !== "join");
  const full = [503, "The server is full. Try again later."];
  assert.deepEqual(await tryToConnect(server), full);
  await using late = await TcpPeer.open(server);
  assert.equal(await late.line(), "* The server is full. Try again later.");
  await late.end();
  const health = await fetch(server.url("http", "/healthz"));
  assert.deepEqual([health.status, (await health.json()).connections], [200, 2]);
  await alice[Symbol.asyncDispose]();
  await using _bob = await server.register("bob");
});

Deno.test("--max-clients: who was sent away and does not go still takes a place", async () => {
  await using server = new TestServer({ maxClients: 1 });
  const { conn } = await shakeHands(server, {}, "/text");
  // A masked binary frame of 65,537 bytes is too big; its Close is not answered.
  await conn.write(new Uint8Array([0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0]));
  for (let size = 65_537; size > 0;) size -= await conn.write(new Uint8Array(size));
  for (const buffer = new Uint8Array(4096); !server.log.at(-1)?.startsWith("info Disconnected");) {
    await conn.read(buffer);
  }
  assert.deepEqual((await tryToConnect(server))[0], 503);
  conn.close();
  const metrics = async (): Promise<string> =>
    await (await fetch(server.url("http", "/metrics"))).text();
  while (!(await metrics()).includes("\nchat_sockets 0\n"));
  await using _bob = await server.register("bob");
});

Deno.test("--max-clients-per-ip: behind a proxy, by the address that it saw", async () => {
  await using server = new TestServer({ maxClientsPerIp: 1, trustProxy: true });
  const from = (address: string): Record<string, string> => ({ "x-forwarded-for": address });
  using first = (await shakeHands(server, from("192.0.2.1"))).conn;
  const [status, body] = await tryToConnect(server, from("198.51.100.1, 192.0.2.1"));
  assert.deepEqual([status, body], [
    503,
    "There are too many connections from your address. Try again later.",
  ]);
  assert.equal((await tryToConnect(server, from("2001:db8::1")))[0], 101);
  assert.match(server.log.join("\n"), /^info New connection from 192\.0\.2\.1:\d+$/m);
  assert.match(server.log.join("\n"), /^info New connection from \[2001:db8::1\]:\d+$/m);
  void first;
});

Deno.test("--max-rooms: a room too many is full, and who wanted to go there stays", async () => {
  await using server = new TestServer({ maxRooms: 1 });
  await using alice = await server.register("alice");
  alice.send({ messageType: "join", data: "dev" });
  const { code } = await alice.json("error");
  alice.send({ messageType: "message", data: "still in lobby" });
  assert.deepEqual([code, (await alice.json("message"))["data"]], ["full", "still in lobby"]);
  await using bob = await server.connectChat();
  bob.send({ messageType: "register", room: "dev" });
  assert.equal((await bob.json("error"))["code"], "full");
  assert.equal((await bob.closed).code, 1013);
  const [status, body] = await tryToConnect(server, {}, "/text?room=dev");
  assert.deepEqual([status, body], [503, "There are too many rooms. Try again later."]);
  assert.equal((await tryToConnect(server, {}, "/text?room=lobby"))[0], 101);
});

Deno.test("--max-rooms: who registers says then where to, and may come in where there is room", async () => {
  await using server = new TestServer({ maxRooms: 1 });
  await using _alice = await server.register("alice", "dev");
  await using _bob = await server.register("bob", "dev");
});

Deno.test("who does not register in ten seconds is let go with 4408, and nobody else", async () => {
  const clock = new FakeClock();
  await using server = new TestServer({ clock });
  await using silent = await server.connectChat();
  await using envelope = await server.connect();
  await using text = await server.connect("/text");
  await using alice = await server.register("alice");
  await alice.expectNothing();
  clock.advance(REGISTER_TIME);
  const { code, reason } = await silent.closed;
  assert.deepEqual([code, reason], [4408, "You did not come in in time"]);
  assert.equal((await envelope.closed).code, 4408);
  text.send("here");
  while (!(await text.frame()).endsWith(": here"));
  await alice.jsonWhere(({ data }) => data === "here");
});

Deno.test("--hide-addresses: nobody is told another's, and a name is none", async () => {
  await using server = new TestServer({ hideAddresses: true });
  await using alice = await server.register("alice");
  await using tcp = await TcpPeer.open(server);
  await tcp.send("hi\n");
  const hi = await alice.jsonWhere(({ messageType }) => messageType === "message");
  assert.deepEqual([hi["from"], hi["address"]], ["guest-1", ""]);
  assert.ok(server.log.includes(`info New connection from ${tcp.address}`));
  const { address } = alice.welcome;
  assert.match(String(address), /^127\.0\.0\.1:\d+$/, "their own they know");
});

Deno.test("Origin: a page of elsewhere gets 403 before the upgrade, its own and programs do not", async () => {
  await using server = new TestServer({ allowedOrigins: new Set(["https://chat.example"]) });
  const status = async (origin: string, host?: string): Promise<number> =>
    (await tryToConnect(server, { origin, ...(host === undefined ? {} : { host }) }))[0];
  assert.equal(await status(`http://127.0.0.1:${server.port}`), 101);
  assert.equal(await status("https://chat.example"), 101);
  assert.equal(await status("https://evil.example"), 403);
  assert.equal(await status("http://evil.example", "evil.example"), 403);
  assert.equal(await status("https://chat.example", "chat.example"), 101);
  const [, body] = await tryToConnect(server, { origin: "https://evil.example" });
  assert.equal(body, "Pages of https://evil.example may not connect here.");
  const line = 'info Refused a page of "https://evil.example": see --allow-origin';
  assert.ok(server.log.includes(line));
});

Deno.test("Host: a page is not sent under a name that was not given, with what to do", async () => {
  await using server = new TestServer({ allowedOrigins: new Set(["https://chat.example"]) });
  const get = async (host: string): Promise<string> => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const head = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    await conn.write(new TextEncoder().encode(head));
    return await new Response(conn.readable).text();
  };
  assert.match(await get("chat.example"), /^HTTP\/1\.1 200 /);
  assert.match(await get("localhost:8080"), /^HTTP\/1\.1 200 /);
  const refused = await get("lan:8080");
  assert.match(refused, /^HTTP\/1\.1 403 /);
  assert.ok(refused.includes(
    "\r\n\r\nThis chat does not go by the name lan. Whoever runs it can " +
      "change that: --allow-origin=http://lan:8080\n",
  ));
});

Deno.test("http: while the server is shutting down it says so, with 503", async () => {
  const server = new TestServer();
  // It does not answer Close, and so holds up the end.
  const { conn } = await shakeHands(server, {}, "/text");
  const stopped = server.server.shutdown();
  const health = await fetch(server.url("http", "/healthz"));
  assert.equal(health.status, 503);
  assert.equal((await health.json()).status, "shutting down");
  for (const path of ["/", "/metrics", "/text"]) {
    const response = await fetch(server.url("http", path));
    assert.equal(response.status, 503);
    await response.body?.cancel();
  }
  conn.close();
  await stopped;
});

Deno.test("rate: lines with nothing in them cost as little as a question", async () => {
  const clock = new FakeClock();
  await using server = new TestServer({ clock, rate: 1, burst: 1 });
  await using tom = await TcpPeer.open(server);
  await tom.send(`${"\n".repeat(10)}one\ntwo\n`);
  while (await tom.line() !== `* ${tom.address} joined`);
  clock.advance(1_000);
  assert.equal(await tom.line(), `${tom.address}: one`);
  clock.advance(1_000);
  assert.equal(await tom.line(), `${tom.address}: two`);
});

Deno.test("Host: no path in it leads elsewhere", async () => {
  await using server = new TestServer();
  for (const host of ["127.0.0.1/healthz?", "127.0.0.1#", "a@127.0.0.1"]) {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const head = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    await conn.write(new TextEncoder().encode(head));
    assert.match(await new Response(conn.readable).text(), /^HTTP\/1\.1 400 /, host);
  }
});
