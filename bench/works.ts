/**
 * The works that servers are given, and what is measured of them.
 *
 * Each run has a fresh server, is warmed up first, and fails if anything that comes is not exactly
 * what must come.
 *
 * @module
 */

import { Crowd } from "./crowd.ts";
import { Latencies } from "./latencies.ts";
import { ServerProcess } from "./process.ts";
import { concat, encodeFrame } from "./socket.ts";
import type { Target } from "./targets.ts";
import { textOf, type Wire } from "./wire.ts";

/** What one run gives: a number for each of its metrics. */
export type Metrics = Readonly<Record<string, number>>;

/** How a run is made. */
export interface RunOptions {
  /** Whether server and load have a core each. */
  readonly pinned: boolean;
}

/** Gives a target something to do, once. */
export type Work = (target: Target, options: RunOptions) => Promise<Metrics>;

/** How long anything may take, in milliseconds, before a run has failed. */
const TIMEOUT = 60_000;

const MEGABYTE = 1e6;

/** Measures what the server does while `work` is done. */
async function measure(
  server: ServerProcess,
  work: () => Promise<void>,
): Promise<{ cpu: number; wall: number }> {
  const cpu = server.cpu();
  const start = performance.now();
  await work();
  return { cpu: server.cpu() - cpu, wall: (performance.now() - start) / 1000 };
}

/** Frames of `count` messages from number `first` on, each at least `length` characters long. */
type Burst = (wire: Wire, first: number, size: { count: number; length?: number }) => Uint8Array;

/** A frame a message, as in all the servers that are compared. */
export function single(
  wire: Wire,
  first: number,
  { count, length }: { count: number; length?: number },
): Uint8Array {
  return concat(Array.from({ length: count }, (_, i) => wire.say(textOf(first + i, length))));
}

/** How many messages of a burst {@linkcode joined} puts into a frame. */
export const JOINED = 100;

/** Messages of one burst in common frames, as `chat.v1` lets a client do. */
export function joined(_wire: Wire, first: number, { count }: { count: number }): Uint8Array {
  const frames: Uint8Array[] = [];
  for (let done = 0; done < count; done += JOINED) {
    const lines = Array.from(
      { length: Math.min(JOINED, count - done) },
      (_, i) => JSON.stringify({ messageType: "message", data: textOf(first + done + i) }),
    );
    frames.push(encodeFrame(lines.join("\n")));
  }
  return concat(frames);
}

/**
 * Has 32 clients say 1,600 short texts each in one burst, which everyone receives. A round ends when
 * the last has received the last.
 */
export function chat({ rounds, burst = single }: { rounds: number; burst?: Burst }): Work {
  const size = 32;
  const each = 1_600;
  return async ({ server: command, wire }, { pinned }) => {
    await using server = await ServerProcess.start(command, pinned);
    using crowd = await Crowd.gather({ server, wire, size });
    let [cpu, wall] = [0, 0];
    for (let round = 0; round <= rounds; round++) {
      const bytes = burst(wire, round * each, { count: each });
      const used = await measure(server, async () => {
        for (const { socket } of crowd.clients) socket.write(bytes).catch(() => {});
        await crowd.received((round + 1) * each * size, TIMEOUT);
      });
      // The first round warms up.
      if (round > 0) [cpu, wall] = [cpu + used.cpu, wall + used.wall];
    }
    const deliveries = rounds * each * size * size;
    return {
      cpuPerDelivery: cpu / deliveries * 1e6,
      deliveriesPerSecond: deliveries / wall,
      missed: crowd.total.missed,
      peak: server.memory().peak / MEGABYTE,
    };
  };
}

/**
 * Has native WebSockets of `client`, a runtime's binary, do the client's side of the same work, and
 * count.
 */
export function nativeChat({ client, rounds, perFrame }: {
  client: string;
  rounds: number;
  /** How many messages a client sends in one frame. */
  perFrame: number;
}): Work {
  const script = new URL("./native_client.js", import.meta.url).pathname;
  return async ({ server: command, wire }, { pinned }) => {
    await using server = await ServerProcess.start(command, pinned);
    const args = [script, server.port, wire.protocol ?? "plain", rounds, perFrame].map(String);
    const signal = AbortSignal.timeout(TIMEOUT);
    const { success, stdout } = await new Deno.Command(client, { args, signal, stderr: "inherit" })
      .output();
    if (!success) throw new Error("The native client failed");
    return JSON.parse(new TextDecoder().decode(stdout));
  };
}

/** Has one client publish to 1,000, with `inFlight` messages under way at a time. */
export function fan({ inFlight, messages }: { inFlight: number; messages: number }): Work {
  const size = 1_000;
  const warmUp = 100;
  return async ({ server: command, wire }, { pinned }) => {
    await using server = await ServerProcess.start(command, pinned);
    using crowd = await Crowd.gather({ server, wire, size });
    const [publisher] = crowd.clients;
    if (!publisher) throw new Error("Nobody is there");
    let said = 0;
    const say = async (count: number): Promise<void> => {
      for (const end = said + count; said < end;) {
        await publisher.socket.write(single(wire, said, { count: inFlight }));
        said += inFlight;
        await crowd.received(said, TIMEOUT);
      }
    };
    await say(warmUp);
    const { cpu, wall } = await measure(server, () => say(messages));
    const deliveries = messages * size;
    return {
      cpuPerDelivery: cpu / deliveries * 1e6,
      deliveriesPerSecond: deliveries / wall,
      missed: crowd.total.missed,
      peak: server.memory().peak / MEGABYTE,
    };
  };
}

/**
 * Has one client publish at a fixed rate, whatever comes back. A message's latency is counted from
 * the moment at which it was due.
 */
export function open(
  { size, rate, seconds }: { size: number; rate: number; seconds: number },
): Work {
  return async ({ server: command, wire }, { pinned }) => {
    await using server = await ServerProcess.start(command, pinned);
    using crowd = await Crowd.gather({ server, wire, size });
    const latencies = await publishAtRate(crowd, wire, { rate, seconds });
    return {
      p50: latencies.percentile(50),
      p99: latencies.percentile(99),
      max: latencies.percentile(100),
      missed: crowd.total.missed,
      peak: server.memory().peak / MEGABYTE,
    };
  };
}

/** Publishes at a fixed rate, after a second to warm up, and waits until all have received all. */
async function publishAtRate(
  crowd: Crowd,
  wire: Wire,
  { rate, seconds, from = 0 }: { rate: number; seconds: number; from?: number },
): Promise<Latencies> {
  const [publisher] = crowd.clients;
  if (!publisher) throw new Error("Nobody is there");
  const latencies = new Latencies();
  const warmUp = rate;
  const count = warmUp + rate * seconds;
  const start = performance.now();
  for (const { receiver } of crowd.clients) {
    receiver.onMessages = (first, count) => {
      const now = performance.now() - start;
      for (let i = Math.max(first - from, warmUp); i < first - from + count; i++) {
        latencies.add(now - i * 1000 / rate);
      }
    };
  }
  for (let said = 0; said < count;) {
    const due = Math.min(count, Math.floor((performance.now() - start) * rate / 1000) + 1);
    if (due > said) {
      await publisher.socket.write(single(wire, from + said, { count: due - said }));
    }
    said = Math.max(said, due);
    crowd.check();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await crowd.received(from + count, TIMEOUT);
  return latencies;
}

/** Starts the server, and waits until it serves. */
export function start(): Work {
  return async ({ server: command }, { pinned }) => {
    const began = performance.now();
    await using server = await ServerProcess.start(command, pinned);
    return { start: performance.now() - began, peak: server.memory().peak / MEGABYTE };
  };
}

/** Has 8,000 clients come into one room, and stay. */
export function idle({ size }: { size: number }): Work {
  return async ({ server: command, wire }, { pinned }) => {
    await using server = await ServerProcess.start(command, pinned);
    const before = server.memory().now;
    const cpu = server.cpu();
    const start = performance.now();
    using crowd = await Crowd.connect({ server, wire, size });
    const wall = (performance.now() - start) / 1000;
    const cpuPerConnection = (server.cpu() - cpu) / size * 1e6;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    crowd.check();
    return {
      connectsPerSecond: size / wall,
      cpuPerConnection,
      bytesPerConnection: (server.memory().now - before) / size,
      peak: server.memory().peak / MEGABYTE,
    };
  };
}

/**
 * Has 200 clients receive at a fixed rate while `count` others never read, after so much was
 * published that those are really stuck. Then they read, and what each receives and missed must be
 * all there was.
 */
export function stalled({ count, rate, seconds }: {
  count: number;
  rate: number;
  seconds: number;
}): Work {
  const size = 200;
  const length = 800;
  // The kernel takes some 4 MB for each connection before anything is unsent.
  const filling = 10_000;
  return async ({ server: command, wire }, { pinned }) => {
    await using server = await ServerProcess.start(command, pinned);
    using stuck = await Crowd.connect({ server, wire, size: count, first: size });
    using crowd = await Crowd.gather({ server, wire, size });
    stuck.beginCounting();
    for (const { socket } of stuck.clients) socket.pause();
    const [publisher] = crowd.clients;
    if (!publisher) throw new Error("Nobody is there");
    for (let said = 0; said < filling; said += 100) {
      await publisher.socket.write(single(wire, said, { count: 100, length }));
      await crowd.received(said + 100, TIMEOUT);
    }
    const latencies = await publishAtRate(crowd, wire, { rate, seconds, from: filling });
    const { peak } = server.memory();
    for (const { socket } of stuck.clients) socket.resume();
    await stuck.received(publisher.receiver.messages, TIMEOUT);
    if (stuck.clients.some(({ receiver }) => receiver.missed === 0)) {
      throw new Error("A stalled client missed nothing: it was not stuck");
    }
    return {
      p50: latencies.percentile(50),
      p99: latencies.percentile(99),
      missed: crowd.total.missed,
      missedByStalled: stuck.total.missed,
      peak: peak / MEGABYTE,
    };
  };
}
