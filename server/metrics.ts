/**
 * The numbers for an operator, in Prometheus' text format, version 0.0.4.
 *
 * @module
 */

import type { Hub } from "./hub.ts";

/** The content type of {@linkcode formatMetrics}. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Upper bounds of a histogram of times, in seconds; the last bucket has none. */
const BOUNDS = [0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** Counts times, in buckets. */
export class Histogram {
  readonly #counts: number[] = Array(BOUNDS.length + 1).fill(0);
  #sum = 0;

  /** Counts a time, in milliseconds. */
  observe(ms: number): void {
    const seconds = ms / 1000;
    this.#sum += seconds;
    let bucket = 0;
    while (seconds > (BOUNDS[bucket] ?? Infinity)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }

  /** Returns the lines of a metric of that name, without its type. */
  format(name: string): string[] {
    let total = 0;
    const buckets = this.#counts.map((count, i) => {
      total += count;
      return `${name}_bucket{le="${BOUNDS[i] ?? "+Inf"}"} ${total}`;
    });
    return [...buckets, `${name}_sum ${this.#sum}`, `${name}_count ${total}`];
  }
}

/** What one server has counted since its start. */
export class Counters {
  /** Connections that were opened. */
  opened = 0;
  /** Messages that were published. */
  published = 0;
  /** Events handed to a connection, counted once for each. */
  delivered = 0;
  /** Events that were overwritten before a connection came to them, counted once for each. */
  missed = 0;
  /** Requests that waited because they came too fast. */
  throttled = 0;
  /** Bytes of text that clients sent, without what carries them. */
  received = 0;
  /** Bytes of text that were handed to connections, without what carries them. */
  sent = 0;
  /** What was refused, by error code. */
  readonly refused = new Map<string, number>();
  /** From the publishing of the first event of a turn until all of its batches were handed over. */
  readonly flush = new Histogram();
  /** How much later than it was due something was done. */
  readonly delay = new Histogram();

  /** Counts a refusal. */
  refuse(code: string): void {
    this.refused.set(code, (this.refused.get(code) ?? 0) + 1);
  }
}

/** A metric: what follows its name in each of its lines, and the value. */
type Values = ReadonlyMap<string, number> | number;

function formatValues(name: string, values: Values): string[] {
  if (typeof values === "number") return [`${name} ${values}`];
  return Array.from(values, ([labels, value]) => `${name}{${labels}} ${value}`);
}

function labelled(label: string, counts: ReadonlyMap<string, number>): Values {
  return new Map(Array.from(counts, ([key, count]) => [`${label}="${key}"`, count]));
}

function countDialects({ connected }: Hub): Map<string, number> {
  const counts = new Map([["chat.v1", 0], ["envelope", 0], ["text", 0]]);
  for (const { dialect } of connected) counts.set(dialect, (counts.get(dialect) ?? 0) + 1);
  return counts;
}

/** Formats the hub's numbers as Prometheus reads them, and `sockets`: how many are open. */
export function formatMetrics(hub: Hub, sockets: number): string {
  const { counters } = hub;
  const { rss, heapUsed } = Deno.memoryUsage();
  const metrics: readonly (readonly [string, string, string, Values | Histogram])[] = [
    [
      "chat_connections",
      "gauge",
      "Connections that take part, or are coming in.",
      labelled("dialect", countDialects(hub)),
    ],
    ["chat_sockets", "gauge", "Sockets that are open, also of those who were let go.", sockets],
    ["chat_rooms", "gauge", "Rooms with people in them.", hub.roomCount],
    ["chat_connections_total", "counter", "Connections that were opened.", counters.opened],
    ["chat_messages_published_total", "counter", "Messages published.", counters.published],
    ["chat_deliveries_total", "counter", "Events handed to a connection.", counters.delivered],
    ["chat_missed_total", "counter", "Events that a slow connection missed.", counters.missed],
    [
      "chat_refused_total",
      "counter",
      "Messages, and connections, that were refused.",
      labelled("code", counters.refused),
    ],
    ["chat_throttled_total", "counter", "Requests that waited: too fast.", counters.throttled],
    ["chat_received_bytes_total", "counter", "Bytes of text from clients.", counters.received],
    ["chat_sent_bytes_total", "counter", "Bytes of text handed to connections.", counters.sent],
    [
      "chat_flush_seconds",
      "histogram",
      "From publishing to the handing over of the batch to all who read.",
      counters.flush,
    ],
    [
      "chat_event_loop_delay_seconds",
      "histogram",
      "How much later than it was due a timer came.",
      counters.delay,
    ],
    ["chat_heap_bytes", "gauge", "JavaScript's memory in use.", heapUsed],
    ["process_resident_memory_bytes", "gauge", "The process's memory.", rss],
  ];
  return metrics.map(([name, type, help, values]) => {
    const lines = values instanceof Histogram ? values.format(name) : formatValues(name, values);
    return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
  }).join("");
}
