import assert from "node:assert/strict";
import { Hub } from "../server/hub.ts";
import { MAX_REQUESTS } from "../server/intake.ts";
import { MAX_UNREAD } from "../server/session.ts";
import { PATIENCE } from "../server/delivery.ts";
import { ABUSE_COUNT } from "../server/throttle.ts";
import { FakeClock, joinChat, say, turn } from "./peer.ts";

/** Lets alice and bob in. They have read all that there was, and bob reads no more. */
async function joinSlowBob(
  hub: Hub,
): Promise<Record<"alice" | "bob", ReturnType<typeof joinChat>>> {
  const alice = joinChat(hub, "alice");
  const bob = joinChat(hub, "bob");
  await turn();
  alice.connection.taken();
  bob.connection.taken();
  bob.connection.congested = true;
  return { alice, bob };
}

Deno.test("session: what one turn of the event loop brings is one frame", async () => {
  const hub = new Hub();
  const { connection, session } = joinChat(hub, "alice");
  await turn();
  connection.taken();
  say(session, "one", "two", "three");
  await turn();
  assert.equal(connection.frames.length, 1);
  assert.deepEqual(connection.taken(), ["message one", "message two", "message three"]);
});

Deno.test("session: a congested client waits in the ring, and is told exactly what it missed", async () => {
  const hub = new Hub({ capacity: 3 });
  const { alice, bob } = await joinSlowBob(hub);
  for (const text of ["one", "two", "three", "four", "five", "six"]) {
    say(alice.session, text);
    await turn();
  }
  assert.deepEqual(bob.connection.taken(), []);
  bob.connection.drain();
  await turn();
  assert.deepEqual(bob.connection.taken(), [
    "missed 3 events missed",
    "message four",
    "message five",
    "message six",
  ]);
  assert.equal(hub.counters.missed, 3);
});

Deno.test("session: what a congested client says is published, and what it asks for waits, in order", async () => {
  const hub = new Hub();
  const { alice, bob } = await joinSlowBob(hub);
  say(bob.session, "at once");
  for (const line of ['{"messageType":"ping","data":"p"}', "nonsense"]) bob.session.receive(line);
  bob.session.receive('{"messageType":"join","data":"dev"}');
  say(bob.session, "in dev");
  await turn();
  assert.deepEqual(alice.connection.taken(), ["message at once"]);
  assert.deepEqual(bob.connection.taken(), []);
  bob.connection.drain();
  await turn();
  assert.deepEqual(alice.connection.taken(), ["leave"]);
  assert.deepEqual(bob.connection.taken(), [
    "message at once",
    "pong p",
    "error That is not JSON. Send one object a line.",
    "welcome You are bob in dev",
    "users",
    "join",
    "message in dev",
  ]);
});

Deno.test("session: before it goes to another room, a slow client gets what is due from the old", async () => {
  const hub = new Hub();
  const { alice, bob } = await joinSlowBob(hub);
  say(alice.session, "one");
  await turn();
  say(alice.session, "two");
  bob.session.receive('{"messageType":"join","data":"dev"}');
  await turn();
  bob.connection.drain();
  await turn();
  assert.deepEqual(bob.connection.taken(), [
    "message one",
    "message two",
    "welcome You are bob in dev",
    "users",
    "join",
  ]);
});

Deno.test("session: a client is looked at again after each part of what is due", async () => {
  const hub = new Hub({ clock: new FakeClock() });
  const { alice, bob } = await joinSlowBob(hub);
  say(alice.session, ...Array.from({ length: 100 }, () => "x".repeat(4000)));
  await turn();
  bob.connection.onSend = () => bob.connection.congested = true;
  const sizes: number[] = [];
  for (let received = 0; received < 100;) {
    bob.connection.drain();
    await turn();
    const [frame = "", ...others] = bob.connection.frames.splice(0);
    assert.equal(others.length, 0);
    sizes.push(frame.length);
    received += frame.split("\n").length;
  }
  assert.ok(Math.max(...sizes) < 65_536, String(sizes));
});

Deno.test("session: a message sent again is acknowledged when its sender reads again", async () => {
  const hub = new Hub();
  const { connection, session } = joinChat(hub, "alice");
  const line = '{"messageType":"message","data":"once","ref":"r1"}';
  session.receive(line);
  await turn();
  connection.taken();
  connection.congested = true;
  session.receive(line);
  assert.deepEqual(connection.taken(), []);
  connection.drain();
  await turn();
  assert.deepEqual(connection.taken(), ["ack"]);
});

Deno.test("session: who asks for more and more without reading is let go", () => {
  const hub = new Hub({ rate: 0 });
  const { connection, session } = joinChat(hub, "alice");
  connection.congested = true;
  const ping = '{"messageType":"ping"}';
  const count = Math.floor(MAX_UNREAD / '{"messageType":"pong"}'.length);
  for (let i = 0; i < count; i++) session.receive(ping);
  assert.equal(connection.closeCode, undefined);
  session.receive(ping);
  assert.equal(connection.closeCode, 4429);
  assert.equal(hub.connected.size, 0);
});

Deno.test("session: of what is asked for without reading so much waits, and more and more of it is abuse", () => {
  const hub = new Hub({ rate: 0 });
  const { connection, session } = joinChat(hub, "alice");
  connection.congested = true;
  for (let i = 0; i <= MAX_REQUESTS; i++) session.receive('{"messageType":"users"}');
  assert.equal(hub.counters.refused.get("rate_limited"), undefined);
  for (let i = 1; i < ABUSE_COUNT; i++) session.receive("");
  assert.equal(connection.closeCode, undefined);
  session.receive("");
  assert.equal(connection.closeCode, 4429);
});

Deno.test("session: an answer comes though what is due before it is more than the client reads at once", async () => {
  const hub = new Hub({ clock: new FakeClock() });
  const { alice, bob } = await joinSlowBob(hub);
  say(alice.session, ...Array.from({ length: 40 }, (_, i) => `${i} ${"x".repeat(4000)}`));
  bob.connection.congested = false;
  bob.connection.onSend = () => bob.connection.congested = true;
  bob.session.receive('{"messageType":"ping","data":"p"}');
  bob.session.receive('{"messageType":"join","data":"dev"}');
  const seen: string[] = [];
  while (seen.at(-1) !== "join") {
    seen.push(...bob.connection.taken().map((line) => line.replace(/ x+$/, "")));
    bob.connection.drain();
    await turn();
  }
  const messages = seen.filter((line) => line.startsWith("message"));
  assert.deepEqual(messages, Array.from({ length: 40 }, (_, i) => `message ${i}`));
  assert.deepEqual(seen.slice(40), ["pong p", "welcome You are bob in dev", "users", "join"]);
});

Deno.test("session: at the end of its input a slow client still gets what was published", async () => {
  const hub = new Hub();
  const { connection, session } = joinChat(hub, "alice");
  await turn();
  connection.taken();
  connection.congested = true;
  say(session, "one");
  const finished = session.finish();
  say(joinChat(hub, "bob").session, "two");
  await turn();
  assert.equal(connection.closeCode, undefined);
  connection.drain();
  await finished;
  assert.deepEqual(connection.taken(), ["message one", "join", "message two"]);
  assert.equal(connection.closeCode, 1000);
});

Deno.test("session: what was published in the turn of a shutdown is delivered before the end", async () => {
  const hub = new Hub();
  const alice = joinChat(hub, "alice");
  const bob = joinChat(hub, "bob");
  await turn();
  bob.connection.taken();
  say(alice.session, "last words");
  hub.closeAll();
  assert.deepEqual(bob.connection.taken(), ["message last words"]);
  assert.equal(bob.connection.closeCode, 1001);
});

Deno.test("session: a private message to a congested client is an error to its sender", async () => {
  const hub = new Hub();
  const { alice } = await joinSlowBob(hub);
  alice.session.receive('{"messageType":"message","data":"psst","to":"bob","ref":"p1"}');
  assert.deepEqual(alice.connection.taken(), ["error bob is too far behind to be told."]);
});

Deno.test("session: a client that stays over the high water for 30 s is let go", async () => {
  const clock = new FakeClock();
  const hub = new Hub({ clock });
  const { alice, bob } = await joinSlowBob(hub);
  say(alice.session, "one");
  await turn();
  clock.advance(PATIENCE - 1);
  assert.equal(bob.connection.closeCode, undefined);
  assert.ok(hub.find("bob"));
  clock.advance(1);
  assert.equal(bob.connection.closeCode, 1013);
  await turn();
  assert.deepEqual(alice.connection.taken(), ["message one", "leave"]);
  assert.deepEqual([hub.connected.size, hub.find("bob"), clock.pending], [1, undefined, 0]);
});

Deno.test("session: a client that drains now and then is not let go, however slow it is", async () => {
  const clock = new FakeClock();
  const hub = new Hub({ clock });
  const { alice, bob } = await joinSlowBob(hub);
  for (const text of ["one", "two", "three"]) {
    say(alice.session, text);
    await turn();
    clock.advance(PATIENCE - 1);
    bob.connection.drain();
    bob.connection.onSend = () => bob.connection.congested = true;
    await turn();
  }
  assert.equal(bob.connection.closeCode, undefined);
  assert.deepEqual(bob.connection.taken(), ["message one", "message two", "message three"]);
  clock.advance(PATIENCE);
  assert.equal(bob.connection.closeCode, 1013);
});

Deno.test("session: who does not read a direct message is let go too, though nothing else happens", async () => {
  const clock = new FakeClock();
  const { connection, session } = joinChat(new Hub({ clock }), "alice");
  await turn();
  connection.onSend = () => connection.congested = true;
  session.receive('{"messageType":"rooms"}');
  clock.advance(PATIENCE);
  assert.equal(connection.closeCode, 1013);
});

Deno.test("session: its end takes it out of everything, once", () => {
  const hub = new Hub();
  const { session } = joinChat(hub, "alice");
  session.end(1005);
  session.end(1006);
  assert.deepEqual([hub.connected.size, hub.roomCount, hub.find("alice")], [0, 0, undefined]);
  say(session, "a ghost");
  assert.equal(hub.counters.published, 0);
});

Deno.test("session: who stops reading while a private message is handed over gets the echo later", async () => {
  const hub = new Hub();
  const alice = joinChat(hub, "alice");
  const bob = joinChat(hub, "bob");
  await turn();
  alice.connection.taken();
  bob.connection.onSend = () => alice.connection.congested = true;
  alice.session.receive('{"messageType":"message","data":"psst","to":"bob"}');
  assert.deepEqual(alice.connection.taken(), []);
  alice.connection.drain();
  await turn();
  assert.deepEqual(alice.connection.taken(), ["private psst"]);
});
