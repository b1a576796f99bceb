import assert from "node:assert/strict";
import { ABUSE_COUNT, ABUSE_TIME, Throttle } from "../server/throttle.ts";
import { FakeClock } from "./peer.ts";

function make(rate: number, burst: number): { clock: FakeClock; throttle: Throttle } {
  const clock = new FakeClock();
  return { clock, throttle: new Throttle({ clock, rate, burst }) };
}

/** Says something so many times, and returns how often that was too fast. */
function countRefusals(throttle: Throttle, times: number): number {
  let refusals = 0;
  for (let i = 0; i < times; i++) if (throttle.say(undefined) > 0) refusals++;
  return refusals;
}

Deno.test("throttle: a burst passes, then so many a second, and never more than a burst again", () => {
  const { clock, throttle } = make(20, 5);
  clock.advance(10_000);
  assert.equal(countRefusals(throttle, 7), 2);
  clock.advance(1_000);
  assert.equal(countRefusals(throttle, 7), 2);
  clock.advance(3_600_000);
  assert.equal(countRefusals(throttle, 7), 2);
  clock.advance(100);
  assert.equal(countRefusals(throttle, 3), 1);
});

Deno.test("throttle: who waits as long as it is told finds what it needs, to the millisecond", () => {
  const { clock, throttle } = make(3, 1);
  throttle.say(undefined);
  const wait = throttle.say(undefined);
  assert.equal(wait, 334);
  clock.advance(wait - 1);
  assert.equal(throttle.say(undefined), 1);
  clock.advance(1);
  assert.equal(throttle.say(undefined), 0);
});

Deno.test("throttle: a question costs a tenth, and can be asked when nothing can be said", () => {
  const { clock, throttle } = make(1, 1);
  throttle.say(undefined);
  const waits = Array.from({ length: 11 }, () => throttle.ask());
  assert.deepEqual(waits.map((wait) => wait > 0), [...Array(10).fill(false), true]);
  // What was asked is owed.
  assert.equal(throttle.say(undefined), 2_000);
  clock.advance(waits[10] ?? 0);
  assert.equal(throttle.ask(), 0);
});

Deno.test("throttle: what comes behind something refused is refused until that has come again", () => {
  const { clock, throttle } = make(10, 1);
  assert.equal(throttle.say("a"), 0);
  assert.ok(throttle.say("b") > 0);
  clock.advance(1_000);
  // There is a token, and it is for what was refused first.
  assert.deepEqual([throttle.say("c"), throttle.say(undefined)], [100, 200]);
  assert.equal(throttle.say("b"), 0);
  clock.advance(100);
  assert.equal(throttle.say("c"), 0);
});

Deno.test("throttle: what is not sent again holds up the rest for five seconds", () => {
  const { clock, throttle } = make(10, 1);
  throttle.say("a");
  throttle.say("b");
  clock.advance(4_999);
  assert.ok(throttle.say("c") > 0);
  clock.advance(1);
  assert.equal(throttle.say("c"), 0);
});

Deno.test("throttle: a rate of 0 lets all pass", () => {
  const { throttle } = make(0, 1);
  assert.equal(countRefusals(throttle, 10_000), 0);
  assert.equal(throttle.ask(), 0);
});

Deno.test("throttle: a hundred refusals in a minute are abuse, ninety-nine are not", () => {
  const { clock, throttle } = make(1, 1);
  const refuse = (times: number): boolean[] =>
    Array.from({ length: times }, () => throttle.refuse());
  assert.ok(refuse(ABUSE_COUNT - 1).every((isAbuse) => !isAbuse));
  clock.advance(ABUSE_TIME + 1);
  assert.ok(refuse(ABUSE_COUNT - 1).every((isAbuse) => !isAbuse));
  clock.advance(ABUSE_TIME);
  assert.deepEqual(refuse(1), [true]);
});

Deno.test("throttle: a clock of the day that is set back changes nothing", () => {
  const { clock, throttle } = make(10, 1);
  throttle.say(undefined);
  clock.setBack(3_600_000);
  clock.advance(100);
  assert.equal(throttle.say(undefined), 0);
});
