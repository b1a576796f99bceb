/**
 * The terminal client's role: chat from a terminal, or from a pipe.
 *
 * Run it with `deno task client alice`; `--help` lists its flags. It needs `--allow-net` and
 * nothing else. Another program can run it inside its own process: {@linkcode chat} takes its input
 * and output from the caller.
 *
 * When the connection is lost it comes back by itself, with what was missed, and says what could not
 * be said meanwhile. At the end of its input it waits until everything that it sent has come back,
 * so that `printf 'hello\n' | deno task client alice` has said hello when it exits.
 *
 * @module
 */

import { bold, dim, setColorEnabled } from "@std/fmt/colors";
import { connect, formatUrl } from "./client/connect.ts";
import { parseClientFlags, USAGE, UsageError } from "./client/flags.ts";
import { readLines } from "./client/lines.ts";
import { ConnectError, type Context, type Ending, Link } from "./client/link.ts";
import config from "./deno.json" with { type: "json" };
import {
  CloseCode,
  formatHelp,
  formatText,
  GREETING,
  parseText,
  ProtocolError,
  type SendMessage,
  type ServerMessage,
  type Welcome,
} from "./protocol.ts";

/** The most messages and commands that may be unanswered; more input waits. */
const MAX_UNANSWERED = 64;

/** The same while there is no connection: a `/quit` among what is typed must be found. */
const MAX_UNSENT = 1_000;

/** Settings of {@linkcode chat}. */
export interface ChatOptions {
  readonly url: URL;
  /** The wanted name. Default: the server gives one. */
  readonly name?: string | undefined;
  readonly room?: string | undefined;
  /** What the person types: UTF-8, a line a message or command. */
  readonly input: ReadableStream<Uint8Array>;
  /** Takes a line of the conversation. */
  readonly print: (line: string) => void;
  /** Takes a line about the conversation. */
  readonly notify: (line: string) => void;
  /**
   * Whether a person looks at it, rather than a program: then senders' addresses and the person's
   * own messages are shown too.
   */
  readonly isTerminal: boolean;
}

/**
 * Takes part in a chat until the input ends and everything is accepted, or it is sent away.
 *
 * @returns The exit code: 0, or 1 if a message was refused or lost, or 3 if it may not come in.
 * @throws {ConnectError} If there is no server at `url`.
 */
export async function chat(options: ChatOptions): Promise<number> {
  return await new Conversation(options).run();
}

class Conversation {
  readonly #options: ChatOptions;
  readonly #link: Link;
  readonly #leaving = new AbortController();
  #isIn = false;
  #hasQuit = false;
  #hasFailed = false;
  #ending: Ending | undefined;
  /** Wakes `#until`, which checks its condition again. */
  #onChange: (() => void) | undefined;

  constructor(options: ChatOptions) {
    this.#options = options;
    const { url, name, room } = options;
    this.#link = new Link({ connect: () => connect(url), name, room }, {
      receive: (message, context) => this.#show(message, context),
      lost: (delay) => {
        this.#notify(`connection lost, trying again in ${Math.ceil(delay / 1000)} s`);
      },
      back: (caughtUp) => this.#notify(`back${wordCaughtUp(caughtUp)}`),
      uncertain: (message) => this.#complain(wordUncertain(message)),
      unreadable: ({ message }) => {
        this.#complain(`The server sent what this client cannot read: ${message}`);
      },
      change: () => this.#onChange?.(),
    });
  }

  /** Comes in, passes on the input, and leaves at its end. Returns the exit code. */
  async run(): Promise<number> {
    await this.#link.start();
    const ended = this.#link.ended.then((ending) => {
      this.#ending = ending;
      this.#leaving.abort();
      this.#onChange?.();
    });
    await this.#until(() => this.#link.welcome !== undefined);
    for await (const line of readLines(this.#options.input, this.#leaving.signal)) {
      this.#take(line);
      await this.#until(() =>
        this.#link.unanswered < (this.#link.isConnected ? MAX_UNANSWERED : MAX_UNSENT)
      );
    }
    // Who quits does not want to wait for a server that is not there.
    await this.#until(() =>
      this.#link.unanswered === 0 || (this.#hasQuit && !this.#link.isConnected)
    );
    if (this.#ending) this.#explain(this.#ending);
    else if (this.#link.unanswered > 0) this.#complain(wordLost(this.#link.unanswered));
    this.#link.leave();
    await ended;
    return this.#exitCode();
  }

  /** Resolves once `isSo`, or it is over. */
  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo() && !this.#ending) {
      await new Promise<void>((resolve) => this.#onChange = resolve);
    }
  }

  /** Does what a line of input asks for. */
  #take(line: string): void {
    try {
      const input = parseText(line);
      if (!input) return;
      if (input.messageType === "help") return formatHelp().forEach((line) => this.#notify(line));
      if (input.messageType !== "quit") return this.#link.send(input);
      this.#hasQuit = true;
      this.#leaving.abort();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#complain(error.message);
    }
  }

  #notify(text: string): void {
    this.#options.notify(dim(`* ${text}`));
  }

  #complain(text: string): void {
    this.#hasFailed ||= !this.#options.isTerminal;
    this.#notify(text);
  }

  #show(message: ServerMessage, context: Context): void {
    switch (message.messageType) {
      case "welcome":
        return this.#greet(message);
      case "message":
      case "private":
        return this.#showMessage(message, context);
      case "error":
        return this.#complain(message.data);
      case "join":
      case "leave":
      case "rename":
      case "presence":
        if (context.isPast) return;
    }
    this.#options.notify(dim(formatText(message) ?? ""));
  }

  #greet(welcome: Welcome): void {
    // After /nick and /join the server's own words say it; who comes back as another is not greeted.
    const isRegistered = !this.#isIn || welcome.data === GREETING;
    if (!this.#isIn || !isRegistered) this.#options.notify(dim(formatText(welcome) ?? ""));
    if (isRegistered) this.#notify(`You are ${welcome.name} in ${welcome.room}`);
    this.#isIn = true;
  }

  #showMessage(
    message: ServerMessage & { messageType: "message" | "private" },
    { isOwn }: Context,
  ): void {
    if (isOwn && !this.#options.isTerminal) return;
    this.#options.print(this.#options.isTerminal ? decorate(message) : formatText(message) ?? "");
  }

  /** Says why it is over, though the person did not leave. */
  #explain({ code, reason }: Ending): void {
    this.#hasFailed = true;
    const why = reason === "" ? `code ${code}` : JSON.stringify(reason);
    this.#notify(`The connection to ${formatUrl(this.#options.url)} has ended: ${why}`);
    const { unanswered } = this.#link;
    if (unanswered > 0) this.#notify(wordLost(unanswered));
  }

  #exitCode(): number {
    const code = this.#ending?.code;
    if (code === CloseCode.unauthorized || code === CloseCode.kicked) return 3;
    return this.#hasFailed ? 1 : 0;
  }
}

function wordCaughtUp(count: number): string {
  return count === 0 ? "" : `; ${count} ${count === 1 ? "message" : "messages"} caught up`;
}

function wordLost(count: number): string {
  return `${count} of what you typed ${count === 1 ? "was" : "were"} not sent`;
}

function wordUncertain({ to, data }: SendMessage): string {
  return `Not known whether this reached ${to}: ${data}`;
}

/** Formats a message for a person: the name stands out, and the sender's address is there. */
function decorate(message: ServerMessage & { messageType: "message" | "private" }): string {
  const text = formatText(message) ?? "";
  if (message.messageType === "private" || message.action) return text;
  const { from, address } = message;
  const where = from === address ? "" : ` ${dim(`(${address})`)}`;
  return `${bold(from)}${where}${text.slice(from.length)}`;
}

/** Writes a line to standard output, and ends the program if nobody reads it any more. */
function print(line: string): void {
  let bytes = new TextEncoder().encode(`${line}\n`);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
  } catch {
    Deno.exit(1);
  }
}

/** Runs the client as its flags say. Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const flags = parseClientFlags(args);
    if (flags === "help" || flags === "version") {
      console.log(flags === "help" ? USAGE : config.version);
      return 0;
    }
    const isTerminal = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
    if (!flags.color || !isTerminal) setColorEnabled(false);
    return await chat({
      ...flags,
      input: Deno.stdin.readable,
      print,
      notify: isTerminal ? print : (line) => console.error(line),
      isTerminal,
    });
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ConnectError)) throw error;
    console.error(error.message);
    return error instanceof UsageError ? 2 : 1;
  }
}

// A read of standard input may still be waiting: only an explicit exit ends the process then.
if (import.meta.main) Deno.exit(await main(Deno.args));
