import assert from "node:assert/strict";
import { setColorEnabled } from "@std/fmt/colors";
import { chat, type ChatOptions } from "../client.ts";
import { connect, ConnectError } from "../client/connect.ts";
import { readLines } from "../client/lines.ts";
import { CHAT_V1 } from "../protocol.ts";
import { TestServer } from "./peer.ts";

setColorEnabled(false);

/** A client in this process, whose input the test writes and whose output it reads. */
class TestClient {
  readonly printed: string[] = [];
  readonly notices: string[] = [];
  readonly exitCode: Promise<number>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  constructor(server: TestServer, options: Partial<ChatOptions> = {}) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.#input = writable.getWriter();
    this.exitCode = chat({
      url: new URL(server.url("ws")),
      input: readable,
      print: (line) => this.printed.push(line),
      notify: (line) => this.notices.push(line),
      isTerminal: false,
      ...options,
    });
  }

  type(text: string): void {
    // The stream errors when the client stops reading: it is then over anyway.
    this.#input.write(new TextEncoder().encode(text)).catch(() => {});
  }

  /** Ends the input, and returns the exit code. */
  async finish(text = ""): Promise<number> {
    if (text !== "") this.type(text);
    this.#input.close().catch(() => {});
    return await this.exitCode;
  }
}

Deno.test("client in a pipe: says its lines, waits until they came back, and exits with 0", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  const alice = new TestClient(server, { name: "alice" });
  assert.equal(await alice.finish("hello\n\nlast line"), 0);
  const heard = [await bob.json("join"), await bob.json("message"), await bob.json("message")];
  assert.deepEqual(heard.map(({ data }) => data), [undefined, "hello", "last line"]);
  assert.deepEqual(alice.printed, []);
});

Deno.test("client in a pipe: prints what others say, a line each, and notices apart from it", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  const alice = new TestClient(server, { name: "alice", room: "lobby" });
  await bob.jsonWhere(({ from }) => from === "alice");
  bob.send({ messageType: "message", data: "one\ntwo" });
  bob.send({ messageType: "message", data: "psst", to: "alice" });
  await bob.jsonWhere(({ messageType }) => messageType === "message");
  assert.equal(await alice.finish("me too\n"), 0);
  assert.deepEqual(alice.printed.toSorted(), ["(private) bob to alice: psst", "bob: one\n  two"]);
  assert.deepEqual(alice.notices.slice(0, 3), [
    "Welcome to chat! Type a message",
    "* You are alice in lobby",
    "* 2 in lobby: bob, alice",
  ]);
});

Deno.test("client at a terminal: shows senders' addresses, and its own messages", async () => {
  await using server = new TestServer();
  const alice = new TestClient(server, { name: "alice", isTerminal: true });
  assert.equal(await alice.finish("hello\n/me waves\n"), 0);
  assert.match(alice.printed[0] ?? "", /^alice \(127\.0\.0\.1:\d+\): hello$/);
  assert.equal(alice.printed[1], "* alice waves");
});

Deno.test("client: of what was before it came, it shows what was said, not who came and went", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  bob.send({ messageType: "message", data: "earlier" });
  await bob.json("message");
  const alice = new TestClient(server, { name: "alice" });
  assert.equal(await alice.finish("hi\n"), 0);
  assert.deepEqual(alice.printed, ["bob: earlier"]);
  assert.ok(alice.notices.includes("* alice joined"));
  assert.ok(!alice.notices.includes("* bob joined"));
});

Deno.test("client: commands are answered before it leaves", async () => {
  await using server = new TestServer();
  const alice = new TestClient(server, { name: "alice" });
  const code = await alice.finish("/users\n/rooms\n/nick al\n/join dev\n/msg al hi\n/help\n");
  assert.equal(code, 0);
  const expected = [
    "* 1 in lobby: alice",
    "* 1 room: lobby (1)",
    "* You are al in lobby",
    "* alice is now al",
    "* You are al in dev",
    "* 1 in dev: al",
    "* /quit            leave",
  ];
  for (const line of expected) assert.ok(alice.notices.includes(line), line);
});

Deno.test("client /quit: leaves without reading on", async () => {
  await using server = new TestServer();
  const alice = new TestClient(server);
  alice.type("said\n/quit\nnot said\n");
  assert.equal(await alice.exitCode, 0);
  assert.match(server.log.join("\n"), /"said"/);
  assert.doesNotMatch(server.log.join("\n"), /"not said"/);
});

Deno.test("client in a pipe: a refused message is named and makes the exit code 1", async () => {
  const expected: [string, string][] = [
    ["x".repeat(5000), "* The message is over 4096 bytes. Send it in parts."],
    ["/msg zoe hi", '* Nobody here is called "zoe".'],
    ["/dance", "* There is no command /dance. /help lists them."],
  ];
  for (const [wrong, notice] of expected) {
    await using server = new TestServer();
    const alice = new TestClient(server);
    assert.equal(await alice.finish(`${wrong}\nfine\n`), 1);
    assert.ok(alice.notices.includes(notice), alice.notices.join("\n"));
    assert.match(server.log.join("\n"), /"fine"/);
  }
});

Deno.test("client: many lines arrive whole and in order", async () => {
  await using server = new TestServer({ capacity: 8192 });
  await using bob = await server.register("bob");
  const alice = new TestClient(server, { name: "alice" });
  const lines = Array.from({ length: 1000 }, (_, i) => `line ${i}`);
  assert.equal(await alice.finish(lines.join("\n")), 0);
  const heard: unknown[] = [];
  while (heard.length < lines.length) {
    const { messageType, data } = JSON.parse(await bob.line());
    if (messageType === "message") heard.push(data);
  }
  assert.deepEqual(heard, lines);
});

Deno.test("client: a server that shuts down ends it with 1 and says so", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  const alice = new TestClient(server, { name: "alice" });
  await bob.jsonWhere(({ from }) => from === "alice");
  await server.server.shutdown();
  assert.equal(await alice.exitCode, 1);
  assert.match(alice.notices.at(-1) ?? "", /has ended: "Server shutting down"$/);
});

/** A server that says what the test wants: `answer` gets each message and what to send with. */
function serveFake(
  answer: (message: Record<string, unknown>, send: (message: object) => void) => void,
): { url: URL; server: Deno.HttpServer } {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: CHAT_V1 });
    const send = (message: object): void => socket.send(JSON.stringify(message));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.messageType !== "register") return answer(message, send);
      const fields = {
        data: "Hi",
        name: "al",
        address: "x",
        room: "lobby",
        epoch: "e",
        session: "s",
      };
      send({ messageType: "welcome", ...fields, id: 0 });
    };
    return response;
  });
  return { url: new URL(`ws://127.0.0.1:${server.addr.port}`), server };
}

Deno.test("client: leaves only when its message was accepted, also if other answers came before", async () => {
  const events: string[] = [];
  const accepted = Promise.withResolvers<() => void>();
  let ref: unknown;
  const { url, server } = serveFake((message, send) => {
    if (message["messageType"] === "message") ref = message["ref"];
    if (message["messageType"] !== "ping") return;
    send({ messageType: "pong" });
    accepted.resolve(() => send({ messageType: "ack", ref, id: 1 }));
  });
  await using other = new TestServer();
  const client = new TestClient(other, { url });
  const finished = client.finish("hello\n").then((code) => events.push(`left with ${code}`));
  const accept = await accepted.promise;
  // Many turns of this very event loop, in which a client that does not wait would leave.
  await (await other.register("someone"))[Symbol.asyncDispose]();
  events.push("accepted");
  accept();
  await finished;
  assert.deepEqual(events, ["accepted", "left with 0"]);
  await server.shutdown();
});

Deno.test("client: what it may have missed it sends again, with the same ref", async () => {
  const refs: unknown[] = [];
  const { url, server } = serveFake((message, send) => {
    if (message["messageType"] === "ping") send({ messageType: "pong" });
    if (message["messageType"] !== "message") return;
    refs.push(message["ref"]);
    if (refs.length === 1) send({ messageType: "missed", count: 5, data: "5 messages missed" });
    else send({ messageType: "ack", ref: message["ref"], id: 1 });
  });
  await using other = new TestServer();
  assert.equal(await new TestClient(other, { url }).finish("hello\n"), 0);
  assert.deepEqual(refs, [refs[0], refs[0]]);
  await server.shutdown();
});

Deno.test("connect: says why there is no connection", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await assert.rejects(connect(new URL(`ws://127.0.0.1:${port}`)), {
    name: "ConnectError",
    message:
      `Cannot connect to ws://127.0.0.1:${port}: connection refused. Is the server running on that port?`,
  });
  await using server = new TestServer();
  const url = server.url("ws", "/healthz");
  await assert.rejects(connect(new URL(url)), {
    message: `Cannot connect to ${url}: HTTP 200 is the answer, not a chat. Check the address.`,
  });
  await assert.rejects(connect(new URL(url.replace("ws:", "wss:"))), ConnectError);
  const textUrl = server.url("ws", "/text");
  await assert.rejects(connect(new URL(textUrl)), {
    message: `Cannot connect to ${textUrl}: it does not speak chat.v1. Check the address.`,
  });
});

Deno.test("readLines: the same lines however the bytes are cut, and a last one without a newline", async () => {
  const bytes = new TextEncoder().encode("é\r\n\ntwo\nlast");
  for (let size = 1; size <= bytes.length; size++) {
    const parts: Uint8Array[] = [];
    for (let i = 0; i < bytes.length; i += size) parts.push(bytes.slice(i, i + size));
    const lines = await Array.fromAsync(
      readLines(ReadableStream.from(parts)),
    );
    assert.deepEqual(lines, ["é", "", "two", "last"]);
  }
});

Deno.test("readLines: ends when it is aborted, though the input goes on", async () => {
  const leaving = new AbortController();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const lines = readLines(readable, leaving.signal);
  const writer = writable.getWriter();
  writer.write(new TextEncoder().encode("one\nhalf")).catch(() => {});
  assert.equal((await lines.next()).value, "one");
  const next = lines.next();
  leaving.abort();
  assert.equal((await next).done, true);
});
