/**
 * The server over real sockets: literal bytes in and out, each dialect, and wrong input of every
 * kind.
 *
 * @module
 */

import assert from "node:assert/strict";
import { LIST_INTERVAL } from "./server/envelope.ts";
import { FakeClock, Peer, TcpPeer, TestServer } from "./tests/peer.ts";

const NOW = 1_640_000_000_000;

// ---------------------------------------------------------------------------------------------
// chat.v1

Deno.test("chat.v1 register: welcome, users with oneself in it once, then one's own join", async () => {
  await using server = new TestServer({ clock: new FakeClock() });
  await using alice = await server.connectChat();
  alice.send('{"messageType":"register","data":"alice"}');
  const welcome = await alice.json("welcome");
  const { address, epoch, session } = welcome;
  assert.match(String(address), /^127\.0\.0\.1:\d+$/);
  assert.match(String(session), /^[0-9a-f]{32}$/);
  assert.deepEqual(welcome, {
    messageType: "welcome",
    data: "Welcome to chat! Type a message",
    name: "alice",
    address,
    room: "lobby",
    epoch,
    session,
    id: 0,
  });
  assert.equal(
    await alice.line(),
    '{"messageType":"users","dataArray":["alice"],"count":1,"room":"lobby"}',
  );
  assert.equal(
    await alice.line(),
    `{"id":1,"messageType":"join","time":${NOW},"from":"alice","address":"${address}"}`,
  );
});

Deno.test("chat.v1 message: goes to everyone, its sender too, with id, time, sender and address", async () => {
  await using server = new TestServer({ clock: new FakeClock() });
  await using alice = await server.register("alice");
  await using bob = await server.register("bob");
  alice.send('{"messageType":"message","data":"hello","ref":"r1"}');
  const address = alice.welcome["address"];
  const line = `{"id":3,"messageType":"message","time":${NOW},"from":"alice",` +
    `"address":"${address}","data":"hello","ref":"r1"}`;
  assert.equal(await bob.line(), line);
  await alice.json("join");
  assert.equal(await alice.line(), line);
});

Deno.test("chat.v1 message: an action is marked", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  alice.send('{"messageType":"message","data":"waves","action":true}');
  const { data, action } = await alice.json("message");
  assert.deepEqual([data, action], ["waves", true]);
});

Deno.test("chat.v1 message: for a room that its sender is not in it is refused, and said nowhere", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  alice.send('{"messageType":"message","data":"the password","room":"secret","ref":"r1"}');
  alice.send('{"messageType":"message","data":"hello","room":"lobby","ref":"r2"}');
  assert.deepEqual(await alice.json("error"), {
    messageType: "error",
    code: "bad_message",
    data: "You are not in secret but in lobby: this was not said.",
    ref: "r1",
    room: "secret",
  });
  const { id, data, ref } = await alice.json("message");
  assert.deepEqual([id, data, ref], [2, "hello", "r2"]);
});

Deno.test("chat.v1 join: a refused one names its room", async () => {
  await using server = new TestServer({ maxRooms: 1 });
  await using alice = await server.register("alice");
  alice.send('{"messageType":"join","data":"dev"}');
  const { code, room } = await alice.json("error");
  assert.deepEqual([code, room], ["full", "dev"]);
});

Deno.test("chat.v1 frame: several objects come and go in one, and a bad one concerns itself alone", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  await using bob = await server.register("bob");
  bob.send(
    '{"messageType":"message","data":"one"}\nnonsense\n\n{"messageType":"message","data":"two"}\n',
  );
  assert.equal((await bob.json("message"))["data"], "one");
  assert.equal((await bob.json("error"))["code"], "bad_json");
  await alice.json("join");
  const lines = (await alice.frame()).split("\n").map((line) => JSON.parse(line).data);
  assert.deepEqual(lines, ["one", "two"]);
});

Deno.test("chat.v1 history: a newcomer gets the last events, up to the id of the welcome, before its own join", async () => {
  await using server = new TestServer({ history: 2 });
  await using alice = await server.register("alice");
  for (const data of ["one", "two", "three"]) alice.send({ messageType: "message", data });
  await alice.jsonWhere((message) => message["data"] === "three");
  await using bob = await server.connectChat();
  bob.send({ messageType: "register", data: "bob" });
  assert.equal((await bob.json("welcome"))["id"], 4);
  await bob.json("users");
  const history = [await bob.json("message"), await bob.json("message")];
  assert.deepEqual(history.map(({ id, data }) => [id, data]), [[3, "two"], [4, "three"]]);
  assert.equal((await bob.json("join"))["id"], 5);
});

Deno.test("chat.v1 register again: takes another name, told to everyone, without list or history", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  await using bob = await server.register("bob");
  bob.send({ messageType: "register", data: "rob ert" });
  assert.equal((await bob.json("welcome"))["name"], "rob_ert");
  assert.equal((await bob.json("rename"))["from"], "bob");
  await alice.json("join");
  const { from, data, address } = await alice.json("rename");
  assert.deepEqual([from, data, address], ["bob", "rob_ert", bob.welcome["address"]]);
  bob.send({ messageType: "register", data: "rob_ert" });
  await bob.json("welcome");
  alice.send({ messageType: "message", data: "no second rename" });
  await bob.json("message");
});

Deno.test("chat.v1 names: the nearest that is valid and free, in any room", async () => {
  await using server = new TestServer();
  await using _alice = await server.register("alice");
  const wanted = [
    "al ice",
    "alice",
    "ALICE",
    "ａｌｉｃｅ",
    "server",
    "x".repeat(40),
    undefined,
    "",
  ];
  await using peers = new AsyncDisposableStack();
  const got: unknown[] = [];
  for (const data of wanted) {
    const peer = peers.use(await server.connectChat());
    peer.send({ messageType: "register", data, room: "other" });
    got.push((await peer.json("welcome"))["name"]);
  }
  assert.deepEqual(got, [
    "al_ice",
    "alice-2",
    "ALICE-3",
    "ａｌｉｃｅ-4",
    "server-2",
    "x".repeat(32),
    "guest-1",
    "guest-2",
  ]);
});

Deno.test("chat.v1 join: leaves one room for the other, with welcome, users and history there", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  await using bob = await server.register("bob", "dev");
  await alice.expectNothing();
  alice.send({ messageType: "message", data: "last words" });
  alice.send({ messageType: "join", data: "dev" });
  assert.equal((await alice.json("message"))["data"], "last words");
  const { room, id, data } = await alice.json("welcome");
  assert.deepEqual([room, id, data], ["dev", 1, "You are alice in dev"]);
  assert.deepEqual((await alice.json("users"))["dataArray"], ["bob", "alice"]);
  assert.equal((await alice.json("join"))["from"], "bob");
  assert.equal((await alice.json("join"))["from"], "alice");
  assert.equal((await bob.json("join"))["from"], "alice");
});

Deno.test("chat.v1 leave: those who stay are told, whether someone joined another room or hung up", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  const bob = await server.register("bob");
  await alice.json("join");
  bob.send({ messageType: "join", data: "dev" });
  assert.equal((await alice.json("leave"))["from"], "bob");
  bob.send({ messageType: "join", data: "lobby" });
  assert.equal((await alice.json("join"))["from"], "bob");
  await bob[Symbol.asyncDispose]();
  assert.equal((await alice.json("leave"))["from"], "bob");
});

Deno.test("chat.v1 users and rooms: lists with their counts", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  await using _bob = await server.register("bob", "dev");
  alice.send({ messageType: "users" });
  assert.equal(
    await alice.line(),
    '{"messageType":"users","dataArray":["alice"],"count":1,"room":"lobby"}',
  );
  alice.send({ messageType: "rooms" });
  assert.equal(
    await alice.line(),
    '{"messageType":"rooms","dataArray":["lobby","dev"],"counts":[1,1],"count":2}',
  );
});

Deno.test("chat.v1 rooms: made when joined, gone when empty, and made again they go on with their ids", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice", "dev");
  alice.send({ messageType: "join", data: "lobby" });
  await alice.json("welcome");
  alice.send({ messageType: "rooms" });
  const rooms = await alice.jsonWhere(({ messageType }) => messageType === "rooms");
  assert.deepEqual(rooms["dataArray"], ["lobby"]);
  alice.send({ messageType: "join", data: "dev" });
  const welcome = await alice.jsonWhere(({ messageType }) => messageType === "welcome");
  assert.equal(welcome["id"], 2);
});

Deno.test("chat.v1 rooms: what was said in a room that has emptied is not told to newcomers", async () => {
  await using server = new TestServer();
  const alice = await server.register("alice", "dev");
  alice.send({ messageType: "message", data: "our secret plan" });
  await alice.json("message");
  await alice[Symbol.asyncDispose]();
  await using bob = await server.connectChat();
  bob.send({ messageType: "register", data: "bob", room: "dev" });
  assert.equal((await bob.json("welcome"))["id"], 3);
  await bob.json("users");
  assert.equal((await bob.json("join"))["from"], "bob");
});

Deno.test("chat.v1 presence: in a crowd it comes instead of each join", async () => {
  const clock = new FakeClock();
  await using server = new TestServer({ clock });
  await using stack = new AsyncDisposableStack();
  const alice = stack.use(await server.register("alice"));
  for (let i = 0; i < 100; i++) {
    const peer = stack.use(await server.connectChat());
    peer.send({ messageType: "register" });
    await peer.json("welcome");
  }
  // Her own, and 19 more.
  for (let i = 0; i < 19; i++) await alice.json("join");
  clock.advance(10_000);
  assert.equal(
    await alice.line(),
    `{"id":21,"messageType":"presence","time":${NOW + 10_000},"count":101}`,
  );
});

Deno.test("chat.v1 ping: answered by pong with the same data", async () => {
  await using server = new TestServer();
  await using peer = await server.connectChat();
  peer.send('{"messageType":"ping","data":"x"}');
  assert.equal(await peer.frame(), '{"messageType":"pong","data":"x"}');
  peer.send('{"messageType":"ping"}');
  assert.equal(await peer.frame(), '{"messageType":"pong"}');
});

Deno.test("chat.v1 private: goes to both ends and nobody else, into any room", async () => {
  await using server = new TestServer({ clock: new FakeClock() });
  await using alice = await server.register("alice");
  await using carol = await server.register("carol");
  await using bob = await server.register("bob", "dev");
  await alice.json("join");
  alice.send({ messageType: "message", data: "psst", to: "BOB", ref: "p1" });
  const line =
    `{"messageType":"private","time":${NOW},"from":"alice","to":"bob","data":"psst","ref":"p1"}`;
  assert.equal(await bob.line(), line);
  assert.equal(await alice.line(), line);
  alice.send({ messageType: "message", data: "aloud" });
  assert.equal((await carol.json("message"))["data"], "aloud");
});

Deno.test("chat.v1 private: comes after what was said before it, and to oneself once", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  await using bob = await server.register("bob");
  alice.send(
    '{"messageType":"message","data":"first"}\n{"messageType":"message","data":"second","to":"bob"}',
  );
  assert.equal((await bob.json("message"))["data"], "first");
  assert.equal((await bob.json("private"))["data"], "second");
  bob.send({ messageType: "message", data: "note to self", to: "bob" });
  assert.equal((await bob.json("private"))["data"], "note to self");
  await bob.expectNothing();
});

Deno.test("chat.v1 private: to nobody is unknown_user, with its ref", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  alice.send({ messageType: "message", data: "psst", to: "zoe", ref: "p2" });
  assert.equal(
    await alice.line(),
    '{"messageType":"error","code":"unknown_user","data":"Nobody here is called \\"zoe\\".","ref":"p2"}',
  );
});

Deno.test("chat.v1 kick, ban and mute: forbidden to all who are no operators", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  await using bob = await server.register("bob");
  for (const messageType of ["kick", "ban", "mute"]) {
    bob.send({ messageType, data: "alice", seconds: 5 });
    assert.equal((await bob.json("error"))["code"], "forbidden");
  }
  await alice.json("join");
  await alice.expectNothing();
});

Deno.test("chat.v1 ack: a ref that is still in the ring is not published twice", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  alice.send({ messageType: "message", data: "once", ref: "r1" });
  assert.equal((await alice.json("message"))["id"], 2);
  alice.send({ messageType: "message", data: "once", ref: "r1" });
  assert.equal(await alice.line(), '{"messageType":"ack","ref":"r1","id":2}');
  alice.send({ messageType: "message", data: "next" });
  assert.equal((await alice.json("message"))["id"], 3);
});

Deno.test("chat.v1 ?name= and ?room=: defaults of register, no more", async () => {
  await using server = new TestServer();
  await using peer = await server.connectChat("/?name=al%20ice&room=dev");
  await peer.expectNothing();
  peer.send({ messageType: "register" });
  const { name, room } = await peer.json("welcome");
  assert.deepEqual([name, room], ["al_ice", "dev"]);
  await using other = await server.connectChat("/?name=alice&room=dev");
  other.send({ messageType: "register", data: "bob", room: "lobby" });
  const welcome = await other.json("welcome");
  assert.deepEqual([welcome["name"], welcome["room"]], ["bob", "lobby"]);
});

// ---------------------------------------------------------------------------------------------
// chat.v1: resume

/** Registers as `peer` came in before, having seen everything up to `after`. */
function resume(peer: Peer, after: number, fields: object = {}): object {
  const { session, epoch } = peer.welcome;
  return { messageType: "register", session, epoch, after, ...fields };
}

Deno.test("chat.v1 resume: exactly the events after the last seen id, and nobody sees a join or leave", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  const bob = await server.register("bob");
  for (const data of ["one", "two"]) alice.send({ messageType: "message", data });
  await alice.jsonWhere(({ data }) => data === "two");
  await using back = await server.connectChat();
  back.send(resume(bob, 3));
  const { name, id } = await back.json("welcome");
  assert.deepEqual([name, id], ["bob", 4]);
  assert.deepEqual((await back.json("users"))["dataArray"], ["alice", "bob"]);
  const event = await back.json("message");
  assert.deepEqual([event["id"], event["data"]], [4, "two"]);
  assert.equal((await bob.closed).code, 1000);
  back.send({ messageType: "message", data: "here again" });
  assert.equal((await alice.json("message"))["data"], "here again");
});

Deno.test("chat.v1 resume: after a leave was told, a join is told too", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  const bob = await server.register("bob", "lobby");
  await bob[Symbol.asyncDispose]();
  await alice.jsonWhere(({ messageType }) => messageType === "leave");
  await using back = await server.connectChat();
  back.send(resume(bob, 2));
  assert.equal((await back.json("welcome"))["name"], "bob");
  await back.json("users");
  assert.equal((await back.json("leave"))["from"], "bob");
  assert.equal((await back.json("join"))["from"], "bob");
  assert.equal((await alice.json("join"))["from"], "bob");
});

Deno.test("chat.v1 missed: what the ring has overwritten is counted exactly, then comes the oldest event left", async () => {
  await using server = new TestServer({ capacity: 2 });
  await using alice = await server.register("alice");
  const bob = await server.register("bob");
  for (const data of ["one", "two", "three"]) alice.send({ messageType: "message", data });
  await alice.jsonWhere(({ data }) => data === "three");
  await using back = await server.connectChat();
  back.send(resume(bob, 2));
  await back.json("welcome");
  await back.json("users");
  assert.equal(
    await back.line(),
    '{"messageType":"missed","count":1,"data":"1 event missed"}',
  );
  assert.equal((await back.json("message"))["data"], "two");
  assert.equal((await back.json("message"))["data"], "three");
});

Deno.test("chat.v1 resume: again and again, and alone in the room too", async () => {
  await using server = new TestServer();
  const alice = await server.register("alice");
  alice.send({ messageType: "message", data: "one", ref: "r1" });
  await alice.json("message");
  let last = alice;
  for (const isOpen of [true, true, false]) {
    if (!isOpen) await last[Symbol.asyncDispose]();
    const back = await server.connectChat();
    back.send(resume(alice, 1));
    assert.equal((await back.json("welcome"))["name"], "alice");
    await back.json("users");
    assert.equal((await back.json("message"))["data"], "one");
    assert.equal((await last.closed).code, isOpen ? 1000 : 1005);
    last = back;
  }
  await last[Symbol.asyncDispose]();
});

Deno.test("chat.v1 resume: gives nobody what was said before they came, whatever they ask for", async () => {
  await using server = new TestServer({ history: 1 });
  const alice = await server.register("alice", "dev");
  for (const data of ["our secret plan", "hi"]) alice.send({ messageType: "message", data });
  await alice.jsonWhere(({ data }) => data === "hi");
  await using bob = await server.register("bob", "dev");
  await using again = await server.connectChat();
  again.send(resume(bob, 0));
  await again.json("welcome");
  await again.json("users");
  assert.equal((await again.json("message"))["data"], "hi");
  await alice[Symbol.asyncDispose]();
  await again.jsonWhere(({ messageType }) => messageType === "leave");
});

Deno.test("chat.v1 resume: a wrong session or epoch is a new start and gets nobody's name", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  for (const wrong of [{ epoch: "other" }, { session: "0".repeat(32) }, { epoch: undefined }]) {
    await using thief = await server.connectChat();
    thief.send(resume(alice, 0, { data: "alice", ...wrong }));
    assert.equal((await thief.json("welcome"))["name"], "alice-2");
    await thief.jsonWhere(({ messageType, from }) => messageType === "join" && from === "alice-2");
    await thief[Symbol.asyncDispose]();
    await alice.jsonWhere(({ messageType }) => messageType === "leave");
  }
  await alice.expectNothing();
});

Deno.test("chat.v1 resume: into another room is a new start there under the old name", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  const bob = await server.register("bob");
  await alice.json("join");
  await using _carol = await server.register("carol", "dev");
  await using back = await server.connectChat();
  back.send(resume(bob, 1, { room: "dev" }));
  const { name, room, id } = await back.json("welcome");
  assert.deepEqual([name, room, id], ["bob", "dev", 1]);
  await back.json("users");
  assert.equal((await back.json("join"))["from"], "carol");
  assert.equal((await alice.json("leave"))["from"], "bob");
});

// ---------------------------------------------------------------------------------------------
// chat.v1: wrong input

const WRONG: readonly [what: string, sent: string, code: string][] = [
  ["bad JSON", "{", "bad_json"],
  ["an empty frame", "", "bad_json"],
  ["JSON of the wrong shape", "[1]", "bad_message"],
  ["no messageType", "{}", "bad_message"],
  ["an unknown type", '{"messageType":"dance"}', "bad_message"],
  ["a field of the wrong type", '{"messageType":"message","data":5}', "bad_message"],
  ["a missing field", '{"messageType":"message"}', "bad_message"],
  ["an empty message", '{"messageType":"message","data":" \\n"}', "bad_message"],
  ["nothing but control characters", '{"messageType":"message","data":"\\u001b"}', "bad_message"],
  [
    "a message that is too long",
    `{"messageType":"message","data":"${"é".repeat(2049)}"}`,
    "too_long",
  ],
  ["an empty ref", '{"messageType":"message","data":"x","ref":""}', "bad_message"],
  ["a bad room", '{"messageType":"join","data":"Room!"}', "bad_message"],
  ["a bad after", '{"messageType":"register","after":-1}', "bad_message"],
];

for (const [what, sent, code] of WRONG) {
  Deno.test(`chat.v1: ${what} is ${code}, the connection stays and nobody else notices`, async () => {
    await using server = new TestServer();
    await using alice = await server.register("alice");
    await using bob = await server.register("bob");
    bob.send(sent);
    assert.equal((await bob.json("error"))["code"], code);
    bob.send({ messageType: "message", data: "still here" });
    await alice.json("join");
    assert.equal((await alice.json("message"))["data"], "still here");
  });
}

Deno.test("chat.v1: an error names the ref of the message that it concerns", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  alice.send({ messageType: "message", data: "x".repeat(4097), ref: "r9" });
  assert.equal(
    await alice.line(),
    '{"messageType":"error","code":"too_long","data":"The message is over 4096 bytes. Send it in parts.","ref":"r9"}',
  );
});

Deno.test("chat.v1: who has not registered is told so", async () => {
  await using server = new TestServer();
  await using peer = await server.connectChat();
  for (const messageType of ["message", "join", "users", "kick"]) {
    peer.send({ messageType, data: "x" });
    assert.equal((await peer.json("error"))["code"], "not_registered");
  }
});

Deno.test("chat.v1: a message of 4096 bytes arrives whole", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  const data = "é".repeat(2048);
  alice.send({ messageType: "message", data });
  assert.equal((await alice.json("message"))["data"], data);
});

Deno.test("chat.v1: a frame of bytes is refused, one over 64 KiB closes with 1009", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  await using bob = await server.register("bob");
  await alice.json("join");
  alice.socket.send(new Uint8Array([1, 2, 3]));
  assert.equal((await alice.json("error"))["code"], "bad_message");
  alice.send(" ".repeat(65_537));
  assert.equal((await alice.closed).code, 1009);
  assert.equal((await bob.json("leave"))["from"], "alice");
});

Deno.test("chat.v1: what could write to a terminal is removed, newline and tab stay", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  alice.send({ messageType: "message", data: "a\u001b[2J\u009b\u202e\u2066\r\u0007b\n\tc" });
  assert.equal((await alice.json("message"))["data"], "a[2Jb\n\tc");
});

// ---------------------------------------------------------------------------------------------
// Envelope

/** Registers an envelope peer and takes in its first list. */
async function registerEnvelope(server: TestServer, name: string): Promise<Peer> {
  const peer = await server.connect();
  peer.send(`{"messageType":"register","dataArray":null,"data":"${name}"}`);
  await peer.frame();
  return peer;
}

Deno.test("envelope: register with explicit nulls, the list, and a JSON string inside JSON", async () => {
  await using server = new TestServer({ clock: new FakeClock() });
  await using alice = await server.connect();
  alice.send('{"messageType":"register","dataArray":null,"data":"alice"}');
  assert.equal(await alice.frame(), '{"messageType":"users","dataArray":["alice"]}');
  alice.send('{"messageType":"message","dataArray":null,"data":"hi"}');
  assert.equal(
    await alice.frame(),
    '{"messageType":"message","data":"{\\"from\\":\\"alice\\",\\"message\\":\\"hi\\",\\"time\\":1640000000000}"}',
  );
});

Deno.test("envelope: a null name is a guest", async () => {
  await using server = new TestServer();
  await using peer = await server.connect();
  peer.send('{"messageType":"register","dataArray":null,"data":null}');
  assert.equal(await peer.frame(), '{"messageType":"users","dataArray":["guest-1"]}');
});

Deno.test("envelope: a message is preceded by a list that names its sender", async () => {
  const clock = new FakeClock();
  await using server = new TestServer({ clock });
  await using alice = await registerEnvelope(server, "alice");
  await using bob = await server.register("bob");
  bob.send({ messageType: "message", data: "hi", action: true });
  await bob.json("message");
  clock.advance(LIST_INTERVAL);
  assert.equal(await alice.frame(), '{"messageType":"users","dataArray":["alice","bob"]}');
  assert.equal(
    await alice.frame(),
    '{"messageType":"message","data":"{\\"from\\":\\"bob\\",\\"message\\":\\"* bob hi\\",\\"time\\":1640000000000}"}',
  );
});

Deno.test("envelope: the list comes again when people come and go", async () => {
  await using server = new TestServer();
  await using alice = await registerEnvelope(server, "alice");
  const bob = await server.register("bob");
  assert.equal(await alice.frame(), '{"messageType":"users","dataArray":["alice","bob"]}');
  await bob[Symbol.asyncDispose]();
  assert.equal(await alice.frame(), '{"messageType":"users","dataArray":["alice"]}');
});

Deno.test("envelope: before register comes nothing, and no history after it", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  await using alice = await server.connect();
  alice.send('{"messageType":"message","data":"too early"}');
  bob.send({ messageType: "message", data: "not for alice" });
  await bob.json("message");
  alice.send('{"messageType":"register","data":"alice"}');
  assert.equal(await alice.frame(), '{"messageType":"users","dataArray":["bob","alice"]}');
  bob.send({ messageType: "message", data: "for alice" });
  assert.match(await alice.frame(), /for alice/);
});

Deno.test("envelope: what else there is to tell comes as a message from server, who is then listed", async () => {
  const clock = new FakeClock();
  await using server = new TestServer({ clock });
  await using alice = await registerEnvelope(server, "alice");
  await using bob = await server.register("bob");
  alice.send('{"messageType":"dance"}');
  while (
    !(await (await fetch(server.url("http", "/metrics"))).text()).includes('code="bad_message"')
  );
  clock.advance(LIST_INTERVAL);
  assert.equal(await alice.frame(), '{"messageType":"users","dataArray":["alice","bob","server"]}');
  assert.equal(
    await alice.frame(),
    '{"messageType":"message","data":"{\\"from\\":\\"server\\",\\"message\\":' +
      '\\"\\\\\\"messageType\\\\\\" must be \\\\\\"register\\\\\\" or \\\\\\"message\\\\\\".\\",\\"time\\":1640000000000}"}',
  );
  bob.send({ messageType: "message", data: "psst", to: "alice" });
  assert.match(await alice.frame(), /\(private\) psst/);
});

Deno.test("envelope: an empty message is said nowhere, and puts nobody into the list", async () => {
  await using server = new TestServer();
  await using alice = await registerEnvelope(server, "alice");
  for (const data of ["", "  "]) alice.send({ messageType: "message", data });
  alice.send('{"messageType":"message","data":"hi"}');
  assert.match(await alice.frame(), /\\"message\\":\\"hi\\"/);
});

Deno.test("envelope: who only listens at / is told what is expected before it is let go", async () => {
  const clock = new FakeClock();
  await using server = new TestServer({ clock });
  await using silent = await server.connect();
  await using chat = await server.connectChat();
  while ((await (await fetch(server.url("http", "/healthz"))).json()).connections < 2);
  clock.advance(10_000);
  assert.equal(
    await silent.frame(),
    'This path speaks JSON: {"messageType":"register","data":"NAME"}. For plain text, connect to /text.',
  );
  assert.deepEqual([(await silent.closed).code, (await chat.closed).code], [4408, 4408]);
});

Deno.test("a text of characters that are removed alone is refused in every dialect, a blank one is not", async () => {
  await using server = new TestServer();
  await using chat = await server.register("carl");
  await using text = await server.connect("/text?name=tom");
  await using tcp = await TcpPeer.open(server);
  await using eve = await registerEnvelope(server, "eve");
  const hidden = "\u0000\u202E\u0007";
  chat.send({ messageType: "message", data: hidden });
  const { code, data } = await chat.jsonWhere(({ messageType }) => messageType === "error");
  assert.deepEqual([code, data], ["bad_message", "The message is empty."]);
  text.send(" ");
  text.send(hidden);
  while (await text.frame() !== "* The message is empty.");
  await tcp.send(`\n \n${hidden}\n`);
  while (await tcp.line() !== "* The message is empty.");
  eve.send({ messageType: "message", data: hidden });
  while (!(await eve.frame()).includes("The message is empty."));
});

Deno.test("envelope: a first frame that is no JSON object is answered in plain words, and closed", async () => {
  for (const frame of ["hello", "[1]", "null", new Uint8Array([1])]) {
    await using server = new TestServer();
    await using peer = await server.connect();
    peer.socket.send(frame);
    assert.equal(
      await peer.frame(),
      'This path speaks JSON: {"messageType":"register","data":"NAME"}. For plain text, connect to /text.',
    );
    assert.equal((await peer.closed).code, 1003);
  }
});

// ---------------------------------------------------------------------------------------------
// Text over WebSocket

/** Connects a text peer and takes in the welcome and its own join. */
async function connectText(server: TestServer, name: string): Promise<Peer> {
  const peer = await server.connect(`/text?name=${name}`);
  assert.equal(await peer.frame(), "Welcome to chat! Type a message");
  assert.equal(await peer.frame(), `* ${name} joined`);
  return peer;
}

Deno.test("text: welcomed, named by the address, and every message a frame of its own", async () => {
  await using server = new TestServer();
  await using peer = await server.connect("/text");
  assert.equal(await peer.frame(), "Welcome to chat! Type a message");
  const joined = await peer.frame();
  const [, address] = /^\* (127\.0\.0\.1:\d+) joined$/.exec(joined) ?? [];
  assert.notEqual(address, undefined, joined);
  peer.send("hello");
  peer.send("again");
  assert.equal(await peer.frame(), `${address}: hello`);
  assert.equal(await peer.frame(), `${address}: again`);
});

Deno.test("text: everyone gets a message, in every dialect, in the same order", async () => {
  await using server = new TestServer();
  await using text = await connectText(server, "tom");
  await using tcp = await TcpPeer.open(server);
  await tcp.line();
  await tcp.line();
  await using envelope = await registerEnvelope(server, "eve");
  await using chat = await server.register("carl");
  assert.equal(await text.frame(), `* ${tcp.address} joined`);
  text.send("from text");
  await chat.json("message");
  await tcp.send("from tcp\n");
  await chat.json("message");
  envelope.send('{"messageType":"message","data":"from envelope"}');
  await chat.json("message");
  chat.send({ messageType: "message", data: "from chat.v1" });
  const expected = [
    "* eve joined",
    "* carl joined",
    "tom: from text",
    `${tcp.address}: from tcp`,
    "eve: from envelope",
    "carl: from chat.v1",
  ];
  for (const line of expected) {
    assert.equal(await text.frame(), line);
    assert.equal(await tcp.line(), line);
  }
  const said: string[] = [];
  while (said.length < 4) {
    const { messageType, data } = JSON.parse(await envelope.frame());
    if (messageType === "message") said.push(JSON.parse(data).message);
  }
  assert.deepEqual(said, ["from text", "from tcp", "from envelope", "from chat.v1"]);
});

Deno.test("text: a newcomer gets the last messages, and no old joins", async () => {
  await using server = new TestServer({ history: 2 });
  await using tom = await connectText(server, "tom");
  for (const text of ["one", "two", "/me three", "/nick tim"]) tom.send(text);
  while (await tom.frame() !== "* tom is now tim");
  await using ann = await server.connect("/text?name=ann");
  const frames = [await ann.frame(), await ann.frame(), await ann.frame(), await ann.frame()];
  assert.deepEqual(frames, [
    "Welcome to chat! Type a message",
    "tom: two",
    "tom: * three",
    "* ann joined",
  ]);
});

Deno.test("text /nick, /join, /users, /rooms, /me, /msg and //: as the commands say", async () => {
  await using server = new TestServer();
  await using tom = await connectText(server, "tom");
  await using ann = await connectText(server, "ann");
  assert.equal(await tom.frame(), "* ann joined");
  const exchange: [string, ...string[]][] = [
    ["/users", "* 2 in lobby: tom, ann"],
    ["/rooms", "* 1 room: lobby (2)"],
    ["/me waves", "tom: * waves"],
    ["//me is a command", "tom: /me is a command"],
    ["/msg ann psst", "(private) tom to ann: psst"],
    ["/nick t i m", "* You are t_i_m in lobby", "* tom is now t_i_m"],
    ["/join dev", "* You are t_i_m in dev", "* t_i_m joined"],
    ["/JOIN dev", "* You are t_i_m in dev"],
  ];
  for (const [sent, ...expected] of exchange) {
    tom.send(sent);
    for (const frame of expected) assert.equal(await tom.frame(), frame);
  }
  const seen: string[] = [];
  while (seen.at(-1) !== "* t_i_m left") seen.push(await ann.frame());
  assert.deepEqual(seen, [
    "tom: * waves",
    "tom: /me is a command",
    "(private) tom to ann: psst",
    "* tom is now t_i_m",
    "* t_i_m left",
  ]);
});

Deno.test("text /help lists every command, and /quit ends the connection", async () => {
  await using server = new TestServer();
  await using tom = await connectText(server, "tom");
  tom.send("/help");
  const names = "/nick /join /users /rooms /msg /me /token /kick /ban /mute /help /quit //TEXT";
  for (const name of names.split(" ")) assert.equal((await tom.frame()).split(" ")[1], name);
  tom.send("/quit");
  assert.equal((await tom.closed).code, 1000);
});

Deno.test("text: wrong input is answered by a notice, and empty lines by nothing", async () => {
  await using server = new TestServer();
  await using tom = await connectText(server, "tom");
  const exchange: [string, string][] = [
    ["/dance", "* There is no command /dance. /help lists them."],
    ["/nick", "* Usage: /nick NAME"],
    ["/msg ann", "* Usage: /msg NAME TEXT"],
    ["/msg zoe hi", '* Nobody here is called "zoe".'],
    ["/join No Room", "* A room's name is 1 to 32 of a-z, 0-9, _ and -."],
    ["x".repeat(4097), "* The message is over 4096 bytes. Send it in parts."],
  ];
  for (const [sent, expected] of exchange) {
    for (const empty of ["", "  ", "\n"]) tom.send(empty);
    tom.send(sent);
    assert.equal(await tom.frame(), expected);
  }
});

Deno.test("text ?room=: comes into that room at once", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice", "dev");
  await using tom = await server.connect("/text?name=tom&room=dev");
  assert.equal((await alice.json("join"))["from"], "tom");
  await tom.frame();
  assert.equal(await tom.frame(), "* tom joined");
});

Deno.test("text: the later lines of a message are indented, so that none looks like another's", async () => {
  await using server = new TestServer();
  await using tom = await connectText(server, "tom");
  tom.send("one\nbob: forged\n* bob left\n");
  assert.equal(await tom.frame(), "tom: one\n  bob: forged\n  * bob left");
});

// ---------------------------------------------------------------------------------------------
// TCP

/** Connects over TCP and takes in the welcome and its own join. */
async function connectTcp(server: TestServer): Promise<TcpPeer> {
  const peer = await TcpPeer.open(server);
  assert.equal(await peer.line(), "Welcome to chat! Type a message");
  assert.equal(await peer.line(), `* ${peer.address} joined`);
  return peer;
}

Deno.test("tcp: lines go to everyone, several in order, ended by \\n or \\r\\n, empty ones ignored", async () => {
  await using server = new TestServer();
  await using one = await connectTcp(server);
  await using other = await connectTcp(server);
  assert.equal(await one.line(), `* ${other.address} joined`);
  await one.send("first\n\n\r\nsecond\r\nthi");
  await one.send("rd\n");
  for (const text of ["first", "second", "third"]) {
    assert.equal(await one.line(), `${one.address}: ${text}`);
    assert.equal(await other.line(), `${one.address}: ${text}`);
  }
});

Deno.test("tcp: a last line without a newline counts, and comes back before the end", async () => {
  await using server = new TestServer();
  await using one = await connectTcp(server);
  await one.send("goodbye");
  await one.conn.closeWrite();
  assert.equal(await one.line(), `${one.address}: goodbye`);
  await one.end();
});

Deno.test("tcp: bytes that are not UTF-8 are refused, and nobody else notices", async () => {
  await using server = new TestServer();
  await using one = await connectTcp(server);
  await using other = await connectTcp(server);
  await one.line();
  await one.send(new Uint8Array([0x68, 0xff, 0xfe, 0x0a]));
  assert.equal(await one.line(), "* That line is not UTF-8 text.");
  await one.send("caf\u00e9\n");
  assert.equal(await other.line(), `${one.address}: caf\u00e9`);
});

Deno.test("tcp: a character cut in two by the network arrives whole", async () => {
  await using server = new TestServer();
  await using one = await connectTcp(server);
  const bytes = new TextEncoder().encode("\u00e9\u{1F600}\n");
  for (const byte of bytes) await one.send(new Uint8Array([byte]));
  assert.equal(await one.line(), `${one.address}: \u00e9\u{1F600}`);
});

Deno.test("tcp: a line that does not end is refused at the limit, and the connection closed", async () => {
  await using server = new TestServer();
  await using one = await connectTcp(server);
  await one.send("x".repeat(100_000));
  assert.equal(await one.line(), "* A line is over 65536 bytes.");
  await one.end();
});

Deno.test("tcp: a line that is whole and too long is refused and closes too", async () => {
  await using server = new TestServer();
  await using one = await connectTcp(server);
  await one.send(`${"x".repeat(65_537)}\nnot said any more\n`);
  assert.equal(await one.line(), "* A line is over 65536 bytes.");
  await one.end();
  assert.doesNotMatch(server.log.join("\n"), /not said/);
});

Deno.test("tcp /quit: the server closes", async () => {
  await using server = new TestServer();
  await using one = await connectTcp(server);
  await one.send("/quit\nnot said any more\n");
  await one.end();
  assert.doesNotMatch(server.log.join("\n"), /not said/);
});

Deno.test("tcp: a connection that breaks leaves the room", async () => {
  await using server = new TestServer();
  await using one = await connectTcp(server);
  const other = await connectTcp(server);
  await one.line();
  await other[Symbol.asyncDispose]();
  assert.equal(await one.line(), `* ${other.address} left`);
});

// ---------------------------------------------------------------------------------------------
// HTTP

Deno.test("http /healthz: 200 with JSON", async () => {
  await using server = new TestServer();
  await using _alice = await server.register("alice");
  const response = await fetch(server.url("http", "/healthz"));
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { status: "ok", connections: 1 });
});

Deno.test("http /metrics: Prometheus text that counts connections, rooms, messages, deliveries, missed, refused and bytes", async () => {
  await using server = new TestServer({ capacity: 2 });
  await using alice = await server.register("alice");
  await using _bob = await server.register("bob", "dev");
  for (const data of ["one", "two", "three"]) alice.send({ messageType: "message", data });
  await alice.jsonWhere(({ data }) => data === "three");
  await using back = await server.connectChat();
  back.send(resume(alice, 1));
  await back.jsonWhere(({ data }) => data === "three");
  back.send("nonsense");
  await back.json("error");
  const response = await fetch(server.url("http", "/metrics"));
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const all = (await response.text()).split("\n").filter((line) => /^[^#]/.test(line));
  // A socket that was let go is there until its peer has gone.
  const lines = all.filter((line) => !line.startsWith("chat_sockets "));
  assert.deepEqual(lines.slice(0, 9), [
    'chat_connections{dialect="chat.v1"} 2',
    'chat_connections{dialect="envelope"} 0',
    'chat_connections{dialect="text"} 0',
    "chat_rooms 2",
    "chat_connections_total 3",
    "chat_messages_published_total 3",
    "chat_deliveries_total 7",
    "chat_missed_total 1",
    'chat_refused_total{code="bad_json"} 1',
  ]);
  const values = new Map(
    lines.slice(9).map((line) => {
      const [name = "", value] = line.split(" ");
      return [name, Number(value)];
    }),
  );
  const valueOf = (name: string): number => values.get(name) ?? NaN;
  const sent = [
    '{"messageType":"register","data":"alice","room":"lobby"}'.length,
    "nonsense".length,
  ];
  assert.ok(valueOf("chat_received_bytes_total") > sent.reduce((a, b) => a + b));
  assert.ok(valueOf("chat_sent_bytes_total") > 1_000);
  assert.ok(valueOf("chat_flush_seconds_count") >= 2);
  assert.equal(
    valueOf('chat_flush_seconds_bucket{le="+Inf"}'),
    valueOf("chat_flush_seconds_count"),
  );
  assert.ok(valueOf("chat_flush_seconds_sum") > 0 && valueOf("chat_flush_seconds_sum") < 1);
  assert.ok(valueOf("chat_heap_bytes") > 1e6);
  assert.ok(valueOf("process_resident_memory_bytes") > valueOf("chat_heap_bytes"));
});

Deno.test("http /metrics: bytes are those of UTF-8, in and out", async () => {
  await using server = new TestServer();
  const bytes = async (): Promise<number[]> => {
    const lines = (await (await fetch(server.url("http", "/metrics"))).text()).split("\n");
    const names = ["chat_received_bytes_total ", "chat_sent_bytes_total "];
    return names.map((name) =>
      Number(lines.find((line) => line.startsWith(name))?.slice(name.length))
    );
  };
  await using web = await connectText(server, "ann");
  await using nc = await TcpPeer.open(server);
  while (await nc.line() !== `* ${nc.address} joined`);
  assert.equal(await web.frame(), `* ${nc.address} joined`);
  const before = await bytes();
  web.send("é€");
  assert.equal(await web.frame(), "ann: é€");
  assert.equal(await nc.line(), "ann: é€");
  await nc.send("é\n");
  assert.equal(await web.frame(), `${nc.address}: é`);
  assert.equal(await nc.line(), `${nc.address}: é`);
  const after = await bytes();
  const said = nc.address.length + 4;
  // On TCP the newline is a byte, too.
  assert.deepEqual(after.map((now, i) => now - (before[i] ?? 0)), [5 + 3, 10 + 11 + 2 * said + 1]);
});

Deno.test("http GET /: the chat page, with a policy that lets it do nothing but chat", async () => {
  await using server = new TestServer();
  const response = await fetch(server.url("http"));
  assert.equal(response.status, 200);
  assert.match(await response.text(), /^<!DOCTYPE html>/);
  const { headers } = response;
  assert.equal(headers.get("content-type"), "text/html; charset=utf-8");
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.equal(headers.get("referrer-policy"), "no-referrer");
  assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
  assert.equal(
    headers.get("content-security-policy"),
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
      "require-trusted-types-for 'script'; trusted-types 'none'",
  );
});

Deno.test("http: the page's files are sent once, and again only if they have changed", async () => {
  await using server = new TestServer();
  for (const path of ["/", "/protocol.ts", "/web/style.css"]) {
    for (const coding of ["identity", "gzip"]) {
      const url = server.url("http", path);
      const headers = { "accept-encoding": coding };
      const first = await fetch(url, { headers });
      await first.body?.cancel();
      assert.equal(first.headers.get("cache-control"), "no-cache");
      const etag = first.headers.get("etag") ?? "";
      assert.match(etag, coding === "gzip" ? /^"\S{22}-gzip"$/ : /^"\S{22}"$/);
      const again = await fetch(url, { headers: { ...headers, "if-none-match": `"x", ${etag}` } });
      assert.deepEqual([again.status, await again.text()], [304, ""]);
      assert.ok(again.headers.has("content-security-policy"));
      const other = await fetch(url, { headers: { ...headers, "if-none-match": '"x"' } });
      assert.equal(other.status, 200);
      await other.body?.cancel();
    }
  }
});

Deno.test("http: an unknown path is 404, a wrong method 405, /text without an upgrade 426", async () => {
  await using server = new TestServer();
  const expected: [string, string, number][] = [
    ["GET", "/nowhere", 404],
    ["POST", "/nowhere", 404],
    ["POST", "/", 405],
    ["DELETE", "/healthz", 405],
    ["HEAD", "/", 200],
    ["HEAD", "/metrics", 200],
    ["HEAD", "/text", 426],
    ["GET", "/text", 426],
  ];
  for (const [method, path, status] of expected) {
    const response = await fetch(server.url("http", path), { method });
    await response.body?.cancel();
    assert.equal(response.status, status, `${method} ${path}`);
  }
});

/** Sends `head` over a connection of its own, and returns the answer's status line and body. */
async function ask(server: TestServer, head: string): Promise<string[]> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: server.server.addr.port });
  await conn.write(new TextEncoder().encode(`${head}Connection: Upgrade, close\r\n\r\n`));
  let answer = "";
  for await (const text of conn.readable.pipeThrough(new TextDecoderStream())) answer += text;
  const [status = "", ...rest] = answer.split("\r\n");
  return [status, rest.at(-1) ?? ""];
}

const HANDSHAKE = "Host: x\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

Deno.test("http: a bad handshake, room or Host is 400 and says why, and the server goes on", async () => {
  await using server = new TestServer();
  const wrong: [string, string][] = [
    [
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
      "That is no WebSocket handshake: Invalid Header: 'sec-websocket-key' header must be set\n",
    ],
    ["GET / HTTP/1.1\r\nHost: ][\r\n", "The Host header is no host.\n"],
    [
      `GET /text?room=%21 HTTP/1.1\r\n${HANDSHAKE}`,
      "A room's name is 1 to 32 of a-z, 0-9, _ and -.\n",
    ],
  ];
  for (const [head, body] of wrong) {
    assert.deepEqual(await ask(server, head), ["HTTP/1.1 400 Bad Request", body]);
  }
  await using _alice = await server.register("alice");
});

// ---------------------------------------------------------------------------------------------
// The whole

Deno.test("32 clients send 100 messages each, and every client sees all 3200 in the same order", async () => {
  await using server = new TestServer({ capacity: 8192, history: 0 });
  await using stack = new AsyncDisposableStack();
  const peers = await Promise.all(Array.from({ length: 32 }, (_, i) => server.enter(`c${i}`)));
  for (const peer of peers) stack.use(peer);
  for (let i = 0; i < 100; i++) {
    for (const [n, peer] of peers.entries()) {
      peer.send({ messageType: "message", data: `${n}.${i}` });
    }
  }
  const seen = await Promise.all(peers.map(async (peer) => {
    const messages: string[] = [];
    while (messages.length < 3200) {
      const { messageType, id, from, data } = JSON.parse(await peer.line());
      if (messageType === "message") messages.push(`${id} ${from} ${data}`);
    }
    return messages;
  }));
  const [first = []] = seen;
  for (const each of seen) assert.deepEqual(each, first);
  const said = first.map((message) => message.split(" ")[2]);
  assert.equal(new Set(said).size, 3200);
  for (const n of peers.keys()) {
    const own = said.filter((data) => data?.startsWith(`${n}.`));
    assert.deepEqual(own, Array.from({ length: 100 }, (_, i) => `${n}.${i}`));
  }
});

Deno.test("tcp: a peer that does not read is passed by the ring, and told exactly how much it missed", async () => {
  // More than what the kernel's buffers and the ring hold: the ring must pass this peer.
  await using server = new TestServer({ capacity: 64 });
  await using one = await connectTcp(server);
  const count = 6000;
  await one.send(`${"x".repeat(4000)}\n`.repeat(count));
  await one.conn.closeWrite();
  let received = 0;
  let missed = 0;
  for (let line = await one.line(); line !== null; line = await one.line()) {
    const told = /^\* (\d+) events? missed$/.exec(line)?.[1];
    if (told === undefined) received++;
    else missed += Number(told);
  }
  assert.equal(received + missed, count);
  assert.notEqual(missed, 0);
});

Deno.test("log: who connects, what they say as JSON so that no line can be forged, and how they left", async () => {
  await using server = new TestServer({ tcpPort: undefined });
  const tom = await server.connect("/text");
  tom.send("Hello\n2026-11-21T10:00:00.000Z INFO forged");
  await tom.frame();
  const address = (await tom.frame()).split(" ")[1];
  await tom.frame();
  await tom[Symbol.asyncDispose]();
  await using _alice = await server.register("alice");
  assert.deepEqual(server.log.slice(0, 4), [
    `info Server running on 127.0.0.1:${server.server.addr.port}`,
    `info New connection from ${address}`,
    `info From client ${address} "Hello\\n2026-11-21T10:00:00.000Z INFO forged"`,
    `info Disconnected ${address} (1005)`,
  ]);
});

/** Upgrades a raw connection, for a peer that does what no WebSocket client does. */
async function upgradeRaw(server: TestServer, path: string): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.server.addr.port });
  const head = `GET ${path} HTTP/1.1\r\n${HANDSHAKE}Connection: Upgrade\r\n\r\n`;
  await conn.write(new TextEncoder().encode(head));
  return conn;
}

Deno.test("log: a connection that ended without a Close frame has the code 1006", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  const conn = await upgradeRaw(server, "/text?name=tom");
  await alice.json("join");
  conn.close();
  await alice.json("leave");
  assert.match(server.log.at(-1) ?? "", /^info Disconnected 127\.0\.0\.1:\d+ \(1006\)$/);
});

Deno.test("a peer that never answers Close is forgotten all the same", async () => {
  await using server = new TestServer();
  using conn = await upgradeRaw(server, "/");
  // A masked text frame (RFC 6455, section 5.2): "hi", which is no JSON.
  await conn.write(new Uint8Array([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
  let answer = "";
  const buffer = new Uint8Array(4096);
  while (!answer.includes("Not a JSON object")) {
    answer += new TextDecoder().decode(buffer.subarray(0, await conn.read(buffer) ?? 0));
  }
  const health = await fetch(server.url("http", "/healthz"));
  assert.deepEqual(await health.json(), { status: "ok", connections: 0 });
});

Deno.test("log: a private message is not in it", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  alice.send({ messageType: "message", data: "a secret", to: "alice" });
  await alice.json("private");
  assert.doesNotMatch(server.log.join("\n"), /secret/);
});

Deno.test("shutdown: what was accepted is delivered, then everyone is closed with 1001", async () => {
  const server = new TestServer();
  await using alice = await server.register("alice");
  await using tcp = await connectTcp(server);
  await tcp.send("last words\n");
  await alice.jsonWhere(({ data }) => data === "last words");
  const stopped = [server.server.shutdown(), server.server.shutdown(), server.server.finished];
  const { code, reason } = await alice.closed;
  assert.deepEqual([code, reason], [1001, "Server shutting down"]);
  assert.equal(await tcp.line(), `${tcp.address}: last words`);
  await tcp.end();
  await tcp.conn.closeWrite();
  await Promise.all(stopped);
});

Deno.test("serve: a port in use is an error that says so, and leaves nothing open", async () => {
  await using server = new TestServer();
  const { port } = server.server.addr;
  const message = `Cannot listen on 127.0.0.1:${port}: the port is in use. Choose another.`;
  const expected = { name: "AddrInUse", message };
  assert.throws(() => new TestServer({ port }), expected);
  assert.throws(() => new TestServer({ tcpPort: port }), expected);
});

Deno.test("http: a backslash is no slash, so no path leads around a proxy's rules", async () => {
  await using server = new TestServer();
  for (const path of ["/.\\metrics", "/x\\..\\metrics", "/x/.%2e\\metrics"]) {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
    await conn.write(new TextEncoder().encode(head));
    assert.match(await new Response(conn.readable).text(), /^HTTP\/1\.1 400 /, path);
  }
});
