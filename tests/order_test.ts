/**
 * What somebody types appears in the room that it was typed for, in the order in which it was typed,
 * once: under tight limits, on a slow line that is cut again and again, among changes of room that are
 * refused. The model of it is written down here a second time.
 *
 * @module
 */

import assert from "node:assert/strict";
import { connect } from "../client/connect.ts";
import { Link } from "../client/link.ts";
import { type ClientMessage, type SendMessage, type ServerMessage } from "../protocol.ts";
import { TestServer } from "./peer.ts";
import { Proxy } from "./proxy.ts";
import { random } from "./random.ts";

/** Set it to repeat what failed. */
const SEED: number | undefined = undefined;

/** How long the random model runs, in milliseconds. To let it run longer, raise it here. */
const DURATION = 4_000;

/** How many steps each of its clients takes. */
const STEPS = 120;

/** The client's waits are so much shorter than in earnest: for the next connection, for answers. */
const HASTE = 20;

const OPEN_ROOMS = ["lobby", "dev", "ops"];

/** All rooms that there may be are taken: nobody gets in there. */
const CLOSED_ROOM = "secret";

const firstSeed = SEED ?? Math.floor(Math.random() * 2 ** 32);

/** Hears what is said in the rooms, in its order. */
class Listeners implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #heard = new Map<string, string[]>();

  static async in(server: TestServer): Promise<Listeners> {
    const listeners = new Listeners();
    for (const room of OPEN_ROOMS) {
      const peer = listeners.#stack.use(await server.register(`in-${room}`, room));
      const heard: string[] = [];
      listeners.#heard.set(room, heard);
      const listen = async (): Promise<void> => {
        for (;;) {
          const { data } = await peer.jsonWhere(({ messageType }) => messageType === "message");
          heard.push(String(data));
        }
      };
      void listen();
    }
    return listeners;
  }

  heard(room: string): readonly string[] {
    return this.#heard.get(room) ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** Somebody who types, and what should come of it. */
class Typist {
  readonly link: Link;
  /** What should be heard, by rooms, unless it is handed back. */
  readonly typed = new Map<string, string[]>(OPEN_ROOMS.map((room) => [room, []]));
  readonly handedBack: SendMessage[] = [];
  readonly problems: string[] = [];
  #rooms: { readonly room: string; isRefused: boolean }[] = [{ room: "lobby", isRefused: false }];
  #wake: (() => void) | undefined;

  constructor(port: number, chance: () => number) {
    this.link = new Link({
      name: "typist",
      room: "lobby",
      connect: () => connect(new URL(`ws://127.0.0.1:${port}`)),
      random: chance,
      after: (ms, callback) => {
        const timer = setTimeout(callback, ms / HASTE);
        return () => clearTimeout(timer);
      },
    }, {
      receive: (message) => this.#take(message),
      lost: () => {},
      back: () => {},
      stranded: (message) => this.handedBack.push(message),
      uncertain: () => {},
      repeated: ({ data }) => this.problems.push(`repeated: ${data}`),
      silenced: () => this.problems.push("silenced"),
      restarted: () => this.problems.push("restarted"),
      unreadable: ({ message }) => this.problems.push(message),
      change: () => this.#wake?.(),
    });
  }

  /** Where the person believes to be, or to be going. */
  get #room(): string {
    return this.#rooms.findLast(({ isRefused }) => !isRefused)?.room ?? "";
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#wake = resolve);
  }

  say(data: string): void {
    this.typed.get(this.#room)?.push(data);
    this.link.send({ messageType: "message", data });
  }

  join(room: string): void {
    this.#rooms.push({ room, isRefused: false });
    this.link.send({ messageType: "join", data: room });
  }

  send(message: ClientMessage): void {
    this.link.send(message);
  }

  #take(message: ServerMessage): void {
    if (message.messageType !== "error") return;
    const { code, data, room } = message;
    const refused = this.#rooms.find((each) => each.room === room && !each.isRefused);
    if (code === "full" && refused) refused.isRefused = true;
    else if (code !== "unknown_user") this.problems.push(`${code}: ${data}`);
  }
}

/** Has one client type at random while its line is cut, and checks what everyone heard. */
async function typeAtRandom(seed: number): Promise<void> {
  const chance = random(seed);
  await using server = new TestServer({ rate: 300, burst: 4, maxRooms: 3, capacity: 4_096 });
  await using listeners = await Listeners.in(server);
  await using proxy = new Proxy(server.port, () => chance() < 0.5 ? chance() * 12 : 0);
  const typist = new Typist(proxy.port, chance);
  await typist.link.start();
  await typist.until(() => typist.link.isOnline);
  for (let step = 0; step < STEPS; step++) {
    const choice = chance();
    const anyRoom = OPEN_ROOMS[Math.floor(chance() * OPEN_ROOMS.length)] ?? "lobby";
    if (choice < 0.7) typist.say(`${seed} ${step}`);
    else if (choice < 0.78) typist.join(anyRoom);
    else if (choice < 0.83) typist.join(CLOSED_ROOM);
    else if (choice < 0.87) typist.send({ messageType: "register", data: `typist-${step}` });
    else if (choice < 0.91) {
      typist.send({ messageType: "message", to: "in-lobby", data: "psst" });
    } else if (choice < 0.93) proxy.cut();
    else await new Promise((resolve) => setTimeout(resolve, chance() * 30));
  }
  await typist.until(() => typist.link.unanswered === 0);
  const sentinel = await server.enter("last");
  for (const room of OPEN_ROOMS) {
    const told = sentinel.jsonWhere(({ data }) => data === `end of ${room}`);
    sentinel.send({ messageType: "join", data: room });
    sentinel.send({ messageType: "message", data: `end of ${room}`, room });
    await told;
    while (listeners.heard(room).at(-1) !== `end of ${room}`) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const heard = listeners.heard(room).slice(0, -1);
    assert.deepEqual(heard, typist.typed.get(room), `SEED = ${seed}, ${room}`);
  }
  for (const { data, room } of typist.handedBack) {
    assert.equal(room, CLOSED_ROOM, `SEED = ${seed}: ${data} was handed back`);
  }
  assert.deepEqual(typist.problems, [], `SEED = ${seed}`);
  typist.link.leave();
  await typist.link.ended;
  await sentinel[Symbol.asyncDispose]();
}

Deno.test("order: whatever happens, all is said in the room that it was typed for, in its order, once", async () => {
  console.log(`SEED = ${firstSeed}`);
  const end = performance.now() + DURATION;
  for (let seed = firstSeed; performance.now() < end; seed++) await typeAtRandom(seed);
});

/** Connects a client whose messages arrive after half of 300 ms, as do the answers. */
async function typeFarAway(server: TestServer): Promise<{ typist: Typist; proxy: Proxy }> {
  const proxy = new Proxy(server.port, () => 150);
  const typist = new Typist(proxy.port, () => 0);
  await typist.link.start();
  await typist.until(() => typist.link.isOnline);
  return { typist, proxy };
}

Deno.test("order: what is typed while a pasted page is throttled comes behind it", async () => {
  await using server = new TestServer({ rate: 200, burst: 100 });
  await using listeners = await Listeners.in(server);
  const { typist, proxy } = await typeFarAway(server);
  await using _proxy = proxy;
  for (let i = 1; i <= 113; i++) typist.say(`line ${i}`);
  // The first answers come when the limit has been reached.
  await typist.until(() => typist.link.unanswered < 50);
  typist.say("A");
  await typist.until(() => typist.link.unanswered < 10);
  typist.say("B");
  await typist.until(() => typist.link.unanswered === 0);
  const expected = [...Array.from({ length: 113 }, (_, i) => `line ${i + 1}`), "A", "B"];
  while (listeners.heard("lobby").length < expected.length) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(listeners.heard("lobby"), expected);
  typist.link.leave();
  await typist.link.ended;
});

for (const [what, maxRooms] of [["that is throttled", 10], ["that is refused", 3]] as const) {
  Deno.test(`order: what is typed after a change of room ${what} is not said in the old one`, async () => {
    await using server = new TestServer({ rate: 100, burst: 10, maxRooms });
    await using listeners = await Listeners.in(server);
    const { typist, proxy } = await typeFarAway(server);
    await using _proxy = proxy;
    for (let i = 1; i <= 11; i++) typist.say(`line ${i}`);
    typist.join(CLOSED_ROOM);
    typist.say("the password is hunter2");
    await typist.until(() => typist.link.unanswered === 0);
    const handedBack = typist.handedBack.map(({ data }) => data);
    assert.deepEqual(handedBack, maxRooms === 3 ? ["the password is hunter2"] : []);
    assert.equal(typist.link.welcome?.room, maxRooms === 3 ? "lobby" : CLOSED_ROOM);
    while (listeners.heard("lobby").length < 11) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(listeners.heard("lobby").at(-1), "line 11");
    typist.link.leave();
    await typist.link.ended;
  });
}
