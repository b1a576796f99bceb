import assert from "node:assert/strict";
import type { Connection } from "../server/connection.ts";
import { chatDialect } from "../server/dialects.ts";
import { envelopeDialect, LIST_INTERVAL } from "../server/envelope.ts";
import { Hub } from "../server/hub.ts";
import { Session } from "../server/session.ts";
import { FakeClock } from "./peer.ts";

/** A connection that keeps what is sent, and is as congested as the test wants it. */
class FakeConnection implements Connection {
  readonly address = "127.0.0.1:9";
  readonly frames: string[] = [];
  congested = false;
  closeCode: number | undefined;
  #resume: (() => void) | undefined;

  send(frame: string): void {
    this.frames.push(frame);
  }

  drained(): Promise<void> {
    return new Promise((resolve) => this.#resume = resolve);
  }

  drain(): void {
    this.congested = false;
    this.#resume?.();
  }

  close(code: number): void {
    this.closeCode = code;
  }

  /**
   * Returns and forgets the types of the messages that were sent, with the text of those that have
   * one.
   */
  taken(): string[] {
    const lines = this.frames.splice(0).flatMap((frame) => frame.split("\n"));
    return lines.map((line) => {
      const { messageType, data = "" } = JSON.parse(line);
      return `${messageType} ${data}`.trim();
    });
  }
}

/** Ends the turn of the event loop, in which subscribers are woken. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

function join(hub: Hub, name: string): { connection: FakeConnection; session: Session } {
  const connection = new FakeConnection();
  const session = new Session(hub, connection, { dialect: chatDialect });
  session.receive(`{"messageType":"register","data":"${name}"}`);
  return { connection, session };
}

function say(session: Session, ...texts: string[]): void {
  for (const data of texts) session.receive(JSON.stringify({ messageType: "message", data }));
}

Deno.test("session: what one turn of the event loop brings is one frame", async () => {
  const hub = new Hub();
  const { connection, session } = join(hub, "alice");
  await turn();
  connection.taken();
  say(session, "one", "two", "three");
  await turn();
  assert.equal(connection.frames.length, 1);
  assert.deepEqual(connection.taken(), ["message one", "message two", "message three"]);
});

Deno.test("session: a congested client waits in the ring, and is told exactly what it missed", async () => {
  const hub = new Hub({ capacity: 3 });
  const alice = join(hub, "alice");
  const bob = join(hub, "bob");
  await turn();
  bob.connection.taken();
  bob.connection.congested = true;
  say(alice.session, "one");
  await turn();
  assert.deepEqual(bob.connection.taken(), ["message one"]);
  for (const text of ["two", "three", "four", "five", "six"]) {
    say(alice.session, text);
    await turn();
  }
  assert.deepEqual(bob.connection.taken(), []);
  bob.connection.drain();
  await turn();
  assert.deepEqual(bob.connection.taken(), [
    "missed 2 messages missed",
    "message four",
    "message five",
    "message six",
  ]);
  assert.equal(hub.counters.missed, 2);
});

Deno.test("session: a congested client gets no answers, but what it says is published", async () => {
  const hub = new Hub();
  const alice = join(hub, "alice");
  const bob = join(hub, "bob");
  await turn();
  alice.connection.taken();
  bob.connection.taken();
  bob.connection.congested = true;
  for (const messageType of ["ping", "users", "rooms"]) {
    bob.session.receive(JSON.stringify({ messageType }));
  }
  bob.session.receive("nonsense");
  say(bob.session, "can you hear me");
  await turn();
  assert.deepEqual(alice.connection.taken(), ["message can you hear me"]);
  assert.deepEqual(bob.connection.taken(), ["message can you hear me"]);
});

Deno.test("session: a private message to a congested client is an error to its sender", async () => {
  const hub = new Hub();
  const alice = join(hub, "alice");
  const bob = join(hub, "bob");
  await turn();
  alice.connection.taken();
  bob.connection.congested = true;
  alice.session.receive('{"messageType":"message","data":"psst","to":"bob","ref":"p1"}');
  assert.deepEqual(alice.connection.taken(), ["error bob is too far behind to be told."]);
});

Deno.test("session: its end takes it out of everything, once", () => {
  const hub = new Hub();
  const { session } = join(hub, "alice");
  session.end(1005);
  session.end(1006);
  assert.deepEqual([hub.connected.size, hub.roomCount, hub.find("alice")], [0, 0, undefined]);
  say(session, "a ghost");
  assert.equal(hub.counters.published, 0);
});

Deno.test("envelope: a list that has changed is sent at most once in its interval", async () => {
  const clock = new FakeClock();
  const hub = new Hub({ clock });
  const connection = new FakeConnection();
  const session = new Session(hub, connection, { dialect: envelopeDialect(clock) });
  session.receive('{"messageType":"register","data":"eve"}');
  for (const name of ["ann", "bob", "cat"]) {
    join(hub, name);
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
  join(hub, "dan");
  await turn();
  assert.equal(connection.frames.length, 3);
  join(hub, "eli");
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
  const { session: ann } = join(hub, "ann");
  say(ann, "one", "two", "three");
  ann.end();
  await turn();
  assert.deepEqual(connection.frames.map((frame) => JSON.parse(frame)), [
    { messageType: "users", dataArray: ["eve", "server"] },
    {
      messageType: "message",
      data: '{"from":"server","message":"3 messages missed","time":1640000000000}',
    },
    { messageType: "users", dataArray: ["eve", "server", "ann"] },
    { messageType: "message", data: '{"from":"ann","message":"three","time":1640000000000}' },
  ]);
  session.end();
});
