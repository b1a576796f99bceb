/**
 * What is compared: this server in two of its dialects, and what people would use instead.
 *
 * @module
 */

import type { ServerCommand } from "./process.ts";
import { CHAT, plain, type Wire } from "./wire.ts";

/** The peers, as they are named to npm. */
const BUN = "bun@1.4.5";
const WS = "ws@8";

/** A server and how it is talked to. */
export interface Target {
  readonly name: string;
  readonly version: string;
  readonly server: ServerCommand;
  readonly wire: Wire;
}

function script(name: string): string {
  return new URL(`./servers/${name}`, import.meta.url).pathname;
}

function deno(name: string, ...flags: string[]): ServerCommand {
  const config = new URL("../deno.json", import.meta.url).pathname;
  const files = flags.length > 0 ? ["--allow-read", "--allow-write"] : [];
  return {
    command: Deno.execPath(),
    args: ["run", "--config", config, "--allow-net", ...files, script(name), ...flags],
  };
}

const DENO = `Deno ${Deno.version.deno}`;

/** This server, in `chat.v1`. */
export const CHAT_TARGET: Target = {
  name: "chat.v1",
  version: DENO,
  server: deno("own.ts"),
  wire: CHAT,
};

/** This server in `chat.v1`, with its history in the file `db`: what is there, or a new one. */
export function storedTarget(db: string, { isNew }: { isNew: boolean }): Target {
  const flags = isNew ? [`--db=${db}`, "--new"] : [`--db=${db}`];
  return { ...CHAT_TARGET, name: "chat.v1 --db", server: deno("own.ts", ...flags) };
}

/** This server, in plain text. */
export const TEXT_TARGET: Target = { ...CHAT_TARGET, name: "/text", wire: plain("/text") };

/** A loop over `socket.send()` on the same runtime. */
export const NAIVE_TARGET: Target = {
  name: "send loop",
  version: DENO,
  server: deno("naive.ts"),
  wire: plain("/"),
};

/** Sockets that the runtime holds, and nothing else. */
export const BARE_TARGET: Target = {
  ...NAIVE_TARGET,
  name: "bare sockets",
  server: deno("bare.ts"),
};

/**
 * Fetches the peers from npm, into its cache and the directory `into`.
 *
 * @throws {Error} If npm is not there or cannot fetch them.
 */
export function fetchPeers(into: string): Target[] {
  const bun = output("npx", ["-y", BUN, "-e", "console.log(process.execPath, Bun.version)"]);
  const [bunPath = "", bunVersion = ""] = bun.split(" ");
  output("npm", ["install", "--silent", "--prefix", into, WS]);
  const modules = `${into}/node_modules`;
  const wsVersion = JSON.parse(Deno.readTextFileSync(`${modules}/ws/package.json`)).version;
  const nodeVersion = output("node", ["--version"]).slice(1);
  return [
    {
      name: "Bun publish",
      version: `Bun ${bunVersion}`,
      server: { command: bunPath, args: [script("bun.js")] },
      wire: plain("/"),
    },
    {
      name: "ws",
      version: `ws ${wsVersion}, Node ${nodeVersion}`,
      server: { command: "node", args: [script("ws.cjs")], env: { NODE_PATH: modules } },
      wire: plain("/"),
    },
  ];
}

function output(command: string, args: string[]): string {
  const { success, stdout } = new Deno.Command(command, { args, stderr: "inherit" }).outputSync();
  if (!success) throw new Error(`${command} ${args.join(" ")} failed: the peers need npm.`);
  return new TextDecoder().decode(stdout).trim();
}
