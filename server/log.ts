/**
 * Log lines: `2026-11-21T10:00:00.000Z INFO Server running on 127.0.0.1:8080`.
 *
 * A line is written later, together with all others of the same turn, because a message must not
 * wait for whoever reads the log. If the reader stops reading, at most {@linkcode MAX_PENDING}
 * lines wait for it; the number of those that were left out is logged when it reads again.
 *
 * @module
 */

/** How much a line matters. */
export type Level = "debug" | "info" | "warn" | "error";

/** The levels that `--log-level` accepts, least important first. */
export const LEVELS: readonly Level[] = ["debug", "info", "warn", "error"];

/** Default of `--log-level`. */
export const DEFAULT_LEVEL: Level = "info";

/** How lines are written: for people, or each as an object of JSON. */
export type Format = "text" | "json";

/** The formats that `--log-format` accepts. */
export const FORMATS: readonly Format[] = ["text", "json"];

/** Default of `--log-format`. */
export const DEFAULT_FORMAT: Format = "text";

/**
 * Takes what happens. `word` is called only if the line is written; a text of others must be quoted
 * there ({@linkcode quote}).
 */
export type Log = (level: Level, word: () => string) => void;

/**
 * The most lines that wait for a slow reader of the log: some 10 MB if each quotes a message of
 * 4,096 bytes.
 */
export const MAX_PENDING = 2_000;

const encoder = new TextEncoder();

/** What happened. */
export interface Entry {
  /** In milliseconds since 1970. */
  readonly time: number;
  readonly level: Level;
  readonly text: string;
}

/** Formats a log line without its newline. */
export function formatLine({ time, level, text }: Entry, format: Format = DEFAULT_FORMAT): string {
  const date = new Date(time).toISOString();
  if (format === "text") return `${date} ${level.toUpperCase()} ${text}`;
  return JSON.stringify({ time: date, level, text });
}

/** Quotes text of others as JSON, so that it stays within its log line wherever that is read. */
export function quote(text: string): string {
  return JSON.stringify(text).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}

/** Words an error for a log line, quoted, because it may carry text of others. */
export function quoteError(error: unknown): string {
  return quote(error instanceof Error ? error.stack ?? error.message : String(error));
}

/** Writes log lines to a sink, in batches. */
export class LogWriter {
  readonly #sink: { write(data: Uint8Array): Promise<number> };
  readonly #level: number;
  readonly #format: Format;
  #pending: string[] = [];
  #dropped = 0;
  #writing: Promise<void> | undefined;

  /** Creates a writer of the lines that matter at least as much as `level`. */
  constructor(
    sink: { write(data: Uint8Array): Promise<number> },
    level: Level,
    format: Format = DEFAULT_FORMAT,
  ) {
    this.#sink = sink;
    this.#level = LEVELS.indexOf(level);
    this.#format = format;
  }

  /** Takes a line, and returns at once. */
  readonly log: Log = (level, word) => {
    if (LEVELS.indexOf(level) < this.#level) return;
    if (this.#pending.length < MAX_PENDING) {
      this.#pending.push(this.#formatNow(level, word()));
    } else {
      this.#dropped++;
    }
    this.#writing ??= this.#drain();
  };

  /** Resolves when everything that was logged until now is written, or cannot be. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #drain(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#pending.length > 0) {
      const lines = this.#pending;
      if (this.#dropped > 0) {
        lines.push(this.#formatNow("warn", `${this.#dropped} log lines left out`));
      }
      this.#pending = [];
      this.#dropped = 0;
      await this.#write(encoder.encode(lines.join("\n") + "\n"));
    }
    this.#writing = undefined;
  }

  #formatNow(level: Level, text: string): string {
    return formatLine({ time: Date.now(), level, text }, this.#format);
  }

  async #write(data: Uint8Array): Promise<void> {
    try {
      while (data.length > 0) data = data.subarray(await this.#sink.write(data));
    } catch {
      // Whoever read the log is gone (a closed pipe): there is nobody left to tell, and the chat
      // goes on.
    }
  }
}
