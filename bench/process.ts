/**
 * Servers as processes of their own, and what the operating system says about them.
 *
 * @module
 */

import { readText } from "../client/lines.ts";
/** The core that the server has for itself, and the one that the load has, if there are two. */
const [SERVER_CORE, LOAD_CORE] = ["0", "1"];

/** Clock ticks a second in /proc (`getconf CLK_TCK`, 100 on every Linux). */
const TICKS = 100;

/** How long a server may take to start, in milliseconds. */
const START_TIMEOUT = 20_000;

/** How to start a server that prints a line with its port. */
export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Moves this process to the load's core. Returns false where that cannot be done. */
export function pinLoad(): boolean {
  return navigator.hardwareConcurrency > 1 && run("taskset", ["-acp", LOAD_CORE, `${Deno.pid}`]);
}

function run(command: string, args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** A server that runs until it is disposed of. */
export class ServerProcess implements AsyncDisposable {
  readonly port: number;
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /**
   * Starts a server, on a core of its own if it can be `pinned`.
   *
   * @throws {Error} If it does not start.
   */
  static async start(server: ServerCommand, pinned: boolean): Promise<ServerProcess> {
    const line = [server.command, ...server.args];
    const [command = "", ...args] = pinned ? ["taskset", "-c", SERVER_CORE, ...line] : line;
    const child = new Deno.Command(command, {
      args,
      env: server.env ?? {},
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const timer = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT);
    try {
      return new ServerProcess(child, await readPort(child.stdout));
    } finally {
      clearTimeout(timer);
    }
  }

  /** The processor time that it has used, user and system, in seconds. */
  cpu(): number {
    const stat = Deno.readTextFileSync(`/proc/${this.#child.pid}/stat`);
    // The second field is the program's name, which may hold spaces; it ends with the last ")".
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  }

  /** Its resident memory now and at its peak, in bytes. */
  memory(): { now: number; peak: number } {
    const status = Deno.readTextFileSync(`/proc/${this.#child.pid}/status`);
    const field = (name: string): number =>
      1024 * Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB`, "m"))?.[1]);
    return { now: field("VmRSS"), peak: field("VmHWM") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }
}

/** Reads the port from a line such as `port 8080` or `Server running on 127.0.0.1:8080`. */
async function readPort(stdout: ReadableStream<Uint8Array>): Promise<number> {
  const reader = readText(stdout);
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`A server ended before it said its port: ${text}`);
    text += value;
    const port = text.match(/(?:port |running on .*:)(\d+)\n/)?.[1];
    if (port === undefined) continue;
    drain(reader);
    return Number(port);
  }
}

/** Reads and forgets what a server prints later, so that it is not held up. */
async function drain(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  while (!(await reader.read()).done);
}
