import assert from "node:assert/strict";
import { chat } from "../client.ts";
import { connect, formatUrl } from "../client/connect.ts";
import type { ConversationOptions } from "../client/conversation.ts";
import { ExitCode, FAILURE_CODES } from "../client/exit.ts";
import { readLines } from "../client/lines.ts";
import { ConnectError, type ConnectFailure } from "../client/failure.ts";
import { Pipe, type PipeOptions } from "../client/pipe.ts";
import { explain, findReason } from "../client/reason.ts";
import { GREETING } from "../protocol.ts";
import { TestServer } from "./peer.ts";
import { said, ScriptedServer } from "./scripted.ts";

/** A client in this process, whose input the test writes and whose output it reads. */
class TestClient {
  readonly printed: string[] = [];
  readonly notices: string[] = [];
  readonly exitCode: Promise<number>;
  readonly url: string;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #wake: (() => void) | undefined;

  constructor(
    server: TestServer | ScriptedServer,
    options: Partial<ConversationOptions & PipeOptions> = {},
  ) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.#input = writable.getWriter();
    this.url = `ws://127.0.0.1:${server.port}`;
    const pipe = new Pipe({
      input: readable,
      print: (line) => {
        this.printed.push(line);
        this.#wake?.();
      },
      notify: (line) => {
        this.notices.push(line);
        this.#wake?.();
      },
      ...options,
    });
    this.exitCode = chat({ url: new URL(this.url), ...options }, pipe);
  }

  /** Waits for a notice with `text` in it. */
  async isTold(text: string): Promise<void> {
    while (!this.notices.some((line) => line.includes(text))) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Waits for a printed line with `text` in it. */
  async hears(text: string): Promise<void> {
    while (!this.printed.some((line) => line.includes(text))) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
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

/** Takes connections, and says nothing. */
class SilentServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conns: Deno.Conn[] = [];
  readonly #accepting = this.#accept();

  get url(): string {
    return `ws://127.0.0.1:${this.#listener.addr.port}`;
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) this.#conns.push(conn);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const conn of this.#conns) conn.close();
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
    "* /quit                 leave",
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

Deno.test("client in a pipe: a refused message is named and makes the exit code 9", async () => {
  const expected: [string, string][] = [
    ["x".repeat(5000), "* The message is over 4096 bytes. Send it in parts."],
    ["/msg zoe hi", '* Nobody here is called "zoe".'],
    ["/dance", "* There is no command /dance. /help lists them."],
  ];
  for (const [wrong, notice] of expected) {
    await using server = new TestServer();
    const alice = new TestClient(server);
    assert.equal(await alice.finish(`${wrong}\nfine\n`), 9);
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

Deno.test("client --json: prints each message of the server as a line of JSON, its own too", async () => {
  await using server = new TestServer();
  const bot = new TestClient(server, { name: "bot", format: "json" });
  const said = { messageType: "message", data: "one\ntwo", ref: "ref-1", action: true };
  bot.type(`${JSON.stringify(said)}\nplain\n/nick robot\n{"messageType":"rooms"}\n`);
  bot.type('{"messageType":"ping","data":"there?"}\n');
  assert.equal(await bot.finish(), 0);
  const printed = bot.printed.map((line) => JSON.parse(line));
  const types = printed.map(({ messageType }) => messageType);
  assert.deepEqual(types.slice(0, 2), ["welcome", "users"]);
  const [first, second] = printed.filter(({ messageType }) => messageType === "message");
  assert.deepEqual([first.from, first.data, first.ref, first.action], [
    "bot",
    "one\ntwo",
    "ref-1",
    true,
  ]);
  assert.equal(second.data, "plain");
  for (const type of ["join", "rename", "rooms", "pong"]) assert.ok(types.includes(type), type);
  assert.equal(types.filter((type) => type === "pong").length, 1);
});

Deno.test("client --json: what is no message is named, and makes the exit code 9", async () => {
  const expected: [string, string][] = [
    ['{"messageType":', "* That is not JSON. Send one object a line."],
    ['{"messageType":"dance"}', '* There is no messageType "dance".'],
    ['{"messageType":"message","data":""}', "* The message is empty."],
  ];
  for (const [line, notice] of expected) {
    await using server = new TestServer();
    const bot = new TestClient(server, { format: "json" });
    assert.equal(await bot.finish(`${line}\n`), 9);
    assert.ok(bot.notices.includes(notice), bot.notices.join("\n"));
  }
});

Deno.test("client --wait: listens on after the end of input, until it is sent away", async () => {
  await using server = new ScriptedServer();
  const client = new TestClient(server, { wait: 600_000 });
  const finished = client.finish("said\n");
  const peer = await server.accept();
  await peer.welcome({});
  const { ref } = await peer.take("message");
  peer.send(said(1, "said", { from: "al", ref }), said(2, "an answer"));
  await client.hears("bob: an answer");
  peer.socket.close(1000);
  assert.equal(await finished, 1);
});

Deno.test("client --wait: leaves when the time is over", async () => {
  await using server = new TestServer();
  const began = performance.now();
  assert.equal(await new TestClient(server, { wait: 50 }).finish("said\n"), 0);
  assert.ok(performance.now() - began >= 49);
});

Deno.test("client --json: a ref that is in use, or was used before, is named and makes the exit code 9", async () => {
  await using server = new TestServer();
  await using _bob = await server.register("bob");
  const line = (ref: string): string =>
    JSON.stringify({ messageType: "message", data: "hi", ref }) + "\n";
  const first = new TestClient(server, { format: "json" });
  assert.equal(await first.finish(line("1") + line("1")), 9);
  assert.ok(first.notices.includes("* That ref is in use. Give each message its own."));
  await using scripted = new ScriptedServer();
  const second = new TestClient(scripted, { format: "json" });
  const finished = second.finish(` ${line("1")}`);
  const peer = await scripted.accept();
  await peer.welcome({});
  await peer.take("message");
  peer.send({ messageType: "ack", ref: "1", id: 1 });
  assert.equal(await finished, 9);
  assert.ok(second.notices.includes('* Not said: its ref "1" had been used before.'));
});

Deno.test("client --json: when it is back, it prints the welcome that it came back with", async () => {
  await using server = new ScriptedServer();
  const bot = new TestClient(server, { format: "json" });
  const peer = await server.accept();
  await peer.welcome({ epoch: "e1" });
  peer.socket.close(1001);
  await (await server.accept()).welcome({ epoch: "e2" });
  assert.equal(await bot.finish(), 0);
  const welcomes = bot.printed.map((line) => JSON.parse(line)).filter(({ epoch }) => epoch);
  assert.deepEqual(welcomes.map(({ epoch }) => epoch), ["e1", "e2"]);
});

Deno.test("client in a pipe: a line that is too long for everything is refused, and the rest goes on", async () => {
  await using server = new TestServer();
  for (
    const [format, wrong] of [["text", "/kick x"], [
      "json",
      '{"messageType":"ping","data":"',
    ]] as const
  ) {
    const client = new TestClient(server, { format });
    assert.equal(await client.finish(`${wrong}${"x".repeat(200_000)}\nfine\n`), 9);
    assert.match(server.log.at(-2) ?? "", /"fine"$/);
  }
});

Deno.test("client in a pipe: has at most 64 lines on the way", async () => {
  await using server = new ScriptedServer();
  const client = new TestClient(server);
  client.type(Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join(""));
  const peer = await server.accept();
  await peer.welcome({});
  const accepted: unknown[] = [];
  const accept = async (): Promise<void> => {
    const { ref, data } = await peer.take("message");
    accepted.push(data);
    peer.send(said(accepted.length, String(data), { from: "al", ref }));
  };
  await accept();
  // Turns of this very event loop, in which it could send all that it has.
  await using other = new TestServer();
  await (await other.register("someone"))[Symbol.asyncDispose]();
  assert.ok(peer.got.length <= 64, `${peer.got.length}`);
  while (accepted.length < 100) await accept();
  assert.equal(await client.finish(), 0);
});

Deno.test("client in a pipe: an input that cannot be read is named, and makes the exit code 9", async () => {
  await using server = new TestServer();
  const input = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error("It is a directory")),
  });
  const client = new TestClient(server, { input });
  assert.equal(await client.exitCode, 9);
  assert.ok(client.notices.includes("* Cannot read the input: It is a directory"));
});

Deno.test("client: a server that never lets it in is not full, and what cannot be read fails nothing", async () => {
  await using server = new ScriptedServer();
  const client = new TestClient(server);
  const refused = assert.rejects(client.exitCode, { failure: "unreachable" });
  const peer = await server.accept();
  await peer.take("register");
  const { data } = await peer.take("ping");
  peer.send({ messageType: "pong", data });
  await refused;
  const other = new TestClient(server);
  const again = await server.accept();
  await again.welcome({}, { messageType: "message", time: 8.64e15 + 1 });
  assert.equal(await other.finish(), 0);
  assert.match(other.notices.join("\n"), /cannot read: "time" must be 8640000000000000 or less\./);
});

Deno.test("client: who takes a name that they ignore does not ignore it any more", async () => {
  await using server = new TestServer();
  const alice = new TestClient(server, { name: "alice" });
  alice.type("/ignore bob\n/nick bob\n");
  await alice.isTold("* alice is now bob");
  assert.ok(alice.notices.includes("* You ignore bob; the same again ends it"));
  assert.equal(await alice.finish("/ignore\n"), 0);
  assert.ok(alice.notices.includes("* You ignore nobody"));
});

Deno.test("client: that somebody took another name long ago moves neither who is ignored nor who is answered", async () => {
  await using server = new ScriptedServer();
  const alice = new TestClient(server, { name: "al" });
  const peer = await server.accept();
  await peer.welcome({});
  const renamed = { messageType: "rename", time: 1, address: "x" };
  const whispered = { messageType: "private", time: 1, to: "al", data: "psst" };
  peer.send({ ...whispered, from: "dave" });
  await alice.hears("psst");
  alice.type("/ignore bob\n/join dev\n");
  await peer.take("join");
  const { data } = await peer.take("ping");
  peer.send(
    {
      messageType: "welcome",
      data: "",
      name: "al",
      address: "x",
      room: "dev",
      epoch: "e",
      session: "s",
      id: 2,
    },
    { ...renamed, id: 1, from: "bob", data: "eve" },
    { ...renamed, id: 2, from: "dave", data: "frank" },
    said(3, "unheard"),
    said(4, "heard", { from: "eve" }),
    { messageType: "pong", data },
  );
  await alice.hears("eve: heard");
  assert.ok(!alice.printed.some((line) => line.includes("unheard")));
  alice.type("/reply yes\n");
  const { to, ref } = await peer.take("message");
  assert.equal(to, "dave");
  peer.send({ ...whispered, from: "al", to: "dave", data: "yes", ref });
  assert.equal(await alice.finish(), 0);
});

Deno.test("client: who is ignored stays so when another takes their place", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  const resume = {
    welcome: {
      ...{ messageType: "welcome" as const, data: "", name: "al", address: "x", room: "lobby" },
      ...{ epoch: "e", session: "s", id: 0 },
    },
    seen: 0,
    unsaid: [],
    ignored: ["Bob"],
  };
  const alice = new TestClient(server, { resume });
  await alice.isTold("You are al in lobby");
  bob.send({ messageType: "message", data: "unheard" });
  await bob.jsonWhere(({ data }) => data === "unheard");
  assert.equal(await alice.finish("/ignore\n"), 0);
  assert.ok(alice.notices.includes("* You ignore Bob"));
  assert.deepEqual(alice.printed, []);
});

Deno.test("client: nobody can ignore themselves", async () => {
  await using server = new TestServer();
  const bot = new TestClient(server, { name: "bot", format: "json" });
  assert.equal(await bot.finish("/ignore BOT\nhi\n"), 9);
  assert.ok(bot.notices.includes("* Others may ignore you. You cannot."));
  assert.ok(bot.printed.some((line) => JSON.parse(line).data === "hi"));
});

Deno.test("client in a pipe: /clear has nothing to clear, and says so", async () => {
  await using server = new TestServer();
  const alice = new TestClient(server);
  assert.equal(await alice.finish("/clear\n"), 9);
  assert.ok(alice.notices.includes("* /clear is for a terminal: here is nothing to clear."));
});

Deno.test("client: leaves only when its message was accepted, also if other answers came before", async () => {
  await using server = new ScriptedServer();
  const client = new TestClient(server);
  const finished = client.finish("hello\n");
  const peer = await server.accept();
  await peer.welcome({});
  const { ref } = await peer.take("message");
  const left = new Promise((resolve) => peer.socket.onclose = () => resolve("left"));
  peer.send({ messageType: "users", dataArray: ["al"], count: 1, room: "lobby" });
  // Turns of this very event loop, in which a client that does not wait would leave.
  await using other = new TestServer();
  await (await other.register("someone"))[Symbol.asyncDispose]();
  assert.equal(await Promise.race([left, Promise.resolve("still there")]), "still there");
  peer.send(said(1, "hello", { from: "al", ref }));
  assert.equal(await finished, 0);
  assert.ok(client.notices.includes("* 1 in lobby: al"));
});

/** Starts a client that has been in, and has just lost its connection. */
async function startAndLose(server: ScriptedServer): Promise<TestClient> {
  const client = new TestClient(server);
  const peer = await server.accept();
  await peer.welcome({});
  peer.socket.close(1001);
  await client.isTold("connection lost");
  return client;
}

Deno.test("client: says in one line each that the connection is lost, and that it is back", async () => {
  await using server = new ScriptedServer();
  const client = new TestClient(server);
  const peer = await server.accept();
  await peer.welcome({ id: 1 }, said(1, "one"));
  peer.socket.close(1001);
  client.type("typed meanwhile\n");
  const again = await server.accept();
  await again.welcome({ id: 3 }, said(2, "two"), said(3, "three"));
  const { ref, data } = await again.take("message");
  assert.equal(data, "typed meanwhile");
  again.send(said(4, "typed meanwhile", { from: "al", ref }));
  assert.equal(await client.finish(), 0);
  assert.deepEqual(client.printed, ["bob: one", "bob: two", "bob: three"]);
  assert.deepEqual(client.notices.slice(2), [
    "* connection lost, trying again in 1 s",
    "* back; 2 messages caught up",
  ]);
});

Deno.test("client /quit: does not wait for a server that is gone, and says what was not sent", async () => {
  await using server = new ScriptedServer();
  const client = await startAndLose(server);
  client.type("one\ntwo\n/quit\n");
  assert.equal(await client.exitCode, 9);
  assert.equal(client.notices.at(-1), "* 2 lines were not sent");
});

Deno.test("client /quit: what was typed before it goes out first, also while it is coming in", async () => {
  await using server = new ScriptedServer();
  const client = new TestClient(server);
  client.type("one\n/quit\n");
  const peer = await server.accept();
  await peer.take("register");
  const { data } = await peer.take("ping");
  const fields = { data: "Hi", name: "al", address: "x", room: "lobby", epoch: "e", session: "s" };
  peer.send({ messageType: "welcome", ...fields, id: 0 });
  // The turns of this event loop in which it reads its input.
  await using other = new TestServer();
  await (await other.register("someone"))[Symbol.asyncDispose]();
  peer.send({ messageType: "pong", data });
  const message = await peer.take("message");
  peer.send(said(1, "one", { from: "al", ref: message["ref"] }));
  assert.equal(await client.exitCode, 0);
});

Deno.test("client /quit: is found behind whatever is typed while there is no connection", async () => {
  await using server = new ScriptedServer();
  const client = await startAndLose(server);
  client.type(`${"line\n".repeat(100)}/quit\n`);
  assert.equal(await client.exitCode, 9);
  assert.equal(client.notices.at(-1), "* 100 lines were not sent");
});

Deno.test("client: is told which name it has when it comes back as another", async () => {
  await using server = new ScriptedServer();
  const client = new TestClient(server);
  const peer = await server.accept();
  await peer.welcome({ data: GREETING });
  peer.socket.close(1001);
  await (await server.accept()).welcome({ data: GREETING, name: "al-2", session: "s2" });
  assert.equal(await client.finish(), 0);
  assert.deepEqual(client.notices, [
    GREETING,
    "* You are al in lobby",
    "* connection lost, trying again in 1 s",
    "* You are al-2 in lobby",
    "* back",
  ]);
});

Deno.test("client: who is sent away for good is told why, with an exit code for each reason", async () => {
  const url = "ws://127.0.0.1";
  const expected: [code: number, exit: number, text: string][] = [
    [4401, 3, `${url} does not let you in: because. Ask who runs it for a token.`],
    [4403, 4, `${url} has sent you away: because. Ask who runs it.`],
    [1000, 1, `The connection to ${url} has ended: because. Try again later.`],
  ];
  for (const [code, exit, text] of expected) {
    await using server = new ScriptedServer();
    const client = new TestClient(server);
    const peer = await server.accept();
    await peer.welcome({});
    peer.socket.close(code, "because");
    assert.equal(await client.exitCode, exit);
    assert.equal(client.notices.at(-1)?.replace(/:\d+/, ""), `* ${text}`);
  }
});

Deno.test("client: who is not let in is told so in one line, with what the server said against it", async () => {
  const token = "does not let you in: Sorry. Ask who runs it for a token.";
  const expected: [error: string, close: number, failure: ConnectFailure, text: string][] = [
    ["unauthorized", 4401, "unauthorized", token],
    ["forbidden", 1011, "unauthorized", token],
    ["forbidden", 4403, "kicked", "has sent you away: Sorry. Ask who runs it."],
    ["full", 1013, "full", "is full: Sorry. Try again later."],
    ["not_stored", 1001, "unreachable", "The connection to URL has ended: Sorry. Try again later."],
  ];
  for (const [code, close, failure, text] of expected) {
    await using server = new ScriptedServer();
    const client = new TestClient(server);
    const refused = assert.rejects(client.exitCode, {
      name: "ConnectError",
      failure,
      message: text.includes("URL") ? text.replace("URL", client.url) : `${client.url} ${text}`,
    });
    const peer = await server.accept();
    await peer.take("register");
    peer.send({ messageType: "error", code, data: "Sorry." });
    peer.socket.close(close, "code");
    await refused;
    assert.deepEqual(client.notices, []);
  }
});

Deno.test("connect: says why there is no connection", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await assert.rejects(connect(new URL(`ws://127.0.0.1:${port}`), { explain }), {
    name: "ConnectError",
    message:
      `Cannot connect to ws://127.0.0.1:${port}: connection refused. Is the server running on that port?`,
  });
  await using server = new TestServer();
  const url = server.url("ws", "/healthz");
  await assert.rejects(connect(new URL(url), { explain }), {
    message: `Cannot connect to ${url}: HTTP 200 is the answer, not a chat. Check the address.`,
  });
  await assert.rejects(connect(new URL(url.replace("ws:", "wss:")), { explain }), ConnectError);
  await using silent = new SilentServer();
  await assert.rejects(connect(new URL(silent.url), { timeout: 20 }), {
    message: `Cannot connect to ${silent.url}: no answer. Check the address.`,
  });
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

Deno.test("findReason: what the runtime says, for people", () => {
  const url = new URL("wss://chat.example:1");
  const expected: [said: string, failure: ConnectFailure, text: RegExp][] = [
    ["Invalid status code: 503", "full", /^the server is full\. Try/],
    ["Invalid status code: 404", "not a chat", /^HTTP 404 is the answer/],
    ["dns error: no such host", "unknown host", /^there is no host chat\.example\./],
    ["received corrupt message of type InvalidContentType", "not a chat", /^it does not speak TLS/],
    ["invalid HTTP version parsed", "not a chat", /^it does not speak HTTP/],
    ["invalid peer certificate: UnknownIssuer", "untrusted", /is not trusted\. If you trust/],
    ["invalid peer certificate: certificate expired: verif", "untrusted", /has expired/],
    ["invalid peer certificate: certificate not valid yet: v", "untrusted", /is not valid yet/],
    ["invalid peer certificate: certificate not valid for name", "untrusted", /for another name/],
    ["Failed opening CA file: No such file", "untrusted", /file that DENO_CERT names/],
  ];
  for (const [said, failure, text] of expected) {
    const [found, reason = ""] = findReason(url, `NetworkError: ${said}`) ?? [];
    assert.equal(found, failure, said);
    assert.match(reason, text);
  }
  assert.equal(findReason(url, "NetworkError: tcp connect error"), undefined);
});

Deno.test("formatUrl: where it leads, without what may be secret", () => {
  assert.equal(formatUrl(new URL("ws://127.0.0.1:8080")), "ws://127.0.0.1:8080");
  assert.equal(formatUrl(new URL("wss://a:secret@chat.example/x?token=y")), "wss://chat.example/x");
});

Deno.test("exit codes: one for each reason not to be in", () => {
  const codes = Object.values(FAILURE_CODES);
  assert.equal(new Set(codes).size, codes.length);
  for (const code of [ExitCode.left, ExitCode.usage, ExitCode.refused]) {
    assert.ok(!codes.includes(code));
  }
});

Deno.test("readLines: of a line without end it keeps no more than shows that it is too long", async () => {
  const part = new TextEncoder().encode("x".repeat(50_000));
  const end = new TextEncoder().encode("\nnext");
  const lines = await Array.fromAsync(readLines(ReadableStream.from([part, part, part, end])));
  assert.deepEqual(lines.map(({ length }) => length), [65_537, 4]);
});

Deno.test("readLines: ends when it is aborted, though the input goes on", async () => {
  const leaving = new AbortController();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const lines = readLines(readable, { signal: leaving.signal });
  const writer = writable.getWriter();
  writer.write(new TextEncoder().encode("one\nhalf")).catch(() => {});
  assert.equal((await lines.next()).value, "one");
  const next = lines.next();
  leaving.abort();
  assert.equal((await next).done, true);
});

/** What writes to a terminal, or turns its text around. */
const EVIL = "\x1b[2J\x1b]0;t\x07\x9b1A\x85\u202E\u2066\u200F\u2028";

Deno.test("client in a pipe: whatever a server sends, standard error and output get text alone", async () => {
  await using server = new ScriptedServer();
  const client = new TestClient(server);
  const peer = await server.accept();
  await peer.welcome({ data: `hi ${EVIL}`, name: `al${EVIL}` });
  const origin = { time: 1, from: `bob${EVIL}`, address: EVIL };
  peer.send(
    said(1, EVIL + "text", origin),
    { messageType: "private", to: EVIL, data: "\nforged", ...origin, from: "server" },
    { messageType: "error", code: EVIL, data: `no ${EVIL}` },
    { messageType: EVIL },
    { messageType: "missed", count: 1, data: `missed ${EVIL}` },
    said(3, "the end", origin),
  );
  await client.isTold("missed");
  peer.socket.close(4403, `Go ${EVIL}\naway`);
  assert.equal(await client.exitCode, ExitCode.kicked);
  assert.ok(client.notices.some((line) => line.includes("has sent you away: Go [2J")));
  const lines = [...client.printed, ...client.notices].join("\n");
  assert.doesNotMatch(lines, /[^\P{Cc}\n]|[\u202A-\u202E\u2066-\u2069]/u);
  for (const line of client.notices) assert.match(line, /^\* .*(\n {2}.*)*$/);
});

Deno.test("client in a pipe: JSON has escapes for all that is hidden, in whatever field", async () => {
  await using server = new ScriptedServer();
  const client = new TestClient(server, { format: "json" });
  const peer = await server.accept();
  await peer.welcome({});
  peer.send(
    said(1, "text", { ref: EVIL }),
    { messageType: "ack", ref: EVIL, id: 1 },
    { messageType: "pong", data: EVIL },
    { messageType: "error", code: "x", data: "no", ref: EVIL },
    said(2, "the end"),
  );
  await client.hears("the end");
  assert.equal(await client.finish(), ExitCode.refused);
  assert.doesNotMatch(client.printed.join(""), /[\p{Cc}\u200F\u2028-\u202E\u2066-\u2069]/u);
  const all = client.printed.map((line) => JSON.parse(line));
  const tags = all.flatMap(({ messageType, ref, data }) =>
    messageType === "pong" ? data : ref ?? []
  );
  assert.deepEqual(tags, [EVIL, EVIL, EVIL, EVIL]);
});

Deno.test("client in a pipe: a server that sends more at once than any chat server does is left", async () => {
  for (const format of ["text", "json"] as const) {
    for (
      const frame of ["\n".repeat(3_000_000), "x".repeat(2_000_000), new Uint8Array(2_000_000)]
    ) {
      await using server = new ScriptedServer();
      const client = new TestClient(server, { format });
      const peer = await server.accept();
      await peer.welcome({});
      peer.socket.send(frame);
      assert.equal(await client.exitCode, ExitCode.unreachable);
      const text = `The connection to ${client.url} has ended: ` +
        "It sent more than 262144 characters at once, as no chat server does. Try again later.";
      assert.equal(client.notices.at(-1), `* ${text}`);
    }
  }
});

Deno.test("client in a pipe: that a server sends what cannot be read is told a few times", async () => {
  await using server = new ScriptedServer();
  const client = new TestClient(server);
  const peer = await server.accept();
  await peer.welcome({});
  peer.socket.send("{\n".repeat(20_000));
  peer.send(said(1, "the end"));
  await client.hears("the end");
  const told = client.notices.filter((line) => line.includes("cannot read"));
  assert.equal(told.length, 5);
  assert.match(told.at(-1) ?? "", /More of that is not told\.$/);
  assert.equal(await client.finish(), ExitCode.left);
});

/** Returns the bytes of a text in UTF-16. */
function inUtf16(text: string, isLittle: boolean): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(2 * text.length));
  for (let i = 0; i < text.length; i++) bytes.setUint16(2 * i, text.charCodeAt(i), isLittle);
  return new Uint8Array(bytes.buffer);
}

Deno.test("readLines: a line that is not UTF-8 is named, and those before it are lines", async () => {
  const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
  const inputs: [Uint8Array, lines: string[], advice: string][] = [
    [latin1("one\ntwo\ncaf\xE9\nfour"), ["one", "two"], "Line 3 .* iconv -f LATIN1 -t UTF-8"],
    [latin1("cut \xC3"), [], "Line 1 .* LATIN1"],
    [latin1("overlong \xC0\xAF\n"), [], "Line 1 .* LATIN1"],
    [latin1("half a pair \xED\xA0\x80\n"), [], "Line 1 .* LATIN1"],
    [inUtf16("\uFEFFone\ntwo\n", true), [], "Line 1 .* UTF-16"],
    [inUtf16("\uFEFFone\ntwo\n", false), [], "Line 1 .* UTF-16"],
    [inUtf16("one\ntwo\n", true), [], "Line 1 .* UTF-16"],
    [inUtf16("one\ntwo\n", false), [], "Line 1 .* UTF-16"],
    [latin1("one\nt\0wo\n"), ["one"], "Line 2 .* UTF-16"],
    [latin1(`one\n${"x".repeat(100_000)}\xE9\n\xE9`), ["one"], "Line 2 "],
  ];
  for (const [bytes, lines, advice] of inputs) {
    for (const size of [1, 7, bytes.length]) {
      if (bytes.length > 1_000 * size) continue;
      const parts: Uint8Array[] = [];
      for (let i = 0; i < bytes.length; i += size) parts.push(bytes.slice(i, i + size));
      const seen: string[] = [];
      await assert.rejects(async () => {
        for await (const line of readLines(ReadableStream.from(parts))) seen.push(line);
      }, { name: "InputError", message: new RegExp(advice) });
      assert.deepEqual(seen, lines);
    }
  }
});

Deno.test("readLines: a byte order mark is dropped at the beginning, and what is rare is text", async () => {
  const text = "\uFEFFone\n\uFEFFtwo\n\uFFFD \u{10FFFF}\x1b[m\n";
  const bytes = new TextEncoder().encode(text);
  const lines = await Array.fromAsync(readLines(ReadableStream.from([bytes])));
  assert.deepEqual(lines, ["one", "\uFEFFtwo", "\uFFFD \u{10FFFF}\x1b[m"]);
  for (const character of ["é", "漢", "👍"]) {
    const long = new TextEncoder().encode(`a${character.repeat(100_000)}\nend`);
    const [first = "", last] = await Array.fromAsync(readLines(ReadableStream.from([long])));
    assert.deepEqual([first.length, last], [65_537, "end"]);
  }
});

Deno.test("client in a pipe: what comes before a line that is not UTF-8 is said, and the exit code is 9", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  const bytes = new TextEncoder().encode("one\ntwo\n\xE9");
  const input = ReadableStream.from([bytes, Uint8Array.of(0xE9, 0x0A), bytes]);
  const alice = new TestClient(server, { name: "alice", input });
  assert.equal(await alice.exitCode, ExitCode.refused);
  const heard = [await bob.jsonWhere(({ data }) => data !== undefined), await bob.json("message")];
  assert.deepEqual(heard.map(({ data }) => data), ["one", "two"]);
  assert.equal(
    alice.notices.at(-1),
    "* Line 3 of the input is not UTF-8: nothing from there on was said. " +
      "Convert it: iconv -f LATIN1 -t UTF-8, or from what it is in.",
  );
});
