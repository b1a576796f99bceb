import assert from "node:assert/strict";
import { BroadcastQueue, type Subscription, type Turn } from "../server/queue.ts";

/** Publishes `count` events named `e1`, `e2`, ... */
function publish(queue: BroadcastQueue<string>, count: number): void {
  for (let i = 0; i < count; i++) queue.publish(`e${queue.newest + 1}`);
}

function seen(turn: Turn<string> | undefined): string {
  return turn
    ? `missed ${turn.missed}: ${turn.batch.first} ${turn.batch.events.join(" ")}`
    : "nothing";
}

async function nextSeen(subscription: Subscription<string>): Promise<string> {
  const { done, value } = await subscription.next();
  return done ? "done" : seen(value);
}

/** A queue whose turns of the event loop end when the test says so. */
function manualQueue(
  capacity: number,
): { queue: BroadcastQueue<string>; endTurn: () => void; wakes: number } {
  let wake: (() => void) | undefined;
  const manual = {
    queue: new BroadcastQueue<string>({
      capacity,
      schedule: (callback) => {
        manual.wakes++;
        wake = callback;
      },
    }),
    endTurn: () => wake?.(),
    wakes: 0,
  };
  return manual;
}

Deno.test("queue: events get the ids 1, 2, 3", () => {
  const queue = new BroadcastQueue<string>({ capacity: 2 });
  assert.deepEqual([queue.newest, queue.oldest], [0, 1]);
  assert.deepEqual(["a", "b", "c"].map((event) => queue.publish(event)), [1, 2, 3]);
  assert.deepEqual([queue.newest, queue.oldest], [3, 2]);
});

Deno.test("queue: at most capacity events are retained", () => {
  const queue = new BroadcastQueue<string>({ capacity: 2 });
  publish(queue, 3);
  assert.deepEqual([0, 1, 2, 3, 4].map((id) => queue.at(id)), [
    undefined,
    undefined,
    "e2",
    "e3",
    undefined,
  ]);
});

Deno.test("queue: a subscriber gets everything since its last turn as one batch", async () => {
  const queue = new BroadcastQueue<string>({ capacity: 4 });
  const subscription = queue.subscribe(0);
  publish(queue, 2);
  assert.equal(await nextSeen(subscription), "missed 0: 1 e1 e2");
  publish(queue, 3);
  assert.equal(await nextSeen(subscription), "missed 0: 3 e3 e4 e5");
  assert.equal(seen(subscription.take()), "nothing");
});

Deno.test("queue: a waiting subscriber is woken once for all that one turn of the event loop brings", async () => {
  const queue = new BroadcastQueue<string>({ capacity: 4 });
  const next = nextSeen(queue.subscribe(0));
  publish(queue, 3);
  assert.equal(await next, "missed 0: 1 e1 e2 e3");
});

Deno.test("queue: one wake-up a turn is scheduled, and none while nobody waits", async () => {
  const manual = manualQueue(4);
  publish(manual.queue, 2);
  assert.equal(manual.wakes, 0);
  const waiting = [nextSeen(manual.queue.subscribe(2)), nextSeen(manual.queue.subscribe(2))];
  publish(manual.queue, 2);
  assert.equal(manual.wakes, 1);
  manual.endTurn();
  assert.deepEqual(await Promise.all(waiting), ["missed 0: 3 e3 e4", "missed 0: 3 e3 e4"]);
});

Deno.test("queue: subscribers at the same place share one batch", async () => {
  const queue = new BroadcastQueue<string>({ capacity: 4 });
  const turns = [queue.subscribe(0), queue.subscribe(0)].map((each) => each.next());
  publish(queue, 2);
  const [one, other] = await Promise.all(turns);
  assert.equal(one?.value?.batch, other?.value?.batch);
});

Deno.test("queue: who falls behind is told the exact number and goes on with the oldest event left", async () => {
  const queue = new BroadcastQueue<string>({ capacity: 2 });
  const subscription = queue.subscribe(0);
  publish(queue, 5);
  assert.equal(await nextSeen(subscription), "missed 3: 4 e4 e5");
  publish(queue, 1);
  assert.equal(await nextSeen(subscription), "missed 0: 6 e6");
});

Deno.test("queue: a heavy batch is cut, and the rest follows at once", async () => {
  const queue = new BroadcastQueue<string>({
    capacity: 8,
    weigh: (event) => event.length,
    batchWeight: 4,
  });
  const subscription = queue.subscribe(0);
  publish(queue, 5);
  assert.equal(await nextSeen(subscription), "missed 0: 1 e1 e2");
  assert.equal(await nextSeen(subscription), "missed 0: 3 e3 e4");
  assert.equal(await nextSeen(subscription), "missed 0: 5 e5");
  assert.equal(seen(subscription.take()), "nothing");
});

Deno.test("queue: who lags by several batches shares each of them with others at the same place", () => {
  const queue = new BroadcastQueue<string>({ capacity: 8, weigh: () => 1, batchWeight: 2 });
  publish(queue, 5);
  const [one, other] = [queue.subscribe(0), queue.subscribe(0)].map((subscription) =>
    [1, 2, 3].map(() => subscription.take()?.batch)
  );
  assert.deepEqual(one?.map((batch) => batch?.first), [1, 3, 5]);
  one?.forEach((batch, index) => assert.equal(batch, other?.[index]));
});

Deno.test("queue: waiting for an event takes none, so another reader of the place can", async () => {
  const queue = new BroadcastQueue<string>({ capacity: 4 });
  const subscription = queue.subscribe(0);
  const ready = new Promise<void>((resolve) => subscription.whenReady(resolve));
  publish(queue, 1);
  assert.equal(seen(subscription.take()), "missed 0: 1 e1");
  publish(queue, 1);
  await ready;
  assert.equal(seen(subscription.take()), "missed 0: 2 e2");
});

Deno.test("queue: lag is per subscriber", () => {
  const queue = new BroadcastQueue<string>({ capacity: 3 });
  const [slow, fast] = [queue.subscribe(0), queue.subscribe(0)];
  publish(queue, 2);
  assert.equal(seen(fast.take()), "missed 0: 1 e1 e2");
  publish(queue, 2);
  assert.equal(seen(fast.take()), "missed 0: 3 e3 e4");
  assert.equal(seen(slow.take()), "missed 1: 2 e2 e3 e4");
});

Deno.test("queue: missed plus received is what was published, however a subscriber dawdles", () => {
  const queue = new BroadcastQueue<string>({ capacity: 3 });
  const subscription = queue.subscribe(0);
  let accounted = 0;
  for (const count of [1, 3, 4, 7, 2, 20, 1]) {
    publish(queue, count);
    const turn = subscription.take();
    accounted += (turn?.missed ?? 0) + (turn?.batch.events.length ?? 0);
    assert.equal(accounted, queue.newest);
    assert.equal(turn?.batch.events.at(-1), `e${queue.newest}`);
  }
});

Deno.test("queue: a newcomer can begin in the past, and one from the future begins with what comes next", () => {
  const queue = new BroadcastQueue<string>({ capacity: 4 });
  publish(queue, 4);
  assert.equal(seen(queue.subscribe(2).take()), "missed 0: 3 e3 e4");
  const early = queue.subscribe(99);
  assert.equal(seen(early.take()), "nothing");
  publish(queue, 1);
  assert.equal(seen(early.take()), "missed 0: 5 e5");
});

Deno.test("queue: a batch does not change when the ring goes on", () => {
  const queue = new BroadcastQueue<string>({ capacity: 2 });
  const subscription = queue.subscribe(0);
  publish(queue, 2);
  const turn = subscription.take();
  publish(queue, 2);
  assert.equal(seen(turn), "missed 0: 1 e1 e2");
});

Deno.test("queue: ids can begin later than 1", () => {
  const queue = new BroadcastQueue<string>({ capacity: 2, first: 8 });
  assert.deepEqual([queue.newest, queue.oldest], [7, 8]);
  publish(queue, 3);
  assert.deepEqual([queue.at(8), queue.at(9), queue.at(10)], [undefined, "e9", "e10"]);
});

Deno.test("queue: closing ends an iteration that waits", async () => {
  const queue = new BroadcastQueue<string>({ capacity: 2 });
  const subscription = queue.subscribe(0);
  const next = subscription.next();
  subscription.close();
  assert.equal((await next).done, true);
  publish(queue, 1);
  assert.equal(seen(subscription.take()), "nothing");
  assert.equal((await subscription.next()).done, true);
});

Deno.test("queue: a for-await loop sees every event in order and leaves nothing behind", async () => {
  const queue = new BroadcastQueue<string>({ capacity: 4 });
  const events: string[] = [];
  publish(queue, 1);
  for await (const { batch } of queue.subscribe(0)) {
    events.push(...batch.events);
    if (events.length >= 5) break;
    publish(queue, 2);
  }
  assert.deepEqual(events, ["e1", "e2", "e3", "e4", "e5"]);
});

Deno.test("queue: a capacity that is no whole number from 1 is refused", () => {
  for (const capacity of [0, -1, 1.5, NaN]) {
    assert.throws(() => new BroadcastQueue({ capacity }), RangeError);
  }
});

/** A queue of 2 before which the events from `oldest` on are archived. */
function archivedQueue(
  oldest: number,
  reads: number[] = [],
): BroadcastQueue<string> {
  const queue: BroadcastQueue<string> = new BroadcastQueue<string>({
    capacity: 2,
    weigh: () => 1,
    batchWeight: 3,
    archive: {
      oldest: () => oldest,
      read: (first, before) => {
        reads.push(first);
        return Array.from({ length: before - first }, (_, i) => `e${first + i}`);
      },
    },
  });
  return queue;
}

Deno.test("queue: what the ring no longer has is read from the archive, in batches, once for all", () => {
  const reads: number[] = [];
  const queue = archivedQueue(1, reads);
  publish(queue, 9);
  assert.equal(queue.earliest(), 1);
  for (const subscription of [queue.subscribe(1), queue.subscribe(1)]) {
    assert.equal(seen(subscription.take()), "missed 0: 2 e2 e3 e4");
    assert.equal(seen(subscription.take()), "missed 0: 5 e5 e6 e7");
    assert.equal(seen(subscription.take()), "missed 0: 8 e8 e9");
    assert.equal(seen(subscription.take()), "nothing");
  }
  assert.deepEqual(reads, [2, 5]);
});

Deno.test("queue: what the archive no longer has either is missed, exactly", () => {
  const queue = archivedQueue(5);
  publish(queue, 9);
  assert.equal(queue.earliest(), 5);
  const subscription = queue.subscribe(1);
  assert.equal(seen(subscription.take()), "missed 3: 5 e5 e6 e7");
  assert.equal(seen(subscription.take()), "missed 0: 8 e8 e9");
});

Deno.test("queue: who lags from the subscription on is told what it missed, though it is archived", () => {
  const queue = archivedQueue(1);
  publish(queue, 5);
  const subscription = queue.subscribe(0);
  publish(queue, 4);
  assert.equal(seen(subscription.take()), "missed 0: 1 e1 e2 e3");
  assert.equal(seen(subscription.take()), "missed 0: 4 e4 e5 e6");
  assert.equal(seen(subscription.take()), "missed 1: 8 e8 e9");
  publish(queue, 3);
  assert.equal(seen(subscription.take()), "missed 1: 11 e11 e12");
});
