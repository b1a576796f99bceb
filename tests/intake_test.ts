import assert from "node:assert/strict";
import type { LineReceiver, Receiver } from "../server/connection.ts";
import {
  FAIR_SHARE,
  Intake,
  LINE_WEIGHT,
  MAX_AHEAD,
  MAX_OWN,
  MAX_REQUESTS,
  MAX_WAITING,
  TURN_WEIGHT,
} from "../server/intake.ts";

/** A line of which a turn takes in exactly four. */
const QUARTER = "x".repeat(TURN_WEIGHT / 4 - LINE_WEIGHT);

/** An intake whose turns begin when the test says so, and all that it passes on, in that order. */
class Fixture {
  readonly passed: string[] = [];
  /** Those who take nothing more until their promise resolves. */
  readonly busy = new Map<string, PromiseWithResolvers<void>>();
  readonly intake = new Intake({ schedule: (begin) => this.#begin = begin });
  #begin: (() => void) | undefined;

  nextTurn(): void {
    const begin = this.#begin;
    this.#begin = undefined;
    begin?.();
  }

  /** Has someone take nothing more until the returned function is called. */
  hold(name: string): () => Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.busy.set(name, { promise, resolve, reject: resolve });
    return async () => {
      this.busy.delete(name);
      resolve();
      await promise;
    };
  }

  /** Connects someone; a line of theirs is noted as their name and its first character. */
  connect(name: string, split?: (frame: string) => readonly string[]): Receiver {
    const note = (what: string): void => void this.passed.push(`${name} ${what}`);
    const receiver: LineReceiver = {
      ready: () => this.busy.get(name)?.promise,
      overtake: (line) => line === "ping" && this.passed.push(`${name} pong`) > 0,
      overflow: (line) => note(`overflow ${line.charAt(0)}`),
      gone: () => {},
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

Deno.test("intake: no more than 64 MiB wait, and nothing is lost or passes what came before it", () => {
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

Deno.test("intake: what is sent to those who are not ready waits, in order, and delays nobody else", async () => {
  const all = new Fixture();
  const [alice, bob] = [all.connect("alice"), all.connect("bob")];
  const letGo = all.hold("alice");
  for (const line of "abc") alice.receive(line);
  alice.end(1001);
  bob.receive("d");
  all.nextTurn();
  assert.deepEqual(all.passed.splice(0), ["alice a", "bob d"]);
  await letGo();
  all.nextTurn();
  assert.deepEqual(all.passed, ["alice b", "alice c", "alice end 1001"]);
});

Deno.test("intake: a ping overtakes what waits", () => {
  const all = new Fixture();
  const alice = all.connect("alice", (frame) => frame.split(" "));
  all.hold("alice");
  alice.receive("a b ping c");
  assert.deepEqual(all.passed, ["alice a", "alice pong"]);
});

Deno.test("intake: what does not fit behind something that waits is refused, by number and by size", () => {
  const all = new Fixture();
  const [alice, bob] = [all.connect("alice"), all.connect("bob")];
  for (const name of ["alice", "bob"]) all.hold(name);
  for (let i = 0; i < MAX_REQUESTS + 2; i++) alice.receive(String(i % 10));
  assert.deepEqual(all.passed.splice(0), ["alice 0", "alice overflow 9"]);
  const long = "x".repeat(4_250);
  bob.receive("b");
  for (let i = 0; i < 50; i++) bob.receive(long);
  assert.deepEqual(all.passed.splice(0), ["bob b"], "fifty of the longest messages fit");
  for (let weight = 50 * (long.length + LINE_WEIGHT); weight <= MAX_OWN; weight += long.length) {
    bob.receive(long);
  }
  assert.equal(all.passed.at(-1), "bob overflow x");
});

Deno.test("intake: the bounds hold for what was waiting for its turn before", () => {
  const all = new Fixture();
  const [alice, bob] = [all.connect("alice"), all.connect("bob")];
  for (let i = 0; i < 4; i++) bob.receive(QUARTER);
  for (let i = 0; i < MAX_REQUESTS + 4; i++) alice.receive(i < MAX_REQUESTS + 1 ? "a" : "z");
  alice.end(1001);
  all.passed.length = 0;
  const letGo = all.hold("alice");
  all.nextTurn();
  assert.deepEqual(all.passed, [
    "alice a",
    "alice overflow z",
    "alice overflow z",
    "alice overflow z",
  ]);
  return letGo();
});

Deno.test("intake: when much waits on the whole server, each connection still has its share", () => {
  const all = new Fixture();
  const count = Math.ceil(MAX_WAITING / (MAX_OWN - 5_000));
  const long = "x".repeat(4_250);
  const flooders = Array.from({ length: count }, (_, i) => all.connect(`flooder ${i}`));
  for (const [i, flooder] of flooders.entries()) {
    flooder.receive("a");
    all.hold(`flooder ${i}`);
    all.nextTurn();
    flooder.receive("b");
    while (!all.passed.at(-1)?.includes("overflow")) flooder.receive(long);
  }
  const late = all.connect("late");
  all.hold("late");
  late.receive("a");
  all.nextTurn();
  all.passed.length = 0;
  for (let weight = 0; weight + 1_100 <= FAIR_SHARE; weight += 1_100) {
    late.receive("x".repeat(1_000));
  }
  assert.deepEqual(all.passed, []);
  for (let i = 0; i < 2; i++) late.receive("x".repeat(1_000));
  assert.deepEqual(all.passed.at(-1), "late overflow x");
});
