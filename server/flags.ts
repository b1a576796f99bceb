/**
 * The server's command line.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { DEFAULT_HOST, DEFAULT_PORT } from "../protocol.ts";
import { DEFAULT_CAPACITY, DEFAULT_HISTORY } from "./hub.ts";
import { DEFAULT_LEVEL, type Level, LEVELS } from "./log.ts";
import { DEFAULT_RETAIN } from "./sqlite.ts";

/** The largest ring: at some 4 KB an event, more would be a mistake. */
const MAX_CAPACITY = 1_000_000;

/** The most events of a room that are stored: at some 200 bytes each, 200 GB. */
const MAX_RETAIN = 1_000_000_000;

const MAX_PORT = 65_535;

/** What the command line asks the server to do. */
export interface ServerFlags {
  readonly hostname: string;
  readonly port: number;
  readonly tcpPort: number | undefined;
  readonly capacity: number;
  readonly history: number;
  readonly db: string | undefined;
  readonly retain: number | undefined;
  readonly logLevel: Level;
}

/** A command line that makes no sense. Its message is one line: what is wrong and what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The text of `--help`. */
export const USAGE =
  `Broadcast chat, the server: one conversation for terminals, browsers, websocat and nc.

Usage: deno task server [--port=8080] [--tcp-port=8081]

  --host=ADDRESS    address to listen on; 0.0.0.0 lets the network in [${DEFAULT_HOST}]
  --port=N          port of WebSocket and HTTP; 0 takes a free one [${DEFAULT_PORT}]
  --tcp-port=N      port of plain TCP, for nc and telnet [none]
  --capacity=N      events that each room retains [${DEFAULT_CAPACITY}]
  --history=N       events that a newcomer gets [${DEFAULT_HISTORY}]
  --db=FILE         keep the history in this file, over a restart [none]
  --retain=N        events of each room that are kept there [${DEFAULT_RETAIN}]
  --log-level=LEVEL ${LEVELS.join(", ")} [${DEFAULT_LEVEL}]
  --help            show this
  --version         show the version`;

function parseNumber(flag: string, value: string, [min, max]: [number, number]): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= min && number <= max) return number;
  throw new UsageError(`--${flag}=${value}: give a whole number from ${min} to ${max}.`);
}

function parseLevel(value: string): Level {
  const level = LEVELS.find((level) => level === value);
  if (level) return level;
  throw new UsageError(`--log-level=${value}: give one of ${LEVELS.join(", ")}.`);
}

function rejectUnknown(arg: string): never {
  throw new UsageError(`Unknown argument ${arg}. See --help.`);
}

/**
 * Parses the server's arguments.
 *
 * @returns The flags, or which text was asked for instead.
 * @throws {UsageError} If an argument is unknown or its value is invalid.
 */
export function parseServerFlags(args: readonly string[]): ServerFlags | "help" | "version" {
  // `deno task server -- --port=1` passes the `--` on.
  const parsed = parseArgs(args.filter((arg) => arg !== "--"), {
    boolean: ["help", "version"],
    string: ["host", "port", "tcp-port", "capacity", "history", "db", "retain", "log-level"],
    default: {
      host: DEFAULT_HOST,
      port: String(DEFAULT_PORT),
      capacity: String(DEFAULT_CAPACITY),
      history: String(DEFAULT_HISTORY),
      "log-level": DEFAULT_LEVEL,
    },
    unknown: rejectUnknown,
  });
  if (parsed.help) return "help";
  if (parsed.version) return "version";
  if (parsed.host === "") throw new UsageError("--host needs an address: --host=0.0.0.0.");
  if (parsed.db === "") throw new UsageError("--db needs a file: --db=chat.db.");
  const { retain, "tcp-port": tcpPort } = parsed;
  if (retain !== undefined && parsed.db === undefined) {
    throw new UsageError("--retain says how much a database keeps: give --db=FILE too.");
  }
  return {
    hostname: parsed.host,
    port: parseNumber("port", parsed.port, [0, MAX_PORT]),
    tcpPort: tcpPort === undefined ? undefined : parseNumber("tcp-port", tcpPort, [0, MAX_PORT]),
    capacity: parseNumber("capacity", parsed.capacity, [1, MAX_CAPACITY]),
    history: parseNumber("history", parsed.history, [0, MAX_CAPACITY]),
    db: parsed.db,
    retain: retain === undefined ? undefined : parseNumber("retain", retain, [1, MAX_RETAIN]),
    logLevel: parseLevel(parsed["log-level"]),
  };
}
