/**
 * The client's command line.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import {
  cleanName,
  DEFAULT_HOST,
  DEFAULT_PORT,
  DEFAULT_ROOM,
  formatAddress,
  parseRoom,
  ProtocolError,
} from "../protocol.ts";
import { EXIT_CODES } from "./exit.ts";

/** What the command line asks the client to do. */
export interface ClientFlags {
  /** Where the server is: `ws:` or `wss:`. */
  readonly url: URL;
  /** The wanted name, if any. */
  readonly name: string | undefined;
  readonly room: string;
  /** The file with the token, if one is needed. */
  readonly tokenFile: string | undefined;
  readonly color: boolean;
  /** Whether a terminal rings when somebody names this person. */
  readonly bell: boolean;
  /** How a pipe reads and prints messages. */
  readonly format: "text" | "json";
  /** How long a pipe listens after the end of its input, in milliseconds. */
  readonly wait: number;
}

/** A command line that makes no sense. Its message is one line: what is wrong and what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const DEFAULT_SERVER = `ws://${formatAddress({ hostname: DEFAULT_HOST, port: DEFAULT_PORT })}`;

/** The text of `--help`. */
export const USAGE = `Broadcast chat, the client: chat from this terminal, or from a pipe.

Usage: deno task client [NAME] [--server=${DEFAULT_SERVER}]

  --server=URL       where the server is: ws://HOST:PORT, or wss:// for TLS [${DEFAULT_SERVER}]
  --host=ADDRESS     the same in parts: its address [${DEFAULT_HOST}]
  --port=N           and its port [${DEFAULT_PORT}]
  --room=ROOM        the room to come into [${DEFAULT_ROOM}]
  --token-file=FILE  come in with the token in this file, where one is needed
  --no-color         no colours; NO_COLOR in the environment does the same
  --no-bell          do not ring when somebody names you
  --json             print each message of the server as a line of JSON; input may be JSON too
  --wait=SECONDS     in a pipe: go on listening after the end of input [0]
  --help             show this
  --version          show the version

At a terminal, /help lists the commands. In a pipe, lines of input, in UTF-8, are messages or
commands, messages are printed on standard output and all else on standard error; at the end of input
it leaves, once everything is accepted.

Exit codes:
${EXIT_CODES.map(([code, meaning]) => `  ${String(code).padEnd(3)} ${meaning}`).join("\n")}`;

/** The longest that a pipe can go on listening, in seconds: 20 days. */
const MAX_WAIT = 1_728_000;

function parseWait(seconds: string): number {
  if (/^\d+(\.\d+)?$/.test(seconds) && Number(seconds) <= MAX_WAIT) return Number(seconds) * 1000;
  throw new UsageError(`--wait=${seconds}: give seconds, from 0 to ${MAX_WAIT}.`);
}

function parseServer(server: string): URL {
  const url = URL.parse(server);
  const isWebSocket = url?.protocol === "ws:" || url?.protocol === "wss:";
  if (url && isWebSocket && url.hash === "") return url;
  throw new UsageError(`--server=${server}: give an address such as ${DEFAULT_SERVER}.`);
}

function parseHostAndPort(host: string, port: string): URL {
  if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw new UsageError(`--port=${port}: give a whole number from 1 to 65535.`);
  }
  const url = URL.parse(`ws://${formatAddress({ hostname: host, port })}`);
  if (url && url.pathname + url.search + url.hash + url.username === "/") return url;
  throw new UsageError(`--host=${host}: give a host's name or address, such as ${DEFAULT_HOST}.`);
}

function rejectUnknown(arg: string): void {
  if (arg.startsWith("-")) throw new UsageError(`Unknown argument ${arg}. See --help.`);
}

/**
 * Parses the client's arguments.
 *
 * @returns The flags, or which text was asked for instead.
 * @throws {UsageError} If an argument is unknown or its value is invalid.
 */
export function parseClientFlags(args: readonly string[]): ClientFlags | "help" | "version" {
  // `deno task client -- alice` passes the `--` on.
  const parsed = parseArgs(args.filter((arg) => arg !== "--"), {
    boolean: ["help", "version", "no-color", "no-bell", "json"],
    string: ["server", "host", "port", "room", "token-file", "wait", "_"],
    default: { room: DEFAULT_ROOM, wait: "0" },
    unknown: rejectUnknown,
  });
  if (parsed.help) return "help";
  if (parsed.version) return "version";
  const { server, host = DEFAULT_HOST, port = String(DEFAULT_PORT), room } = parsed;
  if (server !== undefined && (parsed.host ?? parsed.port) !== undefined) {
    throw new UsageError("Give either --server or --host and --port, not both.");
  }
  if (parsed["token-file"] === "") {
    throw new UsageError("--token-file needs a file: --token-file=token.txt.");
  }
  const [name, more] = parsed._.map(String);
  if (more !== undefined) throw new UsageError(`One name is enough: what is ${more}? See --help.`);
  try {
    return {
      url: server === undefined ? parseHostAndPort(host, port) : parseServer(server),
      name: cleanName(name ?? ""),
      room: parseRoom(room),
      tokenFile: parsed["token-file"],
      color: !parsed["no-color"],
      bell: !parsed["no-bell"],
      format: parsed.json ? "json" : "text",
      wait: parseWait(parsed.wait),
    };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new UsageError(`--room=${room}: ${error.message}`);
  }
}
