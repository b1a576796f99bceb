import assert from "node:assert/strict";
import { formatChatEvent, MAX_FRAME_BYTES, type RoomEvent, type RoomMessage } from "../protocol.ts";
import {
  BATCH_WEIGHT,
  CHANGE_TIME,
  CROWD,
  MAX_CHANGES,
  type Member,
  PRESENCE_INTERVAL,
  QUIET_INTERVAL,
  Room,
  type Speaker,
} from "../server/room.ts";
import { FakeClock } from "./peer.ts";

function member(name: string): Member {
  return { name, address: "127.0.0.1:9" };
}

function message(data: string, ref?: string): RoomMessage {
  return { messageType: "message", time: 0, from: "alice", address: "127.0.0.1:9", data, ref };
}

/** Somebody who owns refs. */
function speaker(refOwner: string): Speaker {
  return { room: undefined, refOwner, acknowledge: () => {}, notStored: () => {} };
}

function makeRoom(capacity = 1024): { room: Room; clock: FakeClock; events: () => string[] } {
  const clock = new FakeClock();
  const room = new Room("lobby", { clock, capacity, first: 1 });
  const subscription = room.subscribe(0);
  const describe = (event: RoomEvent): string =>
    event.messageType === "presence"
      ? `presence ${event.count}`
      : `${event.messageType} ${event.from}`;
  const events = (): string[] => subscription.take()?.batch.events.map(describe) ?? [];
  return { room, clock, events };
}

/** Lets `count` people in, as sessions do. */
function fill(room: Room, count: number): Member[] {
  return Array.from({ length: count }, (_, i) => {
    const each = member(`m${i}`);
    room.admit(each);
    room.announce(each);
    return each;
  });
}

Deno.test("room: each coming and going is told while there are few", () => {
  const { room, clock, events } = makeRoom();
  const members = fill(room, MAX_CHANGES - 1);
  assert.equal(events().length, MAX_CHANGES - 1);
  room.dismiss(members[0] ?? member(""));
  assert.deepEqual(events(), ["leave m0"]);
  assert.equal(clock.pending, 0);
});

Deno.test("room: more than 20 in a minute are summed up, at most once in 10 s, until there are fewer", () => {
  const { room, clock, events } = makeRoom();
  fill(room, MAX_CHANGES + 5);
  assert.equal(events().length, MAX_CHANGES);
  clock.advance(QUIET_INTERVAL - 1);
  assert.deepEqual(events(), []);
  clock.advance(1);
  assert.deepEqual(events(), [`presence ${MAX_CHANGES + 5}`]);
  clock.advance(CHANGE_TIME - QUIET_INTERVAL);
  fill(room, 1);
  assert.deepEqual(events(), ["join m0"]);
});

Deno.test("room: two who come and go as fast as can be take 6 events a minute, and nothing that was said", () => {
  const { room, clock, events } = makeRoom();
  room.admit(member("reader"));
  room.publish(message("said"));
  let told = 0;
  for (let second = 0; second < 3_600; second++) {
    for (let i = 0; i < 20; i++) {
      const [eve] = fill(room, 1);
      room.dismiss(eve ?? member(""));
    }
    clock.advance(1_000);
    told += events().length;
  }
  assert.equal(told, 1 + MAX_CHANGES + 3_600_000 / QUIET_INTERVAL);
  assert.equal(room.lastMessages(1)[0]?.data, "said");
});

Deno.test("room: in a crowd, presence sums up joins, leaves and renames, at most once in its interval", () => {
  const { room, clock, events } = makeRoom();
  const members = fill(room, CROWD + 50);
  assert.equal(events().length, MAX_CHANGES);
  clock.advance(PRESENCE_INTERVAL);
  assert.deepEqual(events(), [`presence ${CROWD + 50}`]);
  room.renamed(members[3] ?? member(""), "before");
  clock.advance(PRESENCE_INTERVAL - 1);
  assert.deepEqual(events(), []);
  clock.advance(1);
  assert.deepEqual(events(), [`presence ${CROWD + 50}`]);
  clock.advance(PRESENCE_INTERVAL * 5);
  assert.deepEqual(events(), []);
  for (const each of members.slice(0, 20)) room.dismiss(each);
  clock.advance(PRESENCE_INTERVAL);
  assert.deepEqual(events(), [`presence ${CROWD + 30}`]);
});

Deno.test("room: messages are told in a crowd as ever", () => {
  const { room, events } = makeRoom();
  fill(room, CROWD + 1);
  events();
  room.publish(message("hi"));
  assert.deepEqual(events(), ["message alice"]);
});

Deno.test("room: an empty one waits for nothing", () => {
  const { room, clock } = makeRoom();
  const members = fill(room, CROWD + 2);
  assert.equal(clock.pending, 1);
  for (const each of members) room.dismiss(each);
  assert.equal(clock.pending, 0);
});

Deno.test("room: users lists the first 500 names with the true count", () => {
  const { room } = makeRoom();
  fill(room, 600);
  const { dataArray, count } = room.users();
  assert.deepEqual([dataArray.length, dataArray[0], dataArray[499], count], [
    500,
    "m0",
    "m499",
    600,
  ]);
});

Deno.test("room: a ref is known for exactly as long as its message is retained", () => {
  const { room } = makeRoom(2);
  const alice = speaker("alice");
  const ids = (): (number | undefined)[] =>
    ["r1", "r2", "r3"].map((ref) => room.idOf("alice", ref));
  room.publish(message("one", "r1"), alice);
  room.publish(message("two", "r2"), alice);
  assert.deepEqual(ids(), [1, 2, undefined]);
  room.announce(member("bob"));
  assert.deepEqual(ids(), [undefined, 2, undefined]);
  room.publish(message("three", "r3"), alice);
  assert.deepEqual(ids(), [undefined, undefined, 4]);
  room.publish(message("one", "r1"), alice);
  assert.deepEqual(ids(), [5, undefined, 4]);
});

Deno.test("room: a ref belongs to whoever gave it", () => {
  const { room } = makeRoom(3);
  const owners = ["alice", "bob", "eve"];
  for (const owner of owners) room.publish(message(owner, "7"), speaker(owner));
  assert.deepEqual(owners.map((owner) => room.idOf(owner, "7")), [1, 2, 3]);
  assert.equal(room.idOf("mallory", "7"), undefined);
  room.announce(member("bob"));
  assert.deepEqual(owners.map((owner) => room.idOf(owner, "7")), [undefined, 2, 3]);
});

Deno.test("room: no batch is over 64 KiB, whatever its texts take in JSON", () => {
  const { room } = makeRoom();
  const subscription = room.subscribe(0);
  const nasty = ['"', "\\", "\n", "漢", "😀", "é", "a"];
  for (let i = 0; i < 280; i++) {
    const text = nasty[i % nasty.length] ?? "";
    const bytes = new TextEncoder().encode(text).length;
    const size = i % 3 === 0 ? 4096 : 40;
    const ref = `${i}${"\u0000".repeat(120)}`;
    const data = text.repeat(size / bytes);
    room.publish({ ...message(data, ref), from: "漢".repeat(32), action: true });
  }
  let events = 0;
  for (let turn = subscription.take(); turn; turn = subscription.take()) {
    const { first, events: batch } = turn.batch;
    const frame = batch.map((event, index) => formatChatEvent(first + index, event)).join("\n");
    assert.ok(new TextEncoder().encode(frame).length <= BATCH_WEIGHT);
    events += batch.length;
  }
  assert.equal(events, 280);
  assert.ok(BATCH_WEIGHT <= MAX_FRAME_BYTES);
});

Deno.test("room: the last things said, oldest first, without what else happened", () => {
  const { room } = makeRoom(4);
  for (const data of ["one", "two", "three"]) {
    room.publish(message(data));
    room.announce(member("bob"));
  }
  assert.deepEqual(room.lastMessages(1).map(({ data }) => data), ["three"]);
  assert.deepEqual(room.lastMessages(9).map(({ data }) => data), ["two", "three"]);
  assert.deepEqual([1, 2, 3, 9].map((count) => room.beforeLast(count)), [4, 2, 2, 2]);
  assert.equal(room.beforeLast(0), room.newest);
});

Deno.test("room: history counts messages, and has no hole between them", () => {
  const { room } = makeRoom();
  room.publish(message("one"));
  fill(room, 5);
  room.publish(message("two"));
  fill(room, 5);
  assert.deepEqual([1, 2, 3].map((count) => room.beforeLast(count)), [6, 0, 0]);
  assert.equal(room.beforeLast(20), 0);
});
