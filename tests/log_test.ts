import assert from "node:assert/strict";
import { formatLine, LogWriter, MAX_PENDING } from "../server/log.ts";

/** A sink whose every write waits until the test lets it through. */
class SlowSink {
  text = "";
  readonly #gate = Promise.withResolvers<void>();

  open(): void {
    this.#gate.resolve();
  }

  async write(data: Uint8Array): Promise<number> {
    await this.#gate.promise;
    const part = data.subarray(0, Math.max(1, data.length - 3));
    this.text += new TextDecoder().decode(part);
    return part.length;
  }
}

Deno.test("log: a line is time, level and text, as words or as JSON", () => {
  const time = Date.UTC(2024, 0, 1, 10);
  const entry = { time, level: "info", text: "Server running on 127.0.0.1:8080" } as const;
  assert.equal(
    formatLine(entry),
    "2024-01-01T10:00:00.000Z INFO Server running on 127.0.0.1:8080",
  );
  assert.equal(
    formatLine(entry, "json"),
    '{"time":"2024-01-01T10:00:00.000Z","level":"info","text":"Server running on 127.0.0.1:8080"}',
  );
});

Deno.test("log: lines are written in order, from the level on, also by a sink that takes a part at a time", async () => {
  const sink = new SlowSink();
  sink.open();
  const writer = new LogWriter(sink, "warn");
  writer.log("info", () => "not this");
  writer.log("warn", () => "one");
  writer.log("error", () => "two");
  await writer.flush();
  assert.match(sink.text, /^\S+ WARN one\n\S+ ERROR two\n$/);
});

Deno.test("log: a reader that does not read holds up nothing, and is told what was left out", async () => {
  const sink = new SlowSink();
  const writer = new LogWriter(sink, "info");
  for (let i = 0; i < MAX_PENDING + 7; i++) writer.log("info", () => `line ${i}`);
  sink.open();
  await writer.flush();
  const lines = sink.text.trimEnd().split("\n");
  assert.equal(lines.length, MAX_PENDING + 1);
  assert.match(lines.at(-1) ?? "", / WARN 7 log lines left out$/);
});

Deno.test("log: a reader that is gone is no error", async () => {
  const writer = new LogWriter({ write: () => Promise.reject(new Error("broken pipe")) }, "info");
  writer.log("info", () => "into the void");
  await writer.flush();
});
