import assert from "node:assert/strict";
import {
  Hub,
  MAX_EMPTY_ROOMS,
  MAX_EMPTY_SIZE,
  MAX_ENDED,
  type Participant,
  RESUME_TIME,
} from "../server/hub.ts";
import { FakeClock, participant } from "./peer.ts";

function claim(hub: Hub, wanted: string): Participant {
  const someone = participant();
  hub.claim(someone, wanted);
  return someone;
}

/** Lets someone into a room and out again. */
function visit(hub: Hub, name: string): number {
  const room = hub.openRoom(name);
  const visitor = participant();
  room.admit(visitor);
  room.announce(visitor);
  room.dismiss(visitor);
  hub.closeIfEmpty(room);
  return room.newest;
}

Deno.test("hub: a taken name is numbered, and shortened for it if need be", () => {
  const hub = new Hub();
  const long = "x".repeat(32);
  const names = ["bob", "BOB", "bob", long, long, "server"].map((wanted) =>
    claim(hub, wanted).name
  );
  assert.deepEqual(names, ["bob", "BOB-2", "bob-3", long, `${"x".repeat(30)}-2`, "server-2"]);
});

Deno.test("hub: however many want a name, each gets a number of its own", () => {
  const hub = new Hub();
  const names = Array.from({ length: 2000 }, () => claim(hub, "alice").name);
  assert.equal(new Set(names).size, 2000);
  assert.deepEqual(names.slice(0, 3), ["alice", "alice-2", "alice-3"]);
  assert.equal(names.at(-1), "alice-2000");
});

Deno.test("hub: a name is free again when it is released or another is taken", () => {
  const hub = new Hub();
  const bob = claim(hub, "bob");
  hub.claim(bob, "rob");
  const other = claim(hub, "bob");
  assert.deepEqual([bob.name, other.name], ["rob", "bob"]);
  hub.release(bob);
  assert.deepEqual([hub.find("Rob"), hub.find("BOB")], [undefined, other]);
  hub.claim(other, "Bob");
  assert.equal(other.name, "Bob");
});

Deno.test("hub: a guest's number is never given twice, and never a taken name", () => {
  const hub = new Hub();
  claim(hub, "guest-2");
  const names = [1, 2, 3].map(() => {
    const guest = participant();
    hub.claimGuestName(guest);
    hub.release(guest);
    return guest.name;
  });
  assert.deepEqual(names, ["guest-1", "guest-3", "guest-4"]);
});

Deno.test("hub: an empty room is gone for everyone, but goes on with its ids when it is made again", () => {
  const hub = new Hub();
  assert.equal(visit(hub, "dev"), 2);
  assert.deepEqual([hub.roomCount, hub.rooms().dataArray], [0, []]);
  assert.equal(visit(hub, "dev"), 4);
});

Deno.test("hub: of many empty rooms the oldest are forgotten, and still no id comes twice", () => {
  const hub = new Hub();
  visit(hub, "dev");
  assert.equal(visit(hub, "dev"), 4);
  for (let i = 0; i < MAX_EMPTY_ROOMS; i++) visit(hub, `room-${i}`);
  const room = hub.openRoom("dev");
  assert.deepEqual([room.newest, room.beforeLast(9)], [4, 4]);
  assert.equal(hub.openRoom("new").newest, 0);
});

Deno.test("hub: a pass is valid while its connection is there and an hour after, in this epoch alone", () => {
  const clock = new FakeClock();
  const hub = new Hub({ clock });
  const pass = hub.issue(participant());
  clock.advance(RESUME_TIME * 2);
  assert.equal(hub.redeem(pass.secret, hub.epoch), pass);
  assert.equal(hub.redeem(pass.secret, "another"), undefined);
  assert.equal(hub.redeem("f".repeat(32), hub.epoch), undefined);
  hub.retire(pass);
  clock.advance(RESUME_TIME - 1);
  assert.equal(hub.redeem(pass.secret, hub.epoch), pass);
  clock.advance(1);
  assert.equal(hub.redeem(pass.secret, hub.epoch), undefined);
});

Deno.test("hub: a pass that was taken up again does not expire", () => {
  const clock = new FakeClock();
  const hub = new Hub({ clock });
  const pass = hub.issue(participant());
  hub.retire(pass);
  hub.transfer(pass, participant());
  clock.advance(RESUME_TIME * 2);
  assert.equal(hub.redeem(pass.secret, hub.epoch), pass);
});

Deno.test("hub: of many ended sessions the first are forgotten", () => {
  const hub = new Hub({ clock: new FakeClock() });
  const passes = Array.from({ length: MAX_ENDED + 1 }, () => hub.issue(participant()));
  for (const pass of passes) hub.retire(pass);
  const valid = passes.filter((pass) => hub.redeem(pass.secret, hub.epoch));
  assert.deepEqual([valid.length, valid[0]], [MAX_ENDED, passes[1]]);
});

Deno.test("hub: empty rooms with much in them are forgotten sooner, but for the last", () => {
  const hub = new Hub({ capacity: 4_000 });
  const speaker = {
    room: undefined,
    refOwner: "alice",
    acknowledge: (): void => {},
    notStored: (): void => {},
  };
  const fill = (name: string): void => {
    const room = hub.openRoom(name);
    const visitor = participant();
    room.admit(visitor);
    const data = "x".repeat(4_000);
    for (let size = 0; size < MAX_EMPTY_SIZE; size += 4_128) {
      const message = { messageType: "message", time: 1, from: "a", address: "b", data } as const;
      room.publish({ ...message, ref: `${name} ${size}` }, speaker);
    }
    room.remove(visitor);
    hub.closeIfEmpty(room);
  };
  const isKept = (name: string): boolean =>
    hub.openRoom(name).idOf("alice", `${name} 0`) !== undefined;
  fill("one");
  assert.ok(isKept("one"));
  hub.closeIfEmpty(hub.openRoom("one"));
  fill("two");
  assert.deepEqual([isKept("two"), isKept("one")], [true, false]);
});
