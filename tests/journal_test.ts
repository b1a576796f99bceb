import assert from "node:assert/strict";
import type { RoomEvent, RoomMessage } from "../protocol.ts";
import { textDialect } from "../server/dialects.ts";
import { Hub, type HubOptions } from "../server/hub.ts";
import { RETRY_INTERVAL, TRIM_INTERVAL } from "../server/journal.ts";
import { CROWD, QUIET_INTERVAL } from "../server/room.ts";
import { Session } from "../server/session.ts";
import { openSqlite } from "../server/sqlite.ts";
import {
  type Page,
  type Sanction,
  type Store,
  type StoredPass,
  StoreError,
} from "../server/store.ts";
import { FakeClock, FakeConnection, joinChat, say, TestServer, turn } from "./peer.ts";

/** A store in memory on a disk that can be full. */
class FakeStore implements Store {
  isFull = false;
  isUnreadable = false;
  /** How often it was tried to store something, and with how many sessions at most. */
  attempts = 0;
  mostPasses = 0;
  /** What each transaction held: texts and types. */
  readonly writes: string[][] = [];
  /** The sessions that were stored. */
  readonly saved = new Set<string>();
  /** Called after each transaction. */
  onWrite: (() => void) | undefined;
  readonly #store: Store;
  readonly #held = new Map<string, StoredPass>();

  constructor(retain?: number) {
    this.#store = openSqlite(":memory:", { retain, keepSessionsUntil: Infinity });
  }

  get epoch(): string {
    return this.#store.epoch;
  }

  write(pages: readonly Page[], passes: readonly StoredPass[]): void {
    this.attempts++;
    this.mostPasses = Math.max(this.mostPasses, passes.length);
    if (this.isFull) throw new StoreError("the disk is full");
    this.#store.write(pages, passes);
    for (const pass of passes) {
      this.saved.add(pass.secret);
      if (pass.expires === undefined) this.#held.set(pass.secret, pass);
      else this.#held.delete(pass.secret);
    }
    const events = pages.flatMap(({ events }) => events);
    if (events.length > 0) this.writes.push(events.map(describe));
    this.onWrite?.();
  }

  reached = (epoch: string, room: string): number | undefined =>
    this.#readable.reached(epoch, room);
  newest = (room: string): number => this.#readable.newest(room);
  oldest = (room: string): number => this.#readable.oldest(room);
  read = (room: string, first: number, before: number): RoomEvent[] =>
    this.#readable.read(room, first, before);
  lastMessages = (room: string, before: number, count: number): RoomMessage[] =>
    this.#readable.lastMessages(room, before, count);
  fromLast = (room: string, before: number, count: number): number | undefined =>
    this.#readable.fromLast(room, before, count);
  idOf = (room: string, owner: string, ref: string): number | undefined =>
    this.#readable.idOf(room, owner, ref);
  pass = (secret: string, now: number): StoredPass | undefined => this.#readable.pass(secret, now);
  sanctions = (now: number): Sanction[] => this.#readable.sanctions(now);
  trim = (now: number): boolean => this.#readable.trim(now);

  saveSanction(sanction: Sanction, now: number): void {
    if (this.isFull) throw new StoreError("the disk is full");
    this.#store.saveSanction(sanction, now);
  }

  close(): void {}

  /** As if the server had ended, however, and another had opened the file. */
  restart(expires: number): void {
    this.write([], Array.from(this.#held.values(), (pass) => ({ ...pass, expires })));
  }

  get #readable(): Store {
    if (this.isUnreadable) throw new StoreError("it is damaged");
    return this.#store;
  }
}

function describe(event: RoomEvent): string {
  return event.messageType === "message" ? event.data : event.messageType;
}

function makeHub(store: Store, options: HubOptions = {}): Hub {
  return new Hub({ store, clock: new FakeClock(), rate: 0, ...options });
}

type Chat = ReturnType<typeof joinChat>;

/** What a connection got, as parsed lines. */
function received({ connection }: Pick<Chat, "connection">): Record<string, unknown>[] {
  const lines = connection.frames.splice(0).flatMap((frame) => frame.split("\n"));
  return lines.map((line) => JSON.parse(line));
}

/** Brings someone in, and lets what that brings pass. */
async function join(hub: Hub, name: string): Promise<Chat & { welcome: Record<string, unknown> }> {
  const chat = joinChat(hub, name);
  await turn();
  const [welcome = {}] = received(chat);
  return { ...chat, welcome };
}

/** Comes back as who got that welcome. */
function resume(hub: Hub, { epoch, session }: Record<string, unknown>, after: number): Chat {
  return joinChat(hub, "someone", { epoch, session, after });
}

Deno.test("journal: what one turn brings is one transaction, and nobody sees it before", async () => {
  const store = new FakeStore();
  const hub = makeHub(store);
  const alice = await join(hub, "alice");
  const bob = await join(hub, "bob");
  alice.connection.frames.length = 0;
  store.writes.length = 0;
  const seen: number[] = [];
  store.onWrite = () => seen.push(alice.connection.frames.length + bob.connection.frames.length);
  say(alice.session, "one", "two");
  say(bob.session, "three");
  await turn();
  assert.deepEqual(store.writes, [["one", "two", "three"]]);
  assert.deepEqual(seen, [0]);
  assert.deepEqual(bob.connection.taken(), ["message one", "message two", "message three"]);
});

Deno.test("journal: answers come after what was said before them, and a turn is one transaction all the same", async () => {
  const store = new FakeStore();
  const hub = makeHub(store);
  const people: Chat[] = [];
  for (let i = 0; i < 100; i++) people.push(await join(hub, `p${i}`));
  await turn();
  for (const person of people) received(person);
  store.writes.length = 0;
  for (const { session } of people) {
    say(session, "said");
    for (const messageType of ["ping", "users", "rooms"]) {
      session.receive(`{"messageType":"${messageType}"}`);
    }
    session.receive('{"messageType":"message","data":"psst","to":"p1","ref":"r"}');
  }
  for (let i = 0; i < 5; i++) await turn();
  assert.deepEqual(store.writes, [Array(100).fill("said")]);
  const types = received(people[7] ?? assert.fail()).map(({ messageType }) => messageType);
  assert.deepEqual(types, [...Array(100).fill("message"), "pong", "users", "rooms", "private"]);
});

Deno.test("journal: what cannot be stored nobody sees, who said it is told, and the ids go on", async () => {
  const store = new FakeStore();
  const hub = makeHub(store);
  const alice = await join(hub, "alice");
  const bob = await join(hub, "bob");
  received(alice);
  store.isFull = true;
  alice.session.receive('{"messageType":"message","data":"lost","ref":"r1"}');
  say(bob.session, "lost too");
  await turn();
  const data = "The message was not stored: the disk is full. Send it again later.";
  const error = { messageType: "error", code: "not_stored", data };
  assert.deepEqual(received(alice), [{ ...error, ref: "r1" }]);
  assert.deepEqual(received(bob), [error]);
  store.isFull = false;
  alice.session.receive('{"messageType":"message","data":"found","ref":"r1"}');
  await turn();
  assert.deepEqual(received(bob).map(({ id, data }) => [id, data]), [[3, "found"]]);
});

Deno.test("journal: what many say in one turn is tried once, with a bounded number of sessions", async () => {
  const store = new FakeStore();
  const hub = makeHub(store);
  const alice = await join(hub, "alice");
  store.isFull = true;
  for (let i = 0; i < 1_000; i++) joinChat(hub, `m${i}`).session.end();
  await turn();
  received(alice);
  store.attempts = 0;
  for (let i = 0; i < 100; i++) say(alice.session, `m${i}`);
  alice.session.receive('{"messageType":"ping"}');
  await turn();
  assert.equal(store.attempts, 1);
  assert.ok(store.mostPasses > 0 && store.mostPasses <= 200, `${store.mostPasses} sessions`);
  const answers = received(alice).map(({ code, messageType }) => code ?? messageType);
  assert.deepEqual(answers, ["pong", ...Array.from({ length: 100 }, () => "not_stored")]);
  assert.equal(hub.counters.published, 0);
  store.isFull = false;
  say(alice.session, "there is room again");
  for (let turns = 0; turns < 10; turns++) await turn();
  assert.equal(store.saved.size, 1_001);
});

Deno.test("journal: an answer that waits for the end of a turn comes before the connection ends", async () => {
  const hub = makeHub(new FakeStore());
  const alice = await join(hub, "alice");
  const bob = joinChat(hub, "bob");
  await turn();
  received(bob);
  say(alice.session, "staged");
  bob.session.receive("nonsense");
  await bob.session.finish();
  assert.deepEqual(received(bob).map(({ code, data }) => code ?? data), ["staged", "bad_json"]);
});

Deno.test("journal: what is sent twice while nothing can be stored is stored once in the end", async () => {
  const store = new FakeStore();
  const hub = makeHub(store);
  const alice = await join(hub, "alice");
  const message = '{"messageType":"message","data":"one","ref":"r1"}';
  store.isFull = true;
  alice.session.receive(message);
  await turn();
  received(alice);
  store.isFull = false;
  alice.session.receive(message);
  alice.session.receive(message);
  await turn();
  const told = received(alice).map(({ id, messageType }) => [id, messageType]);
  assert.deepEqual(told, [[2, "message"]]);
  assert.equal(hub.counters.published, 1);
});

Deno.test("journal: who spoke and left the room before it was stored is told that it was", async () => {
  const store = new FakeStore();
  const hub = makeHub(store);
  const alice = await join(hub, "alice");
  const bob = await join(hub, "bob");
  store.isFull = true;
  say(alice.session, "lost");
  await turn();
  received(alice);
  received(bob);
  store.isFull = false;
  alice.session.receive('{"messageType":"message","data":"one","ref":"r1"}');
  alice.session.receive('{"messageType":"join","data":"dev"}');
  await turn();
  assert.deepEqual(received(bob).map(({ data, messageType }) => data ?? messageType), [
    "one",
    "leave",
  ]);
  const acks = received(alice).filter(({ messageType }) => messageType === "ack");
  assert.deepEqual(acks, [{ messageType: "ack", ref: "r1", id: 3 }]);
});

Deno.test("journal: what happens while it tells what was stored is stored after it", async () => {
  const store = new FakeStore();
  const hub = makeHub(store);
  const alice = await join(hub, "alice");
  const [bob, carol] = ["bob", "carol"].map((name) => joinChat(hub, name, { room: "dev" }));
  assert.ok(bob && carol);
  await turn();
  store.isFull = true;
  say(alice.session, "lost");
  await turn();
  received(carol);
  store.isFull = false;
  alice.session.receive('{"messageType":"message","data":"one","ref":"r1"}');
  say(bob.session, "in dev");
  alice.session.receive('{"messageType":"join","data":"dev"}');
  // The ack that alice gets before what was said in dev is published.
  alice.connection.onSend = () => {
    if (!alice.connection.frames.at(-1)?.includes('"ack"')) return;
    bob.session.end();
    hub.settle();
  };
  await turn();
  await turn();
  const told = received(carol).map(({ id, messageType, data }) => [id, data ?? messageType]);
  assert.deepEqual(told, [[3, "in dev"], [4, "join"], [5, "leave"]]);
});

Deno.test("journal: a room that cannot be opened is an error, and everyone stays where they are", async () => {
  const store = new FakeStore();
  const hub = makeHub(store);
  const alice = await join(hub, "alice");
  store.isUnreadable = true;
  alice.session.receive('{"messageType":"join","data":"dev"}');
  const data = "The room cannot be opened: it is damaged.";
  assert.deepEqual(received(alice), [{
    messageType: "error",
    code: "not_stored",
    data,
    room: "dev",
  }]);
  say(alice.session, "still here");
  await turn();
  assert.deepEqual(received(alice).map(({ data }) => data), ["still here"]);
  const defaults = { name: "zed", room: "dev" };
  const connection = new FakeConnection();
  new Session(hub, connection, { dialect: textDialect, defaults });
  assert.deepEqual([connection.frames, connection.closeCode], [[`* ${data}`], 1013]);
  assert.deepEqual([hub.connected.size, hub.find("zed")], [1, undefined]);
});

Deno.test("journal: what cannot be read is as if it was not there, and is counted as missed", async () => {
  const store = new FakeStore();
  const hub = makeHub(store, { capacity: 4 });
  const alice = await join(hub, "alice");
  for (let i = 0; i < 10; i++) {
    alice.session.receive(`{"messageType":"message","data":"m${i}","ref":"r${i}"}`);
  }
  await turn();
  store.isUnreadable = true;
  const bob = joinChat(hub, "bob");
  await turn();
  assert.deepEqual(received(bob).slice(2).map(({ id }) => id), [8, 9, 10, 11, 12]);
  const back = resume(hub, alice.welcome, 1);
  await turn();
  assert.deepEqual(received(back).slice(2).map(({ id, count }) => count ?? id), [7, 9, 10, 11, 12]);
});

Deno.test("journal: who saw more than there is begins anew: a copy was restored", async () => {
  const hub = makeHub(new FakeStore());
  const alice = await join(hub, "alice");
  say(alice.session, "one");
  await turn();
  const back = resume(hub, alice.welcome, 1_000);
  await turn();
  const got = received(back);
  assert.equal(got[0]?.["name"], "alice");
  assert.deepEqual(got.slice(2).map(({ id }) => id), [1, 2]);
});

Deno.test("journal: who does not read is told later that nothing was stored", async () => {
  const store = new FakeStore();
  const hub = makeHub(store);
  const alice = await join(hub, "alice");
  alice.connection.congested = true;
  store.isFull = true;
  alice.session.receive('{"messageType":"message","data":"lost","ref":"r1"}');
  await turn();
  assert.deepEqual(received(alice), []);
  alice.connection.drain();
  await turn();
  assert.deepEqual(received(alice).map(({ code, ref }) => [code, ref]), [["not_stored", "r1"]]);
});

Deno.test("journal: who came and went while nothing could be stored is told once it can be", async () => {
  const store = new FakeStore();
  const clock = new FakeClock();
  const hub = makeHub(store, { clock });
  const alice = await join(hub, "alice");
  store.isFull = true;
  const bob = await join(hub, "bob");
  say(bob.session, "lost");
  bob.session.end();
  await join(hub, "carol");
  assert.deepEqual(received(alice), []);
  clock.advance(RETRY_INTERVAL);
  assert.deepEqual(received(alice), []);
  store.isFull = false;
  clock.advance(RETRY_INTERVAL);
  await turn();
  const told = received(alice).map(({ id, messageType, from }) => [id, messageType, from]);
  assert.deepEqual(told, [[2, "join", "bob"], [3, "leave", "bob"], [4, "join", "carol"]]);
});

Deno.test("journal: of too many who came and went meanwhile, only the number is told", async () => {
  const store = new FakeStore();
  const clock = new FakeClock();
  const hub = makeHub(store, { clock });
  const alice = await join(hub, "alice");
  store.isFull = true;
  for (let i = 0; i <= CROWD; i++) {
    (await join(hub, "bob")).session.end();
    clock.advance(QUIET_INTERVAL);
    await turn();
  }
  store.isFull = false;
  clock.advance(RETRY_INTERVAL);
  await turn();
  const told = received(alice).map(({ messageType, count }) => count ?? messageType);
  assert.equal(typeof told[0], "number");
  assert.ok(told.length < CROWD / 2, String(told.length));
});

Deno.test("journal: after a restart, ids go on, refs are known, and sessions and history are there", async () => {
  const store = new FakeStore();
  const before = makeHub(store);
  const alice = await join(before, "alice");
  alice.session.receive('{"messageType":"message","data":"hello","ref":"r1"}');
  await turn();
  store.restart(Number.MAX_SAFE_INTEGER);
  const after = makeHub(store);
  assert.equal(after.epoch, before.epoch);
  const bob = joinChat(after, "bob");
  await turn();
  assert.deepEqual(received(bob).map(({ id, messageType, data }) => [id, messageType, data]), [
    [2, "welcome", "Welcome to chat! Type a message"],
    [undefined, "users", undefined],
    [1, "join", undefined],
    [2, "message", "hello"],
    [3, "join", undefined],
  ]);
  const back = resume(after, alice.welcome, 1);
  back.session.receive('{"messageType":"message","data":"hello","ref":"r1"}');
  await turn();
  const got = received(back);
  assert.equal(got[0]?.["name"], "alice");
  assert.deepEqual(got.slice(2).map(({ id, messageType, from }) => [id, messageType, from]), [
    [2, "message", "alice"],
    [3, "join", "bob"],
    [4, "join", "alice"],
    [2, "ack", undefined],
  ]);
});

Deno.test("journal: a session that was not there, or has expired, gets nobody's name", async () => {
  const store = new FakeStore();
  const alice = await join(makeHub(store), "alice");
  alice.session.end();
  await turn();
  const clock = new FakeClock();
  clock.advance(3_600_000);
  assert.equal(received(resume(makeHub(store), alice.welcome, 0))[0]?.["name"], "alice");
  store.restart(clock.now());
  const late = resume(makeHub(store, { clock }), alice.welcome, 0);
  assert.equal(received(late)[0]?.["name"], "someone");
  const { epoch } = alice.welcome;
  const wrong = resume(makeHub(store), { epoch, session: "0".repeat(32) }, 0);
  assert.equal(received(wrong)[0]?.["name"], "someone");
});

Deno.test("journal: who resumes gets from the store what the ring no longer has, exactly", async () => {
  const hub = makeHub(new FakeStore(), { capacity: 4 });
  const alice = await join(hub, "alice");
  const bob = await join(hub, "bob");
  bob.session.end();
  for (let i = 0; i < 500; i++) say(alice.session, `m${i}`);
  await turn();
  const back = resume(hub, bob.welcome, 2);
  await turn();
  const [, , leave, ...rest] = received(back);
  assert.deepEqual([leave?.["id"], leave?.["messageType"]], [3, "leave"]);
  const ids = rest.map(({ id, data = "join" }) => `${id} ${data}`);
  assert.deepEqual(ids, [...Array.from({ length: 500 }, (_, i) => `${i + 4} m${i}`), "504 join"]);
});

Deno.test("journal: what is stored no longer either is counted exactly", async () => {
  const store = new FakeStore(100);
  const hub = makeHub(store, { capacity: 4 });
  const alice = await join(hub, "alice");
  for (let i = 0; i < 300; i++) say(alice.session, `m${i}`);
  await turn();
  alice.session.end();
  while (store.trim(0));
  const back = resume(hub, alice.welcome, 1);
  await turn();
  const [, , missed, ...rest] = received(back);
  // The row of alice's join is gone, and the next one.
  assert.deepEqual([missed?.["messageType"], missed?.["count"]], ["missed", 128]);
  assert.deepEqual([rest.length, rest[0]?.["id"], rest.at(-1)?.["id"]], [174, 130, 303]);
});

Deno.test("journal: who is there and falls behind the ring is told, though it is all stored", async () => {
  const hub = makeHub(new FakeStore(), { capacity: 4 });
  const alice = await join(hub, "alice");
  const bob = await join(hub, "bob");
  bob.connection.congested = true;
  for (let i = 0; i < 10; i++) say(alice.session, `m${i}`);
  await turn();
  bob.connection.drain();
  await turn();
  assert.deepEqual(received(bob).map(({ count, data }) => count ?? data), [
    6,
    "m6",
    "m7",
    "m8",
    "m9",
  ]);
});

Deno.test("journal: --history reaches into the store, for text too", async () => {
  const hub = makeHub(new FakeStore(), { capacity: 2, history: 5 });
  const alice = await join(hub, "alice");
  for (let i = 0; i < 9; i++) say(alice.session, `m${i}`);
  await turn();
  const bob = joinChat(hub, "bob");
  await turn();
  const ids = received(bob).slice(2).map(({ id }) => id);
  assert.deepEqual(ids, [6, 7, 8, 9, 10, 11]);
  const connection = new FakeConnection();
  new Session(hub, connection, { dialect: textDialect });
  const lines = connection.frames.slice(1);
  assert.deepEqual(lines, ["m4", "m5", "m6", "m7", "m8"].map((text) => `alice: ${text}`));
});

Deno.test("journal: a room that is forgotten and made again in one turn goes on with its ids", async () => {
  const hub = makeHub(new FakeStore());
  const alice = await join(hub, "alice");
  for (let i = 0; i < 40; i++) alice.session.receive(`{"messageType":"join","data":"r${i % 20}"}`);
  for (let i = 0; i < 40; i++) await turn();
  const perRoom = Map.groupBy(
    received(alice).filter(({ messageType }) => messageType === "welcome"),
    ({ room }) => room,
  );
  // At the second time, a join and a leave of the first have happened.
  for (const welcomes of perRoom.values()) assert.deepEqual(welcomes.map(({ id }) => id), [0, 2]);
  assert.equal(perRoom.size, 20);
});

Deno.test("journal: rooms that empty and are forgotten in one turn have their ids stored first", async () => {
  const hub = makeHub(new FakeStore());
  const chats = [];
  for (let i = 0; i < 20; i++) {
    const chat = await join(hub, `m${i}`);
    chat.session.receive(`{"messageType":"join","data":"r${i}"}`);
    chats.push(chat);
  }
  await turn();
  for (const { session } of chats) session.end();
  const bob = joinChat(hub, "bob", { room: "r0" });
  await turn();
  const ids = received(bob).map(({ messageType, id }) => [messageType, id]);
  const expected = [["welcome", 2], ["users", undefined], ["join", 1], ["leave", 2], ["join", 3]];
  assert.deepEqual(ids, expected);
});

Deno.test("journal: what need not be kept is removed by and by", async () => {
  const store = new FakeStore(1_000);
  const clock = new FakeClock();
  const hub = makeHub(store, { clock });
  const alice = await join(hub, "alice");
  for (let i = 0; i < 3_000; i++) say(alice.session, `m${i}`);
  await turn();
  clock.advance(TRIM_INTERVAL);
  let steps = 0;
  for (; clock.pending > 0; steps++) clock.advance(1);
  assert.ok(steps > 1, `${steps} steps`);
  assert.ok(store.oldest("lobby") > 1_800 && store.oldest("lobby") <= 2_002);
  assert.equal(store.read("lobby", 1, 100).length, 0);
});

Deno.test("journal: at a shutdown what was just said is stored and told before everyone is sent away", async () => {
  const stopping = Promise.withResolvers<void>();
  await using server: TestServer = new TestServer({
    db: ":memory:",
    log: (_level, word) => {
      // Called in the turn in which it was said: nothing of it is stored yet.
      if (word().startsWith("From client")) stopping.resolve(server.server.shutdown());
    },
  });
  const bob = await server.register("bob");
  const alice = await server.register("alice");
  await bob.json("join");
  alice.send({ messageType: "message", data: "last words" });
  await stopping.promise;
  assert.equal((await bob.json("message"))["data"], "last words");
  assert.equal((await bob.closed).code, 1001);
  assert.equal((await alice.closed).code, 1001);
});

Deno.test("journal: with --hide-addresses those that are stored are not told either", async () => {
  const store = new FakeStore();
  const before = makeHub(store);
  say((await join(before, "alice")).session, "hello");
  await turn();
  const after = makeHub(store, { hideAddresses: true, capacity: 1 });
  const bob = joinChat(after, "bob");
  await turn();
  const told = received(bob).filter(({ address }) => address !== undefined);
  assert.deepEqual(told.map(({ messageType, address }) => [messageType, address]), [
    ["welcome", "127.0.0.1:9"],
    ["join", ""],
    ["message", ""],
    ["join", ""],
  ]);
});
