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

/** What the command line asks the client to do. */
export interface ClientFlags {
  /** Where the server is: `ws:` or `wss:`. */
  readonly url: URL;
  /** The wanted name, if any. */
  readonly name: string | undefined;
  readonly room: string;
  readonly color: boolean;
}

/** A command line that makes no sense. Its message is one line: what is wrong and what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const DEFAULT_SERVER = `ws://${formatAddress({ hostname: DEFAULT_HOST, port: DEFAULT_PORT })}`;

/** The text of `--help`. */
export const USAGE = `Broadcast chat, the client: chat from this terminal, or from a pipe.

Usage: deno task client [NAME] [--server=${DEFAULT_SERVER}]

  --server=URL    where the server is: ws://HOST:PORT, or wss:// for TLS [${DEFAULT_SERVER}]
  --host=ADDRESS  the same in parts: its address [${DEFAULT_HOST}]
  --port=N        and its port [${DEFAULT_PORT}]
  --room=ROOM     the room to come into [${DEFAULT_ROOM}]
  --no-color      no colours; NO_COLOR in the environment does the same
  --help          show this
  --version       show the version

Exit codes: 0 left, 1 no connection or a message was refused or lost, 2 wrong arguments, 3 not let in.`;

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
    boolean: ["help", "version", "no-color"],
    string: ["server", "host", "port", "room", "_"],
    default: { room: DEFAULT_ROOM },
    unknown: rejectUnknown,
  });
  if (parsed.help) return "help";
  if (parsed.version) return "version";
  const { server, host = DEFAULT_HOST, port = String(DEFAULT_PORT), room } = parsed;
  if (server !== undefined && (parsed.host ?? parsed.port) !== undefined) {
    throw new UsageError("Give either --server or --host and --port, not both.");
  }
  const [name, more] = parsed._.map(String);
  if (more !== undefined) throw new UsageError(`One name is enough: what is ${more}? See --help.`);
  try {
    return {
      url: server === undefined ? parseHostAndPort(host, port) : parseServer(server),
      name: cleanName(name ?? ""),
      room: parseRoom(room),
      color: !parsed["no-color"],
    };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new UsageError(`--room=${room}: ${error.message}`);
  }
}
