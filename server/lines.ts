/**
 * From the bytes of a TCP connection to its lines: the commands of telnet are taken out, the rest is
 * split at newlines, and how it begins is looked at.
 *
 * @module
 */

import { MAX_FRAME_BYTES } from "../protocol.ts";
import { isBlank, recognizeForeign, TLS_HELLO } from "./foreign.ts";
import { TelnetDecoder, type TelnetInput } from "./telnet.ts";

const NEWLINE = 0x0a;

/** Splits bytes into lines. It sets no bound: whoever feeds it stops once `isTooLong`. */
export class LineSplitter {
  #parts: Uint8Array[] = [];
  #size = 0;

  /**
   * Takes bytes that came in, and returns the lines that they complete, without their newline. A line
   * may be a part of `chunk`: it holds until that is written to.
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end; (end = chunk.indexOf(NEWLINE, start)) >= 0; start = end + 1) {
      this.#keep(chunk.subarray(start, end));
      lines.push(this.rest());
    }
    this.#keep(chunk.slice(start));
    return lines;
  }

  /** Whether the unfinished line is longer than any line may be. */
  get isTooLong(): boolean {
    return this.#size > MAX_FRAME_BYTES;
  }

  /** Whether the unfinished line begins with those bytes. */
  startsWith(bytes: Uint8Array): boolean {
    let at = 0;
    for (const part of this.#parts) {
      for (const byte of part) {
        if (at === bytes.length) return true;
        if (byte !== bytes[at++]) return false;
      }
    }
    return at === bytes.length;
  }

  /** Takes out the unfinished line; empty if there is none. */
  rest(): Uint8Array {
    const [first = new Uint8Array(), ...others] = this.#parts;
    const line = others.length === 0 ? first : concat(this.#parts, this.#size);
    this.#parts = [];
    this.#size = 0;
    return line;
  }

  #keep(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#size += part.length;
  }
}

/** Returns `parts` joined; `size` is their length together. */
export function concat(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** What some bytes have come to. */
export interface LineInput extends Pick<TelnetInput, "commands" | "answers"> {
  /** The lines that are whole now. */
  readonly lines: readonly Uint8Array[];
  /** Of which other protocol the connection is, if it is: then none of its lines counts. */
  readonly foreign: string | undefined;
  /** Whether what is unfinished is longer than any line may be. */
  readonly isTooLong: boolean;
  /** Whether nothing more comes. */
  readonly isLast: boolean;
}

/** Makes lines of what comes in by a connection. */
export class LineDecoder {
  readonly #telnet = new TelnetDecoder();
  readonly #splitter = new LineSplitter();
  /** Whether the first line that is not blank was looked at. */
  #hasBegun = false;

  /** Takes bytes that came in. */
  push(chunk: Uint8Array): LineInput {
    const { text, ...rest } = this.#telnet.push(chunk);
    return { ...this.#look(this.#splitter.push(text)), ...rest, isLast: false };
  }

  /** Takes the end: a last line without a newline counts. */
  end(): LineInput {
    const { text, ...rest } = this.#telnet.end();
    const lines = [...this.#splitter.push(text), this.#splitter.rest()];
    return { ...this.#look(lines), ...rest, isLast: true };
  }

  #look(lines: readonly Uint8Array[]): Pick<LineInput, "lines" | "foreign" | "isTooLong"> {
    const isTooLong = this.#splitter.isTooLong || this.#telnet.skipped > MAX_FRAME_BYTES;
    return { lines, foreign: this.#hasBegun ? undefined : this.#begin(lines), isTooLong };
  }

  #begin(lines: readonly Uint8Array[]): string | undefined {
    const first = lines.find((line) => !isBlank(line));
    this.#hasBegun = first !== undefined;
    if (first !== undefined) return recognizeForeign(first);
    // Its newline may be long in coming.
    return this.#splitter.startsWith(TLS_HELLO) ? recognizeForeign(TLS_HELLO) : undefined;
  }
}
