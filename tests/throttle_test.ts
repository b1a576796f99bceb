import assert from "node:assert/strict";
import {
  ABUSE_COUNT,
  ABUSE_TIME,
  ADDRESS_FACTOR,
  ASK_COST,
  Bucket,
  Buckets,
  MAX_ENTRY_WAIT,
  SAY_COST,
  Throttle,
} from "../server/throttle.ts";
import { FakeClock } from "./peer.ts";

function makeBucket(rate: number, burst: number): { clock: FakeClock; bucket: Bucket } {
  const clock = new FakeClock();
  return { clock, bucket: new Bucket({ clock, rate, burst }) };
}

/** Makes throttles of connections, on one clock and with the same buckets. */
class Fixture {
  readonly clock = new FakeClock();
  readonly buckets: Buckets;

  constructor(rate: number, burst: number) {
    this.buckets = new Buckets({ clock: this.clock, rate, burst });
  }

  /** Connects from an address; who is new has a bucket of their own. */
  connect(address: string, own = this.buckets.create()): Throttle {
    const throttle = new Throttle(this.clock, this.buckets.ofAddress(address));
    throttle.use(own);
    return throttle;
  }
}

/** Returns how long each of so many messages waits. */
function waits(throttle: Throttle, count: number): number[] {
  return Array.from({ length: count }, () => throttle.reserve(SAY_COST));
}

Deno.test("bucket: a burst passes at once, then so many a second, and never more than a burst again", () => {
  const { clock, bucket } = makeBucket(20, 5);
  const say = (count: number): number[] =>
    Array.from({ length: count }, () => bucket.reserve(SAY_COST));
  clock.advance(10_000);
  assert.deepEqual(say(7), [0, 0, 0, 0, 0, 50, 100]);
  clock.advance(100);
  assert.deepEqual(say(1), [50]);
  clock.advance(3_600_000);
  assert.deepEqual(say(6), [0, 0, 0, 0, 0, 50]);
});

Deno.test("bucket: a wait is over to the millisecond", () => {
  const { clock, bucket } = makeBucket(3, 1);
  bucket.reserve(SAY_COST);
  assert.equal(bucket.reserve(SAY_COST), 334);
  clock.advance(333);
  assert.equal(bucket.wait(), 0, "less than a millisecond is no wait");
  clock.advance(1);
  assert.equal(bucket.reserve(SAY_COST), 333);
});

Deno.test("bucket: what is put back was not taken", () => {
  const { bucket } = makeBucket(1, 1);
  bucket.reserve(SAY_COST);
  bucket.reserve(ASK_COST - SAY_COST);
  assert.equal(bucket.reserve(SAY_COST), 100);
});

Deno.test("bucket: a rate of 0 lets all pass", () => {
  const { bucket } = makeBucket(0, 1);
  for (let i = 0; i < 10_000; i++) assert.equal(bucket.reserve(SAY_COST), 0);
});

Deno.test("bucket: a clock of the day that is set back changes nothing", () => {
  const { clock, bucket } = makeBucket(10, 1);
  bucket.reserve(SAY_COST);
  clock.setBack(3_600_000);
  clock.advance(100);
  assert.equal(bucket.reserve(SAY_COST), 0);
});

Deno.test("throttle: who comes again finds the bucket that they left", () => {
  const all = new Fixture(1, 2);
  const own = all.buckets.create();
  assert.deepEqual(waits(all.connect("192.0.2.1:1", own), 3), [0, 0, 1_000]);
  assert.deepEqual(waits(all.connect("198.51.100.1:1", own), 1), [2_000]);
  assert.deepEqual(waits(all.connect("192.0.2.1:2", all.buckets.ofToken("t")), 2), [0, 0]);
  assert.deepEqual(waits(all.connect("192.0.2.1:3", all.buckets.ofToken("t")), 1), [1_000]);
});

Deno.test("throttle: an address has ten times as much, however many come from it", () => {
  const all = new Fixture(1, 2);
  for (let i = 0; i < ADDRESS_FACTOR; i++) {
    assert.deepEqual(waits(all.connect(`192.0.2.1:${i}`), 2), [0, 0]);
  }
  assert.deepEqual(waits(all.connect("192.0.2.1:99"), 2), [100, 200]);
  assert.deepEqual(waits(all.connect("192.0.2.2:1"), 2), [0, 0], "another one has its own");
});

Deno.test("throttle: all of one IPv6 network, and an IPv4 address written as IPv6, are one address", () => {
  const all = new Fixture(1, 1);
  for (let i = 0; i < ADDRESS_FACTOR; i++) waits(all.connect(`[2001:db8::${i}]:1`), 1);
  assert.deepEqual(waits(all.connect("[2001:db8::ffff:1]:1"), 1), [100]);
  for (let i = 0; i < ADDRESS_FACTOR; i++) waits(all.connect("192.0.2.1:1"), 1);
  assert.deepEqual(waits(all.connect("[::ffff:192.0.2.1]:1"), 1), [100]);
});

Deno.test("throttle: coming in is paid for by the address, and refused when that owes too much", () => {
  const all = new Fixture(1, 1);
  const comeIn = (): number | undefined => all.connect("192.0.2.1:1").reserveEntry(false);
  for (let i = 0; i < ADDRESS_FACTOR; i++) assert.equal(comeIn(), 0);
  for (let wait = 100; wait <= MAX_ENTRY_WAIT + 100; wait += 100) assert.equal(comeIn(), wait);
  assert.equal(comeIn(), undefined);
  assert.equal(comeIn(), undefined, "what is refused costs nothing");
  all.clock.advance(100);
  assert.equal(comeIn(), MAX_ENTRY_WAIT + 100);
});

Deno.test("throttle: twenty wrong tokens at once and one a second, and nobody else waits for them", () => {
  const all = new Fixture(20, 100);
  const guess = (): number | undefined => all.connect("192.0.2.1:1").reserveEntry(true);
  for (let i = 0; i < 20; i++) assert.equal(guess(), 0);
  // At once or one after the other: it is the same.
  const waits = Array.from({ length: 700 }, guess);
  assert.deepEqual(waits.slice(0, 7), [1_000, 2_000, 3_000, 4_000, 5_000, 6_000, undefined]);
  assert.ok(waits.slice(6).every((wait) => wait === undefined));
  assert.equal(all.connect("192.0.2.1:1").reserveEntry(false), 0);
  assert.equal(all.connect("192.0.2.1:1").reserve(SAY_COST), 0);
  all.clock.advance(60_000);
  for (let i = 0; i < 100; i++) {
    const right = all.connect("192.0.2.1:1");
    assert.equal(right.reserveEntry(true), 0);
    right.returnGuess();
  }
});

Deno.test("throttle: a ping waits for nothing, but counts, and is refused to those who owe much", () => {
  const all = new Fixture(1, 1);
  const throttle = all.connect("192.0.2.1:1");
  for (let i = 0; i < 10; i++) assert.equal(throttle.reservePing(), 0);
  assert.deepEqual(waits(throttle, 1), [1_000]);
  for (let i = 0; i < 41; i++) assert.equal(throttle.reservePing(), 0);
  assert.equal(throttle.reservePing(), 5_100);
});

Deno.test("throttle: the addresses that are remembered are bounded, and the last ones stay", () => {
  const { buckets } = new Fixture(1, 1);
  const first = buckets.ofAddress("192.0.2.1:1");
  for (let i = 0; i < 9_999; i++) buckets.ofAddress(`10.0.${i >> 8}.${i & 255}:1`);
  assert.equal(buckets.ofAddress("192.0.2.1:2"), first);
  buckets.ofAddress("198.51.100.1:1");
  assert.equal(buckets.ofAddress("192.0.2.1:3"), first);
  for (let i = 0; i < 10_000; i++) buckets.ofAddress(`10.1.${i >> 8}.${i & 255}:1`);
  assert.notEqual(buckets.ofAddress("192.0.2.1:4"), first);
});

Deno.test("throttle: a hundred refusals in a minute are abuse, ninety-nine are not", () => {
  const all = new Fixture(1, 1);
  const throttle = all.connect("192.0.2.1:1");
  const refuse = (times: number): boolean[] =>
    Array.from({ length: times }, () => throttle.refuse());
  assert.ok(refuse(ABUSE_COUNT - 1).every((isAbuse) => !isAbuse));
  all.clock.advance(ABUSE_TIME + 1);
  assert.ok(refuse(ABUSE_COUNT - 1).every((isAbuse) => !isAbuse));
  all.clock.advance(ABUSE_TIME);
  assert.deepEqual(refuse(1), [true]);
});
