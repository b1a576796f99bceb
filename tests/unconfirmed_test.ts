import assert from "node:assert/strict";
import { CHAT_V1 } from "../protocol.ts";
import { DOUBT_TIME } from "../server/unconfirmed.ts";
import { FakeClock, Peer, TestServer } from "./peer.ts";
import { Proxy } from "./proxy.ts";

/** Waits for the server's word that something may not have arrived, and returns it. */
async function doubt(peer: Peer): Promise<unknown> {
  const { data } = await peer.jsonWhere(({ messageType, from }) =>
    messageType === "private" && from === "server"
  );
  return data;
}

/** Says something privately, and waits for its echo. */
async function whisper(peer: Peer, to: string, data: string): Promise<void> {
  peer.send({ messageType: "message", to, data, ref: data });
  await peer.jsonWhere(({ messageType, ref }) => messageType === "private" && ref === data);
}

/** Registers a peer behind a proxy. */
async function registerBehind(proxy: Proxy, fields: object): Promise<Peer> {
  const peer = await Peer.open(`ws://127.0.0.1:${proxy.port}`, CHAT_V1);
  peer.send({ messageType: "register", ...fields });
  peer.welcome = await peer.json("welcome");
  return peer;
}

const BROKE = "The connection of bob broke: it is not known whether this arrived: ";

Deno.test("private: who wrote to a connection that was dead is told, once, in whichever dialect", async () => {
  await using server = new TestServer();
  await using proxy = new Proxy(server.port);
  await using alice = await server.register("alice");
  await using carl = await server.connect("/text?name=carl");
  const bob = await registerBehind(proxy, { data: "bob" });
  await alice.jsonWhere(({ from }) => from === "bob");
  proxy.mute();
  await whisper(alice, "bob", "first");
  await whisper(alice, "bob", "second");
  carl.send("/msg bob from carl");
  while (await carl.frame() !== "(private) carl to bob: from carl");
  proxy.cut();
  assert.equal(await doubt(alice), `${BROKE}first (and 1 more)`);
  while (await carl.frame() !== `* ${BROKE}from carl`);
  await bob.closed;
});

Deno.test("private: the same if the dead connection is noticed because its owner is back", async () => {
  await using server = new TestServer();
  await using proxy = new Proxy(server.port);
  await using alice = await server.register("alice");
  await using bob = await registerBehind(proxy, { data: "bob" });
  proxy.mute();
  await whisper(alice, "bob", "lost");
  const { session, epoch } = bob.welcome;
  const back = await server.connectChat();
  back.send({ messageType: "register", session, epoch, after: 2 });
  assert.equal((await back.json("welcome"))["name"], "bob");
  assert.equal(await doubt(alice), `${BROKE}lost`);
  await whisper(alice, "bob", "arrives");
  await back.jsonWhere(({ data }) => data === "arrives");
  await back[Symbol.asyncDispose]();
  alice.send({ messageType: "ping", data: "no doubt" });
  const { messageType } = await alice.jsonWhere(({ messageType, from }) =>
    messageType === "pong" || from === "server"
  );
  assert.equal(messageType, "pong");
});

Deno.test("private: what was handed over long before a connection broke is no doubt, nor is a clean end", async () => {
  const clock = new FakeClock();
  await using server = new TestServer({ clock });
  await using proxy = new Proxy(server.port);
  await using alice = await server.register("alice");
  const old = await registerBehind(proxy, { data: "bob" });
  await whisper(alice, "bob", "long ago");
  clock.advance(DOUBT_TIME + 1);
  proxy.cut();
  await alice.jsonWhere(({ messageType }) => messageType === "leave");
  const clean = await server.register("carl");
  await whisper(alice, "carl", "just now");
  await clean[Symbol.asyncDispose]();
  await alice.jsonWhere(({ messageType, from }) => {
    assert.notEqual(from, "server");
    return messageType === "leave" && from === "carl";
  });
  await old.closed;
});

Deno.test("private: nobody else is told what its sender wrote, under the same name or not", async () => {
  await using server = new TestServer();
  await using proxy = new Proxy(server.port);
  const alice = await server.register("alice");
  const bob = await registerBehind(proxy, { data: "bob" });
  await whisper(alice, "bob", "the password is hunter2");
  await alice[Symbol.asyncDispose]();
  await using mallory = await server.register("mallory");
  mallory.send({ messageType: "register", data: "alice" });
  assert.equal((await mallory.json("welcome"))["name"], "alice");
  proxy.cut();
  await bob.closed;
  await mallory.jsonWhere(({ messageType, from }) => {
    assert.notEqual(from, "server");
    return messageType === "leave" && from === "bob";
  });
  await mallory.expectNothing();
});
