/**
 * The terminal client's role: chat from a terminal, or from a pipe.
 *
 * Run it with `deno task client alice`; `--help` lists its flags. It needs `--allow-net`, and to
 * read the file of `--token-file`. Of the environment it reads `TERM`, and which proxy there is, if it
 * may; it gives up both before it connects. Another program can run it inside its own process: {@linkcode chat} takes its input
 * and output from the caller.
 *
 * When the connection is lost it comes back by itself, with what was missed, and says what could not
 * be said meanwhile. In a pipe, at the end of its input, it waits until everything that it sent has
 * come back, so that `printf 'hello\n' | deno task client alice` has said hello when it exits.
 *
 * @module
 */

import { setColorEnabled } from "@std/fmt/colors";
import { Conversation, type ConversationOptions, type View } from "./client/conversation.ts";
import { type Environment, findProxy, PROXY_VARIABLES } from "./client/proxy.ts";
import { ExitCode, FAILURE_CODES } from "./client/exit.ts";
import { ConnectError } from "./client/failure.ts";
import { type ClientFlags, parseClientFlags, USAGE, UsageError } from "./client/flags.ts";
import { Pipe } from "./client/pipe.ts";
import { explain } from "./client/reason.ts";
import { Terminal } from "./client/terminal.ts";
import { OwnTty } from "./client/tty.ts";
import { cleanText } from "./protocol.ts";
import config from "./deno.json" with { type: "json" };

/** Where a conversation is shown, and where what is said comes from. */
export interface Face extends View {
  /** Begins it, and passes on what is said until it is over. Returns the exit code. */
  readonly attend: (conversation: Conversation) => Promise<ExitCode>;
}

/**
 * Takes part in a chat, through a `Pipe` or a `Terminal`, until whoever is there leaves or is sent
 * away.
 *
 * @returns The exit code.
 * @throws {ConnectError} If there is no server at `url`, or it does not let anybody in.
 */
export async function chat(options: ConversationOptions, face: Face): Promise<ExitCode> {
  return await face.attend(new Conversation({ explain, ...options }, face));
}

/** How long to wait for room in a pipe that does not block, in milliseconds. */
const WRITE_WAIT = 10;

/** Writes to standard output, as to a pipe that blocks. Throws what the runtime throws. */
function write(text: string): void {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WRITE_WAIT);
    }
  }
}

/** Prints a line, or ends the program: without a word if it is only that nobody reads any more. */
function print(line: string): void {
  try {
    write(`${line}\n`);
  } catch (error) {
    const isUnread = error instanceof Deno.errors.BrokenPipe;
    const text = error instanceof Error ? error.message : String(error);
    if (!isUnread) console.error(`Cannot write to standard output: ${text}`);
    Deno.exit(ExitCode.unwritten);
  }
}

/**
 * Reads the token, if there is one, and gives up the permission to read.
 *
 * @throws {UsageError} If it cannot be read, or is none.
 */
function readToken({ tokenFile }: ClientFlags): string | undefined {
  try {
    if (tokenFile === undefined) return undefined;
    const token = Deno.readTextFileSync(tokenFile).trim();
    // What was not UTF-8 reads as U+FFFD.
    if (/^[^\s\p{Cc}\uFFFD]+$/u.test(token)) return token;
    const text = "it must hold one token in UTF-8, and nothing else";
    throw new UsageError(`--token-file=${tokenFile}: ${text}.`);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof UsageError) throw error;
    const text = `--token-file=${tokenFile}: it cannot be read (${error.message}). Check its path.`;
    throw new UsageError(text);
  } finally {
    Deno.permissions.revokeSync({ name: "read" });
  }
}

/** Reads some of the environment, as far as that is permitted, and gives up reading it. */
function readEnvironment(): Environment {
  const values = new Map(
    ["TERM", ...PROXY_VARIABLES].flatMap((variable) => {
      const { state } = Deno.permissions.querySync({ name: "env", variable });
      const value = state === "granted" ? Deno.env.get(variable) : undefined;
      return value === undefined ? [] : [[variable, value]];
    }),
  );
  Deno.permissions.revokeSync({ name: "env" });
  return (variable) => values.get(variable);
}

/** Ends the program in one line where the runtime itself fails at what a server has sent. */
function endWithoutTrace(event: PromiseRejectionEvent): void {
  const { reason } = event;
  if (!(reason instanceof TypeError && reason.message.startsWith("failed to allocate"))) return;
  event.preventDefault();
  console.error("The server sent more at once than can be held, as no chat server does.");
  Deno.exit(ExitCode.unreachable);
}

/** A terminal that shows lines and nothing else: a pipe that Ctrl-C leaves. */
class PlainTerminal extends Pipe {
  override async attend(conversation: Conversation): Promise<ExitCode> {
    const leave = (): void => conversation.quit();
    Deno.addSignalListener("SIGINT", leave);
    try {
      return await super.attend(conversation);
    } finally {
      Deno.removeSignalListener("SIGINT", leave);
    }
  }
}

/** Runs the client as its flags say. Returns the exit code. */
async function main(args: readonly string[]): Promise<ExitCode> {
  try {
    const flags = parseClientFlags(args);
    if (flags === "help" || flags === "version") {
      console.log(flags === "help" ? USAGE : config.version);
      return ExitCode.left;
    }
    const environment = readEnvironment();
    const proxy = findProxy(flags.url, environment);
    const options = {
      ...flags,
      token: readToken(flags),
      explain: (url: URL, failure?: string) => explain(url, failure, proxy),
    };
    const input = Deno.stdin.readable;
    const isTerminal = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
    const isDumb = environment("TERM") === "dumb";
    if (isTerminal && !isDumb && flags.format === "text") {
      if (flags.wait > 0) throw new UsageError("--wait is for a pipe. Here Ctrl-C leaves.");
      if (!flags.color) setColorEnabled(false);
      return await chat(options, new Terminal({ tty: new OwnTty(write), input, bell: flags.bell }));
    }
    const notify = (line: string): void => console.error(line);
    const Lines = isTerminal ? PlainTerminal : Pipe;
    return await chat(options, new Lines({ ...flags, input, print, notify }));
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ConnectError)) throw error;
    console.error(cleanText(error.message));
    return error instanceof UsageError ? ExitCode.usage : FAILURE_CODES[error.failure];
  }
}

// A read of standard input may still be waiting: only an explicit exit ends the process then.
if (import.meta.main) {
  addEventListener("unhandledrejection", endWithoutTrace);
  Deno.exit(await main(Deno.args));
}
