/**
 * The lines that a program writes.
 *
 * @module
 */

import { readText } from "../client/lines.ts";

/** Yields the lines of a program's output, whatever is in them; a last one without an end counts. */
export async function* outputLines(output: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = readText(output);
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield line.replace(/\r$/, "");
    }
    if (rest !== "") yield rest;
  } finally {
    reader.cancel().catch(() => {});
  }
}
