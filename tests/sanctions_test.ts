import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { prepareSanctions, SanctionTable } from "../server/sanction_table.ts";
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
  before.impose({ kind: "mute", name: "ann", token: "key" }, 600);
  before.impose({ kind: "ban", name: "eve" }, 60);
  before.lift({ kind: "ban", name: "eve" });
  const after = new Sanctions({ clock, store });
  assert.equal(after.secondsLeft({ kind: "ban", name: "x", token: "key" }), 60);
  assert.equal(after.secondsLeft({ kind: "mute", name: "x", token: "key" }), 600);
  assert.equal(after.secondsLeft({ kind: "ban", name: "eve" }), 0);
  clock.advance(60_000);
  assert.deepEqual(store.sanctions(clock.elapsed()).map(({ name }) => name), ["ann"]);
  after.impose({ kind: "mute", name: "ann" }, 1);
  assert.deepEqual(store.sanctions(clock.elapsed()).map(({ name }) => name), ["ann"]);
  before.close();
  after.close();
  assert.equal(clock.pending, 0);
  store.close();
});

Deno.test("sanctions: one lasts as long as it was imposed, whatever happens to the time of day", () => {
  const clock = new FakeClock();
  const sanctions = new Sanctions({ clock });
  sanctions.impose(BAN, 60);
  for (const years of [-5, 10, -2]) {
    clock.setBack(years * 31_536_000_000);
    assert.equal(sanctions.secondsLeft(BAN), 60);
  }
  clock.advance(60_000);
  assert.equal(sanctions.secondsLeft(BAN), 0);
});

Deno.test("sanctions: a wrong time of day before a restart, or after it, ends none and lengthens none", () => {
  for (const years of [-5, 5]) {
    const store = openSqlite(":memory:", { keepSessionsUntil: 0 });
    const wrong = new FakeClock();
    wrong.setBack(years * 31_536_000_000);
    const before = new Sanctions({ clock: wrong, store });
    before.impose(BAN, 600);
    wrong.advance(100_000);
    before.close();
    const clock = new FakeClock();
    clock.advance(5_000);
    const after = new Sanctions({ clock, store });
    assert.equal(after.secondsLeft(BAN), 500);
    clock.advance(500_000);
    assert.equal(after.secondsLeft(BAN), 0);
    after.close();
    assert.equal(new Sanctions({ clock: new FakeClock(), store }).secondsLeft(BAN), 0);
    store.close();
  }
});

Deno.test("sanctions: of a process that was killed they last a minute longer at most", () => {
  const store = openSqlite(":memory:", { keepSessionsUntil: 0 });
  const clock = new FakeClock();
  const killed = new Sanctions({ clock, store });
  killed.impose(BAN, 600);
  for (let i = 0; i < 3; i++) clock.advance(60_000);
  clock.advance(59_000);
  const after = new Sanctions({ clock: new FakeClock(), store });
  assert.equal(after.secondsLeft(BAN), 420);
  after.close();
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

Deno.test("sanctions: those in the file of an earlier server go on", () => {
  const db = new DatabaseSync(":memory:");
  db.exec(`CREATE TABLE sanctions (
    kind TEXT NOT NULL, name TEXT NOT NULL, token TEXT, until INTEGER NOT NULL,
    PRIMARY KEY (kind, name)) STRICT, WITHOUT ROWID`);
  const add = db.prepare("INSERT INTO sanctions VALUES ('ban', ?, NULL, ?)");
  add.run("eve", Date.now() + 60_000);
  add.run("ann", Date.now() - 60_000);
  for (let i = 0; i < 2; i++) prepareSanctions(db);
  const [eve, ...others] = new SanctionTable(db).all(1_000);
  assert.deepEqual([eve?.name, others], ["eve", []]);
  assert.ok(eve && eve.until > 1_000 + 30_000 && eve.until <= 1_000 + 61_000);
  db.close();
});
