import assert from "node:assert/strict";
import { HIGH_WATER, type Receiver } from "../server/connection.ts";
import { envelopeDialect, LIST_INTERVAL, MAX_SPEAKERS, OTHERS } from "../server/envelope.ts";
import { Hub } from "../server/hub.ts";
import { Session } from "../server/session.ts";
import { FakeClock, FakeConnection, joinChat, say, turn } from "./peer.ts";

/**
 * An envelope client in a hub, on a clock that stands still until the test moves it. It looks up the
 * sender of every message that it ever drew in the newest list.
 */
class Eve {
  readonly clock = new FakeClock();
  readonly hub: Hub;
  readonly connection = new FakeConnection();
  readonly session: Session;
  readonly #senders = new Set<string>();
  #list: ReadonlySet<string> = new Set();

  constructor(options: { capacity?: number } = {}) {
    // Nobody is too fast.
    this.hub = new Hub({ clock: this.clock, rate: 0, ...options });
    const dialect = envelopeDialect(this.clock);
    this.session = new Session(this.hub, this.connection, { dialect });
    this.session.receive('{"messageType":"register","data":"eve"}');
    assert.deepEqual(this.taken(), ["users eve"]);
  }

  /** Returns and forgets what came: a list's names, or who said what. */
  taken(): string[] {
    return this.connection.frames.splice(0).map((frame) => {
      const { messageType, data, dataArray } = JSON.parse(frame);
      if (messageType === "users") this.#list = new Set(dataArray);
      const { from, message } = messageType === "users" ? {} : JSON.parse(data);
      if (from !== undefined) this.#senders.add(from);
      const missing = [...this.#senders.difference(this.#list)];
      assert.deepEqual(missing, [], `not listed: ${frame.slice(0, 80)}`);
      if (from === undefined) return `users ${dataArray.join(" ")}`;
      return `${from}: ${message}`;
    });
  }

  /** Has a person take another name. */
  rename(session: Receiver, name: string): void {
    session.receive(JSON.stringify({ messageType: "register", data: name }));
  }
}

Deno.test("envelope: a list that has changed is sent at most once in its interval", async () => {
  const eve = new Eve();
  for (const name of ["ann", "bob", "cat"]) {
    joinChat(eve.hub, name);
    await turn();
  }
  eve.clock.advance(LIST_INTERVAL - 1);
  assert.deepEqual(eve.taken(), []);
  eve.clock.advance(1);
  assert.deepEqual(eve.taken(), ["users eve ann bob cat"]);
  eve.clock.advance(LIST_INTERVAL * 4);
  assert.deepEqual(eve.taken(), []);
  joinChat(eve.hub, "dan");
  await turn();
  assert.deepEqual(eve.taken(), ["users eve ann bob cat dan"]);
  joinChat(eve.hub, "eli");
  await turn();
  eve.session.end();
  assert.equal(eve.clock.pending, 0);
});

Deno.test("envelope: who is not listed yet waits for the next list, and all that comes after waits too", async () => {
  const eve = new Eve();
  const { session: ann } = joinChat(eve.hub, "ann");
  say(ann, "one");
  await turn();
  eve.session.receive('{"messageType":"message","data":"mine"}');
  eve.session.receive('{"messageType":"dance"}');
  await turn();
  eve.clock.advance(LIST_INTERVAL - 1);
  assert.deepEqual(eve.taken(), []);
  eve.clock.advance(1);
  assert.deepEqual(eve.taken(), [
    "users eve ann server",
    "ann: one",
    "eve: mine",
    'server: "messageType" must be "register" or "message".',
  ]);
  say(ann, "two");
  await turn();
  assert.deepEqual(eve.taken(), ["ann: two"]);
  eve.session.end();
  assert.equal(eve.clock.pending, 0);
});

Deno.test("envelope: four lists a second at most, whoever speaks under however many names", async () => {
  const eve = new Eve();
  const { session: ann } = joinChat(eve.hub, "ann");
  const [seen, lists]: [string[], number[]] = [[], [0]];
  for (let n = 0; n < 1000; n++) {
    eve.rename(ann, `ann${n}`);
    say(ann, String(n));
    await turn();
    eve.clock.advance(7);
    for (const each of eve.taken()) {
      if (each.startsWith("users ")) lists.push(eve.clock.elapsed());
      else seen.push(each);
    }
  }
  eve.session.close(1001, "");
  seen.push(...eve.taken().filter((each) => !each.startsWith("users ")));
  assert.deepEqual(seen, Array.from({ length: 1000 }, (_, n) => `ann${n}: ${n}`));
  const gaps = lists.slice(1).map((at, index) => at - (lists[index] ?? 0));
  assert.ok(Math.min(...gaps) >= LIST_INTERVAL, `${Math.min(...gaps)} ms`);
});

Deno.test("envelope: who has spoken stays in the list after leaving or taking another name", async () => {
  const eve = new Eve();
  const { session: ann } = joinChat(eve.hub, "ann");
  const { session: bob } = joinChat(eve.hub, "bob");
  const { session: cat } = joinChat(eve.hub, "cat");
  say(ann, "hi");
  say(bob, "ho");
  await turn();
  eve.rename(ann, "anna");
  bob.end();
  cat.end();
  await turn();
  eve.clock.advance(LIST_INTERVAL);
  assert.deepEqual(eve.taken(), ["users eve anna ann bob", "ann: hi", "bob: ho"]);
  joinChat(eve.hub, "dan");
  await turn();
  eve.clock.advance(LIST_INTERVAL);
  assert.deepEqual(eve.taken(), ["users eve anna dan ann bob"]);
  // Another who has that name is listed once.
  joinChat(eve.hub, "bob");
  await turn();
  eve.clock.advance(LIST_INTERVAL);
  assert.deepEqual(eve.taken(), ["users eve anna dan bob ann"]);
  eve.session.end();
});

Deno.test("envelope: it stays under its own old name too, once it has spoken", async () => {
  const eve = new Eve();
  eve.session.receive('{"messageType":"message","data":"hi"}');
  eve.session.receive('{"messageType":"register","data":"eva"}');
  await turn();
  eve.clock.advance(LIST_INTERVAL);
  assert.deepEqual(eve.taken(), ["eve: hi", "users eva eve"]);
  eve.session.end();
});

Deno.test("envelope: takes another name, and has it in a list, where changes are summed up too", async () => {
  const eve = new Eve();
  for (let n = 0; n < 30; n++) joinChat(eve.hub, `ann${n}`).session.end();
  await turn();
  eve.clock.advance(LIST_INTERVAL);
  eve.taken();
  eve.session.receive('{"messageType":"register","data":"eva"}');
  eve.clock.advance(LIST_INTERVAL);
  assert.deepEqual(eve.taken(), ["users eva"]);
  eve.session.end();
});

Deno.test("envelope: from more people than a list keeps, messages come from (others), one line each", async () => {
  const eve = new Eve();
  const { session: ann } = joinChat(eve.hub, "ann");
  const { session: bob } = joinChat(eve.hub, "bob");
  say(bob, "first");
  await turn();
  for (let n = 1; n < MAX_SPEAKERS; n++) {
    eve.rename(ann, `ann${n}`);
    say(ann, "hi");
    await turn();
    eve.clock.advance(LIST_INTERVAL);
    eve.taken();
  }
  eve.rename(ann, "amy");
  say(ann, "hi\nserver: bye");
  ann.receive('{"messageType":"message","data":"waves","action":true}');
  ann.receive('{"messageType":"message","data":"psst","to":"eve"}');
  say(bob, "still bob");
  eve.session.receive('{"messageType":"dance"}');
  await turn();
  eve.clock.advance(LIST_INTERVAL);
  const [list = "", ...said] = eve.taken();
  assert.deepEqual(list.split(" ").slice(0, 4), ["users", "eve", "amy", "bob"]);
  assert.deepEqual(list.split(" ").slice(-2), [OTHERS, "server"]);
  assert.deepEqual(said, [
    "(others): amy: hi\n  server: bye",
    "(others): amy: * waves",
    "(others): (private) amy to eve: psst",
    "bob: still bob",
    'server: "messageType" must be "register" or "message".',
  ]);
  eve.rename(ann, "ada");
  say(ann, "hi");
  await turn();
  eve.clock.advance(LIST_INTERVAL);
  const [hi, next = ""] = eve.taken();
  assert.equal(hi, "(others): ada: hi");
  // Besides those who spoke: eve and ada, `users`, and these two.
  assert.equal(next.split(" ").length, MAX_SPEAKERS + 5);
  eve.session.end();
});

Deno.test("envelope: while much waits for a list nothing more is delivered, and what is missed is told", async () => {
  const eve = new Eve({ capacity: 8 });
  const { session: ann } = joinChat(eve.hub, "ann");
  const text = "x".repeat(4000);
  let said = 0;
  for (; said * text.length <= 2 * HIGH_WATER; said++) {
    say(ann, `${said} ${text}`);
    await turn();
  }
  for (let n = 0; n < 2; n++) {
    eve.clock.advance(LIST_INTERVAL);
    await turn();
  }
  const seen = eve.taken().map((each) => each.replace(/ x+$/, ""));
  const waited = seen.findIndex((each, index) => index > 0 && each.startsWith("users ")) - 1;
  assert.ok(waited * text.length < HIGH_WATER + 2 * text.length, `${waited} waited`);
  assert.deepEqual(seen, [
    "users eve ann",
    ...Array.from({ length: waited }, (_, n) => `ann: ${n}`),
    "users eve ann server",
    `server: ${said - waited - 8} events missed`,
    ...Array.from({ length: 8 }, (_, n) => `ann: ${said - 8 + n}`),
  ]);
  eve.session.end();
});

Deno.test("envelope: a private message is not refused because a list is not due", async () => {
  const eve = new Eve();
  const { session: ann, connection } = joinChat(eve.hub, "ann");
  say(ann, "hi");
  await turn();
  connection.frames.length = 0;
  ann.receive('{"messageType":"message","data":"psst","to":"eve"}');
  assert.deepEqual(connection.taken(), ["private psst"]);
  eve.clock.advance(LIST_INTERVAL);
  assert.deepEqual(eve.taken(), ["users eve ann", "ann: hi", "ann: (private) psst"]);
  eve.session.end();
});

Deno.test("envelope: what waits for a list is delivered before the end", async () => {
  const eve = new Eve();
  say(joinChat(eve.hub, "ann").session, "hi");
  await turn();
  eve.session.sendAway(4403, "olga has kicked you");
  assert.deepEqual(eve.taken(), [
    "users eve ann server",
    "ann: hi",
    "server: olga has kicked you.",
  ]);
  assert.equal(eve.connection.closeCode, 4403);
  assert.equal(eve.clock.pending, 0);
});

Deno.test("envelope: a client that does not read gets no list, and what waited once it has read", async () => {
  const eve = new Eve();
  say(joinChat(eve.hub, "ann").session, "hi");
  await turn();
  eve.connection.congested = true;
  eve.clock.advance(4 * LIST_INTERVAL);
  assert.deepEqual(eve.taken(), []);
  eve.connection.drain();
  eve.clock.advance(LIST_INTERVAL);
  assert.deepEqual(eve.taken(), ["users eve ann", "ann: hi"]);
  eve.session.end();
});

Deno.test("envelope: missed comes as a message from server", async () => {
  const eve = new Eve({ capacity: 2 });
  await turn();
  const { session: ann } = joinChat(eve.hub, "ann");
  say(ann, "one", "two", "three");
  ann.end();
  await turn();
  eve.clock.advance(LIST_INTERVAL);
  assert.deepEqual(eve.taken(), ["users eve server ann", "server: 3 events missed", "ann: three"]);
  eve.session.end();
});

Deno.test("envelope: one list comes before all that a turn brings, however many spoke", async () => {
  const eve = new Eve();
  eve.clock.advance(LIST_INTERVAL);
  for (const name of ["ann", "bob", "cat"]) say(joinChat(eve.hub, name).session, "hi");
  await turn();
  assert.deepEqual(eve.taken(), ["users eve ann bob cat", "ann: hi", "bob: hi", "cat: hi"]);
  eve.session.end();
});

Deno.test("envelope: who was turned away is not let in by what had come behind", () => {
  const hub = new Hub();
  const connection = new FakeConnection();
  const session = new Session(hub, connection, { dialect: envelopeDialect(new FakeClock()) });
  session.receive("hello");
  session.receive('{"messageType":"register","data":"eve"}');
  assert.deepEqual([connection.closeCode, hub.roomCount], [1003, 0]);
  assert.equal(connection.frames.length, 1);
  session.end();
});
