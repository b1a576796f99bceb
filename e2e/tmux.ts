/**
 * A real terminal for the tests: a window of tmux, driven in its control mode, which tells of each
 * output. Needs `tmux` 3.2 or newer.
 *
 * @module
 */

import { outputLines } from "./lines.ts";
import { Directory } from "./directory.ts";

const ROOT = new URL("..", import.meta.url);

/** How long a window may take to show something, in milliseconds. */
const PATIENCE = 20_000;

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\t": "\\t", "\x1b": "\\e" };

/** Quotes an argument of a tmux command. */
function quote(text: string): string {
  const escaped = text.replaceAll(/["\\$]/g, String.raw`\$&`);
  return `"${escaped.replaceAll(/\p{Cc}/gu, (control) => ESCAPES[control] ?? "")}"`;
}

/** Decodes what control mode writes as octal. */
function unescape(text: string): string {
  return text.replaceAll(
    /\\(\d{3})/g,
    (_, octal: string) => String.fromCharCode(parseInt(octal, 8)),
  );
}

/** A window of a terminal in which a shell command runs. */
export class TmuxPane implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  /** Where the socket of its tmux is. */
  readonly #directory = new Directory();
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #replies: { lines: string[]; resolve: (lines: string[]) => void }[] = [];
  readonly #reading: Promise<void>;
  #output = "";
  #outputs = 0;
  #hasEnded = false;
  #wake: (() => void) | undefined;

  private constructor(command: string, size: readonly string[]) {
    this.#child = new Deno.Command("tmux", {
      args: [
        "-u",
        "-S",
        this.#directory.file("socket"),
        "-f",
        "/dev/null",
        "-C",
        "new-session",
        ...size,
        command,
      ],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Opens a window of that size, and runs a shell command in it. */
  static async open(command: string, columns = 80, rows = 24): Promise<TmuxPane> {
    const size = ["-x", String(columns), "-y", String(rows)];
    const pane = new TmuxPane(command, size);
    // The first reply is that of new-session itself.
    await pane.#expectReply();
    await pane.#ask("set-option -g remain-on-exit on");
    return pane;
  }

  /** All that the programs in it have written. */
  get output(): string {
    return this.#output;
  }

  /** Types text as it is. */
  async type(text: string): Promise<void> {
    await this.#ask(`send-keys -l ${quote(text)}`);
  }

  /** Presses keys by their names in tmux, such as `Enter`, `C-c` and `Left`. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#ask(`send-keys ${keys.map(quote).join(" ")}`);
  }

  /** Pastes text as a terminal does: with marks if the program wants them. */
  async paste(text: string): Promise<void> {
    await this.#ask(`set-buffer -b paste ${quote(text)}`);
    await this.#ask("paste-buffer -p -b paste");
  }

  /** Sends a signal to the program that runs in the foreground. */
  async signal(name: string): Promise<void> {
    const [tty = ""] = await this.#ask("display-message -p '#{pane_tty}'");
    const terminal = tty.replace("/dev/", "");
    const ps = new Deno.Command("ps", { args: ["-t", terminal, "-o", "pid=,stat=,comm="] });
    const listed = new TextDecoder().decode((await ps.output()).stdout);
    const [, pid] = /^ *(\d+) +\S*\+ +deno/m.exec(listed) ?? [];
    if (pid === undefined) throw new Error(`No program in the foreground:\n${listed}`);
    Deno.kill(Number(pid), `SIG${name}` as Deno.Signal);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#ask(`resize-window -x ${columns} -y ${rows}`);
  }

  /** Returns the rows, without those at the end that are empty. */
  async screen(): Promise<string[]> {
    const rows = await this.#ask("capture-pane -p");
    return rows.join("\n").trimEnd().split("\n");
  }

  /** Returns the rows as they look: with the control sequences of their colours. */
  async looks(): Promise<string[]> {
    return await this.#ask("capture-pane -p -e");
  }

  /** Returns what has left the window at the top, and the window. */
  async everything(): Promise<string[]> {
    const rows = await this.#ask("capture-pane -p -S -");
    return rows.join("\n").trimEnd().split("\n");
  }

  /** Returns where the cursor is. */
  async cursor(): Promise<{ column: number; row: number }> {
    const [reply = ""] = await this.#ask("display-message -p '#{cursor_x} #{cursor_y}'");
    const [column = -1, row = -1] = reply.split(" ").map(Number);
    return { column, row };
  }

  /**
   * Waits until the window is as it should be, and returns its rows. What a program writes at once
   * can be seen in parts, so it is the end of it that must be waited for.
   */
  async until(isSo: (rows: readonly string[]) => boolean): Promise<string[]> {
    return await this.#wait(() => this.screen(), isSo);
  }

  /** Waits until `text` is in a row. */
  async shows(text: string): Promise<string[]> {
    return await this.until((rows) => rows.some((row) => row.includes(text)));
  }

  /** Waits until the last row is `last`, and `text` is in one above it. */
  async endsWith(last: string, text = ""): Promise<string[]> {
    return await this.until((rows) =>
      rows.at(-1) === last && (text === "" || rows.slice(0, -1).some((row) => row.includes(text)))
    );
  }

  /** Waits until the cursor is there. */
  async cursorAt(column: number, row: number): Promise<void> {
    await this.#wait(() => this.cursor(), (at) => at.column === column && at.row === row);
  }

  /** Waits until the program has written `text` so many times. */
  async writes(text: string, count: number): Promise<void> {
    const seen = (): Promise<number> => Promise.resolve(this.#output.split(text).length - 1);
    await this.#wait(seen, (times) => times >= count);
  }

  /** Looks again after each output until it sees what it should. */
  async #wait<T>(look: () => Promise<T>, isSo: (seen: T) => boolean): Promise<T> {
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      this.#wake?.();
    }, PATIENCE);
    try {
      for (;;) {
        const before = this.#outputs;
        const seen = await look();
        if (isSo(seen)) return seen;
        if (isOver || this.#hasEnded) {
          throw new Error(`Seen: ${JSON.stringify(seen)}\n${(await this.screen()).join("\n")}`);
        }
        if (this.#outputs === before) await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async #ask(command: string): Promise<string[]> {
    const reply = this.#expectReply();
    await this.#stdin.write(new TextEncoder().encode(`${command}\n`));
    return await reply;
  }

  #expectReply(): Promise<string[]> {
    return new Promise((resolve) => this.#replies.push({ lines: [], resolve }));
  }

  async #read(): Promise<void> {
    let lines: string[] | undefined;
    for await (const line of outputLines(this.#child.stdout)) {
      if (lines && /^%(end|error) /.test(line)) {
        const error = line.startsWith("%error") ? [`tmux: ${lines.join(" ")}`] : undefined;
        this.#replies.shift()?.resolve(error ?? lines);
        lines = undefined;
      } else if (lines) {
        lines.push(line);
      } else if (line.startsWith("%begin ")) {
        lines = [];
      } else if (line.startsWith("%output ")) {
        this.#output += unescape(line.replace(/^%output %\d+ /, ""));
        this.#outputs++;
        this.#wake?.();
      }
    }
    this.#hasEnded = true;
    for (const { resolve } of this.#replies) resolve([]);
    this.#wake?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) await this.#ask("kill-server");
    await this.#stdin.close().catch(() => {});
    await this.#reading;
    await this.#child.status;
    this.#directory[Symbol.dispose]();
  }
}
