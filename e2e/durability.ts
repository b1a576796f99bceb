/**
 * What was accepted is there, once and in order, whatever happens to the server and to connections.
 *
 * Run with `deno task e2e`. What is left to chance depends on a seed, which is printed;
 * `SEED=N deno task e2e` repeats it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { connect } from "../client/connect.ts";
import { ARRIVAL_TIME, Link } from "../client/link.ts";
import type { RoomEvent, ServerMessage } from "../protocol.ts";
import { Proxy } from "../tests/proxy.ts";
import { random } from "../tests/random.ts";
import { Program, startServer } from "./program.ts";

const SEED = Number(Deno.env.get("SEED") ?? Math.floor(Math.random() * 1e9));

/** How often the server is killed. */
const ROUNDS = 20;

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

type Event = RoomEvent & { id: number };

/** A client that writes down every event it sees, and can move to another server. */
class Witness {
  readonly events: Event[] = [];
  readonly problems: string[] = [];
  readonly link: Link;
  backs = 0;
  #wake: (() => void) | undefined;

  constructor(port: () => string | number, name: string) {
    this.link = new Link({
      name,
      connect: () => connect(new URL(`ws://127.0.0.1:${port()}`)),
      // It comes back soon: the tests are about what happens, not about how long it takes.
      after: (ms, callback) => {
        const timer = setTimeout(callback, ms < ARRIVAL_TIME ? ms / 20 : ms);
        return () => clearTimeout(timer);
      },
    }, {
      receive: (message) => this.#take(message),
      lost: () => {},
      back: () => this.backs++,
      uncertain: ({ data }) => this.problems.push(`uncertain ${data}`),
      stranded: ({ data }) => this.problems.push(`stranded ${data}`),
      repeated: ({ data }) => this.problems.push(`repeated ${data}`),
      silenced: (count) => this.problems.push(`silenced ${count}`),
      restarted: () => this.problems.push("restarted"),
      unreadable: ({ message }) => this.problems.push(message),
      change: () => this.#wake?.(),
    });
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#wake = resolve);
  }

  /** The messages that it saw. */
  texts(): string[] {
    return this.events.flatMap((event) => event.messageType === "message" ? [event.data] : []);
  }

  #take(message: ServerMessage): void {
    if ("id" in message && "time" in message) this.events.push(message);
    else if (message.messageType === "missed") this.problems.push(message.data);
    else if (message.messageType === "error") this.problems.push(message.data);
  }
}

function wordEvent(event: Event): string {
  const { id, time, messageType } = event;
  return messageType === "message" ? `${id} ${time} ${event.data}` : `${id} ${time} ${messageType}`;
}

Deno.test("kill -9 in the middle of a stream of messages, twenty times: what came back is there, once", async () => {
  console.log(`SEED=${SEED}`);
  const chance = random(SEED);
  const directory = Deno.makeTempDirSync();
  const start = (): ReturnType<typeof startServer> =>
    startServer(`--db=${directory}/chat.db`, "--history=1000000", "--rate=0");
  let server = await start();
  const writers = [1, 2].map((i) => new Witness(() => server.port, `writer-${i}`));
  for (const { link } of writers) await link.start();
  let said = 0;
  const accepted: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const writer of writers) await writer.until(() => writer.backs >= round);
    let isTime = false;
    const kill = (): void => {
      isTime = true;
      server.program.child.kill("SIGKILL");
    };
    const timer = setTimeout(kill, 10 + 190 * chance());
    drainLog(server.program);
    while (!isTime) {
      for (const { link } of [...writers, ...writers, ...writers]) {
        if (link.unanswered < 100) link.send({ messageType: "message", data: `m${said++}` });
      }
      await sleep(0);
    }
    clearTimeout(timer);
    await server.program[Symbol.asyncDispose]();
    accepted.push(said - writers.reduce((sum, { link }) => sum + link.unanswered, 0));
    server = await start();
  }
  for (const writer of writers) {
    await writer.until(() => writer.backs >= ROUNDS && writer.link.unanswered === 0);
  }

  const reader = new Witness(() => server.port, "reader");
  await reader.link.start();
  await reader.until(() => reader.link.isOnline);
  const stored = new Set(reader.events.map(wordEvent));
  // What each writer saw come back, at any time, is in `events`.
  for (const { events, problems } of writers) {
    assert.deepEqual(problems, []);
    assert.ok(events.length > 0 && events.every((event) => stored.has(wordEvent(event))));
  }
  // From the first id on, without a hole or a repeat.
  reader.events.forEach(({ id }, index) => assert.equal(id, index + 1));
  const texts = reader.texts();
  assert.equal(new Set(texts).size, texts.length, "a message is there twice");
  assert.equal(texts.length, said);
  assert.ok(new Set(accepted).size > ROUNDS / 2, `nothing was accepted: ${accepted}`);
  console.log(`${said} messages; accepted before each kill: ${accepted.join(" ")}`);
  for (const { link } of [...writers, reader]) link.leave();
  for (const { link } of [...writers, reader]) await link.ended;
  await server.program[Symbol.asyncDispose]();
  Deno.removeSync(directory, { recursive: true });
});

Deno.test("fifty connections cut during 5,000 messages: every client has the same 5,000, once, in order", async () => {
  console.log(`SEED=${SEED}`);
  const chance = random(SEED + 1);
  const directory = Deno.makeTempDirSync();
  const { program: server, port } = await startServer(
    `--db=${directory}/chat.db`,
    "--capacity=256",
    "--rate=0",
  );
  await using _server = server;
  drainLog(server);
  await using proxy = new Proxy(Number(port));
  const monitor = new Witness(() => port, "monitor");
  await monitor.link.start();
  const writers = ["writer-1", "writer-2"];
  const names = [...writers, "listener-1", "listener-2", "listener-3"];
  const clients = new Map(
    names.map((name) => [name, Program.role("client", name, `--port=${proxy.port}`)]),
  );
  await monitor.until(() =>
    monitor.events.filter(({ messageType }) => messageType === "join").length === 1 + names.length
  );
  // Who does not read what a client prints would hold it up.
  const printed = new Map(names.map((name) => [name, printedBy(clients.get(name), name)]));
  for (const name of writers) {
    clients.get(name)?.type(Array.from({ length: 2_500 }, (_, i) => `line ${i}\n`).join(""));
  }
  for (let cuts = 0; cuts < 50;) {
    await monitor.until(() => monitor.texts().length >= (cuts + 1) * 96);
    while (proxy.size === 0) await sleep(1);
    cuts += proxy.cut(Math.floor(chance() * proxy.size));
  }
  await monitor.until(() => monitor.texts().length === 5_000);
  const said = monitor.events.flatMap((event) =>
    event.messageType === "message" ? [`${event.from}: ${event.data}`] : []
  );
  assert.equal(new Set(said).size, 5_000);
  for (const name of writers) {
    const own = said.filter((line) => line.startsWith(name));
    assert.deepEqual(own, Array.from({ length: 2_500 }, (_, i) => `${name}: line ${i}`));
  }
  let lost = 0;
  for (const [name, client] of clients) {
    // A client prints what others say.
    const expected = said.filter((line) => !line.startsWith(`${name}: `));
    assert.deepEqual(await printed.get(name), expected);
    const { code, stdout, stderr } = await client.finish();
    assert.deepEqual([code, stdout], [0, []], stderr);
    lost += stderr.split("* connection lost, trying again in 1 s").length - 1;
  }
  // Some cuts come before a client is back from the one before.
  assert.ok(lost >= names.length, `of 50 cuts only ${lost} were seen`);
  assert.deepEqual(monitor.problems, []);
  monitor.link.leave();
  await monitor.link.ended;
  Deno.removeSync(directory, { recursive: true });
});

/** Returns as many lines as a client prints of the 5,000: all but its own. */
async function printedBy(client: Program | undefined, name: string): Promise<string[]> {
  const count = name.startsWith("writer") ? 2_500 : 5_000;
  const lines: string[] = [];
  while (client && lines.length < count) lines.push(await client.line());
  return lines;
}

/** Reads a server's log, which nobody needs, so that it is not held up. */
async function drainLog(server: Program): Promise<void> {
  while (await server.line() !== "(end)");
}
