import assert from "node:assert/strict";
import type { RoomEvent, RoomMessage } from "../protocol.ts";
import { openSqlite } from "../server/sqlite.ts";
import { type Store, type StoredPass, StoreError } from "../server/store.ts";

function open(retain?: number): Store {
  return openSqlite(":memory:", { retain, keepSessionsUntil: 1_000 });
}

function message(data: string, ref?: string): RoomMessage {
  const said = { messageType: "message", time: 5, from: "alice", address: "1.2.3.4:5" } as const;
  return ref === undefined ? { ...said, data } : { ...said, data, ref };
}

/** Stores `count` messages in one page, or in one page each. */
function fill(store: Store, count: number, { room = "lobby", each = false } = {}): void {
  const first = store.newest(room) + 1;
  const events = Array.from({ length: count }, (_, i) => message(`m${first + i}`, `r${first + i}`));
  if (!each) return store.write([{ room, first, events }], []);
  for (const [i, event] of events.entries()) {
    store.write([{ room, first: first + i, events: [event] }], []);
  }
}

function textOf(event: RoomEvent): string {
  return event.messageType === "message" ? event.data : event.messageType;
}

Deno.test("sqlite: every kind of event is read as it was written, under its id", () => {
  const store = open();
  const origin = { time: 7, from: "böb", address: "[::1]:9" };
  const events: RoomEvent[] = [
    { messageType: "join", ...origin },
    message('\u2028 "quoted" \\ \n\t 👋', "ref with 'quotes'"),
    { ...message("waves"), action: true },
    { messageType: "rename", ...origin, data: "Bob" },
    { messageType: "presence", time: 8, count: 812 },
    { messageType: "leave", ...origin },
  ];
  store.write([{ room: "lobby", first: 1, events }], []);
  // What is absent and what is undefined is the same on the wire.
  const read = store.read("lobby", 1, 100).map((event) => JSON.parse(JSON.stringify(event)));
  assert.deepEqual(read, events);
  assert.deepEqual([store.oldest("lobby"), store.newest("lobby")], [1, 6]);
  assert.deepEqual([store.oldest("dev"), store.newest("dev")], [Infinity, 0]);
  store.close();
});

Deno.test("sqlite: reads from any id on, over the ends of pages, and stops before the other", () => {
  const store = open();
  for (const size of [3, 1, 300, 2, 1]) fill(store, size);
  for (const [first, before] of [[1, 2], [2, 6], [3, 8], [290, 308], [307, 999], [308, 999]]) {
    const expected = [];
    for (let id = first ?? 0; id < Math.min(before ?? 0, 308); id++) expected.push(`m${id}`);
    assert.deepEqual(store.read("lobby", first ?? 0, before ?? 0).map(textOf), expected);
  }
  const some = store.read("lobby", 1, 308);
  assert.ok(some.length >= 100 && some.length < 308, `${some.length}`);
  store.close();
});

Deno.test("sqlite: a ref leads to its message, in its room alone", () => {
  const store = open();
  fill(store, 200);
  fill(store, 2, { room: "dev" });
  assert.deepEqual(["r1", "r130", "r200", "r201", ""].map((ref) => store.idOf("lobby", "", ref)), [
    1,
    130,
    200,
    undefined,
    undefined,
  ]);
  assert.deepEqual([store.idOf("dev", "", "r2"), store.idOf("dev", "", "r3")], [2, undefined]);
  store.close();
});

Deno.test("sqlite: the last messages are found behind whatever is none", () => {
  const store = open();
  fill(store, 3, { each: true });
  const leave: RoomEvent = { messageType: "leave", time: 1, from: "bob", address: "x" };
  const leaves = Array.from({ length: 900 }, () => leave);
  store.write([{ room: "lobby", first: 4, events: leaves }], []);
  fill(store, 1);
  assert.deepEqual(store.lastMessages("lobby", 905, 3).map(textOf), ["m2", "m3", "m904"]);
  assert.deepEqual(store.lastMessages("lobby", 904, 2).map(textOf), ["m2", "m3"]);
  assert.deepEqual(store.lastMessages("lobby", 3, 5).map(textOf), ["m1", "m2"]);
  store.write([{ room: "lobby", first: 905, events: leaves }], []);
  assert.deepEqual(store.lastMessages("lobby", 1805, 3).map(textOf), ["m2", "m3", "m904"]);
  store.close();
});

for (const each of [false, true]) {
  const how = each ? "one at a time" : "in bulk";
  Deno.test(`sqlite: of what is stored ${how}, at least the last --retain are kept, and their refs`, () => {
    const store = open(10);
    fill(store, 1_990, { each });
    fill(store, 4, { each });
    while (store.trim(0));
    // A row of which something is kept stays whole, and in bulk it has up to 128.
    const first = each ? 1_985 : 1_921;
    const kept = Array.from({ length: 1_995 - first }, (_, i) => `m${first + i}`);
    assert.equal(store.oldest("lobby"), first);
    assert.deepEqual(store.read("lobby", 1, 9_999), []);
    assert.deepEqual(store.read("lobby", first, 9_999).map(textOf), kept);
    assert.deepEqual([first - 1, first].map((id) => store.idOf("lobby", "", `r${id}`)), [
      undefined,
      first,
    ]);
    fill(store, 10, { each });
    while (store.trim(0));
    assert.deepEqual([store.oldest("lobby"), store.newest("lobby")], [1_995, 2_004]);
    store.close();
  });
}

Deno.test("sqlite: --retain counts messages, so coming and going pushes none out", () => {
  const store = open(3);
  fill(store, 4, { each: true });
  const join: RoomEvent = { messageType: "join", time: 1, from: "eve", address: "x" };
  const joins = Array.from({ length: 5_000 }, () => join);
  store.write([{ room: "lobby", first: 5, events: joins }], []);
  while (store.trim(0));
  assert.deepEqual(store.lastMessages("lobby", 9_999, 9).map(textOf), ["m2", "m3", "m4"]);
  // What happened before the oldest of them goes with the next.
  fill(store, 3, { each: true });
  while (store.trim(0));
  assert.equal(store.oldest("lobby"), 5_005);
  store.close();
});

Deno.test("sqlite: rooms that nobody writes to are trimmed too", () => {
  const store = open(10);
  for (const room of ["a", "b", "c"]) fill(store, 600, { room });
  while (store.trim(0));
  assert.deepEqual(["a", "b", "c"].map((room) => store.read(room, 1, 9_999).length), [0, 0, 0]);
  store.close();
});

Deno.test("sqlite: what fails is a StoreError, and has changed nothing", () => {
  const store = open();
  fill(store, 5);
  for (const first of [5, 7]) {
    const pages = [
      { room: "dev", first: 1, events: [message("new", "r1")] },
      { room: "lobby", first, events: [message("an id twice, or a hole")] },
    ];
    assert.throws(() => store.write(pages, []), StoreError);
    assert.deepEqual([store.newest("lobby"), store.newest("dev")], [5, 0]);
    assert.equal(store.idOf("dev", "", "r1"), undefined);
  }
  fill(store, 1);
  assert.equal(store.newest("lobby"), 6);
  store.close();
});

Deno.test("sqlite: a session is found by its secret until it expires, and removed then", () => {
  const store = open();
  const pass: StoredPass = { secret: "s", name: "bob", room: "dev", since: 3, expires: undefined };
  store.write([], [pass]);
  // Its connection is there: nobody else can have it.
  assert.equal(store.pass("s", 0), undefined);
  store.write([], [{ ...pass, name: "rob", expires: 50 }]);
  assert.deepEqual(store.pass("s", 49), { ...pass, name: "rob", expires: 50 });
  assert.equal(store.pass("other", 0), undefined);
  assert.equal(store.pass("s", 50), undefined);
  while (store.trim(50));
  assert.equal(store.pass("s", 0), undefined);
  store.close();
});
