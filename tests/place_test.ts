import assert from "node:assert/strict";
import { MAX_LEFT, Place } from "../client/place.ts";
import type { Welcome } from "../protocol.ts";

/** Returns a welcome to a room whose newest event has that id. */
function welcome(room: string, id: number, epoch = "e"): Welcome {
  return {
    messageType: "welcome",
    data: "",
    name: "al",
    address: "x",
    room,
    epoch,
    session: "s",
    id,
  };
}

/** Comes into a room, and takes these events there. Returns what `take` returned for each. */
function visit(place: Place, to: Welcome, ...ids: number[]): (number | undefined)[] {
  place.enter(to);
  return ids.map((id) => place.take(id));
}

Deno.test("place: each event once, and gaps by their size", () => {
  const place = new Place();
  assert.deepEqual(visit(place, welcome("lobby", 5), 4, 5, 6, 6, 9), [0, 0, 0, undefined, 2]);
  assert.deepEqual([place.seen, place.isPast(5), place.isPast(6)], [9, true, false]);
});

Deno.test("place: back in a room, all that happened there meanwhile and is not shown is missed", () => {
  const place = new Place();
  visit(place, welcome("lobby", 0), 1, 2);
  visit(place, welcome("dev", 0), 1);
  assert.deepEqual(visit(place, welcome("lobby", 9), 6, 8), [3, 1]);
  assert.equal(place.isPast(9), true);
  visit(place, welcome("dev", 4));
  assert.deepEqual(visit(place, welcome("lobby", 10), 8, 10, 11), [undefined, 1, 0]);
});

Deno.test("place: what the server says is missed counts where no ids are known, and once", () => {
  const place = new Place();
  place.enter(welcome("lobby", 0));
  place.expectGap(7);
  assert.equal(place.take(8), 7);
  place.expectGap(2);
  assert.equal(place.take(11), 2);
  place.expectGap(4);
  // The connection is cut before what follows, and the server says it again.
  place.enter(welcome("lobby", 16));
  place.expectGap(4);
  assert.equal(place.take(16), 4);
  place.expectGap(9);
  place.enter(welcome("dev", 3));
  assert.equal(place.take(2), 0);
});

Deno.test("place: what was seen of another history, or of a longer one, does not count", () => {
  const place = new Place();
  visit(place, welcome("lobby", 0), 1, 2);
  visit(place, welcome("dev", 0, "other"), 1);
  assert.deepEqual(visit(place, welcome("lobby", 9, "other"), 9), [0]);
  assert.deepEqual(visit(place, welcome("lobby", 3, "other"), 2), [0]);
});

Deno.test("place: it knows the rooms that were left last, and how far it was", () => {
  const place = new Place();
  for (let room = 0; room <= MAX_LEFT; room++) visit(place, welcome(`r${room}`, 0), 1);
  visit(place, welcome("r0", 1));
  visit(place, welcome("last", 0), 1);
  assert.deepEqual(visit(place, welcome("r0", 1), 1), [undefined], "it was left after r1");
  visit(place, welcome("r1", 1));
  visit(place, welcome("more", 0), 1);
  visit(place, welcome("still more", 0), 1);
  assert.deepEqual(visit(place, welcome("r2", 1), 1), [0], "it is forgotten");
});

Deno.test("place: who takes another's place is shown the history, and told of what lies between", () => {
  const cases: [seen: number, to: Welcome, first: number, missed: number, seenBefore: number][] = [
    [3, welcome("lobby", 9), 9, 5, 3],
    [3, welcome("lobby", 9), 2, 0, 3],
    [3, welcome("lobby", 1), 9, 0, 0],
    [3, welcome("dev", 9), 9, 0, 0],
    [0, welcome("lobby", 9), 9, 0, 0],
  ];
  for (const [seen, to, first, missed, seenBefore] of cases) {
    const place = new Place({ welcome: welcome("lobby", 0), seen });
    place.enter(to);
    assert.equal(place.seen, seenBefore);
    assert.equal(place.take(first), missed);
    assert.equal(place.seen, first);
  }
});
