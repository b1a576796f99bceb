/**
 * Ten people talk while a hostile client of our own (`attacks.ts`) does to their server all that it
 * can think of.
 *
 * Run with `deno task e2e`. It prints what each attacker got. Needs `nice`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { lookUntil, readMetrics } from "../tests/metrics.ts";
import { openFrom, Peer } from "../tests/peer.ts";
import { ATTACKS, type Result } from "./attacks.ts";
import { MAX_CLIENTS, MAX_PER_IP, MAX_ROOMS } from "./attacks/crowds.ts";
import { Program, startServer } from "./program.ts";
import { ServerLog } from "./server_log.ts";
import { Talk } from "./talk.ts";

/** How many talk. */
const TALKERS = 10;

/** How many messages they say while they are attacked, at least, and before, to warm all up. */
const MESSAGES = 2_000;

/** How fast they talk, all together: each with a quarter of the server's `--rate`. */
const PER_SECOND = 50;

/** How fast they talk before. */
const WARM_UP_PER_SECOND = 150;

/** How often each of a crowd speaks, before. */
const GREETINGS = 50;

/** What 99 of 100 deliveries take at most, in milliseconds. */
const MAX_P99 = 250;

const MEGABYTE = 1_048_576;

/** By how many bytes the server's memory may have grown afterwards. */
const MAX_GROWTH = 50 * MEGABYTE;

/** How long the server may take to let go of its garbage, in milliseconds. */
const COLLECTION_TIME = 30_000;

/** How often this process looks whether it is late itself, in milliseconds. */
const PULSE = 20;

/** How many of the longest latencies are printed. */
const LONGEST = 8;

/** What the runtime itself says, on standard error, when HTTP/2 is reset too often. */
const RUNTIME_LINE = /^recv_reset; remotely-reset pending-accept streams reached limit \(\d+\)$/;

/** What was found while the attacks went on. */
interface Findings {
  readonly results: readonly Result[];
  /** The longest latency until the end of each attack, in milliseconds. */
  readonly longest: ReadonlyMap<string, number>;
  /** How many milliseconds this process was late at most. */
  readonly own: number;
}

/** A server's memory, in bytes. */
interface Memory {
  readonly resident: number;
  readonly heap: number;
}

/** What is to be judged. */
interface Siege {
  readonly findings: Findings;
  /** How many messages were said meanwhile. */
  readonly said: number;
  /** The latencies of their deliveries, and of those before, the shortest first. */
  readonly latencies: readonly number[];
  readonly calmLatencies: readonly number[];
  readonly before: Memory;
  readonly atTheEnd: Memory;
  /** When it was low enough, or after {@linkcode COLLECTION_TIME}. */
  readonly after: Memory;
  readonly collectionTime: number;
}

/** Measures how late this process is: that is no fault of the server's. */
class Pulse implements Disposable {
  longest = 0;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor() {
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.longest = Math.max(this.longest, now - last - PULSE);
      last = now;
    }, PULSE);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Has a server attacked, and says what came of it. */
async function attack(talk: Talk, port: string, tcpPort: string): Promise<Findings> {
  // Attackers are elsewhere: they are not to take the processor from those who are measured.
  const command = [Deno.execPath(), "run", "--allow-net", "e2e/attacks.ts", port, tcpPort];
  const attacker = new Program("nice", ["-n", "19", ...command]);
  await using _attacker = attacker;
  using pulse = new Pulse();
  const results: Result[] = [];
  const longest = new Map<string, number>();
  for (let line; (line = await attacker.line()) !== "(end)";) {
    const result: Result = JSON.parse(line);
    results.push(result);
    longest.set(result.name, talk.takeLongest());
  }
  const { code, stderr } = await attacker.finish();
  assert.deepEqual([code, stderr], [0, ""]);
  return { results, longest, own: pulse.longest };
}

async function readMemory(port: string): Promise<Memory> {
  const metrics = await readMetrics(port);
  const number = (name: string): number => metrics.get(name) ?? NaN;
  return { resident: number("process_resident_memory_bytes"), heap: number("chat_heap_bytes") };
}

/**
 * Has as many people come, speak at once and go as there may be attackers of one address: the memory that a
 * server works with when much is going on, it has from then on.
 */
async function gather(port: string): Promise<void> {
  const open = (_: unknown, i: number): Promise<Peer> =>
    Peer.of(openFrom(`192.0.2.${i}`, `ws://127.0.0.1:${port}/text?room=crowd`));
  const crowd = await Promise.all(Array.from({ length: MAX_PER_IP - TALKERS }, open));
  await Promise.all(crowd.map(async (peer, i) => {
    for (let said = 0; said < GREETINGS; said++) {
      peer.send(`hello ${i} ${said} `.padEnd(1_000, "."));
    }
    const last = `: hello ${i} ${GREETINGS - 1} `;
    while (!(await peer.frame()).includes(last));
  }));
  for (const peer of crowd) await peer[Symbol.asyncDispose]();
}

/** Has people talk in peace, and then while their server is attacked. */
async function besiege(talk: Talk, port: string, tcpPort: string): Promise<Siege> {
  await gather(port);
  await talk.speak({ count: MESSAGES, perSecond: WARM_UP_PER_SECOND });
  const calmLatencies = talk.takeLatencies();
  talk.takeLongest();
  const before = await readMemory(port);
  const attacked = attack(talk, port, tcpPort);
  const said = await talk.speak({ count: MESSAGES, perSecond: PER_SECOND, until: attacked });
  const findings = await attacked;
  const latencies = talk.takeLatencies();
  const atTheEnd = await readMemory(port);
  const { value: after, ms: collectionTime } = await lookUntil(
    () => readMemory(port),
    ({ resident }) => resident < before.resident + MAX_GROWTH,
    COLLECTION_TIME,
  );
  return { findings, said, latencies, calmLatencies, before, atTheEnd, after, collectionTime };
}

function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.ceil(sorted.length * percent / 100) - 1] ?? NaN;
}

function wordLatencies(sorted: readonly number[]): string {
  const [p50, p99, max] = [50, 99, 100].map((percent) => percentile(sorted, percent).toFixed(1));
  return `${sorted.length} deliveries, p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`;
}

function wordMemory({ resident, heap }: Memory): string {
  const [all, used] = [resident, heap].map((bytes) => (bytes / MEGABYTE).toFixed(1));
  return `${all} MB, of which ${used} MB are the heap's`;
}

function resultOf({ results }: Findings, name: string): string | undefined {
  return results.find((result) => result.name === name)?.got;
}

function print(siege: Siege): void {
  const { findings } = siege;
  console.log("| attack | what the attacker got |\n| --- | --- |");
  for (const { name } of ATTACKS) {
    console.log(`| ${name} | ${resultOf(findings, name) ?? "it did not end"} |`);
  }
  const longest = Array.from(findings.longest).sort(([, a], [, b]) => b - a).slice(0, LONGEST);
  const words = longest.map(([name, ms]) => `${name} ${ms.toFixed(0)}`);
  console.log(`in peace: ${wordLatencies(siege.calmLatencies)}`);
  console.log(`attacked: ${wordLatencies(siege.latencies)}`);
  console.log(`longest, in ms, until the end of: ${words.join(", ")}`);
  console.log(`this process was late by ${findings.own.toFixed(0)} ms at most`);
  console.log(`memory before: ${wordMemory(siege.before)}`);
  console.log(`at the end: ${wordMemory(siege.atTheEnd)}`);
  console.log(`${siege.collectionTime} ms later: ${wordMemory(siege.after)}`);
}

Deno.test("ten people talk undisturbed while their server is attacked", async (test) => {
  const { program: server, port, tcpPort } = await startServer(
    "--trust-proxy",
    `--max-clients=${MAX_CLIENTS}`,
    `--max-clients-per-ip=${MAX_PER_IP}`,
    `--max-rooms=${MAX_ROOMS}`,
  );
  await using _server = server;
  const log = new ServerLog(server);
  await using talk = await Talk.begin(port, TALKERS);
  const siege = await besiege(talk, port, tcpPort);
  print(siege);

  for (const { name, expected } of ATTACKS) {
    await test.step(`${name}: ${expected}`, () => {
      assert.equal(resultOf(siege.findings, name), expected);
    });
  }
  await test.step("nothing that was said is lost, or changed", () => talk.check());
  await test.step(`99 of 100 deliveries take less than ${MAX_P99} ms`, () => {
    assert.equal(siege.latencies.length, siege.said * TALKERS);
    assert.ok(percentile(siege.latencies, 99) < MAX_P99, wordLatencies(siege.latencies));
  });
  await test.step("the server's memory is within 50 MB of what it was", () => {
    const { before, after } = siege;
    assert.ok(after.resident < before.resident + MAX_GROWTH, wordMemory(after));
  });
  await test.step("the log has a line for each thing that happened, and no other", async () => {
    server.child.kill("SIGTERM");
    await log.ended;
    assert.deepEqual(log.wrongLines.slice(0, LONGEST), []);
    const [opened, ended] = log.connections ?? [];
    assert.equal(opened, ended);
    const { code, stderr } = await server.finish();
    assert.equal(code, 0);
    assert.deepEqual(stderr.split("\n").filter((line) => !RUNTIME_LINE.test(line)), [""]);
  });
});
