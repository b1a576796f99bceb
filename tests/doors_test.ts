import assert from "node:assert/strict";
import { parseTokens } from "../server/tokens.ts";
import { Peer, TcpPeer, TestServer } from "./peer.ts";

const TOKENS = `t-op   olga   operator
t-bob  Bob
t-any  *`;

function guarded(options: ConstructorParameters<typeof TestServer>[0] = {}): TestServer {
  return new TestServer({ tokens: parseTokens(TOKENS), ...options });
}

/** Comes in with a token, and takes in all up to its own join. */
async function comeIn(server: TestServer, token: string, fields: object = {}): Promise<Peer> {
  const peer = await server.connectChat();
  peer.send({ messageType: "register", token, ...fields });
  peer.welcome = await peer.json("welcome");
  const { name } = peer.welcome;
  await peer.jsonWhere(({ messageType, from }) => messageType === "join" && from === name);
  return peer;
}

/** Resumes a session. */
async function comeInAgain(server: TestServer, fields: object): Promise<Peer> {
  const peer = await server.connectChat();
  peer.send({ messageType: "register", ...fields });
  peer.welcome = await peer.json("welcome");
  return peer;
}

/** Tries to come in. Returns what it was told, and the close code. */
async function isTurnedAway(server: TestServer, fields: object): Promise<unknown[]> {
  const peer = await server.connectChat();
  peer.send({ messageType: "register", ...fields });
  const { code, data } = await peer.json("error");
  const closed = await peer.closed;
  return [code, data, closed.code, closed.reason];
}

/** Does something as an operator. Returns the server's word about it, or the error's code. */
async function moderate(peer: Peer, fields: object): Promise<unknown> {
  peer.send(fields);
  const { messageType, from, data, code } = await peer.jsonWhere(({ messageType }) =>
    messageType === "private" || messageType === "error"
  );
  if (messageType === "private") assert.equal(from, "server");
  return messageType === "error" ? code : data;
}

Deno.test("token file: nobody takes part without a token, and a wrong one is none", async () => {
  await using server = guarded();
  const none = "A token is needed here.";
  assert.deepEqual(await isTurnedAway(server, { data: "al" }), ["unauthorized", none, 4401, none]);
  const wrong = "That token is not valid.";
  const answer = ["unauthorized", wrong, 4401, wrong];
  assert.deepEqual(await isTurnedAway(server, { token: "t-opx" }), answer);
  assert.deepEqual(await isTurnedAway(server, { token: "" }), answer);
});

Deno.test("token file: a token gives its name, and nobody else gets that name", async () => {
  await using server = guarded();
  await using any = await comeIn(server, "t-any", { data: "bob" });
  assert.equal(any.welcome["name"], "bob-2");
  await using bob = await comeIn(server, "t-bob", { data: "alice" });
  assert.equal(bob.welcome["name"], "Bob");
  bob.send({ messageType: "register", data: "robert" });
  assert.equal((await bob.json("welcome"))["name"], "Bob");
  any.send({ messageType: "register", data: "OLGA" });
  const { name } = await any.jsonWhere(({ messageType }) => messageType === "welcome");
  assert.equal(name, "OLGA-2");
});

Deno.test("token file: a second login takes over from the first; of any name, both stay", async () => {
  await using server = guarded();
  await using first = await comeIn(server, "t-bob");
  await using second = await comeIn(server, "t-bob");
  assert.equal(second.welcome["name"], "Bob");
  const { code, reason } = await first.closed;
  assert.deepEqual([code, reason], [1000, "Somebody came in with the same token"]);
  await using one = await comeIn(server, "t-any", { data: "ann" });
  await using two = await comeIn(server, "t-any", { data: "ann" });
  assert.deepEqual([one.welcome["name"], two.welcome["name"]], ["ann", "ann-2"]);
  await one.jsonWhere(({ from }) => from === "ann-2");
  await one.expectNothing();
});

Deno.test("token file: who takes over from themselves, alone in a room, is in that room", async () => {
  await using server = guarded();
  await using _first = await comeIn(server, "t-bob");
  await using second = await comeIn(server, "t-bob");
  second.send({ messageType: "rooms" });
  const rooms = await second.jsonWhere(({ messageType }) => messageType === "rooms");
  assert.deepEqual([rooms["dataArray"], rooms["counts"]], [["lobby"], [1]]);
});

Deno.test("token file: who resumes while another login has the token takes over from that", async () => {
  await using server = guarded();
  const first = await comeIn(server, "t-bob");
  const { session, epoch } = first.welcome;
  await first[Symbol.asyncDispose]();
  await using second = await comeIn(server, "t-bob");
  await using back = await server.connectChat();
  back.send({ messageType: "register", token: "t-bob", session, epoch, after: 1 });
  assert.equal((await back.json("welcome"))["name"], "Bob");
  assert.equal((await second.closed).code, 1000);
});

Deno.test("token file: who resumes needs the token, too, and goes on without a leave", async () => {
  await using server = guarded();
  await using watcher = await comeIn(server, "t-op");
  await using bob = await comeIn(server, "t-bob");
  const { session, epoch } = bob.welcome;
  const [code] = await isTurnedAway(server, { session, epoch, after: 2 });
  assert.equal(code, "unauthorized");
  await using back = await server.connectChat();
  back.send({ messageType: "register", token: "t-bob", session, epoch, after: 2 });
  assert.equal((await back.json("welcome"))["name"], "Bob");
  await watcher.jsonWhere(({ from }) => from === "Bob");
  await watcher.expectNothing();
});

Deno.test("token file: another's session is worth nothing with one's own token", async () => {
  await using server = guarded();
  await using bob = await comeIn(server, "t-bob");
  const { session, epoch } = bob.welcome;
  await using any = await comeIn(server, "t-any", { data: "eve", session, epoch, after: 0 });
  assert.equal(any.welcome["name"], "eve");
  bob.send({ messageType: "ping", data: "still here" });
  await bob.jsonWhere(({ data }) => data === "still here");
});

Deno.test("token file: an envelope client brings its token in register", async () => {
  await using server = guarded();
  await using eve = await server.connect();
  eve.send({ messageType: "register", data: "eve", dataArray: null, token: "t-bob" });
  assert.equal(await eve.frame(), '{"messageType":"users","dataArray":["Bob"]}');
  await using none = await server.connect();
  none.send({ messageType: "register", data: "eve" });
  assert.equal((await none.closed).code, 4401);
});

Deno.test("token file: over text the first line is /token, and anything else is the last", async () => {
  await using server = guarded();
  await using bob = await TcpPeer.open(server);
  await bob.send("\n/token t-bob\nhello\n/token t-bob\n");
  const lines = [];
  while (lines.length < 4) lines.push(await bob.line());
  assert.deepEqual(lines, [
    "Welcome to chat! Type a message",
    "* Bob joined",
    "Bob: hello",
    "* You are in already: no token is needed.",
  ]);
  for (const first of ["hello", "/nick bob", "/nope", "/token", "/quit"]) {
    await using peer = await server.connect("/text");
    peer.send(first);
    assert.equal(await peer.frame(), "* A token is needed here: begin with /token TOKEN.");
    assert.equal((await peer.closed).code, 4401);
  }
  await using wrong = await TcpPeer.open(server);
  await wrong.send("/token t-b\nhello\n");
  assert.equal(await wrong.line(), "* That token is not valid.");
  await wrong.end();
});

Deno.test("token file: ?name= and ?room= count behind a token of any name", async () => {
  await using server = guarded();
  await using ann = await server.connect("/text?name=ann&room=dev");
  ann.send("/token t-any");
  assert.equal(await ann.frame(), "Welcome to chat! Type a message");
  assert.equal(await ann.frame(), "* ann joined");
  ann.send("/users");
  assert.equal(await ann.frame(), "* 1 in dev: ann");
});

Deno.test("no token file: a token is not needed, and says so over text", async () => {
  await using server = new TestServer();
  await using al = await server.connectChat();
  al.send({ messageType: "register", data: "al", token: "whatever" });
  await al.json("welcome");
  await using tom = await server.connect("/text?name=tom");
  tom.send("/token whatever");
  while (await tom.frame() !== "* You are in already: no token is needed.");
});

Deno.test("kick: sends a person away once; only for operators", async () => {
  await using server = guarded();
  await using op = await comeIn(server, "t-op");
  await using bob = await comeIn(server, "t-bob");
  await using tom = await server.connect("/text?name=tom");
  tom.send("/token t-any");
  await op.jsonWhere(({ from }) => from === "tom");
  assert.equal(await moderate(bob, { messageType: "kick", data: "tom" }), "forbidden");
  assert.equal(await moderate(op, { messageType: "kick", data: "olga" }), "forbidden");
  assert.equal(await moderate(op, { messageType: "kick", data: "nobody" }), "unknown_user");
  assert.equal(await moderate(op, { messageType: "kick", data: "BOB" }), "Bob is kicked.");
  const { code, reason } = await bob.closed;
  assert.deepEqual([code, reason], [4403, "olga has kicked you"]);
  while (await tom.frame() !== "* Bob left");
  assert.equal(await moderate(op, { messageType: "kick", data: "tom" }), "tom is kicked.");
  while (await tom.frame() !== "* olga has kicked you.");
  assert.equal((await tom.closed).code, 4403);
  await using again = await comeIn(server, "t-bob");
  assert.equal(again.welcome["name"], "Bob");
});

Deno.test("kick: who is still talking gets the code all the same, once they are quiet", async () => {
  await using server = guarded();
  await using op = await comeIn(server, "t-op");
  await using bob = await comeIn(server, "t-bob");
  let said = 0;
  const timer = setInterval(() => {
    // A client stops when it is not answered any more.
    if (bob.socket.readyState !== WebSocket.OPEN || said++ > 60) clearInterval(timer);
    else for (let i = 0; i < 20; i++) bob.send({ messageType: "ping" });
  }, 2);
  await bob.json("pong");
  op.send({ messageType: "kick", data: "bob" });
  const { code } = await bob.closed;
  clearInterval(timer);
  assert.equal(code, 4403);
});

Deno.test("kick: by an operator whose name fills a Close frame", async () => {
  const name = "\u{10400}".repeat(32);
  await using server = new TestServer({ tokens: parseTokens(`t-op ${name} operator\nt-any *`) });
  await using op = await comeIn(server, "t-op");
  await using ann = await comeIn(server, "t-any", { data: "ann" });
  assert.equal(await moderate(op, { messageType: "kick", data: "ann" }), "ann is kicked.");
  const { code, reason } = await ann.closed;
  assert.deepEqual([code, reason], [4403, "\u{10400}".repeat(30)]);
});

Deno.test("ban: keeps a name and its token out, until it ends or is lifted", async () => {
  await using server = guarded();
  await using op = await comeIn(server, "t-op");
  await using eve = await comeIn(server, "t-any", { data: "eve" });
  const ban = { messageType: "ban", data: "eve", seconds: 60 };
  assert.equal(await moderate(op, ban), "eve is banned for 60 seconds.");
  assert.deepEqual([(await eve.closed).code], [4403]);
  for (const data of ["eve", "EVE", "\u0435ve", "eve-2", "other"]) {
    const [code, text, closeCode] = await isTurnedAway(server, { token: "t-any", data });
    assert.deepEqual([code, closeCode], ["forbidden", 4403]);
    assert.match(String(text), /^You are banned for another (60|59) seconds\.$/);
  }
  const lift = await moderate(op, { messageType: "ban", data: "eve", seconds: 0 });
  assert.equal(lift, "eve is not banned any more.");
  await using free = await comeIn(server, "t-any", { data: "eve" });
  assert.equal(free.welcome["name"], "eve");
});

Deno.test("ban: no session and no connection that the token has made leads around it", async () => {
  await using server = guarded();
  await using op = await comeIn(server, "t-op");
  const early = await comeIn(server, "t-any", { data: "early" });
  await early[Symbol.asyncDispose]();
  await using spare = await comeIn(server, "t-any", { data: "spare" });
  await using eve = await comeIn(server, "t-any", { data: "eve" });
  assert.equal(
    await moderate(op, { messageType: "ban", data: "eve", seconds: 60 }),
    "eve is banned for 60 seconds. So is everyone else with the same token: 1.",
  );
  const { code, reason } = await spare.closed;
  assert.deepEqual([code, reason], [4403, "olga has banned your token for 60 seconds"]);
  for (const { welcome: { session, epoch } } of [early, spare, eve]) {
    assert.equal((await isTurnedAway(server, { token: "t-any", session, epoch }))[2], 4403);
  }
  await using tcp = await TcpPeer.open(server);
  await tcp.send("/token t-any\n");
  assert.match(await tcp.line() ?? "", /^\* You are banned for another \d+ seconds\.$/);
  await tcp.end();
});

Deno.test("ban, mute: of who took another name, or left, hold for the token that they had", async () => {
  await using server = guarded();
  await using op = await comeIn(server, "t-op");
  await using eve = await comeIn(server, "t-any", { data: "eve" });
  eve.send({ messageType: "register", data: "mallory" });
  await op.jsonWhere(({ data }) => data === "mallory");
  const more = "Nobody here has that name now. So is everyone else with the same token: 1.";
  assert.equal(
    await moderate(op, { messageType: "mute", data: "eve", seconds: 60 }),
    `eve is muted for 60 seconds. ${more}`,
  );
  eve.send({ messageType: "message", data: "hi" });
  assert.equal((await eve.jsonWhere(({ code }) => code !== undefined))["code"], "muted");
  await eve[Symbol.asyncDispose]();
  await op.jsonWhere(({ messageType, from }) => messageType === "leave" && from === "mallory");
  await moderate(op, { messageType: "ban", data: "mallory", seconds: 60 });
  assert.equal((await isTurnedAway(server, { token: "t-any", data: "new" }))[2], 4403);
});

Deno.test("ban: a person who is called by their address can be banned, and that be lifted", async () => {
  await using server = guarded();
  await using op = await comeIn(server, "t-op");
  await using tom = await TcpPeer.open(server);
  await tom.send("/token t-any\n");
  const { from } = await op.jsonWhere(({ messageType }) => messageType === "join");
  assert.equal(from, tom.address);
  const ban = { messageType: "ban", data: tom.address, seconds: 60 };
  assert.equal(await moderate(op, ban), `${tom.address} is banned for 60 seconds.`);
  const lift = { ...ban, seconds: 0 };
  assert.equal(await moderate(op, lift), `${tom.address} is not banned any more.`);
  await using _free = await comeIn(server, "t-any", { data: "free" });
  assert.equal(await moderate(op, { ...lift, data: "nobody" }), "nobody was not banned.");
});

Deno.test("mute: nobody gets a muted name who did not ask for it", async () => {
  await using server = guarded();
  await using op = await comeIn(server, "t-op");
  for (const data of ["ann-2", "guest-1"]) await moderate(op, { messageType: "mute", data });
  await using _ann = await comeIn(server, "t-any", { data: "ann" });
  await using other = await comeIn(server, "t-any", { data: "ann" });
  await using guest = await comeIn(server, "t-any");
  assert.deepEqual([other.welcome["name"], guest.welcome["name"]], ["ann-3", "guest-2"]);
});

Deno.test("ban: of who is not here holds for the name and, if it has one, its token", async () => {
  await using server = guarded();
  await using op = await comeIn(server, "t-op");
  const word = "Bob is banned for 600 seconds. Nobody here has that name now.";
  assert.equal(await moderate(op, { messageType: "ban", data: "Bob" }), word);
  assert.equal((await isTurnedAway(server, { token: "t-bob" }))[2], 4403);
  server.server.useTokens(parseTokens(TOKENS.replace("Bob", "robert")));
  assert.equal((await isTurnedAway(server, { token: "t-bob" }))[2], 4403);
});

Deno.test("mute: lets a person only read, under whatever name, until it is lifted", async () => {
  await using server = guarded();
  await using op = await comeIn(server, "t-op");
  await using ann = await comeIn(server, "t-any", { data: "ann" });
  const mute = { messageType: "mute", data: "ann", seconds: 60 };
  assert.equal(await moderate(op, mute), "ann is muted for 60 seconds.");
  const told = await ann.jsonWhere(({ messageType }) => messageType === "private");
  assert.equal(told["data"], "olga has muted you for 60 seconds: you can only read.");
  const silenced = [
    { messageType: "message", data: "hi", ref: "r" },
    { messageType: "message", data: "hi", to: "olga", ref: "r" },
    { messageType: "register", data: "free" },
  ];
  for (const message of silenced) {
    ann.send(message);
    assert.equal(
      (await ann.jsonWhere(({ messageType }) => messageType === "error"))["code"],
      "muted",
    );
  }
  op.send({ messageType: "message", data: "read this" });
  await ann.jsonWhere(({ data }) => data === "read this");
  const lifted = await moderate(op, { messageType: "mute", data: "ann", seconds: 0 });
  assert.equal(lifted, "ann is not muted any more.");
  ann.send({ messageType: "message", data: "thanks" });
  assert.equal((await op.jsonWhere(({ from }) => from === "ann"))["data"], "thanks");
});

Deno.test("mute: holds for the token, under another name, in another dialect, with another session", async () => {
  await using server = guarded();
  await using op = await comeIn(server, "t-op");
  const early = await comeIn(server, "t-any", { data: "early" });
  await early[Symbol.asyncDispose]();
  await using ann = await comeIn(server, "t-any", { data: "ann" });
  await moderate(op, { messageType: "mute", data: "ann", seconds: 60 });
  await ann[Symbol.asyncDispose]();
  const { session, epoch } = early.welcome;
  for (const fields of [{ data: "new" }, { session, epoch, after: 0 }]) {
    await using peer = await server.connectChat();
    peer.send({ messageType: "register", token: "t-any", ...fields });
    peer.send({ messageType: "message", data: "hi" });
    const { code } = await peer.jsonWhere(({ messageType }) => messageType === "error");
    assert.equal(code, "muted");
  }
  await using tcp = await TcpPeer.open(server);
  await tcp.send("/token t-any\n/nick loud\nhi\n");
  const lines = [];
  while (lines.filter((line) => line?.startsWith("* You can only read")).length < 2) {
    lines.push(await tcp.line());
  }
  await using envelope = await server.connect();
  envelope.send({ messageType: "register", data: "env", dataArray: null, token: "t-any" });
  envelope.send({ messageType: "message", data: "hi", dataArray: null });
  while (!(await envelope.frame()).includes("You can only read"));
  op.send({ messageType: "message", data: "first" });
  const { data } = await op.jsonWhere(({ messageType }) => messageType === "message");
  assert.equal(data, "first");
});

Deno.test("mute: an operator cannot mute who has the same token", async () => {
  await using server = new TestServer({ tokens: parseTokens("t-op * operator") });
  await using op = await comeIn(server, "t-op", { data: "olga" });
  await using _ann = await comeIn(server, "t-op", { data: "ann" });
  for (const messageType of ["mute", "ban"]) {
    assert.equal(await moderate(op, { messageType, data: "ann" }), "forbidden");
  }
});

Deno.test("token file: what looks like the name of a token gets a number, the name itself never", async () => {
  await using server = new TestServer({ tokens: parseTokens("t-a anna1\nt-b annal\nt-any *") });
  await using any = await comeIn(server, "t-any", { data: "аnnаl" });
  assert.equal(any.welcome["name"], "аnnаl-2");
  await using one = await comeIn(server, "t-a");
  await using other = await comeIn(server, "t-b");
  assert.deepEqual([one.welcome["name"], other.welcome["name"]], ["anna1", "annal"]);
  await using bob = await comeIn(server, "t-any", { data: "bоb" });
  assert.equal(bob.welcome["name"], "bоb");
  server.server.useTokens(parseTokens("t-a anna1\nt-any *\nt-bob Bob"));
  const { data } = await one.jsonWhere(({ messageType }) => messageType === "rename");
  assert.equal(data, "bоb-2");
});

Deno.test("ban, mute: a name that looks like one of them gets a number", async () => {
  const tokens = parseTokens("t-op olga operator\nt-any *\nt-other *");
  await using server = new TestServer({ tokens });
  await using op = await comeIn(server, "t-op");
  await moderate(op, { messageType: "mute", data: "ann" });
  await moderate(op, { messageType: "ban", data: "eve" });
  await using ann = await comeIn(server, "t-any", { data: "аnn" });
  await using eve = await comeIn(server, "t-any", { data: "еve" });
  assert.deepEqual([ann.welcome["name"], eve.welcome["name"]], ["аnn-2", "еve-2"]);
  // Who was here before that goes on under their own name.
  await using mia = await comeIn(server, "t-any", { data: "mia" });
  await moderate(op, { messageType: "mute", data: "mіa" });
  const { session, epoch } = mia.welcome;
  await using back = await comeInAgain(server, { token: "t-any", session, epoch, after: 0 });
  assert.equal(back.welcome["name"], "mia");
});

Deno.test("tokens that are read again: who has none any more goes, who has another name gets it", async () => {
  await using server = guarded();
  await using op = await comeIn(server, "t-op");
  await using bob = await comeIn(server, "t-bob");
  await using _ann = await comeIn(server, "t-any", { data: "ann" });
  await using tom = await TcpPeer.open(server);
  await tom.send("/token t-any\n/nick carl\n");
  await op.jsonWhere(({ messageType, data }) => messageType === "rename" && data === "carl");
  server.server.useTokens(parseTokens("t-op olga\nt-any *\nt-new Ann\nt-new2 Carl"));
  const { code, reason } = await bob.closed;
  assert.deepEqual([code, reason], [4401, "Your token is not valid any more"]);
  const renamed = async (from: string): Promise<unknown> =>
    (await op.jsonWhere((m) => m["messageType"] === "rename" && m["from"] === from))["data"];
  assert.deepEqual([await renamed("ann"), await renamed("carl")], ["ann-2", "carl-2"]);
  assert.equal(await moderate(op, { messageType: "kick", data: "ann-2" }), "forbidden");
  await using own = await comeIn(server, "t-new");
  assert.equal(own.welcome["name"], "Ann");
  server.server.useTokens(parseTokens("t-new Anna\nt-any *"));
  assert.equal((await op.closed).code, 4401);
  const { data } = await own.jsonWhere(({ messageType }) => messageType === "rename");
  assert.equal(data, "Anna");
});

Deno.test("token file: what is said is logged at debug alone, and no token ever", async () => {
  await using server = guarded();
  await using bob = await comeIn(server, "t-bob");
  await using tcp = await TcpPeer.open(server);
  await tcp.send("/token t-any\nhush\n/token t-any\n");
  await bob.jsonWhere(({ data }) => data === "hush");
  await isTurnedAway(server, { token: "t-wrong" });
  const said = server.log.filter((line) => line.includes("hush"));
  assert.match(said.join(), /^debug From client 127\.0\.0\.1:\d+ "hush"$/);
  assert.ok(!server.log.some((line) => /t-(any|bob|wrong)/.test(line)));
});

Deno.test("tokens that are read again: two people can swap their names", async () => {
  await using server = new TestServer({ tokens: parseTokens("t-a ann\nt-b ben") });
  await using ann = await comeIn(server, "t-a");
  await using ben = await comeIn(server, "t-b");
  server.server.useTokens(parseTokens("t-a ben\nt-b ann"));
  const nameOf = async (peer: Peer): Promise<unknown> =>
    (await peer.jsonWhere(({ messageType }) => messageType === "welcome"))["name"];
  assert.deepEqual([await nameOf(ann), await nameOf(ben)], ["ben", "ann"]);
});
