/**
 * The project's programs as people start them: processes, with their input and output.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import { outputLines } from "./lines.ts";

/** As many as any machine can have: a warning would be the first line of the log. */
const MAX_CLIENTS = 500;

const ROOT = new URL("..", import.meta.url);

/** Returns the arguments with which Deno runs one of the programs as its task does. */
export function roleArgs(role: "server" | "client", ...args: string[]): string[] {
  const [, ...command] = config.tasks[role].command.split(" ");
  const [run = "", ...rest] = command;
  return [run, "--no-prompt", ...rest, ...args];
}

/** Returns the command with which a shell runs a client as its task does. */
export function clientCommand(...args: string[]): string {
  return [Deno.execPath(), ...roleArgs("client", ...args)].join(" ");
}

/** A running program whose output is read line by line. */
export class Program implements AsyncDisposable {
  readonly child: Deno.ChildProcess;
  readonly #lines: AsyncIterableIterator<string>;
  readonly #stderr: Promise<string>;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;

  constructor(command: string, args: readonly string[], options: Deno.CommandOptions = {}) {
    this.child = new Deno.Command(command, {
      args: [...args],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      ...options,
    }).spawn();
    this.#lines = outputLines(this.child.stdout);
    this.#stderr = new Response(this.child.stderr).text();
    this.#stdin = this.child.stdin.getWriter();
  }

  /** Runs one of the project's programs with the permissions of its task. */
  static role(role: "server" | "client", ...args: string[]): Program {
    return new Program(Deno.execPath(), roleArgs(role, ...args));
  }

  /** Returns the next line of standard output. */
  async line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    return done ? "(end)" : value;
  }

  async type(text: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(text));
  }

  /** Closes our end of its standard output. */
  async deafen(): Promise<void> {
    await this.#lines.return?.();
    if (!this.child.stdout.locked) await this.child.stdout.cancel();
  }

  /** Ends the input, and waits for the end. */
  async finish(): Promise<{ code: number; stdout: string[]; stderr: string }> {
    await this.#stdin.close().catch(() => {});
    const stdout = await Array.fromAsync(this.#lines);
    return { code: (await this.child.status).code, stdout, stderr: await this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.finish();
  }
}

/** A server on free ports, whose log begins after the lines that name them. */
export async function startServer(
  ...args: string[]
): Promise<{ program: Program; port: string; tcpPort: string }> {
  const flags = ["--port=0", "--tcp-port=0", `--max-clients=${MAX_CLIENTS}`];
  const program = Program.role("server", ...flags, ...args);
  const port = (await program.line()).split(":").at(-1) ?? "";
  const tcpPort = (await program.line()).split(":").at(-1) ?? "";
  return { program, port, tcpPort };
}
