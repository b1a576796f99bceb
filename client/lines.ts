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
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (signal?.aborted) return;
        yield line.replace(/\r$/, "");
      }
    }
    if (rest !== "" && !signal?.aborted) yield rest;
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
  }
}
