/**
 * The conversation at a terminal: the transcript, and below it the line that is being typed, which
 * stays whole whatever happens above.
 *
 * @module
 */

import { isLongerThan, MAX_TEXT_BYTES, type ServerMessage } from "../protocol.ts";
import { complete } from "./completion.ts";
import type { Conversation, View } from "./conversation.ts";
import { cleanPaste, Editor } from "./editor.ts";
import type { ExitCode } from "./exit.ts";
import { PasteSplitter, type TerminalInput } from "./keys.ts";
import type { Span } from "./layout.ts";
import type { Context } from "./link.ts";
import { formatPrompt, formatWaiting, layoutLive, type Status } from "./prompt.ts";
import { type Live, Screen, type Size } from "./screen.ts";
import { type Shown, Transcript } from "./transcript.ts";
import type { Tty } from "./tty.ts";

/** A paste of more lines than these needs a yes. */
const MAX_LINES = 20;

/** The most names that Tab lists. */
const MAX_CANDIDATES = 50;

/** Keys that answer a question; Ctrl-C, Ctrl-D and Escape mean no. */
const [YES, NO] = ["yY", "nN\x03\x04\x1b"];

const BELL = "\x07";

/** Settings of a {@linkcode Terminal}. */
export interface TerminalOptions {
  readonly tty: Tty;
  /** What the terminal sends. */
  readonly input: ReadableStream<Uint8Array>;
  /** Whether it rings when somebody names this person. */
  readonly bell: boolean;
  /** Returns the time, in milliseconds since 1970. Default: `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** A conversation that a person sits in. */
export class Terminal implements View {
  readonly #options: TerminalOptions;
  readonly #transcript: Transcript;
  readonly #screen: Screen;
  readonly #editor: Editor;
  readonly #splitter = new PasteSplitter();
  #conversation: Conversation | undefined;
  /** A long paste that waits for a yes or no. */
  #question: string | undefined;
  #isRinging = false;
  /** Whether the terminal is taken over. */
  #isOpen = false;

  /** Creates one that leaves the terminal as it is until somebody attends. */
  constructor(options: TerminalOptions) {
    this.#options = options;
    this.#transcript = new Transcript({
      name: () => this.#conversation?.name,
      now: options.now ?? Date.now,
    });
    this.#screen = new Screen({
      write: (text) => options.tty.write(text),
      size: () => options.tty.size(),
      live: (size) => this.#layoutLive(size),
    });
    this.#editor = new Editor({
      submit: (text) => this.#submit(text),
      leave: () => this.#conversation?.quit(),
      repaint: () => this.#screen.repaint(),
      suspend: () => this.notify("Ctrl-Z cannot stop this program. Ctrl-C leaves."),
      complete: (before) => {
        const { others = [], rooms = [] } = this.#conversation ?? {};
        return complete(before, { names: others, rooms });
      },
      list: (candidates) => this.#list(candidates),
    });
  }

  /**
   * Shows the conversation, and passes on what is typed, until the person leaves.
   *
   * @returns The exit code.
   * @throws {ConnectError} If there is no server, or it does not let this client in.
   */
  async attend(conversation: Conversation): Promise<ExitCode> {
    this.#conversation = conversation;
    await conversation.begin();
    const { tty, input } = this.#options;
    const reader = input.pipeThrough(new TextDecoderStream()).getReader();
    tty.open({ resize: () => this.#screen.repaint(), end: () => conversation.quit() });
    this.#isOpen = true;
    try {
      this.notify("/help lists the commands, Tab completes, Ctrl-C leaves");
      this.change();
      void this.#read(reader, conversation);
      await aborted(conversation.leaving);
      await conversation.untilAnswered();
      return await conversation.end();
    } finally {
      this.change();
      this.#isOpen = false;
      this.#screen.close();
      this.#editor.close();
      tty.close();
      reader.cancel().catch(() => {});
    }
  }

  show(message: ServerMessage, context: Context): void {
    this.#print(this.#transcript.take(message, context));
  }

  notify(...lines: readonly string[]): void {
    this.#print(this.#transcript.notify(lines.join("\n")));
  }

  complain(text: string): void {
    this.#print(this.#transcript.complain(text));
  }

  clear(): void {
    this.#screen.clear();
  }

  change(): void {
    if (!this.#isOpen) return;
    this.#screen.flush();
    if (this.#isRinging && this.#options.bell) this.#options.tty.write(BELL);
    this.#isRinging = false;
  }

  #print(all: readonly Shown[]): void {
    for (const { block, isAmended, isLoud } of all) {
      if (isAmended) this.#screen.amend(block);
      else this.#screen.print(block);
      this.#isRinging ||= isLoud;
    }
  }

  /** Takes what the terminal sends, until it sends no more. */
  async #read(
    reader: ReadableStreamDefaultReader<string>,
    conversation: Conversation,
  ): Promise<void> {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return conversation.quit();
      for (const part of this.#splitter.split(value)) this.#take(part);
      this.change();
    }
  }

  #take({ kind, text }: TerminalInput): void {
    if (this.#question !== undefined) return kind === "keys" ? this.#answer(text) : undefined;
    if (kind === "keys") return this.#editor.type(text);
    const pasted = cleanPaste(text);
    if (pasted.split("\n").length <= MAX_LINES) return this.#editor.insert(pasted);
    if (isLongerThan(this.#editor.line.text + pasted, MAX_TEXT_BYTES)) {
      return this.complain(`That is over ${MAX_TEXT_BYTES} bytes. Paste it in parts.`);
    }
    this.#question = pasted;
  }

  /** Takes the answer to whether a long paste is sent. */
  #answer(keys: string): void {
    const pasted = this.#question;
    const answer = Array.from(keys).find((key) => YES.includes(key) || NO.includes(key));
    if (pasted === undefined || answer === undefined) return;
    this.#question = undefined;
    if (NO.includes(answer)) return this.notify("Not sent");
    this.#editor.insert(pasted);
    this.#editor.type("\r");
  }

  #submit(text: string): void {
    const conversation = this.#conversation;
    if (!conversation || conversation.leaving.aborted) return;
    if (conversation.hasRoom) return conversation.take(text);
    this.complain("Too much waits already: this was not taken. The up key brings it back.");
  }

  #list(candidates: readonly string[]): void {
    const others = candidates.length - MAX_CANDIDATES;
    const more = others > 0 ? ` and ${others} more` : "";
    this.notify(candidates.slice(0, MAX_CANDIDATES).join("  ") + more);
  }

  #layoutLive(size: Size): Live {
    const { room = "", isOnline = false } = this.#conversation ?? {};
    const status: Status = { room, isOnline, waiting: this.#conversation?.waiting() ?? [] };
    const isAsking = this.#question !== undefined;
    return layoutLive({
      prompt: isAsking ? wordQuestion(this.#question ?? "") : formatPrompt(status),
      line: isAsking ? { text: "", cursor: 0 } : this.#editor.line,
      waiting: (columns) => formatWaiting(status, columns),
    }, size);
  }
}

function wordQuestion(pasted: string): Span[] {
  return [{ text: `Send ${pasted.split("\n").length} lines as one message? (y/n) ` }];
}

/** Waits until the signal is aborted. */
async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
