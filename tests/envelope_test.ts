import assert from "node:assert/strict";
import { envelopeDialect, LIST_INTERVAL, MAX_GONE } from "../server/envelope.ts";
import { Hub } from "../server/hub.ts";
import { Session } from "../server/session.ts";
import { FakeClock, FakeConnection, joinChat, say, turn } from "./peer.ts";

Deno.test("envelope: a list that has changed is sent at most once in its interval", async () => {
  const clock = new FakeClock();
  const hub = new Hub({ clock });
  const connection = new FakeConnection();
  const session = new Session(hub, connection, { dialect: envelopeDialect(clock) });
  session.receive('{"messageType":"register","data":"eve"}');
  for (const name of ["ann", "bob", "cat"]) {
    joinChat(hub, name);
    await turn();
  }
  assert.equal(connection.frames.length, 1);
  clock.advance(LIST_INTERVAL - 1);
  assert.equal(connection.frames.length, 1);
  clock.advance(1);
  assert.deepEqual(connection.frames.slice(1), [
    '{"messageType":"users","dataArray":["eve","ann","bob","cat"]}',
  ]);
  clock.advance(LIST_INTERVAL * 4);
  assert.equal(connection.frames.length, 2);
  joinChat(hub, "dan");
  await turn();
  assert.equal(connection.frames.length, 3);
  joinChat(hub, "eli");
  await turn();
  session.end();
  assert.equal(clock.pending, 0);
});

Deno.test("envelope: missed comes as a message from server, and who spoke and left is listed with it", async () => {
  const clock = new FakeClock();
  const hub = new Hub({ clock, capacity: 2 });
  const connection = new FakeConnection();
  const session = new Session(hub, connection, { dialect: envelopeDialect(clock) });
  session.receive('{"messageType":"register","data":"eve"}');
  await turn();
  connection.frames.length = 0;
  const { session: ann } = joinChat(hub, "ann");
  say(ann, "one", "two", "three");
  ann.end();
  await turn();
  assert.deepEqual(connection.frames.map((frame) => JSON.parse(frame)), [
    { messageType: "users", dataArray: ["eve", "server"] },
    {
      messageType: "message",
      data: '{"from":"server","message":"3 events missed","time":1640000000000}',
    },
    { messageType: "users", dataArray: ["eve", "server", "ann"] },
    { messageType: "message", data: '{"from":"ann","message":"three","time":1640000000000}' },
  ]);
  session.end();
});

/** A client that looks up the sender of every message that it ever drew in the newest list. */
class Lookup {
  readonly senders = new Set<string>();
  list: readonly string[] = [];
  lists = 0;

  take(frame: string): void {
    const { messageType, dataArray, data } = JSON.parse(frame);
    if (messageType === "users") {
      this.list = dataArray;
      this.lists++;
    } else this.senders.add(JSON.parse(data).from);
    for (const sender of this.senders) assert.ok(this.list.includes(sender), `${sender}: ${frame}`);
  }
}

Deno.test("envelope: who has spoken stays in the list after leaving and after a rename", async () => {
  const clock = new FakeClock();
  const hub = new Hub({ clock, rate: 0 });
  const connection = new FakeConnection();
  const session = new Session(hub, connection, { dialect: envelopeDialect(clock) });
  const client = new Lookup();
  session.receive('{"messageType":"register","data":"eve"}');
  const { session: ann } = joinChat(hub, "ann");
  say(ann, "hi");
  ann.receive('{"messageType":"register","data":"anna"}');
  await turn();
  const { session: bob } = joinChat(hub, "bob");
  say(bob, "I am off");
  bob.end();
  for (let i = 0; i < 5; i++) {
    await turn();
    clock.advance(LIST_INTERVAL);
  }
  for (const frame of connection.frames) client.take(frame);
  assert.deepEqual(client.list, ["eve", "anna", "ann", "bob"]);
  session.end();
});

Deno.test("envelope: of those who spoke and are gone, the last stay in the list", async () => {
  const clock = new FakeClock();
  const hub = new Hub({ clock, rate: 0 });
  const connection = new FakeConnection();
  const session = new Session(hub, connection, { dialect: envelopeDialect(clock) });
  session.receive('{"messageType":"register","data":"eve"}');
  const { session: ann } = joinChat(hub, "n0");
  for (let i = 1; i <= MAX_GONE + 3; i++) {
    say(ann, "hi");
    ann.receive(`{"messageType":"register","data":"n${i}"}`);
    await turn();
  }
  clock.advance(10 * LIST_INTERVAL);
  const { dataArray } = JSON.parse(
    connection.frames.findLast((frame) => frame.includes('"users"')) ?? "",
  );
  assert.equal(dataArray.length, 2 + MAX_GONE);
  assert.ok(!dataArray.includes("n0") && dataArray.includes(`n${MAX_GONE + 2}`));
  session.end();
});

Deno.test("envelope: however often names change, four lists a second come, and every sender is listed", async () => {
  const clock = new FakeClock();
  const hub = new Hub({ clock, rate: 0 });
  const connection = new FakeConnection();
  const session = new Session(hub, connection, { dialect: envelopeDialect(clock) });
  session.receive('{"messageType":"register","data":"eve"}');
  const { session: ann } = joinChat(hub, "ann");
  const client = new Lookup();
  for (let i = 0; i < 200; i++) {
    ann.receive(`{"messageType":"register","data":"n${i}"}`);
    say(ann, `${i}`);
    await turn();
    clock.advance(10);
  }
  clock.advance(LIST_INTERVAL);
  for (const frame of connection.frames) client.take(frame);
  // Two seconds, and those that may come at once.
  assert.ok(client.lists <= 4 + 2 * 4 + 2, `${client.lists} lists`);
  assert.equal(client.senders.size, 200);
  const said = connection.frames.filter((frame) => frame.includes('"message"')).map((frame) =>
    JSON.parse(JSON.parse(frame).data).message
  );
  assert.deepEqual(said, Array.from({ length: 200 }, (_, i) => `${i}`));
  session.end();
});

Deno.test("envelope: one list comes before all that a turn brings, however many spoke", async () => {
  const clock = new FakeClock();
  const hub = new Hub({ clock });
  const connection = new FakeConnection();
  const session = new Session(hub, connection, { dialect: envelopeDialect(clock) });
  session.receive('{"messageType":"register","data":"eve"}');
  await turn();
  connection.frames.length = 0;
  for (const name of ["ann", "bob", "cat"]) say(joinChat(hub, name).session, "hi");
  await turn();
  const types = connection.frames.map((frame) => JSON.parse(frame).messageType);
  assert.deepEqual(types, ["users", "message", "message", "message"]);
  session.end();
});

Deno.test("envelope: who was turned away is not let in by what had come behind", () => {
  const hub = new Hub();
  const connection = new FakeConnection();
  const session = new Session(hub, connection, { dialect: envelopeDialect(new FakeClock()) });
  session.receive("hello");
  session.receive('{"messageType":"register","data":"eve"}');
  assert.deepEqual([connection.closeCode, hub.roomCount], [1003, 0]);
  assert.equal(connection.frames.length, 1);
  session.end();
});
