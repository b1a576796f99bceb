import assert from "node:assert/strict";
import type { Receiver } from "../server/connection.ts";
import { Intake, LINE_WEIGHT, MAX_AHEAD, MAX_WAITING, TURN_WEIGHT } from "../server/intake.ts";

/** A line of which a turn takes in exactly four. */
const QUARTER = "x".repeat(TURN_WEIGHT / 4 - LINE_WEIGHT);

/** An intake whose turns begin when the test says so, and all that it passes on, in that order. */
class Fixture {
  readonly passed: string[] = [];
  readonly intake = new Intake({ schedule: (begin) => this.#begin = begin });
  #begin: (() => void) | undefined;

  nextTurn(): void {
    const begin = this.#begin;
    this.#begin = undefined;
    begin?.();
  }

  /** Connects someone; a line of theirs is noted as their name and its first character. */
  connect(name: string, split?: (frame: string) => readonly string[]): Receiver {
    const note = (what: string): void => void this.passed.push(`${name} ${what}`);
    const receiver: Receiver = {
      ready: () => undefined,
      receive: (line) => {
        if (line === "throw") throw new Error("a fault");
        note(line.charAt(0));
      },
      refuse: (reason) => note(`refuse ${reason}`),
      finish: () => Promise.resolve(note("finish")),
      end: (code) => note(`end ${code}`),
      fail: (error) => note(`fail ${error instanceof Error ? error.message : error}`),
    };
    return this.intake.pace(receiver, split);
  }
}

Deno.test("intake: what a turn has room for is passed on at once", () => {
  const all = new Fixture();
  const alice = all.connect("alice");
  for (const start of "abcd") alice.receive(start + QUARTER.slice(1));
  assert.deepEqual(all.passed, ["alice a", "alice b", "alice c", "alice d"]);
});

Deno.test("intake: what is more waits for the next turns, in order, and the end behind it", () => {
  const all = new Fixture();
  const alice = all.connect("alice");
  for (const start of "abcdefghi") alice.receive(start + QUARTER.slice(1));
  alice.refuse("bytes");
  alice.end(1001);
  assert.equal(all.passed.length, 4);
  all.nextTurn();
  assert.deepEqual(all.passed.splice(0), "abcdefgh".split("").map((start) => `alice ${start}`));
  all.nextTurn();
  assert.deepEqual(all.passed, ["alice i", "alice refuse bytes", "alice end 1001"]);
});

Deno.test("intake: who floods the server delays themselves, not the others", () => {
  const all = new Fixture();
  const [mallory, alice, bob] = ["mallory", "alice", "bob"].map((name) => all.connect(name));
  for (let i = 0; i < 100; i++) mallory?.receive(QUARTER);
  for (const start of "ab") alice?.receive(start);
  bob?.receive("c");
  all.passed.length = 0;
  all.nextTurn();
  assert.deepEqual(all.passed.slice(0, 4), ["mallory x", "alice a", "bob c", "mallory x"]);
  assert.ok(all.passed.includes("alice b"));
});

Deno.test("intake: the lines of one frame are paced like those of many", () => {
  const all = new Fixture();
  all.connect("alice", (frame) => frame.split("\n")).receive(Array(6).fill(QUARTER).join("\n"));
  assert.equal(all.passed.length, 4);
  all.nextTurn();
  assert.equal(all.passed.length, 6);
});

Deno.test("intake: no more than 16 MiB wait, and nothing is lost or passes what came before it", () => {
  const all = new Fixture();
  const alice = all.connect("alice");
  const count = MAX_WAITING / (TURN_WEIGHT / 4) + 10;
  for (let i = 0; i < count; i++) alice.receive(`${i % 10}${QUARTER.slice(1)}`);
  assert.equal(all.passed.length, 10);
  while (all.passed.length < count) all.nextTurn();
  assert.deepEqual(all.passed, Array.from({ length: count }, (_, i) => `alice ${i % 10}`));
});

Deno.test("intake: the bound holds for long lines behind many short ones", () => {
  const all = new Fixture();
  const mallory = all.connect("mallory");
  const lengths: number[] = [];
  const send = (length: number): void => {
    lengths.push(length);
    mallory.receive("x".repeat(length));
  };
  for (let i = 0; i < 100_000; i++) send(0);
  for (let i = 0; i < 500; i++) send(60_000);
  const waiting = lengths.slice(all.passed.length);
  assert.ok(waiting.reduce((sum, length) => sum + LINE_WEIGHT + length, 0) <= MAX_WAITING);
});

Deno.test("intake: at a shutdown all that waits is passed on", () => {
  const all = new Fixture();
  const [alice, bob] = ["alice", "bob"].map((name) => all.connect(name));
  for (const start of "abcdefghijkl") alice?.receive(start + QUARTER.slice(1));
  bob?.receive("m");
  all.intake.flush();
  assert.deepEqual(all.passed.filter((line) => line.startsWith("alice")).length, 12);
  assert.ok(all.passed.includes("bob m"));
});

Deno.test("intake: a fault in one receiver is told to that one, and the others go on", () => {
  const all = new Fixture();
  const [alice, bob] = ["alice", "bob"].map((name) => all.connect(name));
  for (let i = 0; i < 4; i++) bob?.receive(QUARTER);
  alice?.receive("throw");
  bob?.receive("b");
  all.passed.length = 0;
  all.nextTurn();
  assert.deepEqual(all.passed, ["alice fail a fault", "bob b"]);
});

Deno.test("intake: finishing waits until all that came before has been passed on", async () => {
  const all = new Fixture();
  const alice = all.connect("alice");
  for (const start of "abcde") alice.receive(start + QUARTER.slice(1));
  const finished = alice.finish();
  all.nextTurn();
  await finished;
  assert.deepEqual(all.passed.slice(3), ["alice d", "alice e", "alice finish"]);
});

Deno.test("intake: who has brought much is asked to wait until most of it was taken", async () => {
  const all = new Fixture();
  const [alice, bob] = [all.connect("alice"), all.connect("bob")];
  for (let i = 0; i < 4; i++) alice.receive(QUARTER);
  assert.equal(alice.ready(), undefined);
  let brought = 0;
  while (alice.ready() === undefined) {
    alice.receive(QUARTER);
    brought += QUARTER.length + LINE_WEIGHT;
  }
  assert.ok(brought > MAX_AHEAD && brought <= MAX_AHEAD + QUARTER.length + LINE_WEIGHT);
  assert.equal(bob.ready(), undefined);
  let isReady = false;
  const ready = alice.ready()?.then(() => isReady = true);
  await undefined;
  assert.equal(isReady, false);
  all.nextTurn();
  await ready;
  assert.equal(alice.ready(), undefined);
});
