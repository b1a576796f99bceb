import assert from "node:assert/strict";
import { MAX_SANCTIONS, Sanctions } from "../server/sanctions.ts";
import { openSqlite } from "../server/sqlite.ts";
import { type Sanction, StoreError } from "../server/store.ts";
import { FakeClock } from "./peer.ts";

const BAN = { kind: "ban", name: "Bob", token: "key" } as const;

Deno.test("sanctions: hold for a name in any case and for a token, until they end", () => {
  const clock = new FakeClock();
  const sanctions = new Sanctions({ clock });
  assert.equal(sanctions.impose(BAN, 60), undefined);
  const left = (name: string, token?: string): number =>
    sanctions.secondsLeft({ kind: "ban", name, token });
  assert.deepEqual([left("BOB"), left("ann", "key"), left("ann"), left("ann", "k")], [
    60,
    60,
    0,
    0,
  ]);
  assert.equal(sanctions.secondsLeft({ kind: "mute", name: "bob" }), 0);
  clock.advance(59_001);
  assert.equal(left("bob"), 1);
  clock.advance(999);
  assert.deepEqual([left("bob"), left("ann", "key")], [0, 0]);
});

Deno.test("sanctions: a later one takes the place of an earlier one, and keeps its token", () => {
  const sanctions = new Sanctions({ clock: new FakeClock() });
  sanctions.impose(BAN, 600);
  sanctions.impose(BAN, 60);
  assert.equal(sanctions.secondsLeft(BAN), 60);
  // Its owner may not be here any more, and the token still is kept out.
  sanctions.impose({ kind: "ban", name: "bob" }, 90);
  assert.equal(sanctions.secondsLeft({ kind: "ban", name: "x", token: "key" }), 90);
});

Deno.test("sanctions: lifted by the name or by the token, whatever it was called then", () => {
  const sanctions = new Sanctions({ clock: new FakeClock() });
  sanctions.impose(BAN, 600);
  sanctions.impose({ kind: "ban", name: "rob", token: "key" }, 60);
  sanctions.impose({ kind: "mute", name: "rob" }, 60);
  assert.equal(sanctions.secondsLeft({ kind: "ban", name: "x", token: "key" }), 600);
  assert.deepEqual(sanctions.lift({ kind: "ban", name: "robert", token: "key" }).count, 2);
  assert.equal(sanctions.secondsLeft({ ...BAN, name: "rob" }), 0);
  assert.equal(sanctions.secondsLeft({ kind: "mute", name: "rob" }), 60);
  assert.equal(sanctions.lift({ kind: "ban", name: "robert", token: "key" }).count, 0);
});

Deno.test("sanctions: a store keeps them over a restart, but not those that have ended", () => {
  const clock = new FakeClock();
  const store = openSqlite(":memory:", { keepSessionsUntil: 0 });
  const before = new Sanctions({ clock, store });
  before.impose(BAN, 60);
  before.impose({ kind: "mute", name: "ann" }, 600);
  before.impose({ kind: "ban", name: "eve" }, 60);
  before.lift({ kind: "ban", name: "eve" });
  const after = new Sanctions({ clock, store });
  assert.equal(after.secondsLeft({ kind: "ban", name: "x", token: "key" }), 60);
  assert.equal(after.secondsLeft({ kind: "mute", name: "ann" }), 600);
  assert.equal(after.secondsLeft({ kind: "ban", name: "eve" }), 0);
  clock.advance(60_000);
  assert.deepEqual(store.sanctions(clock.now()).map(({ name }) => name), ["ann"]);
  after.impose({ kind: "mute", name: "ann" }, 1);
  assert.deepEqual(store.sanctions(0).map(({ name }) => name), ["ann"]);
  store.close();
});

Deno.test("sanctions: what cannot be stored holds all the same, and says so", () => {
  const store = {
    sanctions: (): Sanction[] => [],
    saveSanction: (): void => {
      throw new StoreError("the disk is full");
    },
  };
  const sanctions = new Sanctions({ clock: new FakeClock(), store });
  assert.equal(sanctions.impose(BAN, 60), "the disk is full");
  const lifted = { count: 1, problem: "the disk is full" };
  assert.deepEqual(sanctions.lift(BAN), lifted);
  sanctions.impose(BAN, 60);
  assert.equal(sanctions.secondsLeft(BAN), 60);
});

Deno.test("sanctions: of too many the first is forgotten", () => {
  const sanctions = new Sanctions({ clock: new FakeClock() });
  for (let i = 0; i <= MAX_SANCTIONS; i++) sanctions.impose({ kind: "ban", name: `n${i}` }, 60);
  const left = ["n0", "n1"].map((name) => sanctions.secondsLeft({ kind: "ban", name }));
  assert.deepEqual(left, [0, 60]);
});
