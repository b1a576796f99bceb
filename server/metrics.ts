/**
 * The numbers for an operator, in Prometheus' text format, version 0.0.4.
 *
 * @module
 */

import type { Hub } from "./hub.ts";

/** The content type of {@linkcode formatMetrics}. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Formats the hub's numbers as Prometheus reads them. */
export function formatMetrics({ connected, roomCount, counters }: Hub): string {
  const metrics = [
    ["chat_connections", "gauge", "Connections that are open.", connected.size],
    ["chat_connections_total", "counter", "Connections that were opened.", counters.opened],
    ["chat_rooms", "gauge", "Rooms with people in them.", roomCount],
    ["chat_messages_published_total", "counter", "Messages published.", counters.published],
    ["chat_deliveries_total", "counter", "Events handed to a connection.", counters.delivered],
    ["chat_missed_total", "counter", "Events that a slow connection missed.", counters.missed],
  ];
  return metrics.map(([name, type, help, value]) =>
    `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`
  ).join("");
}
