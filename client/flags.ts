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

Exit codes: 0 left, 1 no connection or a message was refused, 2 wrong arguments.`;

function parseUrl(flag: string, value: string): URL {
  const url = URL.parse(value);
  if (url && (url.protocol === "ws:" || url.protocol === "wss:") && url.host !== "") return url;
  throw new UsageError(`${flag}: that makes no address. Give one such as ${DEFAULT_SERVER}.`);
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
      url: server === undefined
        ? parseUrl(
          `--host=${host} --port=${port}`,
          `ws://${formatAddress({ hostname: host, port })}`,
        )
        : parseUrl(`--server=${server}`, server),
      name: cleanName(name ?? ""),
      room: parseRoom(room),
      color: !parsed["no-color"],
    };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new UsageError(`--room=${room}: ${error.message}`);
  }
}
