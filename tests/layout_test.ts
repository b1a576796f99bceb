import assert from "node:assert/strict";
import { type Block, plain, render, type Span, wrap } from "../client/layout.ts";
import { heightOf, reachOf, truncate, widthOf } from "../client/width.ts";

/** Lays text out, with an indentation of two, and returns the rows' text. */
function rowsOf(text: string, columns: number, indent = 2): string[] {
  return wrap({ spans: [{ text }], indent }, columns).map(plain);
}

Deno.test("wrap: a row ends at the end of a word, and all but the first are indented", () => {
  assert.deepEqual(rowsOf("the quick brown fox", 10), ["the quick", "  brown", "  fox"]);
});

Deno.test("wrap: a row is filled to its last column", () => {
  assert.deepEqual(rowsOf("abcd efghi jk", 10), ["abcd efghi", "  jk"]);
  assert.deepEqual(rowsOf("ab cdefghi jk", 10), ["ab cdefghi", "  jk"]);
});

Deno.test("wrap: a newline ends a row, and spaces at a line's beginning are kept", () => {
  assert.deepEqual(rowsOf("if x:\n  y\n\nz", 20), ["if x:", "    y", "  ", "  z"]);
  assert.deepEqual(rowsOf("a\tb", 20), ["a    b"]);
});

Deno.test("wrap: a word longer than a row is left whole, in a row of its own", () => {
  const link = "https://example.com/a/long/path";
  assert.deepEqual(rowsOf(`see ${link} or not`, 12), ["see", `  ${link}`, "  or not"]);
});

Deno.test("wrap: Chinese and Japanese break between any two characters, but not before a comma", () => {
  assert.deepEqual(rowsOf("你好，世界", 7, 0), ["你好，", "世界"]);
  assert.deepEqual(rowsOf("你好，世界", 5, 0), ["你", "好，", "世界"]);
});

Deno.test("wrap: whatever looks like a space ends a word, so that nothing can look like a row of its own", () => {
  for (const blank of ["\u00A0", "\u2003", "\u3000", "\u2800", "\u3164", "\u2028", "\u115F"]) {
    const text = `hi${blank.repeat(15)}13:47${blank}root:${blank}send${blank}me`;
    for (const row of rowsOf(text, 16).slice(1)) assert.match(row, /^ {2}\S/, `${blank} ${row}`);
  }
  assert.deepEqual(rowsOf(`a\n${" ".repeat(30)}12:00 bob: hi`, 20), [
    "a",
    `  ${" ".repeat(13)}12:00`,
    "  bob: hi",
  ]);
  assert.deepEqual(rowsOf(`a\n${" ".repeat(9)}${"x".repeat(30)}`, 20), [
    "a",
    `  ${"x".repeat(30)}`,
  ]);
});

Deno.test("wrap: a long word at the beginning, and after a newline, has no empty row before it", () => {
  const link = "x".repeat(30);
  assert.deepEqual(rowsOf(link, 20), [link]);
  assert.deepEqual(rowsOf(`a\n${link}`, 20), ["a", `  ${link}`]);
});

Deno.test("wrap: spaces stand where they were written, and nowhere else", () => {
  assert.deepEqual(rowsOf("a 漢字", 20), ["a 漢字"]);
  assert.deepEqual(rowsOf("a \nb", 20), ["a", "  b"]);
  assert.deepEqual(rowsOf("abc漢字", 5, 0), ["abc漢", "字"]);
});

Deno.test("wrap: what is in pieces of several looks breaks only at spaces", () => {
  const spans: Span[] = [{ text: "alice" }, { text: " (x)", style: (text) => `<${text}>` }, {
    text: ": hello",
  }];
  const rows = wrap({ spans, indent: 2 }, 12);
  assert.deepEqual(rows.map(render), ["alice< (x)>:", "  hello"]);
});

Deno.test("wrap: no row begins with the space at which it was broken, however many there are", () => {
  assert.deepEqual(rowsOf("aaaa     bbbb", 8, 0), ["aaaa", "bbbb"]);
});

Deno.test("wrap: where an indentation would leave no room there is none", () => {
  assert.deepEqual(rowsOf("aaaa bbbb", 8, 6), ["aaaa", "bbbb"]);
  assert.deepEqual(rowsOf("aaaaaaaaaa bbbbbbbbbb", 17, 6), ["aaaaaaaaaa", "bbbbbbbbbb"]);
});

Deno.test("wrap: no text makes it slow, lose a character or add one", () => {
  for (const text of ["x".repeat(100_000), "x ".repeat(50_000), "漢".repeat(50_000)]) {
    const block: Block = { spans: [{ text }], indent: 0 };
    const began = performance.now();
    const rows = wrap(block, 80).map(plain);
    assert.ok(performance.now() - began < 2_000);
    assert.equal(rows.join("").replaceAll(" ", ""), text.replaceAll(" ", ""));
  }
});

Deno.test("render: neighbours of the same look are written as one", () => {
  const style = (text: string): string => `<${text}>`;
  const spans = [{ text: "one two", style }, { text: " three" }];
  assert.deepEqual(wrap({ spans, indent: 0 }, 80).map(render), ["<one two> three"]);
});

Deno.test("widthOf: wide letters and emoji take two columns, marks and joiners none", () => {
  const widths: [string, number][] = [
    ["", 0],
    ["abc", 3],
    ["é", 1],
    ["e\u0301", 1],
    ["漢字", 4],
    ["한국", 4],
    ["ｗ", 2],
    ["👍", 2],
    ["👍🏽", 2],
    ["👨‍👩‍👧‍👦", 2],
    ["🏴‍☠️x", 3],
    ["1️⃣", 2],
    ["❤️", 2],
    ["각", 2],
    ["क्षि", 3],
    ["한글", 4],
    ["\u{17000}", 2],
    ["soft\u00ADhyphen", 11],
    ["🇩🇪", 2],
    ["a\u200Bb", 2],
    ["…↵", 2],
  ];
  for (const [text, width] of widths) assert.equal(widthOf(text), width, text);
});

Deno.test("reachOf: where terminals disagree, the widest of them counts", () => {
  const reaches: [string, number][] = [
    ["abc", 3],
    ["é", 1],
    ["❤\uFE0F", 2],
    ["🇩🇪", 4],
    [
      "\u1161",
      2,
    ],
    ["👨‍👩‍👧‍👦", 8],
    ["1️⃣", 2],
  ];
  for (const [text, reach] of reaches) {
    assert.equal(reachOf(text), reach, text);
    assert.ok(reachOf(text) >= widthOf(text));
  }
});

Deno.test("heightOf: a wide character that does not fit at a row's end begins the next one", () => {
  assert.equal(heightOf("", 4), 1);
  assert.equal(heightOf("abcd", 4), 1);
  assert.equal(heightOf("abcde", 4), 2);
  assert.equal(heightOf("abc漢漢字", 4), 3);
});

Deno.test("truncate: what is too long ends in an ellipsis, within its columns", () => {
  assert.equal(truncate("abcd", 4), "abcd");
  assert.equal(truncate("abcde", 4), "abc…");
  assert.equal(truncate("漢字漢字", 4), "漢…");
  assert.equal(truncate("👍🏽👍🏽👍🏽", 6), "👍🏽…");
});
