/**
 * Lines of text from a stream of bytes.
 *
 * @module
 */

import { MAX_FRAME_BYTES } from "../protocol.ts";

/** Longest line, in UTF-16 units. */
const MAX_LENGTH = MAX_FRAME_BYTES;

/** The input cannot be read. Its message is one line. */
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
 * Yields the lines of `input`, without their `\n` or `\r\n`; a last line without one counts. Bytes
 * that are not UTF-8 become U+FFFD. Ends when `input` ends or `signal` is aborted.
 *
 * A line of more than {@linkcode MAX_FRAME_BYTES} characters is cut there, but for one more, so that
 * it is too long for every message.
 *
 * @throws {InputError} If the input cannot be read.
 */
export async function* readLines(
  input: ReadableStream<Uint8Array>,
  { signal }: { signal?: AbortSignal } = {},
): AsyncGenerator<string, void> {
  const reader = readText(input);
  const stop = (): void => void reader.cancel().catch(() => {});
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  let line = new Line();
  try {
    for (;;) {
      const { done, value } = await read(reader);
      if (done) break;
      const [first = "", ...others] = value.split("\n");
      line.add(first);
      for (const next of others) {
        if (signal?.aborted) return;
        yield line.text.replace(/\r$/, "");
        line = new Line();
        line.add(next);
      }
    }
    if (line.text !== "" && !signal?.aborted) yield line.text;
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
  }
}

/** A line that comes in parts. */
class Line {
  readonly #parts: string[] = [];
  #length = 0;

  get text(): string {
    return this.#parts.join("");
  }

  add(part: string): void {
    const kept = part.slice(0, Math.max(0, MAX_LENGTH + 1 - this.#length));
    this.#length += kept.length;
    if (kept !== "") this.#parts.push(kept);
  }
}

async function read(
  reader: ReadableStreamDefaultReader<string>,
): Promise<ReadableStreamReadResult<string>> {
  try {
    return await reader.read();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new InputError(`Cannot read the input: ${text}`);
  }
}
