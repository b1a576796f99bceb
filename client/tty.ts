/**
 * The terminal itself: its mode while the client runs, its size, and its signals.
 *
 * @module
 */

import { MARK_NO_PASTES, MARK_PASTES } from "./keys.ts";
import type { Size } from "./screen.ts";

/** The size of a window that does not tell its own. */
const DEFAULT_SIZE: Size = { columns: 80, rows: 24 };

/** What a terminal tells. */
export interface TtyEvents {
  /** Its window may have another size. */
  readonly resize: () => void;
  /** The program was stopped, and something else may have used the window. */
  readonly resume: () => void;
  /** The program is to end. */
  readonly end: () => void;
}

/** A terminal, as a conversation needs it. */
export interface Tty {
  /** Takes over: keys come at once and are not echoed. */
  readonly open: (events: TtyEvents) => void;
  readonly write: (text: string) => void;
  readonly size: () => Size;
  /** Gives it back as it was. */
  readonly close: () => void;
}

/** Signals that ask a program to end. */
const END_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/** Signals within so many milliseconds are one: `deno task` passes on what was sent to both. */
const SIGNAL_WINDOW = 300;

/** How long a window must keep its size before it is drawn anew, in milliseconds. */
const RESIZE_REST = 50;

/** The terminal that this process was started in. */
export class OwnTty implements Tty {
  readonly #write: (text: string) => void;
  #events: TtyEvents | undefined;
  #resizeTimer: ReturnType<typeof setTimeout> | undefined;
  /** When it was last told to end, by the process's own clock. */
  #endTime = -Infinity;

  /** Creates one that is as it was; `write` writes to it. */
  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  open(events: TtyEvents): void {
    this.#events = events;
    // What ends the process, short of SIGKILL and a fault of the runtime, gives the terminal back.
    for (const type of ["error", "unhandledrejection", "unload"]) {
      addEventListener(type, this.#restore);
    }
    for (const signal of END_SIGNALS) Deno.addSignalListener(signal, this.#end);
    if (Deno.build.os !== "windows") {
      Deno.addSignalListener("SIGWINCH", this.#resize);
      Deno.addSignalListener("SIGCONT", this.#continue);
    }
    this.#take();
  }

  write(text: string): void {
    try {
      this.#write(text);
    } catch {
      // The terminal is gone, and nobody sees it. The end of its input, or a signal, says so too.
    }
  }

  size(): Size {
    try {
      const { columns, rows } = Deno.consoleSize();
      // Some terminals have no size until somebody looks at them.
      return columns > 0 && rows > 0 ? { columns, rows } : DEFAULT_SIZE;
    } catch {
      return DEFAULT_SIZE;
    }
  }

  close(): void {
    if (!this.#events) return;
    for (const signal of END_SIGNALS) Deno.removeSignalListener(signal, this.#end);
    if (Deno.build.os !== "windows") {
      Deno.removeSignalListener("SIGWINCH", this.#resize);
      Deno.removeSignalListener("SIGCONT", this.#continue);
    }
    clearTimeout(this.#resizeTimer);
    for (const type of ["error", "unhandledrejection", "unload"]) {
      removeEventListener(type, this.#restore);
    }
    this.#restore();
  }

  #take(): void {
    Deno.stdin.setRaw(true);
    this.write(MARK_PASTES);
  }

  readonly #restore = (): void => {
    if (!this.#events) return;
    this.#events = undefined;
    try {
      Deno.stdin.setRaw(false);
    } catch {
      // The terminal itself is gone: there is nothing to give back.
    }
    this.write(MARK_NO_PASTES);
  };

  readonly #end = (): void => {
    const now = performance.now();
    if (now - this.#endTime > SIGNAL_WINDOW) this.#events?.end();
    this.#endTime = now;
  };

  readonly #resize = (): void => {
    clearTimeout(this.#resizeTimer);
    this.#resizeTimer = setTimeout(() => this.#events?.resize(), RESIZE_REST);
  };

  /** After a stop, the shell has taken the terminal meanwhile. */
  readonly #continue = (): void => {
    try {
      this.#take();
      this.#events?.resume();
    } catch {
      // A terminal that goes wakes up whom it had stopped, too.
      this.#events?.end();
    }
  };
}
