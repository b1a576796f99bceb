/**
 * The conversation in a pipe: a line of input is a message or a command, a line of output is a
 * message, and what is said about the conversation goes elsewhere. For programs there is JSON: each
 * message of the server is a line of output, and a line of input can be a message of the client.
 *
 * @module
 */

import {
  cleanText,
  formatChat,
  formatText,
  parseChat,
  ProtocolError,
  type ServerMessage,
} from "../protocol.ts";
import type { Conversation, View } from "./conversation.ts";
import { ExitCode } from "./exit.ts";
import { InputError, readLines } from "./lines.ts";
import type { Context } from "./link.ts";

/** Settings of a {@linkcode Pipe}. */
export interface PipeOptions {
  /** UTF-8, a line a message or command. */
  readonly input: ReadableStream<Uint8Array>;
  /** Takes a line of the conversation. */
  readonly print: (line: string) => void;
  /** Takes a line about the conversation. */
  readonly notify: (line: string) => void;
  /** How messages are printed, and whether they can also be read as JSON. Default: `text`. */
  readonly format?: "text" | "json" | undefined;
  /** How long to listen after the end of input, in milliseconds. Default: 0. */
  readonly wait?: number | undefined;
}

/**
 * What JSON need not escape and a terminal or a program that reads lines should not get: control
 * characters of the second kind, and what ends lines or turns them around.
 */
const HIDDEN = /[\x7F-\x9F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/g;

/** Returns JSON that says the same, and has as escapes all that does not show what it is. */
function escapeHidden(json: string): string {
  return json.replaceAll(HIDDEN, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Returns text for a line of output: nothing in it writes to a terminal or begins another line. */
function cleanLine(text: string): string {
  return cleanText(text).replaceAll(/[\u2028\u2029]/g, " ");
}

/** A conversation that a program reads. */
export class Pipe implements View {
  readonly #options: PipeOptions;
  readonly #isJson: boolean;
  #hasFailed = false;

  /** Creates one that nothing has gone through yet. */
  constructor(options: PipeOptions) {
    this.#options = options;
    this.#isJson = options.format === "json";
  }

  /**
   * Passes on the input, waits at its end until everything is accepted, and leaves.
   *
   * @returns The exit code.
   * @throws {ConnectError} If there is no server, or it does not let this client in.
   */
  async attend(conversation: Conversation): Promise<ExitCode> {
    const { input, wait = 0 } = this.#options;
    await conversation.begin();
    try {
      for await (const line of readLines(input, { signal: conversation.leaving })) {
        this.#take(line, conversation);
        await conversation.untilRoom();
      }
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      this.complain(error.message);
    }
    await conversation.untilAnswered();
    if (wait > 0) await conversation.untilLeaving(wait);
    const code = await conversation.end();
    return code === ExitCode.left && this.#hasFailed ? ExitCode.refused : code;
  }

  show(message: ServerMessage, { isOwn, isPast, isRoutine }: Context): void {
    if (message.messageType === "error") this.#hasFailed = true;
    if (this.#isJson) return this.#options.print(escapeHidden(formatChat(message)));
    if (isRoutine) return;
    const raw = formatText(message);
    if (raw === undefined) return;
    const text = cleanLine(raw);
    switch (message.messageType) {
      case "message":
      case "private":
        return isOwn ? undefined : this.#options.print(text);
      case "join":
      case "leave":
      case "rename":
      case "presence":
        return isPast ? undefined : this.#options.notify(text);
      default:
        return this.#options.notify(text);
    }
  }

  notify(...lines: readonly string[]): void {
    // No line but the first may look like another notice.
    for (const line of lines) {
      this.#options.notify(`* ${cleanLine(line).replaceAll("\n", "\n  ")}`);
    }
  }

  complain(text: string): void {
    this.#hasFailed = true;
    this.notify(text);
  }

  clear(): void {
    this.complain("/clear is for a terminal: here is nothing to clear.");
  }

  change(): void {}

  #take(line: string, conversation: Conversation): void {
    if (!this.#isJson || !/^\s*\{/.test(line)) return void conversation.take(line);
    try {
      conversation.send(parseChat(line));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.complain(error.message);
    }
  }
}
