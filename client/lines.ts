/**
 * Lines of text from a stream of bytes.
 *
 * @module
 */

/**
 * Yields the lines of `input`, without their `\n` or `\r\n`; a last line without one counts. Bytes
 * that are not UTF-8 become U+FFFD. Ends when `input` ends or `signal` is aborted.
 */
export async function* readLines(
  input: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<string, void> {
  const reader = input.pipeThrough(new TextDecoderStream()).getReader();
  const stop = (): void => void reader.cancel().catch(() => {});
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  let unfinished: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const [first = "", ...others] = value.split("\n");
      unfinished.push(first);
      for (const next of others) {
        if (signal?.aborted) return;
        yield unfinished.join("").replace(/\r$/, "");
        unfinished = [next];
      }
    }
    const last = unfinished.join("");
    if (last !== "" && !signal?.aborted) yield last;
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
  }
}
