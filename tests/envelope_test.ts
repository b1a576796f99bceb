import assert from "node:assert/strict";
import { envelopeDialect, LIST_INTERVAL } from "../server/envelope.ts";
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
  connection.frames.length = 0;
  clock.advance(LIST_INTERVAL);
  assert.deepEqual(connection.frames, ['{"messageType":"users","dataArray":["eve","server"]}']);
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
