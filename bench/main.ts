/**
 * The benchmark: this server beside what people would use instead, as processes of their own that
 * are given the same work.
 *
 * Run it with `deno task bench`; `--peers` adds Bun and `ws` on Node, which it fetches from npm, and
 * `--help` lists its flags. It needs Linux for /proc, and two cores. Every run checks what it
 * receives and fails if that is not exactly what must come. Runs are interleaved, and each figure is
 * the median of its runs. Nothing but --allow-all lets Deno read /proc.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { drawChart, formatNumber, type Panel } from "./chart.ts";
import { pinLoad } from "./process.ts";
import {
  BARE_TARGET,
  CHAT_TARGET,
  fetchPeers,
  NAIVE_TARGET,
  storedTarget,
  type Target,
  TEXT_TARGET,
} from "./targets.ts";
import {
  chat,
  fan,
  idle,
  JOINED,
  joined,
  type Metrics,
  nativeChat,
  open,
  single,
  stalled,
  start,
  type Work,
} from "./works.ts";
import { fill } from "./stored.ts";

const USAGE = `The benchmark: this server beside what people would use instead.

Usage: deno task bench [--peers] [--runs=3] [--only=chat,fan]

  --peers       also Bun's native publish, and the package ws on Node; fetches them from npm
  --runs=N      runs of each, interleaved; the median counts [3]
  --only=WORKS  the works to run: chat, text, fan, open, idle, stalled, db, start [all]
  --json=FILE   write all runs as JSON
  --chart=FILE  write the chart as SVG
  --help        show this`;

/** One thing that is measured: a work and who does it. */
interface Contest {
  /** The work's name in `--only`. */
  readonly work: string;
  readonly title: string;
  /** The metric of the chart, if it is in there. */
  readonly charted?: { readonly metric: string; readonly unit: string };
  /** Makes ready what its runs need. */
  readonly prepare?: () => void;
  readonly entries: readonly Entry[];
}

interface Entry {
  readonly name: string;
  readonly target: Target;
  readonly run: Work;
}

/** All runs of one entry. */
interface Result {
  readonly work: string;
  readonly title: string;
  readonly name: string;
  readonly version: string;
  readonly median: Metrics;
  readonly runs: readonly Metrics[];
}

/** How a metric is called in the table. */
const HEADINGS: Readonly<Record<string, string>> = {
  cpuPerDelivery: "server CPU, µs a delivery",
  deliveriesPerSecond: "deliveries a second",
  p50: "p50 ms",
  p99: "p99 ms",
  max: "max ms",
  connectsPerSecond: "connects a second",
  cpuPerConnection: "server CPU, µs a connect",
  bytesPerConnection: "bytes a connection",
  missed: "missed",
  peak: "peak MB",
  missedByStalled: "missed by the stalled",
  start: "ms to serve",
};

function entry(target: Target, run: Work, name = target.name): Entry {
  return { name, target, run };
}

/**
 * Returns what is measured. `peers` are Bun and ws, or nobody; files that a server needs are made in
 * the directory `files`.
 */
function listContests(peers: readonly Target[], files: string): Contest[] {
  const [bun, ws] = peers;
  const only = (target: Target | undefined, run: Work): Entry[] =>
    target ? [entry(target, run)] : [];
  const fast = chat({ rounds: 4 });
  const slow = chat({ rounds: 1 });
  const perDelivery = {
    metric: "cpuPerDelivery",
    unit: "server CPU, µs a delivery; less is better",
  };
  const fans = [1, 10].map((inFlight): Contest => {
    const work = fan({ inFlight, messages: 200 * inFlight });
    const title = `fan: 1 publisher, 1,000 subscribers, ${inFlight} in flight`;
    const targets = [CHAT_TARGET, ...peers, NAIVE_TARGET];
    return {
      work: "fan",
      title,
      charted: perDelivery,
      entries: targets.map((target) => entry(target, work)),
    };
  });
  const opens = [100, 1_000, 4_000].map((rate): Contest => {
    const work = open({ size: 500, rate, seconds: 4 });
    const title = `open: 1 publisher at ${rate} messages a second, 500 subscribers`;
    // A frame a message costs 6 µs: beyond 100,000 deliveries a second a core cannot keep up.
    const others = rate === 100 ? [...only(ws, work), entry(NAIVE_TARGET, work)] : [];
    return {
      work: "open",
      title,
      entries: [entry(CHAT_TARGET, work), ...only(bun, work), ...others],
    };
  });
  return [
    {
      work: "chat",
      title: "chat: 32 clients x 1,600 short texts in one burst, to everyone",
      charted: perDelivery,
      entries: [
        entry(CHAT_TARGET, chat({ rounds: 4, burst: joined }), "chat.v1, joined"),
        entry(CHAT_TARGET, fast),
        ...only(bun, fast),
      ],
    },
    ...bun ? [listNative(bun)] : [],
    {
      work: "text",
      title: "text: the same, a frame a message",
      charted: perDelivery,
      entries: [entry(TEXT_TARGET, slow), entry(NAIVE_TARGET, slow), ...only(ws, slow)],
    },
    ...fans,
    ...opens,
    {
      work: "idle",
      title: "idle: 8,000 clients come into one room, and stay",
      entries: [CHAT_TARGET, BARE_TARGET].map((target) => entry(target, idle({ size: 8_000 }))),
    },
    {
      work: "stalled",
      title: "stalled: 250 messages a second to 200 clients, and others that never read",
      entries: [0, 50].map((count) =>
        entry(CHAT_TARGET, stalled({ count, rate: 250, seconds: 8 }), `${count} stalled`)
      ),
    },
    ...listStored(files),
  ];
}

function listStored(files: string): Contest[] {
  const fresh = storedTarget(`${files}/chat.db`, { isNew: true });
  const full = storedTarget(`${files}/million.db`, { isNew: false });
  const bursts = [{ how: ", joined", burst: joined }, { how: "", burst: single }];
  return [
    {
      work: "db",
      title: "chat, with and without its history in a file",
      entries: bursts.flatMap(({ how, burst }) =>
        [fresh, CHAT_TARGET].map((target) =>
          entry(target, chat({ rounds: 2, burst }), `${target.name}${how}`)
        )
      ),
    },
    {
      work: "start",
      title: "start: on a file of a million events, a new one, and none",
      prepare: () => fill(`${files}/million.db`, { rooms: 10, each: 100_000 }),
      entries: [
        entry(full, start(), "chat.v1 --db, a million"),
        entry(fresh, start(), "chat.v1 --db, new"),
        entry(CHAT_TARGET, start()),
      ],
    },
  ];
}

function listNative(bun: Target): Contest {
  const run = (perFrame: number): Work =>
    nativeChat({ client: bun.server.command, rounds: 4, perFrame });
  return {
    work: "chat",
    title: "chat, as native WebSockets of Bun receive and count it",
    charted: { metric: "deliveriesPerSecond", unit: "deliveries a second; more is better" },
    entries: [
      entry(CHAT_TARGET, run(JOINED), "chat.v1, joined"),
      entry(CHAT_TARGET, run(1)),
      entry(bun, run(1)),
    ],
  };
}

/** Returns the median of each metric. */
function median(runs: readonly Metrics[]): Metrics {
  const [first = {}] = runs;
  return Object.fromEntries(
    Object.keys(first).map((metric) => {
      const values = runs.map((run) => run[metric] ?? NaN).sort((a, b) => a - b);
      return [metric, values[values.length >> 1] ?? NaN];
    }),
  );
}

/** Runs a contest: all entries once, then all again, so that a slow minute is everyone's. */
async function hold(contest: Contest, runs: number, pinned: boolean): Promise<Result[]> {
  const { work, title, entries } = contest;
  contest.prepare?.();
  const all = entries.map((): Metrics[] => []);
  for (let run = 0; run < runs; run++) {
    for (const [index, { target, run: give }] of entries.entries()) {
      all[index]?.push(await give(target, { pinned }));
    }
  }
  return entries.map(({ name, target: { version } }, index) => {
    const runs = all[index] ?? [];
    return { work, title, name, version, median: median(runs), runs };
  });
}

function formatTable(results: readonly Result[]): string {
  const metrics = Object.keys(results[0]?.median ?? {});
  const rows = [
    ["", ...metrics.map((metric) => HEADINGS[metric] ?? metric)],
    ...results.map(({ name, median }) => [
      name,
      ...metrics.map((metric) => formatNumber(median[metric] ?? NaN)),
    ]),
  ];
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  );
  return rows.map((row) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths?.[0] ?? 0) : cell.padStart(widths?.[column] ?? 0)
    ).join("  ")
  ).join("\n");
}

function toPanel({ title, charted }: Contest, results: readonly Result[]): Panel[] {
  if (!charted) return [];
  const bars = results.map(({ name, median }) => ({ name, value: median[charted.metric] ?? 0 }));
  return [{ title, unit: charted.unit, bars }];
}

async function main(args: readonly string[]): Promise<number> {
  const unknown: string[] = [];
  const flags = parseArgs([...args], {
    boolean: ["peers", "help"],
    string: ["runs", "only", "json", "chart"],
    default: { runs: "3" },
    unknown: (arg: string) => {
      unknown.push(arg);
      return false;
    },
  });
  if (flags.help) {
    console.log(USAGE);
    return 0;
  }
  const runs = Number(flags.runs);
  const works: string[] | undefined = flags.only?.split(",");
  const wrong = works?.find((name) => !listContests([], "").some(({ work }) => work === name));
  if (unknown.length > 0 || wrong !== undefined || !Number.isInteger(runs) || runs < 1) {
    console.error(
      `Not understood: ${[...unknown, wrong ?? `--runs=${flags.runs}`][0]}. See --help.`,
    );
    return 2;
  }
  const pinned = pinLoad();
  const files = Deno.makeTempDirSync();
  try {
    const peers = flags.peers ? fetchPeers(files) : [];
    console.log(describeRun([CHAT_TARGET, ...peers], { runs, pinned }));
    const results: Result[] = [];
    const panels: Panel[] = [];
    for (const contest of listContests(peers, files)) {
      if (works && !works.includes(contest.work)) continue;
      const held = await hold(contest, runs, pinned);
      console.log(`\n${contest.title}\n${formatTable(held)}`);
      results.push(...held);
      panels.push(...toPanel(contest, held));
    }
    if (flags.json) Deno.writeTextFileSync(flags.json, `${JSON.stringify(results, null, 2)}\n`);
    if (flags.chart) {
      Deno.writeTextFileSync(
        flags.chart,
        drawChart(panels, (name) => /^(chat\.v1|\/text)/.test(name)),
      );
    }
    return 0;
  } finally {
    Deno.removeSync(files, { recursive: true });
  }
}

function describeRun(
  targets: readonly Target[],
  { runs, pinned }: { runs: number; pinned: boolean },
): string {
  const cpu = Deno.readTextFileSync("/proc/cpuinfo").match(/^model name\s*: (.*)$/m)?.[1] ?? "?";
  const cores = pinned ? "server and load on a core each" : "server and load share all cores";
  const versions = targets.map(({ version }) => version).join("; ");
  return `${versions}\n${cpu}, ${cores}; medians of ${runs} interleaved runs`;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
