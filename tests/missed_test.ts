/**
 * What a client is shown of a room and what it is told to have missed there are, together, all that
 * happened since it first came: whatever rooms it goes through, and however its line and the ring treat
 * it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { connect } from "../client/connect.ts";
import { Link } from "../client/link.ts";
import type { ServerMessage } from "../protocol.ts";
import { TestServer } from "./peer.ts";
import { Proxy } from "./proxy.ts";
import { random } from "./random.ts";

/** Set it to repeat what failed. */
const SEED: number | undefined = undefined;

/** How many rounds there are, and how many steps each has. */
const [ROUNDS, STEPS] = [6, 60];

const ROOMS = ["lobby", "dev"];

/** What one client saw of one room. */
class Account {
  first = 0;
  last = 0;
  seen = 0;
  missed = 0;
}

/** A client that keeps an account of each room. */
class Reader {
  readonly link: Link;
  readonly accounts = new Map(ROOMS.map((room) => [room, new Account()]));
  #wake: (() => void) | undefined;

  constructor(port: number) {
    this.link = new Link({
      name: "reader",
      room: "lobby",
      connect: () => connect(new URL(`ws://127.0.0.1:${port}`)),
      random: () => 0,
      after: (ms, callback) => {
        const timer = setTimeout(callback, ms / 20);
        return () => clearTimeout(timer);
      },
    }, {
      receive: (message) => this.#take(message),
      lost: () => {},
      back: () => {},
      stranded: () => {},
      uncertain: () => {},
      repeated: () => {},
      silenced: () => {},
      restarted: () => assert.fail("it is the same server"),
      unreadable: ({ message }) => assert.fail(message),
      change: () => this.#wake?.(),
    });
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#wake = resolve);
  }

  #take(message: ServerMessage): void {
    const account = this.accounts.get(this.link.welcome?.room ?? "");
    if (!account) return;
    if (message.messageType === "missed") account.missed += message.count;
    if (!("id" in message) || message.messageType === "welcome" || message.messageType === "ack") {
      return;
    }
    // Before the first one some may be missed already.
    account.first ||= message.id - account.missed;
    account.last = message.id;
    account.seen++;
  }
}

/** Has a reader go through rooms in which much is said, and checks its accounts. */
async function readAtRandom(seed: number): Promise<void> {
  const chance = random(seed);
  const capacity = 2 + Math.floor(chance() * 3);
  await using server = new TestServer({ capacity, history: 2 });
  await using proxy = new Proxy(server.port, () => chance() < 0.3 ? chance() * 4 : 0);
  await using bob = await server.register("bob");
  const reader = new Reader(proxy.port);
  await reader.link.start();
  await reader.until(() => reader.link.isOnline);
  for (let step = 0; step < STEPS; step++) {
    const choice = chance();
    if (choice < 0.5) {
      // Each is a turn of its own, as far as it goes: the ring passes those who are away.
      bob.send({ messageType: "message", data: `${step}` });
      await bob.jsonWhere(({ data }) => data === `${step}`);
    } else if (choice < 0.7) {
      reader.link.send({ messageType: "join", data: ROOMS[Math.floor(chance() * 2)] ?? "lobby" });
    } else if (choice < 0.8) proxy.cut();
    else if (choice < 0.9) {
      bob.send({ messageType: "join", data: ROOMS[Math.floor(chance() * 2)] ?? "lobby" });
      await bob.jsonWhere(({ messageType }) => messageType === "welcome");
    } else await reader.until(() => reader.link.unanswered === 0 && reader.link.isOnline);
  }
  for (const room of ROOMS) {
    await reader.until(() => reader.link.unanswered === 0 && reader.link.isOnline);
    reader.link.send({ messageType: "join", data: room });
    reader.link.send({ messageType: "message", data: `end of ${room}` });
    await reader.until(() => reader.link.unanswered === 0 && reader.link.isOnline);
    const { first, last, seen, missed } = reader.accounts.get(room) ?? assert.fail();
    assert.equal(seen + missed, last - first + 1, `SEED = ${seed}, ${room}`);
  }
  reader.link.leave();
  await reader.link.ended;
}

Deno.test("missed: with what is shown it is all that happened in a room since one first came there", async () => {
  const first = SEED ?? Math.floor(Math.random() * 2 ** 32);
  console.log(`SEED = ${first}`);
  for (let round = 0; round < ROUNDS; round++) await readAtRandom(first + round);
});
