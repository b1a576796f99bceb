import assert from "node:assert/strict";
import { LineSplitter } from "../server/lines.ts";

const encoder = new TextEncoder();

function decode(line: Uint8Array): string {
  return new TextDecoder().decode(line);
}

Deno.test("line splitter: gives the same lines however the bytes are cut", () => {
  const bytes = encoder.encode("one\n\ntwo\r\nthree");
  for (let size = 1; size <= bytes.length; size++) {
    const splitter = new LineSplitter();
    const lines: string[] = [];
    for (let start = 0; start < bytes.length; start += size) {
      lines.push(...splitter.push(bytes.subarray(start, start + size)).map(decode));
    }
    assert.deepEqual(lines, ["one", "", "two\r"]);
    assert.equal(decode(splitter.rest()), "three");
    assert.equal(splitter.rest().length, 0);
  }
});

Deno.test("line splitter: keeps no reference to the buffer that is read into", () => {
  const splitter = new LineSplitter();
  const buffer = encoder.encode("ab");
  splitter.push(buffer);
  buffer.fill(0x78);
  assert.equal(decode(splitter.rest()), "ab");
});

Deno.test("line splitter: says when an unfinished line is over the limit", () => {
  const splitter = new LineSplitter();
  splitter.push(new Uint8Array(65_536).fill(0x78));
  assert.equal(splitter.isTooLong, false);
  splitter.push(new Uint8Array(1).fill(0x78));
  assert.equal(splitter.isTooLong, true);
});
