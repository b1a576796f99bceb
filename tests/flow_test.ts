/**
 * Flow control over real sockets: who reads gets everything in order, who does not is told exactly
 * what they missed.
 *
 * @module
 */

import assert from "node:assert/strict";
import { encodeFrame, RawSocket } from "../bench/socket.ts";
import { CHAT_V1 } from "../protocol.ts";
import { type Peer, TestServer } from "./peer.ts";

/** Receives the next message, which must have that id and be that text. */
async function receive(peer: Peer, id: unknown, data: string): Promise<void> {
  const message = await peer.json("message");
  assert.deepEqual([message["id"], message["data"]], [id, data]);
}

Deno.test("flow: of 6 clients in a room of capacity 4, everyone sees 300 messages of everyone in the same order", async () => {
  await using server = new TestServer({ capacity: 4 });
  const peers: Peer[] = [];
  for (let i = 0; i < 6; i++) peers.push(await server.register(`p${i}`, "flow"));
  for (const [index, peer] of peers.entries()) {
    for (let later = index + 1; later < peers.length; later++) await peer.json("join");
  }
  for (let round = 0; round < 50; round++) {
    for (const [index, peer] of peers.entries()) {
      peer.send({ messageType: "message", data: `${round} of ${index}` });
      const id = 6 + round * 6 + index + 1;
      await Promise.all(peers.map((each) => receive(each, id, `${round} of ${index}`)));
    }
  }
  for (const peer of peers) await peer[Symbol.asyncDispose]();
});

Deno.test("flow: what arrives in one turn leaves in one frame", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  await using bob = await server.register("bob");
  await alice.json("join");
  const lines = ["one", "two", "three"].map((data) => `{"messageType":"message","data":"${data}"}`);
  alice.send(lines.join("\n"));
  for (const peer of [alice, bob]) {
    const frame = await peer.frame();
    const texts = frame.split("\n").map((line) => JSON.parse(line).data);
    assert.deepEqual(texts, ["one", "two", "three"]);
  }
});

Deno.test("flow: a burst of three times what the ring holds reaches whoever reads, whole and in order", async () => {
  await using server = new TestServer({ capacity: 1000 });
  await using alice = await server.register("alice");
  await using bob = await server.register("bob");
  await alice.json("join");
  for (let i = 1; i <= 3000; i++) alice.send(`{"messageType":"message","data":"${i}"}`);
  for (let i = 1; i <= 3000; i++) await receive(bob, 2 + i, String(i));
});

/** A `chat.v1` client that reads as the test wants it, and checks that no id is left out untold. */
class Reader implements Disposable {
  received = 0;
  missed = 0;
  readonly socket: RawSocket;
  #wanted = Infinity;
  #arrived = Promise.withResolvers<void>();

  private constructor(socket: RawSocket) {
    this.socket = socket;
  }

  /** Comes into an empty room, or one whose every event is still in the ring. */
  static async join({ server }: TestServer, name: string): Promise<Reader> {
    const { port } = server.addr;
    const reader = new Reader(await RawSocket.connect({ port, path: "/", protocol: CHAT_V1 }));
    const take = (bytes: Uint8Array, start: number, end: number): void =>
      new TextDecoder().decode(bytes.subarray(start, end)).split("\n").forEach(reader.#take);
    reader.socket.read(take).catch((error) => reader.#arrived.reject(error));
    await reader.send({ messageType: "register", data: name });
    return reader;
  }

  async send(message: object): Promise<void> {
    await this.socket.write(encodeFrame(JSON.stringify(message)));
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }

  /** Resolves once all events up to that id were received or missed. */
  async until(id: number): Promise<void> {
    if (this.received + this.missed >= id) return;
    this.#wanted = id;
    this.#arrived = Promise.withResolvers();
    await this.#arrived.promise;
    this.#wanted = Infinity;
  }

  readonly #take = (line: string): void => {
    const { messageType, id, count } = JSON.parse(line);
    if (messageType === "missed") this.missed += count;
    else if (messageType !== "welcome" && messageType !== "users") {
      assert.equal(id, this.received + this.missed + 1, line.slice(0, 200));
      this.received++;
    }
    if (this.received + this.missed >= this.#wanted) this.#arrived.resolve();
  };
}

Deno.test("flow: a WebSocket that does not read is passed by the ring; missed and received are what was published", async () => {
  await using server = new TestServer({ capacity: 4 });
  using deaf = await Reader.join(server, "deaf");
  await deaf.until(1);
  deaf.socket.pause();
  using alice = await Reader.join(server, "alice");
  await alice.until(2);
  // Each is received before the next is sent, and they are more than the kernel's buffers hold.
  const last = 4000;
  for (let id = 3; id <= last; id++) {
    await alice.send({ messageType: "message", data: "x".repeat(4000) });
    await alice.until(id);
  }
  assert.equal(alice.missed, 0);
  deaf.socket.resume();
  await deaf.until(last);
  assert.ok(deaf.missed > 0);
  assert.equal(deaf.received + deaf.missed, last);
});
