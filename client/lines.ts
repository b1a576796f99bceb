/**
 * Lines of text from a stream of bytes.
 *
 * @module
 */

import { MAX_FRAME_BYTES } from "../protocol.ts";

/** Longest line, in UTF-16 units. */
const MAX_LENGTH = MAX_FRAME_BYTES;

/** How much of a line is kept, in bytes: one unit more than that, and the beginning of another. */
const MAX_BYTES = 3 * (MAX_LENGTH + 2);

const NEWLINE = 0x0A;

/** The input cannot be read, or is not text. Its message is one line. */
export class InputError extends Error {
  override readonly name = "InputError";
}

/**
 * Returns what reads bytes of UTF-8 as text; those that are not become U+FFFD.
 */
export function readText(input: ReadableStream<Uint8Array>): ReadableStreamDefaultReader<string> {
  // The DOM's declaration of a decoder, which holds where the page is checked too, takes too little.
  const decoder = new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>;
  return input.pipeThrough(decoder).getReader();
}

/**
 * Yields the lines of `input`, without their `\n` or `\r\n`; a last line without one counts. A byte
 * order mark at the beginning is no part of the first. Ends when `input` ends or `signal` is aborted.
 *
 * A line of more than {@linkcode MAX_FRAME_BYTES} characters is cut there, but for one more, so that
 * it is too long for every message.
 *
 * @throws {InputError} If the input cannot be read, or a line of it is not text in UTF-8.
 */
export async function* readLines(
  input: ReadableStream<Uint8Array>,
  { signal }: { signal?: AbortSignal } = {},
): AsyncGenerator<string, void> {
  const reader = input.getReader();
  const stop = (): void => void reader.cancel().catch(() => {});
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  let [line, number] = [new Line(), 1];
  try {
    for (;;) {
      const { done, value } = await read(reader);
      if (done) break;
      let begin = 0;
      for (let end = value.indexOf(NEWLINE); end >= 0; end = value.indexOf(NEWLINE, begin)) {
        line.add(value.subarray(begin, end));
        if (signal?.aborted) return;
        yield line.decode(number).replace(/\r$/, "");
        [line, number, begin] = [new Line(), number + 1, end + 1];
      }
      line.add(value.subarray(begin));
    }
    if (!line.isEmpty && !signal?.aborted) yield line.decode(number);
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
  }
}

/** A line that comes in parts. */
class Line {
  readonly #parts: Uint8Array[] = [];
  #length = 0;
  /** Whether it is longer than what is kept of it. */
  #isCut = false;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  add(part: Uint8Array): void {
    // What the reader gave is its own to use again.
    const kept = part.slice(0, MAX_BYTES - this.#length);
    this.#length += kept.length;
    this.#isCut ||= kept.length < part.length;
    if (kept.length > 0) this.#parts.push(kept);
  }

  /**
   * Returns it as text.
   *
   * @throws {InputError} If it is none, with the number that it has.
   */
  decode(number: number): string {
    const bytes = new Uint8Array(this.#length);
    let length = 0;
    for (const part of this.#parts) {
      bytes.set(part, length);
      length += part.length;
    }
    // A character that is cut through is no fault of the input's.
    while (this.#isCut && ((bytes[length - 1] ?? 0) & 0xC0) === 0x80) length--;
    const whole = this.#isCut ? bytes.subarray(0, length - 1) : bytes;
    const text = decode(whole);
    if (text === undefined || text.includes("\0")) throw notText(number, whole);
    return (number === 1 ? text.replace(/^\uFEFF/, "") : text).slice(0, MAX_LENGTH + 1);
  }
}

function decode(bytes: Uint8Array<ArrayBuffer>): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Says which line is not text in UTF-8, and how to make it so. */
function notText(number: number, bytes: Uint8Array): InputError {
  const isWide = bytes.includes(0) || (bytes[0] === 0xFF && bytes[1] === 0xFE) ||
    (bytes[0] === 0xFE && bytes[1] === 0xFF);
  const encoding = isWide ? "UTF-16" : "LATIN1";
  return new InputError(
    `Line ${number} of the input is not UTF-8: nothing from there on was said. ` +
      `Convert it: iconv -f ${encoding} -t UTF-8, or from what it is in.`,
  );
}

async function read<T>(
  reader: ReadableStreamDefaultReader<T>,
): Promise<ReadableStreamReadResult<T>> {
  try {
    return await reader.read();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new InputError(`Cannot read the input: ${text}`);
  }
}
