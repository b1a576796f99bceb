/**
 * Very many clients come and go at random, and nothing of them stays behind.
 *
 * Run with `deno task e2e`. What is left to chance depends on a seed, which is printed;
 * `SEED=N deno task e2e` repeats it. `SOAK_CONNECTIONS=N` has another number of clients come.
 * Needs Linux, for /proc, and `ls` and `cat`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { lookUntil, type Metrics, readMetrics } from "../tests/metrics.ts";
import { random } from "../tests/random.ts";
import { Visitors } from "../tests/visitors.ts";
import { type Program, startServer } from "./program.ts";

const SEED = Number(Deno.env.get("SEED") ?? Math.floor(Math.random() * 1e9));

/** How many connections there are in all. */
const CONNECTIONS = Number(Deno.env.get("SOAK_CONNECTIONS") ?? 100_000);

/**
 * How many of them come before anything is compared: until the server has kept as many ended
 * sessions as it keeps, and V8 has taken the memory that it works with.
 */
const WARM_UP = Math.floor(0.4 * CONNECTIONS);

/** How many are there at a time. */
const AT_A_TIME = 64;

/** How long it may take until all who have left are gone, in milliseconds: 30 s is the longest. */
const LEAVE_TIME = 45_000;

/** How many times the event loop is measured while nothing happens, four times a second. */
const PULSES = 20;

/** How often the heap is looked at while they come and go, in milliseconds. */
const SAMPLE_INTERVAL = 100;

const MEGABYTE = 1_048_576;

/** By how many bytes the server's resident memory may have grown. */
const MAX_GROWTH = 50 * MEGABYTE;

/**
 * By how many bytes the heap may have grown where it is lowest, which is when its garbage has just
 * been collected: a third of a kilobyte for each connection that was compared would be more.
 */
const MAX_HEAP_GROWTH = 16 * MEGABYTE;

/** How many times so many more come at most, until the heap has been seen as low as before. */
const [MORE, MORE_AT_ONCE] = [15, 2_000];

/** How much processor a server may take that has nothing to do, in parts of a core. */
const MAX_IDLE = 0.1;

/** Clock ticks a second in /proc (`getconf CLK_TCK`, 100 on every Linux). */
const TICKS = 100;

const NOBODY = ["chat_connections", "chat_sockets", "chat_rooms"];

/** A server at rest. */
interface Rest {
  readonly memory: number;
  readonly descriptors: number;
  /** How late the event loop is, in milliseconds on average. */
  readonly delay: number;
  /** How much of a core it takes. */
  readonly load: number;
}

/** Runs a program, and returns its output: /proc is Deno's own only with all permissions. */
function run(program: string, ...args: string[]): string {
  return new TextDecoder().decode(new Deno.Command(program, { args }).outputSync().stdout);
}

/** A server that is looked at from outside. */
class Subject {
  readonly #pid: number;
  readonly #port: string;

  constructor({ child }: Program, port: string) {
    this.#pid = child.pid;
    this.#port = port;
  }

  read(): Promise<Metrics> {
    return readMetrics(this.#port);
  }

  async number(name: string): Promise<number> {
    return (await this.read()).get(name) ?? NaN;
  }

  descriptors(): number {
    return run("ls", `/proc/${this.#pid}/fd`).trim().split("\n").length;
  }

  /** Waits until nobody is there, and looks how it is then. */
  async rest(): Promise<Rest> {
    const isEmpty = (metrics: Metrics): boolean => NOBODY.every((name) => metrics.get(name) === 0);
    const { value } = await lookUntil(() => this.read(), isEmpty, LEAVE_TIME);
    for (const name of NOBODY) assert.equal(value.get(name), 0, name);
    const count = "chat_event_loop_delay_seconds_count";
    const begun = { ms: performance.now(), cpu: this.#cpu(), pulses: value.get(count) ?? 0 };
    const isOver = (metrics: Metrics): boolean =>
      (metrics.get(count) ?? 0) >= begun.pulses + PULSES;
    const { value: later } = await lookUntil(() => this.read(), isOver, LEAVE_TIME);
    const sum = (metrics: Metrics): number =>
      metrics.get("chat_event_loop_delay_seconds_sum") ?? NaN;
    return {
      memory: later.get("process_resident_memory_bytes") ?? NaN,
      descriptors: this.descriptors(),
      delay: 1000 * (sum(later) - sum(value)) / ((later.get(count) ?? NaN) - begun.pulses),
      load: (this.#cpu() - begun.cpu) * 1000 / (performance.now() - begun.ms),
    };
  }

  /** The processor time that it has used, user and system, in seconds. */
  #cpu(): number {
    const stat = run("cat", `/proc/${this.#pid}/stat`);
    // The second field is the program's name, which may hold spaces; it ends with the last ")".
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  }
}

/** Looks at the heap of a server again and again, until it is disposed of. */
class HeapSamples implements AsyncDisposable {
  readonly #samples: number[] = [];
  readonly #sampling: Promise<void>;
  #isOver = false;

  constructor(subject: Subject) {
    this.#sampling = this.#sample(subject);
  }

  /** Returns the lowest of the first half, and of the second. */
  get lowest(): readonly [before: number, after: number] {
    const middle = Math.floor(this.#samples.length / 2);
    return [Math.min(...this.#samples.slice(0, middle)), Math.min(...this.#samples.slice(middle))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#sampling;
  }

  async #sample(subject: Subject): Promise<void> {
    while (!this.#isOver) {
      this.#samples.push(await subject.number("chat_heap_bytes"));
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_INTERVAL));
    }
  }
}

function word({ memory, descriptors, delay, load }: Rest): string {
  return `${inMegabytes(memory)} MB, ${descriptors} descriptors, ` +
    `${delay.toFixed(1)} ms late, ${(100 * load).toFixed(1)} % of a core`;
}

function inMegabytes(bytes: number): string {
  return (bytes / MEGABYTE).toFixed(0);
}

/** Reads a server's log to its end. Returns what is not to be there. */
async function readLog(server: Program): Promise<string[]> {
  const problems: string[] = [];
  for (let line; (line = await server.line()) !== "(end)";) {
    if (!line.slice(25).startsWith("INFO ") && !/ log lines left out$/.test(line)) {
      problems.push(line);
    }
  }
  return problems;
}

Deno.test(`${CONNECTIONS} connections come and go, and the server is as it was`, async () => {
  console.log(`SEED=${SEED}`);
  const { program: server, port, tcpPort } = await startServer(
    "--host=0.0.0.0",
    "--rate=1000",
    "--burst=1000",
  );
  await using _server = server;
  const logged = readLog(server);
  const subject = new Subject(server, port);
  const visitors = new Visitors({
    port: Number(port),
    tcpPort: Number(tcpPort),
    isEverywhere: true,
    chance: random(SEED),
  });
  const begun = performance.now();
  await visitors.come(WARM_UP, AT_A_TIME);
  const before = await subject.rest();
  const samples = new HeapSamples(subject);
  {
    await using _samples = samples;
    await visitors.come(CONNECTIONS - WARM_UP, AT_A_TIME);
  }
  const seconds = (performance.now() - begun) / 1000;
  const after = await subject.rest();
  const isFreed = (memory: number): boolean => memory < before.memory + MAX_GROWTH;
  const memory = await lookUntil(
    () => subject.number("process_resident_memory_bytes"),
    isFreed,
    LEAVE_TIME,
  );
  const isClosed = (count: number): boolean => count === before.descriptors;
  const descriptors = await lookUntil(() => subject.descriptors(), isClosed, LEAVE_TIME);
  const [lowestBefore, firstLow] = samples.lowest;
  // V8 collects when it likes: what is no leak is collected when some more have come.
  let lowestAfter = firstLow;
  for (let i = 0; i < MORE && lowestAfter >= lowestBefore + MAX_HEAP_GROWTH; i++) {
    const more = new HeapSamples(subject);
    {
      await using _more = more;
      await visitors.come(MORE_AT_ONCE, AT_A_TIME);
    }
    lowestAfter = Math.min(lowestAfter, ...more.lowest);
  }

  const rate = Math.round(CONNECTIONS / seconds);
  console.log(`${CONNECTIONS} connections in ${seconds.toFixed(0)} s, ${rate} a second`);
  console.log(Array.from(visitors.counts, ([what, count]) => `${what} ${count}`).join(", "));
  console.log(`before: ${word(before)}\nafter: ${word(after)}`);
  console.log(`lowest heap: ${inMegabytes(lowestBefore)} MB, ${inMegabytes(lowestAfter)} MB`);
  assert.ok(isFreed(memory.value), `${inMegabytes(memory.value)} MB are resident`);
  assert.equal(descriptors.value, before.descriptors);
  assert.ok(lowestAfter < lowestBefore + MAX_HEAP_GROWTH, `the heap's floor is ${lowestAfter}`);
  assert.ok(after.load < Math.max(MAX_IDLE, 2 * before.load), word(after));
  server.child.kill("SIGTERM");
  assert.deepEqual(await logged, []);
  const { code, stderr } = await server.finish();
  assert.deepEqual([code, stderr], [0, ""]);
});
