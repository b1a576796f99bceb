/**
 * The conversation at a terminal: the transcript, and below it the line that is being typed, which
 * stays whole whatever happens above.
 *
 * @module
 */

import { isLongerThan, MAX_TEXT_BYTES, type ServerMessage } from "../protocol.ts";
import { complete } from "./completion.ts";
import type { Conversation, View } from "./conversation.ts";
import { isolate } from "./direction.ts";
import { cleanPaste, Editor } from "./editor.ts";
import type { ExitCode } from "./exit.ts";
import { PasteSplitter, type TerminalInput } from "./keys.ts";
import type { Span } from "./layout.ts";
import { readText } from "./lines.ts";
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

/** What a terminal that cannot be read any more has sent. */
const END = { done: true, value: undefined } as const;

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
      refuse: () => this.complain("The line is full: what came then was not taken."),
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
    const reader = readText(input);
    tty.open({
      resize: () => this.#screen.repaint(),
      resume: () => this.#screen.resume(),
      end: () => conversation.quit(),
    });
    this.#screen.open();
    this.#isOpen = true;
    try {
      this.notify("/help lists the commands, Tab completes, Ctrl-C leaves");
      this.change();
      void this.#read(reader, conversation);
      await conversation.untilLeaving();
      if (conversation.isConnected && conversation.waiting().length > 0) {
        this.notify("Waiting for answers. Ctrl-C again leaves at once.");
      }
      this.change();
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
    if (context.isRoutine) return;
    this.#print(this.#transcript.take(message, context));
  }

  notify(...lines: readonly string[]): void {
    this.#print(this.#transcript.notify(...lines));
  }

  complain(text: string): void {
    this.#print(this.#transcript.complain(text));
  }

  clear(): void {
    this.#transcript.endBlock();
    this.#screen.clear();
  }

  more(): void {
    this.#transcript.endBlock();
    if (!this.#screen.more()) this.notify("Nothing else is cut short.");
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

  /** Takes what the terminal sends, until it sends no more or is gone. */
  async #read(
    reader: ReadableStreamDefaultReader<string>,
    conversation: Conversation,
  ): Promise<void> {
    for (;;) {
      const { done, value } = await reader.read().catch(() => END);
      if (done) return conversation.quit();
      for (const part of this.#splitter.split(value)) this.#take(part);
      this.change();
    }
  }

  #take({ kind, text }: TerminalInput): void {
    const isAsking = this.#question !== undefined;
    if (kind === "keys") return isAsking ? this.#answer(text) : this.#editor.type(text);
    if (kind === "broken paste") return this.complain("A paste had no end, and was not taken.");
    if (isAsking) return this.complain("Answer y or n first. This was not pasted.");
    const pasted = cleanPaste(text);
    if (isLongerThan(this.#editor.line.text + pasted, MAX_TEXT_BYTES)) {
      return this.complain(`That is over ${MAX_TEXT_BYTES} bytes. Paste it in parts.`);
    }
    if (pasted.split("\n").length <= MAX_LINES) return this.#editor.insert(pasted);
    this.#question = pasted;
  }

  /** Takes the answer to whether a long paste is sent. */
  #answer(keys: string): void {
    const pasted = this.#question;
    // An arrow key begins with an escape, and is no answer.
    const isOther = keys.length > 1 && keys.startsWith("\x1b");
    const answer = Array.from(keys).find((key) => YES.includes(key) || NO.includes(key));
    if (pasted === undefined || answer === undefined || isOther) return;
    this.#question = undefined;
    if (NO.includes(answer)) return this.notify("Not sent");
    this.#editor.insert(pasted);
    this.#editor.type("\r");
  }

  #submit(text: string): void {
    const conversation = this.#conversation;
    if (!conversation || text.trim() === "") return;
    if (conversation.leaving.aborted && text !== "/quit") {
      return this.complain("You are leaving: this was not taken.");
    }
    if (conversation.hasRoom) return void conversation.take(text);
    this.complain("Too much waits already: this was not taken. The up key brings it back.");
  }

  #list(candidates: readonly string[]): void {
    const others = candidates.length - MAX_CANDIDATES;
    const more = others > 0 ? ` and ${others} more` : "";
    this.notify(candidates.slice(0, MAX_CANDIDATES).map(isolate).join("  ") + more);
  }

  #layoutLive(size: Size): Live {
    const { room = "", isOnline = false, leaving } = this.#conversation ?? {};
    const state = leaving?.aborted ? "leaving" : isOnline ? "online" : "offline";
    const status: Status = { room, state, waiting: this.#conversation?.waiting() ?? [] };
    const isAsking = this.#question !== undefined;
    return layoutLive({
      prompt: isAsking
        ? wordQuestion(this.#question ?? "")
        : this.#splitter.isPasting
        ? [{ text: "Pasting. Ctrl-C ends it. " }]
        : formatPrompt(status),
      line: isAsking ? { text: "", cursor: 0 } : this.#editor.line,
      waiting: (columns) => formatWaiting(status, columns),
    }, size);
  }
}

function wordQuestion(pasted: string): Span[] {
  return [{ text: `Send ${pasted.split("\n").length} lines as one message? (y/n) ` }];
}
