/**
 * The server's command line.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { DEFAULT_HOST, DEFAULT_PORT, MAX_TEXT_BYTES } from "../protocol.ts";
import { DEFAULT_MAX_CLIENTS } from "./admission.ts";
import { DEFAULT_CAPACITY, DEFAULT_HISTORY, DEFAULT_MAX_ROOMS } from "./hub.ts";
import { DEFAULT_FORMAT, DEFAULT_LEVEL, type Format, FORMATS, type Level, LEVELS } from "./log.ts";
import { parseOrigin } from "./origin.ts";
import { DEFAULT_RETAIN } from "./sqlite.ts";
import { DEFAULT_BURST, DEFAULT_RATE } from "./throttle.ts";

/** The largest ring: at some 4 KB an event, more would be a mistake. */
const MAX_CAPACITY = 1_000_000;

/** The most events of a room that are stored: at some 200 bytes each, 200 GB. */
const MAX_RETAIN = 1_000_000_000;

const MAX_PORT = 65_535;

/** The most of anything else that is counted: more is as good as no limit. */
const MAX_COUNT = 1_000_000;

/** What the command line asks the server to do. */
export interface ServerFlags {
  readonly hostname: string;
  readonly port: number;
  readonly tcpPort: number | undefined;
  readonly capacity: number;
  readonly history: number;
  readonly db: string | undefined;
  readonly retain: number | undefined;
  readonly rate: number;
  readonly burst: number;
  readonly maxMessage: number;
  readonly maxClients: number;
  readonly maxClientsPerIp: number | undefined;
  readonly maxRooms: number;
  readonly tokenFile: string | undefined;
  readonly allowedOrigins: ReadonlySet<string>;
  readonly trustProxy: boolean;
  readonly hideAddresses: boolean;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly logLevel: Level;
  readonly logFormat: Format;
}

/** A command line that makes no sense. Its message is one line: what is wrong and what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The text of `--help`. */
export const USAGE =
  `Broadcast chat, the server: one conversation for terminals, browsers, websocat and nc.

Usage: deno task server [--port=8080] [--tcp-port=8081]

  --host=ADDRESS           address to listen on; 0.0.0.0 lets the network in [${DEFAULT_HOST}]
  --port=N                 port of WebSocket and HTTP; 0 takes a free one [${DEFAULT_PORT}]
  --tcp-port=N             port of plain TCP, for nc and telnet [none]
  --capacity=N             events that each room retains [${DEFAULT_CAPACITY}]
  --history=N              messages that a newcomer gets [${DEFAULT_HISTORY}]
  --db=FILE                keep the history in this file, over a restart [none]
  --retain=N               messages of each room that are kept there [${DEFAULT_RETAIN}]
  --token-file=FILE        let in only who has a token: lines of TOKEN NAME, maybe operator [none]
  --allow-origin=ORIGIN    let pages of https://NAME connect, and go by that name; may come again
  --trust-proxy            the last address in X-Forwarded-For is the client's
  --hide-addresses         tell nobody the address of another
  --cert=FILE --key=FILE   speak TLS (https, wss) with this certificate and its key, both PEM
  --rate=N                 messages a second that a client may go on sending; 0: any number [${DEFAULT_RATE}]
  --burst=N                messages that a client may send at once [${DEFAULT_BURST}]
  --max-message=N          bytes of a message, up to ${MAX_TEXT_BYTES} [${MAX_TEXT_BYTES}]
  --max-clients=N          clients in all [${DEFAULT_MAX_CLIENTS}]
  --max-clients-per-ip=N   clients from one address; of IPv6, from one /64 [no limit]
  --max-rooms=N            rooms with people in them [${DEFAULT_MAX_ROOMS}]
  --log-level=LEVEL        ${LEVELS.join(", ")} [${DEFAULT_LEVEL}]
  --log-format=FORMAT      ${FORMATS.join(", ")} [${DEFAULT_FORMAT}]
  --help                   show this
  --version                show the version

SIGTERM and Ctrl-C end it, within 5 seconds; at SIGHUP it reads the token file again.`;

function parseNumber(flag: string, value: string, [min, max]: [number, number]): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= min && number <= max) return number;
  throw new UsageError(`--${flag}=${value}: give a whole number from ${min} to ${max}.`);
}

/** Parses a number that need not be given. */
function parseOptional(
  flag: string,
  value: string | undefined,
  range: [number, number],
): number | undefined {
  return value === undefined ? undefined : parseNumber(flag, value, range);
}

function parseChoice<T extends string>(flag: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((choice) => choice === value);
  if (choice) return choice;
  throw new UsageError(`--${flag}=${value}: give one of ${choices.join(", ")}.`);
}

function parseOrigins(values: readonly string[]): Set<string> {
  return new Set(values.map((value) => {
    const origin = parseOrigin(value);
    if (origin !== undefined) return origin;
    throw new UsageError(`--allow-origin=${value}: give an origin such as https://chat.example.`);
  }));
}

/** What each flag with a file or an address is for, if it is empty. */
const EXAMPLES: ReadonlyMap<string, string> = new Map([
  ["host", "--host needs an address: --host=0.0.0.0."],
  ["db", "--db needs a file: --db=chat.db."],
  ["token-file", "--token-file needs a file: --token-file=tokens.txt."],
  ["cert", "--cert needs a file: --cert=cert.pem."],
  ["key", "--key needs a file: --key=key.pem."],
]);

function rejectUnknown(arg: string): never {
  throw new UsageError(`Unknown argument ${arg}. See --help.`);
}

/** Checks what flags have to do with each other. */
function checkTogether({ retain, db, cert, key }: Readonly<Record<string, unknown>>): void {
  if (retain !== undefined && db === undefined) {
    throw new UsageError("--retain says how much a database keeps: give --db=FILE too.");
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError("TLS needs both: --cert=FILE and --key=FILE.");
  }
}

const STRINGS = [
  "host",
  "port",
  "tcp-port",
  "capacity",
  "history",
  "db",
  "retain",
  "token-file",
  "allow-origin",
  "cert",
  "key",
  "rate",
  "burst",
  "max-message",
  "max-clients",
  "max-clients-per-ip",
  "max-rooms",
  "log-level",
  "log-format",
] as const;

/** Takes the command line apart. */
function split(args: readonly string[]) {
  // `deno task server -- --port=1` passes the `--` on.
  return parseArgs(args.filter((arg) => arg !== "--"), {
    boolean: ["help", "version", "trust-proxy", "hide-addresses"],
    string: STRINGS,
    collect: ["allow-origin"],
    default: {
      host: DEFAULT_HOST,
      port: String(DEFAULT_PORT),
      capacity: String(DEFAULT_CAPACITY),
      history: String(DEFAULT_HISTORY),
      rate: String(DEFAULT_RATE),
      burst: String(DEFAULT_BURST),
      "max-message": String(MAX_TEXT_BYTES),
      "max-clients": String(DEFAULT_MAX_CLIENTS),
      "max-rooms": String(DEFAULT_MAX_ROOMS),
      "log-level": DEFAULT_LEVEL,
      "log-format": DEFAULT_FORMAT,
    },
    unknown: rejectUnknown,
  });
}

/**
 * Parses the server's arguments.
 *
 * @returns The flags, or which text was asked for instead.
 * @throws {UsageError} If an argument is unknown or its value is invalid.
 */
export function parseServerFlags(args: readonly string[]): ServerFlags | "help" | "version" {
  const parsed = split(args);
  if (parsed.help) return "help";
  if (parsed.version) return "version";
  for (const [flag, advice] of EXAMPLES) {
    if (parsed[flag] === "") throw new UsageError(advice);
  }
  checkTogether(parsed);
  return {
    hostname: parsed.host,
    port: parseNumber("port", parsed.port, [0, MAX_PORT]),
    tcpPort: parseOptional("tcp-port", parsed["tcp-port"], [0, MAX_PORT]),
    capacity: parseNumber("capacity", parsed.capacity, [1, MAX_CAPACITY]),
    history: parseNumber("history", parsed.history, [0, MAX_CAPACITY]),
    db: parsed.db,
    retain: parseOptional("retain", parsed.retain, [1, MAX_RETAIN]),
    rate: parseNumber("rate", parsed.rate, [0, MAX_COUNT]),
    burst: parseNumber("burst", parsed.burst, [1, MAX_COUNT]),
    maxMessage: parseNumber("max-message", parsed["max-message"], [1, MAX_TEXT_BYTES]),
    maxClients: parseNumber("max-clients", parsed["max-clients"], [1, MAX_COUNT]),
    maxClientsPerIp: parseOptional("max-clients-per-ip", parsed["max-clients-per-ip"], [
      1,
      MAX_COUNT,
    ]),
    maxRooms: parseNumber("max-rooms", parsed["max-rooms"], [1, MAX_COUNT]),
    tokenFile: parsed["token-file"],
    allowedOrigins: parseOrigins(parsed["allow-origin"]),
    trustProxy: parsed["trust-proxy"],
    hideAddresses: parsed["hide-addresses"],
    cert: parsed.cert,
    key: parsed.key,
    logLevel: parseChoice("log-level", parsed["log-level"], LEVELS),
    logFormat: parseChoice("log-format", parsed["log-format"], FORMATS),
  };
}
