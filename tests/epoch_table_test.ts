import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { beginEpoch, EpochTable, MAX_EPOCHS } from "../server/epoch_table.ts";

/** A database in memory with what the tables of epochs need of the others. */
class Fixture {
  readonly db = new DatabaseSync(":memory:");
  /** The epochs, the first one first. */
  readonly epochs: string[] = [];

  constructor() {
    this.db.exec(`
      CREATE TABLE history (epoch TEXT NOT NULL) STRICT;
      INSERT INTO history VALUES ('first');
      CREATE TABLE pages (room TEXT, first INTEGER, last INTEGER) STRICT`);
  }

  /** As a server does when it starts. */
  begin(): EpochTable {
    beginEpoch(this.db);
    this.epochs.push(String(this.db.prepare("SELECT epoch FROM history").get()?.["epoch"]));
    return new EpochTable(this.db);
  }

  /** Stores events of a room up to that id. */
  store(room: string, first: number, last: number): void {
    this.db.prepare("INSERT INTO pages VALUES (?, ?, ?)").run(room, first, last);
  }
}

Deno.test("epochs: each is known after it, with what each room had reached at its end", () => {
  const test = new Fixture();
  test.store("lobby", 1, 2);
  test.begin();
  test.store("lobby", 3, 4);
  test.begin();
  test.store("dev", 1, 3);
  test.begin();
  const table = test.begin();
  const reached = (room: string): (number | undefined)[] =>
    ["first", ...test.epochs.slice(0, 3)].map((epoch) => table.reached(epoch, room));
  assert.deepEqual(reached("lobby"), [2, 4, 4, 4]);
  assert.deepEqual(reached("dev"), [0, 0, 3, 3]);
  assert.deepEqual(reached("nowhere"), [0, 0, 0, 0]);
  assert.equal(new Set(["first", ...test.epochs]).size, 5);
  assert.equal(table.reached("another", "lobby"), undefined);
  test.db.close();
});

Deno.test("epochs: what is known of them is bounded, however often a server starts", () => {
  const test = new Fixture();
  for (let i = 1; i <= MAX_EPOCHS + 5; i++) {
    test.store("lobby", i, i);
    test.begin();
  }
  const table = test.begin();
  const known = test.epochs.filter((epoch) => table.reached(epoch, "lobby") !== undefined);
  assert.deepEqual(known, test.epochs.slice(-MAX_EPOCHS - 1, -1));
  assert.equal(table.reached(known[0] ?? "", "lobby"), 7);
  const rows = test.db.prepare("SELECT count(*) AS count FROM epoch_ends").get()?.["count"];
  assert.ok(Number(rows) <= MAX_EPOCHS + 1, `${rows} rows`);
  test.db.close();
});
