import assert from "node:assert/strict";
import { mentionOf } from "../client/words.ts";
import { isOnlyEmoji, splitText } from "../web/text.ts";

/** Returns the links and mentions of a text; checks that nothing of it is lost. */
function found(text: string, name?: string): string[] {
  const pieces = splitText(text, name === undefined ? undefined : mentionOf(name));
  assert.equal(pieces.map((piece) => piece.text).join(""), text);
  return pieces.filter(({ kind }) => kind !== "text").map(({ text, href }) => href ?? text);
}

Deno.test("splitText: links end where a sentence goes on", () => {
  const expected: [text: string, links: string[]][] = [
    ["see https://example.com/a.", ["https://example.com/a"]],
    ["(https://example.com/a_(b)), http://x:1/?q=1&r=2#f!", [
      "https://example.com/a_(b)",
      "http://x:1/?q=1&r=2#f",
    ]],
    ["HTTPS://EXAMPLE.COM/Path", ["https://example.com/Path"]],
    ["<https://example.com>", ["https://example.com/"]],
    ["https://a.example\nhttps://b.example", ["https://a.example/", "https://b.example/"]],
    ["https://example.com/漢字。", ["https://example.com/%E6%BC%A2%E5%AD%97"]],
    ["https://user:secret@example.com", ["https://user:secret@example.com/"]],
  ];
  for (const [text, links] of expected) assert.deepEqual(found(text), links);
});

Deno.test("splitText: what is no address of the web is no link", () => {
  for (
    const text of [
      "javascript:alert(1)",
      "data:text/html,<b>",
      "file:///etc/passwd",
      "ftp://example.com",
      "www.example.com",
      "http://",
      "https://[::1",
      "https://.",
      "vbscript:https",
      "",
    ]
  ) assert.deepEqual(found(text), []);
  // The scheme before it does not count: what is linked is what is read.
  assert.deepEqual(found("javascript:https://example.com"), ["https://example.com/"]);
});

Deno.test("splitText: mentions stand out, but not within links", () => {
  assert.deepEqual(found("Alice, see https://alice.example/alice and tell alice.", "alice"), [
    "Alice",
    "https://alice.example/alice",
    "alice",
  ]);
  assert.deepEqual(found("malice alice-2 alices", "alice"), []);
});

Deno.test("splitText: long texts take no longer than their length", () => {
  for (
    const text of [
      "http://(".repeat(8_000),
      `http://x/${"(".repeat(30_000)}${")".repeat(30_000)}`,
      "http://x/" + ".".repeat(60_000),
      `http://x/${"a)".repeat(2_000)}`,
    ]
  ) {
    const started = performance.now();
    splitText(text.slice(0, 4_096), mentionOf("alice"));
    assert.ok(performance.now() - started < 200, text.slice(0, 20));
  }
});

Deno.test("isOnlyEmoji: up to three emoji, however they are made", () => {
  for (const text of ["🎉", "👍🏽", "👩‍💻 👩‍💻", "❤️🔥🇨🇭", "🙂\n"]) assert.ok(isOnlyEmoji(text), text);
  for (const text of ["", "1", "#", "a🎉", "🎉🎉🎉🎉", " ", "©x"]) {
    assert.ok(!isOnlyEmoji(text), text);
  }
});
