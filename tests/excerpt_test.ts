import assert from "node:assert/strict";
import { excerpt, isCut } from "../client/excerpt.ts";
import { type Block, heightOfRows, plain } from "../client/layout.ts";
import { reachOf } from "../client/width.ts";

function block(text: string, isWhole = false): Block {
  return { spans: [{ text: "12:00 " }, { text }], indent: 8, isWhole };
}

const lines = (count: number): string =>
  Array.from({ length: count }, (_, i) => `${i + 1}`).join("\n");

Deno.test("excerpt: twenty rows are shown, and of more the first twenty and how to see the rest", () => {
  assert.ok(!isCut(block(lines(20)), 60));
  assert.deepEqual(excerpt(block(lines(20)), 60).map(plain).at(-1), "        20");
  assert.ok(isCut(block(lines(21)), 60));
  const rows = excerpt(block(lines(21)), 60).map(plain);
  assert.deepEqual([rows[0], rows[19]], ["12:00 1", "        20"]);
  assert.deepEqual(rows.slice(20), ["        ... 1 more row: /more shows all"]);
  assert.equal(excerpt(block(lines(21), true), 60).length, 21);
});

Deno.test("excerpt: it is rows that count, whatever makes them", () => {
  const texts = [
    "\n".repeat(4_095) + "x",
    "word ".repeat(819),
    "x".repeat(4_096),
    `${"x".repeat(700)} ${"y".repeat(3_000)}`,
    "漢".repeat(1_365),
    "👨‍👩‍👧‍👦".repeat(163),
    "ש\n".repeat(1_365),
    "\u2028".repeat(1_000) + "x",
  ];
  for (const text of texts) {
    for (const columns of [10, 30, 60]) {
      const rows = excerpt(block(text), columns);
      const height = heightOfRows(rows, columns);
      assert.ok(height <= 20 + Math.ceil(50 / columns) + 2, `${text.slice(0, 9)} ${height}`);
      for (const row of rows) assert.ok(!/[\n\r]/.test(plain(row)));
    }
  }
  const [first, ...rest] = excerpt(block("x".repeat(4_096)), 60);
  assert.ok(reachOf(plain(first ?? [])) <= 60 && rest.length === 2);
});
