import assert from "node:assert/strict";
import { reconnectDelay } from "../client/backoff.ts";
import { connect } from "../client/connect.ts";
import { ConnectError } from "../client/failure.ts";
import { formatHandover, parseHandover } from "../client/handover.ts";
import { ARRIVAL_TIME, Link, type LinkOptions, SILENCE } from "../client/link.ts";
import { newRef, Outbox } from "../client/outbox.ts";
import { WINDOW, WINDOW_SIZE } from "../client/sender.ts";
import type { ServerMessage, Welcome } from "../protocol.ts";
import { FakeClock, TestServer } from "./peer.ts";
import { Proxy } from "./proxy.ts";
import { said, type ScriptedPeer, ScriptedServer } from "./scripted.ts";

/** A link that writes down all it is told, on a clock that the test moves. */
class TestLink {
  readonly clock = new FakeClock();
  readonly link: Link;
  /** A line for each thing that it was told. */
  readonly told: string[] = [];
  /** The same, of what a person need not see. */
  readonly routine: string[] = [];
  #wake: (() => void) | undefined;

  constructor(port: number, options: Partial<LinkOptions> = {}) {
    const tell = (what: string): void => {
      this.told.push(what);
      this.#wake?.();
    };
    this.link = new Link({
      connect: () => connect(new URL(`ws://127.0.0.1:${port}`)),
      after: (ms, callback) => this.clock.after(ms, callback),
      random: () => 0,
      ...options,
    }, {
      receive: (message, { isPast, isOwn, isRoutine }) => {
        const line = describe(message) + (isPast ? ", past" : "") + (isOwn ? ", own" : "");
        if (isRoutine) this.routine.push(line);
        else tell(line);
      },
      stranded: ({ data, room }) => tell(`stranded ${data} for ${room}`),
      repeated: ({ ref }) => tell(`repeated ${ref}`),
      silenced: (count) => tell(`silenced ${count}`),
      restarted: () => tell("restarted"),
      lost: (delay) => tell(`lost, ${delay} ms`),
      back: (caughtUp) => tell(`back, ${caughtUp} caught up`),
      uncertain: ({ data }) => tell(`uncertain ${data}`),
      unreadable: ({ message }) => tell(`unreadable ${message}`),
      change: () => this.#wake?.(),
    });
  }

  /** Starts a link, and waits until it is online. */
  static async start(port: number, options: Partial<LinkOptions> = {}): Promise<TestLink> {
    const test = new TestLink(port, options);
    await test.link.start();
    await test.until(() => test.link.isOnline);
    test.told.length = 0;
    return test;
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#wake = resolve);
  }

  /** Waits until it was told that. */
  async hears(line: string): Promise<void> {
    await this.until(() => this.told.includes(line));
  }

  /** Waits until it has noticed that its connection is gone, and then lets it come back. */
  async comeBack(): Promise<void> {
    await this.until(() => !this.link.isOnline && this.clock.pending > 0);
    this.clock.advance(500);
    await this.until(() => this.link.isOnline);
  }

  say(data: string): void {
    this.link.send({ messageType: "message", data });
  }

  async leave(): Promise<void> {
    this.link.leave();
    await this.link.ended;
  }
}

function describe(message: ServerMessage): string {
  switch (message.messageType) {
    case "message":
      return `${message.id} ${message.from}: ${message.data}`;
    case "missed":
      return `missed ${message.count}`;
    case "join":
    case "leave":
      return `${message.from} ${message.messageType}`;
    case "welcome":
      return `welcome ${message.name} in ${message.room}`;
    default:
      return message.messageType;
  }
}

Deno.test("reconnectDelay: grows from half a second to half a minute, never the same for all", () => {
  const delays = Array.from({ length: 9 }, (_, attempt) => [
    reconnectDelay(attempt, 0),
    reconnectDelay(attempt, 1),
  ]);
  assert.deepEqual(delays.slice(0, 3), [[500, 1_000], [1_000, 2_000], [2_000, 4_000]]);
  assert.deepEqual(delays.slice(-2), [[15_000, 30_000], [15_000, 30_000]]);
  assert.equal(reconnectDelay(10_000, 1), 30_000);
});

Deno.test("newRef: a UUID of version 7, that sorts by its time", () => {
  const refs = Array.from({ length: 1_000 }, newRef);
  assert.equal(new Set(refs).size, refs.length);
  for (const ref of refs) {
    assert.match(ref, /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    const time = parseInt(ref.replace("-", "").slice(0, 12), 16);
    assert.ok(Math.abs(Date.now() - time) < 60_000);
  }
});

Deno.test("outbox: keeps what is not answered, in order; private messages that went out apart", () => {
  const outbox = new Outbox();
  const say = (data: string, to?: string) => outbox.add({ messageType: "message", data, to });
  const [one, two] = [say("one"), say("two", "bob")];
  say("three", "bob");
  outbox.launch(two);
  assert.deepEqual(outbox.takeUncertain().map(({ data }) => data), ["two"]);
  const list = outbox.add({ messageType: "users" });
  const users = { messageType: "users", dataArray: [], count: 0, room: "lobby" } as const;
  assert.equal(outbox.takeOut(one.key), undefined, "it did not go out yet");
  assert.equal(outbox.answer(users), undefined, "nor did this");
  outbox.launch(one);
  assert.equal(outbox.answer({ messageType: "pong", data: one.key }), undefined);
  assert.equal(outbox.takeOut(one.key), one);
  assert.equal(outbox.takeOut(one.key), undefined);
  outbox.launch(list);
  assert.equal(outbox.takeOut(list.key), undefined);
  assert.equal(outbox.answer(users), list);
  const rest = outbox.entries().map(({ message }) => "data" in message && message.data);
  assert.deepEqual(rest, ["three"]);
});

Deno.test("link: after a cut it goes on where it was, and what it said is said once", async () => {
  await using server = new TestServer();
  await using proxy = new Proxy(server.port);
  await using bob = await server.register("bob");
  const alice = await TestLink.start(proxy.port, { name: "alice" });
  await bob.jsonWhere(({ from }) => from === "alice");
  alice.say("one");
  await bob.json("message");
  await alice.hears("3 alice: one, own");
  proxy.mute();
  bob.send({ messageType: "message", data: "two" });
  bob.send({ messageType: "message", data: "three" });
  await bob.json("message");
  await bob.json("message");
  alice.say("four");
  await bob.json("message");
  proxy.cut();
  await alice.comeBack();
  assert.equal(alice.link.unanswered, 0);
  assert.deepEqual(alice.told, [
    "3 alice: one, own",
    "lost, 500 ms",
    "4 bob: two",
    "5 bob: three",
    "6 alice: four, own",
    "back, 2 caught up",
  ]);
  assert.equal(alice.link.welcome?.name, "alice");
  await alice.leave();
});

Deno.test("link: what is said while it is offline is said once, in that order, in the right room", async () => {
  await using server = new TestServer();
  await using proxy = new Proxy(server.port);
  await using bob = await server.register("bob");
  const alice = await TestLink.start(proxy.port, { name: "alice" });
  proxy.cut();
  await alice.until(() => !alice.link.isOnline);
  alice.say("one");
  alice.link.send({ messageType: "message", data: "psst", to: "bob" });
  alice.link.send({ messageType: "join", data: "dev" });
  alice.say("two");
  assert.equal(alice.link.unanswered, 4);
  await alice.comeBack();
  await alice.until(() => alice.link.unanswered === 0);
  assert.equal(alice.link.welcome?.room, "dev");
  const heard: unknown[] = [];
  while (heard.at(-1) !== "leave") {
    const { messageType, data } = JSON.parse(await bob.line());
    if (messageType !== "join") heard.push(data ?? messageType);
    if (heard.length === 1 && heard[0] === "leave") heard.length = 0;
  }
  assert.deepEqual(heard, ["one", "psst", "leave"]);
  assert.match(alice.told.at(-1) ?? "", /^2 alice: two, own$/);
  await alice.leave();
});

Deno.test("link: a private message is not handed over twice; that it may be lost is told", async () => {
  await using server = new TestServer();
  await using proxy = new Proxy(server.port);
  await using bob = await server.register("bob");
  const alice = await TestLink.start(proxy.port, { name: "alice" });
  proxy.mute();
  alice.link.send({ messageType: "message", data: "psst", to: "bob" });
  assert.equal((await bob.jsonWhere(({ data }) => data === "psst"))["to"], "bob");
  proxy.cut();
  await alice.comeBack();
  assert.deepEqual(alice.told, ["uncertain psst", "lost, 500 ms", "back, 0 caught up"]);
  await bob.jsonWhere(({ from, messageType }) => from === "alice" && messageType === "join");
  await bob.expectNothing();
  await alice.leave();
});

Deno.test("link: notices a server that is gone without a word, and asks before it gives up", async () => {
  await using server = new TestServer();
  await using proxy = new Proxy(server.port);
  const alice = await TestLink.start(proxy.port, { name: "alice" });
  // A server that answers is not given up, however little happens.
  for (let i = 0; i < 2; i++) alice.clock.advance(SILENCE);
  alice.link.send({ messageType: "users" });
  await alice.until(() => alice.link.unanswered === 0);
  proxy.mute();
  for (let i = 0; i < 3; i++) {
    assert.ok(alice.link.isOnline);
    alice.clock.advance(SILENCE);
  }
  assert.ok(!alice.link.isOnline);
  await alice.comeBack();
  assert.deepEqual(alice.told, ["users", "lost, 500 ms", "back, 0 caught up"]);
  await alice.leave();
});

Deno.test("link: tries again at growing intervals, and says so once; a first try is the only one", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  await assert.rejects(new TestLink(listener.addr.port).link.start(), ConnectError);
  await using server = new TestServer();
  await using proxy = new Proxy(server.port);
  let isDown = false;
  const attempts: number[] = [];
  const clock = new FakeClock();
  const alice = await TestLink.start(proxy.port, {
    connect: () => {
      attempts.push(clock.elapsed());
      if (isDown) return Promise.reject(new ConnectError("unreachable", "down"));
      return connect(new URL(`ws://127.0.0.1:${proxy.port}`));
    },
    after: (ms, callback) => clock.after(ms, callback),
  });
  isDown = true;
  attempts.length = 0;
  proxy.cut();
  await alice.until(() => !alice.link.isOnline && clock.pending > 0);
  for (let ms = 0; ms < 40_000; ms += 500) {
    clock.advance(500);
    // A rejected promise takes some microtasks to arrive.
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(attempts, [500, 1_500, 3_500, 7_500, 15_500, 30_500]);
  isDown = false;
  clock.advance(15_000);
  await alice.until(() => alice.link.isOnline);
  assert.deepEqual(alice.told, ["lost, 500 ms", "back, 0 caught up"]);
  await alice.leave();
});

/** Starts a link to a scripted server, with what it tells at the first arrival. */
async function startScripted(
  server: ScriptedServer,
  options: Partial<LinkOptions> = {},
  ...events: object[]
): Promise<{ alice: TestLink; peer: ScriptedPeer }> {
  const starting = TestLink.start(server.port, options);
  const peer = await server.accept();
  await peer.welcome({ id: events.length }, ...events);
  return { alice: await starting, peer };
}

Deno.test("link: a connection that waits for its time is tried at once if somebody wants that", async () => {
  await using server = new ScriptedServer();
  const starting = TestLink.start(server.port);
  const first = await server.accept();
  await first.welcome({});
  const test = await starting;
  test.link.retry();
  first.socket.close(1001);
  await test.hears("lost, 500 ms");
  test.link.retry();
  test.link.retry();
  const second = await server.accept();
  await second.welcome({ id: 0 });
  await test.hears("back, 0 caught up");
  assert.equal(test.clock.pending, 1, "only the silence is watched");
  test.link.retry();
  await test.leave();
  test.link.retry();
  assert.equal(test.clock.pending, 0);
});

Deno.test("link: another takes its place with its name, its history, and what it had to say", async () => {
  await using server = new TestServer({ history: 3 });
  await using bob = await server.register("bob");
  await using proxy = new Proxy(server.port);
  const before = await TestLink.start(proxy.port, { name: "alice" });
  for (const data of ["one", "two", "three"]) bob.send({ messageType: "message", data });
  await before.hears("5 bob: three");
  proxy.mute();
  before.say("said, but not known to be");
  before.link.send({ messageType: "message", data: "psst", to: "bob" });
  before.link.send({ messageType: "users" });
  await bob.jsonWhere(({ data }) => data === "psst");
  const json = formatHandover(before.link.handover() ?? assert.fail());
  proxy.cut();
  await before.until(() => !before.link.isConnected);
  before.say("said offline");
  before.link.send({ messageType: "join", data: "dev" });
  const offline = before.link.handover()?.unsaid.map(({ message, sent }) => [message.data, sent]);
  assert.deepEqual(offline, [["said, but not known to be", 1], ["said offline", 0], ["dev", 0]]);
  const resume = parseHandover(json) ?? assert.fail();
  const after = new TestLink(server.port, { name: "ignored", resume });
  assert.equal(after.link.handover(), resume, "what was not taken over is not lost");
  await after.link.start();
  await after.until(() => after.link.unanswered === 0);
  assert.deepEqual(after.told, [
    "uncertain psst",
    "welcome alice in lobby",
    "users",
    "4 bob: two, past",
    "5 bob: three, past",
    "6 alice: said, but not known to be, past, own",
    "alice leave, past",
    "alice join",
  ]);
  await before.leave();
  await after.leave();
});

Deno.test("link: who takes a place is told what happened meanwhile and is not in the history", async () => {
  const welcome = { messageType: "welcome", data: "", name: "al", address: "x", room: "lobby" };
  const expected: [fields: object, first: number, told: string[]][] = [
    [{ epoch: "e", id: 9 }, 9, ["missed 5"]],
    [{ epoch: "e", id: 9 }, 4, []],
    [{ epoch: "e", id: 9 }, 2, []],
    [{ epoch: "other", id: 9 }, 9, []],
    [{ epoch: "e", id: 9, room: "dev" }, 9, []],
    [{ epoch: "e", id: 1 }, 2, []],
  ];
  for (const [fields, first, told] of expected) {
    await using server = new ScriptedServer();
    const resume = parseHandover(JSON.stringify({
      welcome: JSON.stringify({ ...welcome, epoch: "e", session: "s", id: 1 }),
      seen: 3,
      unsaid: [],
    }));
    const test = new TestLink(server.port, { resume });
    const started = test.link.start();
    const peer = await server.accept();
    const registration = await peer.welcome(fields, said(first, "hi"));
    assert.deepEqual(registration, {
      messageType: "register",
      data: "al",
      room: "lobby",
      epoch: "e",
      session: "s",
    });
    await started;
    await test.until(() => test.told.some((line) => line.includes("bob: hi")));
    assert.deepEqual(test.told.filter((line) => line.startsWith("missed")), told);
    await test.leave();
  }
});

Deno.test("link: who takes a place that nobody knows any more says nothing twice", async () => {
  const welcome = { messageType: "welcome", data: "", name: "al", address: "x", room: "lobby" };
  const unsaid = [["said", 1], ["perhaps said", 2], ["never sent", 0]].map(([data, sent]) => {
    return [sent, JSON.stringify({ messageType: "message", data, ref: data, room: "lobby" })];
  });
  const resume = parseHandover(JSON.stringify({
    welcome: JSON.stringify({ ...welcome, epoch: "e", session: "old", id: 1 }),
    seen: 3,
    unsaid,
  }));
  for (const epoch of ["e", "other"]) {
    await using server = new ScriptedServer();
    const test = new TestLink(server.port, { resume });
    const started = test.link.start();
    const peer = await server.accept();
    const past = said(4, "said", { from: "al", ref: "said" });
    await peer.welcome({ epoch, session: "new", name: "al-2", id: 4 }, past);
    await started;
    assert.equal((await peer.take("message"))["data"], "never sent");
    assert.deepEqual(test.told.filter((line) => line.startsWith("uncertain")), [
      "uncertain perhaps said",
    ]);
    assert.deepEqual(test.link.waiting().length, 1);
    await test.leave();
  }
});

Deno.test("link: who comes back as another after its session has ended says nothing twice", async () => {
  // The same history, and one that goes on after a restart; of one that is new nobody knows.
  const cases: [fields: object, id: number, sentAgain: string][] = [
    [{ epoch: "e", session: "new", id: 1 }, 2, "next"],
    [{ epoch: "later", session: "new", id: 1 }, 2, "next"],
    [{ epoch: "other", session: "new", id: 0 }, 1, "first"],
    [{ epoch: "later", session: "s", id: 1 }, 2, "first"],
  ];
  for (const [fields, id, sentAgain] of cases) {
    await using server = new ScriptedServer();
    const { alice, peer } = await startScripted(server, {}, said(1, "hi"));
    alice.say("first");
    await peer.take("message");
    peer.socket.close(1001);
    await alice.hears("lost, 500 ms");
    alice.clock.advance(500);
    const again = await server.accept();
    await again.welcome(fields, said(id, "since"));
    await alice.until(() => alice.link.isOnline);
    alice.say("next");
    assert.equal((await again.take("message"))["data"], sentAgain, JSON.stringify(fields));
    assert.equal(alice.told.includes("uncertain first"), sentAgain === "next");
    await alice.leave();
  }
});

Deno.test("parseHandover: anything else is none", () => {
  for (const json of ["", "1", "null", "[]", "{}", '{"welcome":"{}","seen":1,"unsaid":[]}']) {
    assert.equal(parseHandover(json), undefined);
  }
  const welcome: Welcome = {
    ...{ messageType: "welcome", data: "", name: "al", address: "x", room: "lobby" },
    ...{ epoch: "e", session: "s", id: 1 },
  };
  const unsaid = [
    { message: { messageType: "message" as const, data: "hi", ref: "r" }, sent: 2 },
    { message: { messageType: "join" as const, data: "dev" }, sent: 0 },
  ];
  const handover = { welcome, seen: 3, unsaid, ignored: ["bob"] };
  const parsed = parseHandover(formatHandover(handover));
  assert.equal(JSON.stringify(parsed), JSON.stringify(handover));
});

Deno.test("link: registers again with session, epoch and the last id; sends again with the same ref", async () => {
  await using server = new ScriptedServer();
  const { alice, peer } = await startScripted(server, {}, said(1, "one"), said(2, "two"));
  alice.say("hello");
  const { ref } = await peer.take("message");
  assert.equal(typeof ref, "string");
  peer.socket.close(1013);
  await alice.until(() => !alice.link.isOnline && alice.clock.pending > 0);
  alice.clock.advance(500);
  const again = await server.accept();
  const { data, room, session, epoch, after } = await again.welcome({ id: 2 });
  assert.deepEqual([data, room, session, epoch, after], ["al", "lobby", "s", "e", 2]);
  assert.equal((await again.take("message"))["ref"], ref);
  again.send({ messageType: "ack", ref, id: 2 });
  await alice.until(() => alice.link.unanswered === 0);
  await alice.leave();
});

Deno.test("link: a server that does not know the session any more: nothing twice, and gaps are told", async () => {
  await using server = new ScriptedServer();
  const { alice, peer } = await startScripted(server, {}, said(1, "one"), said(2, "two"));
  peer.socket.close(1001);
  await alice.until(() => !alice.link.isOnline && alice.clock.pending > 0);
  alice.clock.advance(500);
  const join = { messageType: "join", id: 8, time: 1, from: "al", address: "x" };
  const history = [said(2, "two"), said(3, "three"), said(7, "seven"), join];
  await (await server.accept()).welcome({ id: 7, session: "s2" }, ...history);
  await alice.hears("back, 2 caught up");
  assert.deepEqual(alice.told, [
    "lost, 500 ms",
    "3 bob: three",
    "missed 3",
    "7 bob: seven",
    "back, 2 caught up",
  ]);
  await alice.leave();
});

for (const [what, fields] of [["epoch", { epoch: "e2" }], ["shorter history", {}]] as const) {
  Deno.test(`link: with another ${what}, ids mean something else, and all is shown`, async () => {
    await using server = new ScriptedServer();
    const { alice, peer } = await startScripted(server, {}, said(1, "one"), said(2, "two"));
    peer.socket.close(1001);
    await alice.until(() => !alice.link.isOnline && alice.clock.pending > 0);
    alice.clock.advance(500);
    await (await server.accept()).welcome({ id: 0, ...fields }, said(1, "new"));
    await alice.hears("back, 1 caught up");
    const restarted = what === "epoch" ? ["restarted"] : [];
    assert.deepEqual(alice.told, ["lost, 500 ms", ...restarted, "1 bob: new", "back, 1 caught up"]);
    await alice.leave();
  });
}

Deno.test("link: in another epoch it goes on where the last one ended, if the server does", async () => {
  await using server = new ScriptedServer();
  const { alice, peer } = await startScripted(server, {}, said(1, "one"), said(2, "two"));
  const cases: [epoch: string, events: object[], told: string[]][] = [
    ["e2", [said(3, "three")], ["3 bob: three"]],
    ["e3", [{ messageType: "missed", count: 2, data: "" }, said(6, "six")], [
      "missed 2",
      "6 bob: six",
    ]],
    // It would have said that three are missed.
    ["e4", [said(10, "ten")], ["restarted", "10 bob: ten"]],
    ["e5", [said(4, "four"), said(5, "five")], ["restarted", "4 bob: four", "5 bob: five"]],
  ];
  let current = peer;
  let after = 2;
  for (const [epoch, events, told] of cases) {
    current.socket.close(1001);
    await alice.until(() => !alice.link.isOnline && alice.clock.pending > 0);
    alice.told.length = 0;
    alice.clock.advance(500);
    current = await server.accept();
    const registration = await current.welcome({ epoch, id: 0 }, ...events);
    assert.equal(registration["after"], after);
    await alice.until(() => alice.link.isOnline);
    assert.deepEqual(alice.told.filter((line) => !/^(lost|back)/.test(line)), told);
    after = Number(told.at(-1)?.split(" ")[0]);
  }
  await alice.leave();
});

Deno.test("link: what it said may be among what is missed: it is sent again, and its ack tells of all before", async () => {
  await using server = new ScriptedServer();
  const { alice, peer } = await startScripted(server);
  alice.say("hello");
  alice.say("there");
  const refs = (await takeMessages(peer, 2)).map(({ ref }) => ref);
  peer.send({ messageType: "missed", count: 5, data: "5 events missed" }, said(6, "six"));
  const again = await peer.take("message");
  assert.deepEqual([again["data"], again["ref"]], ["there", refs[1]]);
  assert.equal(alice.link.unanswered, 2);
  peer.send({ messageType: "ack", ref: refs[1], id: 3 });
  await alice.until(() => alice.link.unanswered === 0);
  assert.deepEqual(alice.told, ["missed 5", "6 bob: six"]);
  assert.deepEqual(peer.got, []);
  await alice.leave();
});

Deno.test("link: what was sent again and again for that and is refused each time is told once", async () => {
  await using server = new ScriptedServer();
  const { alice, peer } = await startScripted(server);
  alice.say("hello");
  const { ref } = await peer.take("message");
  peer.send({ messageType: "missed", count: 5, data: "5 events missed" }, said(6, "six"));
  await peer.take("message");
  peer.send(said(8, "eight"));
  await peer.take("message");
  const error = { messageType: "error", code: "too_long", data: "No", ref };
  peer.send(error, error, error, said(9, "nine"));
  await alice.hears("9 bob: nine");
  const told = ["missed 5", "6 bob: six", "missed 1", "8 bob: eight", "error, own", "9 bob: nine"];
  assert.deepEqual(alice.told, told);
  await alice.leave();
});

Deno.test("link: with a ring of 2 that passes it all the time, it says everything once", async () => {
  await using server = new TestServer({ capacity: 2 });
  const alice = await TestLink.start(server.port, { name: "alice" });
  for (let i = 0; i < 20; i++) alice.say(`m${i}`);
  await alice.until(() => alice.link.unanswered === 0);
  const published = server.log.filter((line) => line.includes("From client"));
  assert.equal(published.length, 20);
  await alice.leave();
});

Deno.test("link: somebody else's message with the same ref is not taken for its own", async () => {
  await using server = new ScriptedServer();
  const { alice: test, peer } = await startScripted(server);
  test.link.send({ messageType: "message", data: "mine", ref: "1" });
  const { ref } = await peer.take("message");
  peer.send(said(1, "hers", { ref }));
  await test.hears("1 bob: hers");
  assert.equal(test.link.unanswered, 1);
  peer.send(said(2, "mine", { from: "al", ref }));
  await test.hears("2 al: mine, own");
  assert.equal(test.link.unanswered, 0);
  await test.leave();
});

Deno.test("link: somebody else's private message with the same ref is not taken for its own", async () => {
  await using server = new ScriptedServer();
  const { alice: test, peer } = await startScripted(server);
  test.link.send({ messageType: "message", data: "to all", ref: "1" });
  test.link.send({ messageType: "message", data: "to bob", ref: "2", to: "bob" });
  await peer.take("message");
  await peer.take("message");
  const sent = { messageType: "private", time: 1, to: "al", data: "x" };
  peer.send({ ...sent, from: "bob", ref: "2" }, { ...sent, from: "al", ref: "1" });
  peer.send({ ...sent, from: "al", to: "bob", ref: "2" });
  await test.until(() => test.link.unanswered === 1);
  assert.deepEqual(test.told.map((line) => line.includes("own")), [false, false, true]);
  await test.leave();
});

Deno.test("link: what it said under an earlier name is its own", async () => {
  await using server = new ScriptedServer();
  const { alice: test, peer } = await startScripted(server);
  test.say("hi");
  const { ref } = await peer.take("message");
  const fields = { address: "x", room: "lobby", epoch: "e", session: "s", id: 0, data: "Hi" };
  peer.send(
    { messageType: "welcome", name: "al-2", ...fields },
    said(1, "hi", { from: "al", ref }),
  );
  await test.hears("1 al: hi, own");
  await test.leave();
});

Deno.test("link: an answer to a ping is none to a message, whatever its ref", async () => {
  await using server = new ScriptedServer();
  const { alice: test, peer } = await startScripted(server);
  test.link.send({ messageType: "message", data: "hi", ref: "k" });
  test.link.send({ messageType: "ping", data: "k" });
  const { data } = await peer.take("ping");
  peer.send({ messageType: "pong", data });
  await test.until(() => test.link.unanswered === 1);
  assert.equal(test.routine.at(-1), "pong, own");
  await test.leave();
});

Deno.test("link: what would not fit into a frame, or has a ref that is in use, is refused", async () => {
  await using server = new ScriptedServer();
  const { alice: test } = await startScripted(server);
  const long = { messageType: "kick", data: "x".repeat(65_400) } as const;
  assert.throws(() => test.link.send(long), { name: "ProtocolError", code: "too_long" });
  const message = { messageType: "message", data: "hi", ref: "1" } as const;
  test.link.send(message);
  assert.throws(() => test.link.send(message), { name: "ProtocolError", code: "bad_message" });
  assert.equal(test.link.unanswered, 1);
  assert.equal(test.link.unsent, 0);
  await test.leave();
});

Deno.test("link: a server that does not let it in in ten seconds is left, for good the first time", async () => {
  await using server = new ScriptedServer();
  const test = new TestLink(server.port);
  await test.link.start();
  const peer = await server.accept();
  await peer.take("register");
  peer.send({ messageType: "error", code: "forbidden", data: "No" });
  await test.until(() => test.told.length > 0);
  test.clock.advance(ARRIVAL_TIME);
  assert.equal((await test.link.ended).code, 1006);

  const { alice: other, peer: first } = await startScripted(server);
  first.socket.close(1001);
  await other.hears("lost, 500 ms");
  other.clock.advance(500);
  await (await server.accept()).take("register");
  other.clock.advance(ARRIVAL_TIME);
  await other.until(() => other.clock.pending > 0);
  other.clock.advance(1_000);
  await (await server.accept()).welcome({});
  await other.hears("back, 0 caught up");
  assert.deepEqual(other.routine.filter((line) => line.startsWith("welcome")).length, 1);
  await other.leave();
});

Deno.test("link: a message keeps the ref that its owner gave it; acks and pongs of others' are told", async () => {
  await using server = new ScriptedServer();
  const { alice: test, peer } = await startScripted(server);
  test.link.send({ messageType: "message", data: "hi", ref: "mine" });
  test.link.send({ messageType: "ping", data: "here?" });
  assert.equal((await peer.take("message"))["ref"], "mine");
  assert.equal(test.link.waiting().length, 2);
  const { data } = await peer.take("ping");
  assert.equal(data, "here?");
  peer.send({ messageType: "ack", ref: "mine", id: 7 }, { messageType: "ack", ref: "x", id: 8 });
  peer.send({ messageType: "pong", data }, { messageType: "pong" });
  await test.until(() => test.link.unanswered === 0);
  assert.deepEqual(test.told, ["repeated mine"]);
  await test.until(() => test.routine.filter((line) => line === "pong, own").length === 2);
  assert.deepEqual(test.routine.slice(-4), ["ack, own", "ack", "pong, own", "pong, own"]);
  await test.leave();
});

Deno.test("link: a join whose welcome is lost: it resumes the room that it knows, and moves then", async () => {
  await using server = new TestServer();
  await using proxy = new Proxy(server.port);
  await using bob = await server.register("bob");
  const alice = await TestLink.start(proxy.port, { name: "alice" });
  proxy.mute();
  for (let i = 0; i < 40; i++) bob.send({ messageType: "message", data: `m${i}` });
  alice.link.send({ messageType: "join", data: "dev" });
  alice.say("in dev");
  await bob.jsonWhere(({ messageType, from }) => messageType === "leave" && from === "alice");
  bob.send({ messageType: "join", data: "dev" });
  await bob.jsonWhere(({ data }) => data === "in dev");
  proxy.cut();
  await alice.comeBack();
  await alice.until(() => alice.link.unanswered === 0);
  const messages = alice.told.filter((line) => /^\d+ bob: m/.test(line));
  assert.equal(messages.length, 40);
  assert.ok(!alice.told.some((line) => line.startsWith("missed")), alice.told.join("\n"));
  assert.equal(alice.link.welcome?.room, "dev");
  bob.send({ messageType: "message", data: "last" });
  const rest: unknown[] = [];
  while (rest.at(-1) !== "last") rest.push(JSON.parse(await bob.line()).data);
  assert.ok(!rest.includes("in dev"), "it was said twice");
  await alice.leave();
});

Deno.test("link: a registration that is answered by an error is no arrival", async () => {
  await using server = new ScriptedServer();
  const refuse = async (peer: ScriptedPeer): Promise<void> => {
    await peer.take("register");
    const { data } = await peer.take("ping");
    peer.send({ messageType: "error", code: "full", data: "Full." }, { messageType: "pong", data });
  };
  const first = new TestLink(server.port);
  await first.link.start();
  await refuse(await server.accept());
  assert.equal((await first.link.ended).code, 1006);
  assert.deepEqual(first.told, ["error"]);

  const { alice, peer } = await startScripted(server);
  peer.socket.close(1001);
  await alice.until(() => !alice.link.isOnline && alice.clock.pending > 0);
  alice.say("waits");
  alice.clock.advance(500);
  await refuse(await server.accept());
  await alice.hears("error");
  alice.clock.advance(1_000);
  const again = await server.accept();
  await again.welcome({});
  assert.equal((await again.take("message"))["data"], "waits");
  await alice.leave();
});

Deno.test("link: a connection that ends before its first welcome is the only one", async () => {
  await using server = new ScriptedServer();
  const alice = new TestLink(server.port);
  await alice.link.start();
  (await server.accept()).socket.close(1013, "full");
  assert.deepEqual(await alice.link.ended, { code: 1013, reason: "full" });
});

Deno.test("link: notices a connection that was gone before it had it", async () => {
  await using server = new ScriptedServer();
  let isGone = false;
  const { alice, peer } = await startScripted(server, {
    connect: async () => {
      const socket = await connect(new URL(`ws://127.0.0.1:${server.port}`));
      if (!isGone) return socket;
      isGone = false;
      await new Promise((resolve) => {
        socket.onclose = resolve;
        socket.close();
      });
      return socket;
    },
  });
  isGone = true;
  peer.socket.close(1001);
  await alice.until(() => !alice.link.isOnline && alice.clock.pending > 0);
  alice.clock.advance(500);
  await server.accept();
  await alice.until(() => !alice.link.isConnected && alice.clock.pending > 0);
  alice.clock.advance(1_000);
  await (await server.accept()).welcome({});
  await alice.hears("back, 0 caught up");
  await alice.leave();
});

Deno.test("link: comes back ever later to a server that ends it for what it does", async () => {
  await using server = new ScriptedServer();
  const { alice, peer } = await startScripted(server);
  const delays: number[] = [];
  let current = peer;
  for (let i = 0; i < 4; i++) {
    current.socket.close(4429);
    await alice.until(() => !alice.link.isOnline && alice.clock.pending > 0);
    const before = alice.clock.elapsed();
    while (alice.clock.pending > 0) alice.clock.advance(500);
    delays.push(alice.clock.elapsed() - before);
    current = await server.accept();
    await current.welcome({});
    await alice.until(() => alice.link.isOnline);
  }
  assert.deepEqual(delays, [500, 1_000, 2_000, 4_000]);
  await alice.leave();
});

Deno.test("link: whatever a server says is missed, what comes then is shown", async () => {
  await using server = new ScriptedServer();
  const { alice, peer } = await startScripted(server, {}, said(1, "one"));
  peer.send({ messageType: "missed", count: Number.MAX_SAFE_INTEGER, data: "all" }, said(2, "two"));
  await alice.hears("2 bob: two");
  await alice.leave();
});

Deno.test("link: does not come back after 1000, 4401 and 4403, and does after everything else", async () => {
  for (const code of [1000, 4401, 4403, 1001, 1003, 1009, 1011, 1013, 4408, 4429]) {
    await using server = new ScriptedServer();
    const { alice, peer } = await startScripted(server);
    peer.socket.close(code, "why");
    if ([1000, 4401, 4403].includes(code)) {
      assert.deepEqual(await alice.link.ended, { code, reason: "why" });
      assert.equal(alice.clock.pending, 0);
    } else {
      await alice.hears("lost, 500 ms");
      await alice.leave();
    }
  }
});

Deno.test("link: leaves at once, whether the server answers or not, online or offline", async () => {
  await using server = new TestServer();
  await using proxy = new Proxy(server.port);
  const silent = await TestLink.start(proxy.port);
  proxy.mute();
  silent.link.leave();
  silent.clock.advance(2_000);
  await silent.link.ended;
  const offline = await TestLink.start(proxy.port);
  proxy.cut();
  await offline.until(() => !offline.link.isOnline);
  await offline.leave();
  assert.equal(offline.clock.pending, 0);
});

Deno.test("link: back in a room that it had left, it shows what is new there, and counts what is not", async () => {
  await using server = new TestServer({ history: 2 });
  await using bob = await server.register("bob");
  const test = await TestLink.start(server.port, { name: "alice" });
  const go = async (room: string): Promise<void> => {
    test.link.send({ messageType: "join", data: room });
    await test.until(() => test.link.welcome?.room === room && test.link.unanswered === 0);
  };
  const meanwhile = async (...texts: string[]): Promise<string[]> => {
    await go("dev");
    for (const data of texts) bob.send({ messageType: "message", data });
    await bob.jsonWhere(({ data }) => data === texts.at(-1));
    test.told.length = 0;
    await go("lobby");
    await test.hears("alice join");
    return test.told.filter((line) => /^(missed|\d+ bob)/.test(line));
  };
  assert.deepEqual(await meanwhile("one"), ["4 bob: one, past"]);
  assert.deepEqual(await meanwhile("two", "three"), [
    "missed 1",
    "7 bob: two, past",
    "8 bob: three, past",
  ], "her own leave");
  const missed = await meanwhile("four", "five", "six");
  assert.deepEqual(missed, ["missed 2", "12 bob: five, past", "13 bob: six, past"]);
  await test.leave();
});

async function takeMessages(
  peer: ScriptedPeer,
  count: number,
): Promise<Record<string, unknown>[]> {
  const messages = [];
  while (messages.length < count) messages.push(await peer.take("message"));
  return messages;
}

Deno.test("link: what did not fit is sent again when the server says, and nothing meanwhile", async () => {
  await using server = new ScriptedServer();
  const { alice, peer } = await startScripted(server);
  for (const text of ["one", "two"]) alice.say(text);
  const [, { ref } = {}] = await takeMessages(peer, 2);
  const refusal = { messageType: "error", code: "rate_limited", data: "Too fast", retryAfter: 40 };
  peer.send({ ...refusal, ref }, said(1, "heard"));
  await alice.hears("1 bob: heard");
  alice.say("three");
  assert.equal(alice.link.unsent, 2);
  alice.clock.advance(40);
  const again = await takeMessages(peer, 2);
  assert.deepEqual(again.map(({ data }) => data), ["two", "three"]);
  assert.ok(!alice.told.includes("error"));
  await alice.leave();
});

Deno.test("link: no more is under way than a server lets wait", async () => {
  await using server = new ScriptedServer();
  const { alice } = await startScripted(server);
  const unsent = (): number => alice.link.unsent;
  for (let i = 0; i < WINDOW; i++) alice.link.send({ messageType: "users" });
  alice.link.send({ messageType: "rooms" });
  assert.equal(unsent(), 1);
  await alice.leave();
  const { alice: bob } = await startScripted(server);
  for (let i = 0; i < WINDOW; i++) bob.say("x".repeat(4_000));
  assert.equal(WINDOW - bob.link.unsent, Math.ceil(WINDOW_SIZE / 4_095));
  await bob.leave();
});

Deno.test("link: who may only read is told once, and what waits is not said", async () => {
  await using server = new ScriptedServer();
  const { alice, peer } = await startScripted(server);
  for (let i = 0; i < WINDOW + 10; i++) alice.say(`m${i}`);
  alice.link.send({ messageType: "join", data: "dev" });
  const flight = await takeMessages(peer, WINDOW);
  peer.send(...flight.map(({ ref }) => ({ messageType: "error", code: "muted", data: "No", ref })));
  await alice.hears(`silenced ${WINDOW + 9}`);
  assert.deepEqual(alice.told.filter((line) => line !== "back, 0 caught up").slice(-2), [
    "error, own",
    `silenced ${WINDOW + 9}`,
  ]);
  // It asks for something else all the same, and speaks no more than once a second.
  assert.equal(alice.link.unanswered, 1);
  alice.say("again");
  alice.clock.advance(1_000);
  await peer.take("join");
  assert.deepEqual(peer.got.filter(({ messageType }) => messageType === "message"), []);
  await alice.leave();
});

Deno.test("link: an answer settles the oldest request that it can be the answer to", async () => {
  await using server = new ScriptedServer();
  const { alice, peer } = await startScripted(server);
  const users = { messageType: "users", dataArray: ["al"], count: 1, room: "dev" };
  alice.link.send({ messageType: "join", data: "dev" });
  alice.link.send({ messageType: "users" });
  alice.link.send({ messageType: "kick", data: "bob" });
  await peer.take("kick");
  const fields = { data: "You are al in dev", name: "al", address: "x", epoch: "e", session: "s" };
  // The list that follows a welcome belongs to it.
  peer.send({ messageType: "welcome", ...fields, room: "dev", id: 0 }, users);
  await alice.hears("welcome al in dev");
  assert.equal(alice.link.unanswered, 2);
  peer.send(users);
  await alice.until(() => alice.link.unanswered === 1);
  peer.send({ messageType: "error", code: "forbidden", data: "Only an operator may kick." });
  await alice.until(() => alice.link.unanswered === 0);
  await alice.leave();
});

Deno.test("link: what was to be said in a room that it could not join is given back, and said nowhere", async () => {
  await using server = new ScriptedServer();
  const { alice, peer } = await startScripted(server);
  alice.say("before");
  alice.link.send({ messageType: "join", data: "secret" });
  for (let i = 0; i < WINDOW - 1; i++) alice.say(`the password, part ${i}`);
  alice.link.send({ messageType: "join", data: "dev" });
  alice.say("in dev");
  const flight = await takeMessages(peer, WINDOW - 1);
  assert.deepEqual(flight.map(({ room }) => room), ["lobby", ...Array(WINDOW - 2).fill("secret")]);
  const error = { messageType: "error", code: "full", data: "No more rooms", room: "secret" };
  peer.send(error);
  const last = WINDOW - 2;
  await alice.hears(`stranded the password, part ${last} for secret`);
  peer.send(...flight.slice(1).map(({ ref }) => ({ ...error, code: "bad_message", ref })));
  await peer.take("join");
  await peer.take("join");
  const { data, room } = await peer.take("message");
  assert.deepEqual([data, room], ["in dev", "dev"]);
  const stranded = alice.told.filter((line) => line.startsWith("stranded"));
  assert.equal(stranded.length, WINDOW - 1);
  await alice.leave();
});

Deno.test("link: a private message that was too fast is not known to be lost with its connection", async () => {
  await using server = new ScriptedServer();
  const alice = new TestLink(server.port);
  await alice.link.start();
  const peer = await server.accept();
  await peer.welcome({});
  await alice.until(() => alice.link.isOnline);
  alice.link.send({ messageType: "message", data: "psst", to: "bob" });
  const { ref } = await peer.take("message");
  const refusal = { messageType: "error", code: "rate_limited", data: "Too fast", retryAfter: 40 };
  peer.send({ ...refusal, ref }, said(1, "heard"));
  await alice.hears("1 bob: heard");
  peer.socket.close();
  await alice.hears("lost, 500 ms");
  assert.equal(alice.link.unsent, 1);
  await alice.leave();
});

Deno.test("link: a page of 500 lines arrives whole and in order at a server that limits it", async () => {
  await using server = new TestServer({ rate: 200, burst: 20 });
  await using bob = await server.register("bob");
  const alice = await TestLink.start(server.port, { after: undefined });
  const lines = Array.from({ length: 500 }, (_, i) => `line ${i}`);
  for (const data of lines) alice.link.send({ messageType: "message", data });
  const heard: unknown[] = [];
  while (heard.length < lines.length) {
    heard.push((await bob.jsonWhere(({ messageType }) => messageType === "message"))["data"]);
  }
  assert.deepEqual(heard, lines);
  await alice.until(() => alice.link.unanswered === 0);
  assert.ok(!alice.told.includes("error"));
  const metrics = await (await fetch(server.url("http", "/metrics"))).text();
  assert.ok(!metrics.includes("chat_refused_total{"), "nothing is refused");
  assert.match(metrics, /^chat_throttled_total [1-9]/m);
  await alice.leave();
});
