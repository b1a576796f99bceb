/**
 * The terminal client's role: chat from a terminal, or from a pipe.
 *
 * Run it with `deno task client alice`; `--help` lists its flags. It needs `--allow-net` and
 * nothing else. Another program can run it inside its own process: {@linkcode chat} takes its input
 * and output from the caller.
 *
 * At the end of its input it waits until everything that it sent has come back, so that
 * `printf 'hello\n' | deno task client alice` has said hello when it exits.
 *
 * @module
 */

import { bold, dim, setColorEnabled } from "@std/fmt/colors";
import { connect, ConnectError, formatUrl } from "./client/connect.ts";
import { parseClientFlags, USAGE, UsageError } from "./client/flags.ts";
import { readLines } from "./client/lines.ts";
import config from "./deno.json" with { type: "json" };
import {
  type ClientMessage,
  CloseCode,
  formatChat,
  formatHelp,
  formatText,
  parseServerMessage,
  parseText,
  ProtocolError,
  type SendMessage,
  type ServerMessage,
  splitChat,
  type Welcome,
} from "./protocol.ts";

/** The most messages that are sent ahead of their coming back; more input waits. */
const MAX_UNACCEPTED = 64;

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
 * Takes part in a chat until the input ends and everything is accepted, or the connection is gone.
 *
 * @returns The exit code: 0, or 1 if a message was refused or the connection was lost.
 * @throws {ConnectError} If there is no server at `url`.
 */
export async function chat(options: ChatOptions): Promise<number> {
  const conversation = new Conversation(await connect(options.url), options);
  return await conversation.run();
}

class Conversation {
  readonly #socket: WebSocket;
  readonly #options: ChatOptions;
  /** The messages that were sent and did not come back yet, by their refs. */
  readonly #unaccepted = new Map<string, SendMessage>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #leaving = new AbortController();
  #welcome: Welcome | undefined;
  /** The newest event when this client came into the room: up to there, what comes is history. */
  #historyEnd = 0;
  #hasFailed = false;
  /** Wakes `#until`, which checks its condition again. */
  #onChange: (() => void) | undefined;
  /** Whether the ping that we send last was answered, and so all that we asked before it. */
  #hasPong = false;

  constructor(socket: WebSocket, options: ChatOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = (event) => this.#end(event);
  }

  /** Registers, passes on the input, and leaves at its end. Returns the exit code. */
  async run(): Promise<number> {
    const { name, room, input } = this.#options;
    this.#send({ messageType: "register", data: name, room });
    await this.#until(() => this.#welcome !== undefined);
    for await (const line of readLines(input, this.#leaving.signal)) {
      this.#take(line);
      await this.#until(() => this.#unaccepted.size < MAX_UNACCEPTED);
    }
    this.#send({ messageType: "ping" });
    await this.#until(() => this.#hasPong && this.#unaccepted.size === 0);
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(CloseCode.normal);
    await this.#closed.promise;
    return this.#hasFailed ? 1 : 0;
  }

  /** Resolves once `isSo`, or the connection is gone. */
  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo() && this.#socket.readyState === WebSocket.OPEN) {
      await new Promise<void>((resolve) => this.#onChange = resolve);
    }
  }

  #send(message: ClientMessage): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(formatChat(message));
  }

  /** Does what a line of input asks for. */
  #take(line: string): void {
    try {
      const input = parseText(line);
      if (!input) return;
      if (input.messageType === "quit") return this.#leaving.abort();
      if (input.messageType === "help") return formatHelp().forEach((line) => this.#notify(line));
      if (input.messageType !== "message") return this.#send(input);
      const ref = crypto.randomUUID();
      const message = { ...input, ref };
      this.#unaccepted.set(ref, message);
      this.#send(message);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#refused(error.message);
    }
  }

  /**
   * Sends again what the server may have told us in what we missed. What it accepted, it answers
   * with an `ack`; a private message is never sent twice.
   */
  #sendAgain(): void {
    for (const message of this.#unaccepted.values()) {
      if (message.to === undefined) this.#send(message);
    }
  }

  #notify(text: string): void {
    this.#options.notify(dim(`* ${text}`));
  }

  #refused(text: string): void {
    this.#hasFailed ||= !this.#options.isTerminal;
    this.#notify(text);
  }

  #receive(frame: unknown): void {
    if (typeof frame !== "string") return;
    for (const line of splitChat(frame)) {
      try {
        const message = parseServerMessage(line);
        if (message) this.#show(message);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.#refused(`The server sent what this client cannot read: ${error.message}`);
      }
    }
    this.#onChange?.();
  }

  #show(message: ServerMessage): void {
    switch (message.messageType) {
      case "welcome":
        return this.#greet(message);
      case "message":
      case "private":
        return this.#showMessage(message);
      case "pong":
        this.#hasPong = true;
        return;
      case "missed":
        this.#sendAgain();
        break;
      case "ack":
        this.#unaccepted.delete(message.ref);
        return;
      case "error":
        if (message.ref !== undefined) this.#unaccepted.delete(message.ref);
        return this.#refused(message.data);
      case "join":
      case "leave":
      case "rename":
      case "presence":
        if (message.id <= this.#historyEnd) return;
        break;
    }
    this.#options.notify(dim(formatText(message) ?? ""));
  }

  #greet(welcome: Welcome): void {
    this.#options.notify(dim(formatText(welcome) ?? ""));
    if (!this.#welcome) this.#notify(`You are ${welcome.name} in ${welcome.room}`);
    if (this.#welcome?.room !== welcome.room) this.#historyEnd = welcome.id;
    this.#welcome = welcome;
  }

  #showMessage(message: ServerMessage & { messageType: "message" | "private" }): void {
    const { ref, from } = message;
    const isAccepted = ref !== undefined && this.#unaccepted.delete(ref);
    // After an `ack` it can still come: then the name tells, which nobody else has meanwhile.
    const isNews = message.messageType === "private" || message.id > this.#historyEnd;
    const isOwn = isAccepted || (isNews && from === this.#welcome?.name);
    if (isOwn && !this.#options.isTerminal) return;
    this.#options.print(this.#options.isTerminal ? decorate(message) : formatText(message) ?? "");
  }

  #end({ code, reason }: CloseEvent): void {
    const isOver = this.#unaccepted.size === 0 && code === CloseCode.normal;
    if (!isOver) {
      this.#hasFailed = true;
      const why = reason === "" ? `code ${code}` : JSON.stringify(reason);
      this.#notify(`The connection to ${formatUrl(this.#options.url)} has ended: ${why}`);
    }
    this.#leaving.abort();
    this.#closed.resolve();
    this.#onChange?.();
  }
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
