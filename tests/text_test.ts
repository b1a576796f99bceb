import assert from "node:assert/strict";
import { isOnlyEmoji, splitText } from "../web/text.ts";

/** Returns the links and mentions of a text; checks that nothing of it is lost. */
function found(text: string, name?: string): string[] {
  const pieces = splitText(text, name);
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

/** Checks that in each text the link is found that is set apart by a space for the reader here. */
function assertLinks(
  texts: readonly (readonly [before: string, link: string, after: string])[],
): void {
  for (const [before, link, after] of texts) {
    const pieces = splitText(before + link + after);
    assert.deepEqual(pieces.filter(({ kind }) => kind === "link").map(({ text }) => text), [link]);
  }
}

Deno.test("splitText: quotes, brackets and stops of any script around a link are none of it", () => {
  assertLinks([
    ["“", "https://example.com/quoted", "”"],
    ["„", "https://example.com/quoted", "“."],
    ["«", "https://example.com/quoted", "»"],
    ["‹", "https://example.com/quoted", "›,"],
    ["‘", "https://example.com/quoted", "’然后"],
    ["'", "https://example.com/quoted", "', 'and"],
    ["見", "https://example.com/cn", "，然后"],
    ["「", "https://example.com/jp", "」。"],
    ["（", "https://example.com/cn?a=1", "）見"],
    ["【", "https://example.com/cn", "】"],
    ["《", "https://example.com/cn", "》、"],
    ["", "https://example.com/ja/レオナルド・ダ・ヴィンチ", "｡"],
    ["انظر ", "https://example.com/ar", "، ثم"],
    ["", "https://example.com/ar", "؟"],
    ["", "https://example.com/hi", "। फिर"],
    ["", "https://example.com/hy", "։"],
    ["", "https://example.com/more", "…"],
    ["", "https://example.com/then", "—then"],
    ["", "https://example.com/Foo–bar", " –"],
    ["\u2066", "https://example.com/isolated", "\u2069x"],
  ]);
});

Deno.test("splitText: marks of Markdown around a link are none of it", () => {
  assertLinks([
    ["**", "https://example.com/bold", "**然后"],
    ["**see ", "https://example.com/bold", "**, and"],
    ["***", "https://example.com/a*b", "***"],
    ["_", "https://example.com/a_b", "_"],
    ["__see it: ", "https://example.com/a_b", "__."],
    ["~~", "https://example.com/gone", "~~"],
    ["||", "https://example.com/hidden", "||."],
    ["`", "https://example.com/code", "`"],
    ["[text](", "https://example.com/a_(b)", ")"],
    ["[", "https://example.com/a", "]: there"],
    // Nothing opened these.
    ["", "https://example.com/abc-", ""],
    ["_so_ is snake_case ", "https://example.com/abc_", ""],
  ]);
  assert.deepEqual(found("[https://a.example](https://b.example/)|https://c.example|"), [
    "https://a.example/",
    "https://b.example/",
    "https://c.example/",
  ]);
});

Deno.test("splitText: an apostrophe within a link, and brackets in pairs, are a part of it", () => {
  assertLinks([
    ["", "https://example.com/Hobson's_choice", "."],
    ["(", "https://example.com/Hobson’s_choice", "’)"],
    ["'", "https://example.com/Hobson's_choice", "'"],
    ["", "https://example.com/?a[]=1&b[c]={d}", "]"],
    ["{", "https://example.com/{id}/(x[1])", "}"],
    ["see ", "http://[::1]:8080/x", ""],
    ["[", "http://[2001:db8::1]/", "]"],
    ["(", "http://[::1]:8080/x", ")y"],
    ["", "https://web.example.com/2020/https://example.com/", ""],
  ]);
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

Deno.test("splitText: twice the text takes about twice the time, whatever it is", () => {
  const worst: ((size: number) => string)[] = [
    (size) => `http://a${"_".repeat(size)}`,
    (size) => `${"_".repeat(size)} http://a_`,
    (size) => `http://${"a'".repeat(size / 2)}`,
    (size) => "'http://a**'".repeat(size / 12),
    (size) => "http://[".repeat(size / 8),
    (size) => "alicealice".repeat(size / 10),
    (size) => `é${"alice-".repeat(size / 6)}`,
    (size) => `http://a${")".repeat(size)}`,
    (size) => `http://a${".".repeat(size * 2 / 3)}a${")".repeat(size / 3)}`,
    (size) => "http://(".repeat(size / 8),
    (size) => `http://x/${"(".repeat(size / 2)}${")".repeat(size / 2)}`,
    (size) => "http://a ".repeat(size / 9),
    (size) => "alice ".repeat(size / 6),
  ];
  for (const text of worst) {
    // A square of this would take hours.
    const long = text(2 ** 20);
    assert.equal(splitText(long, "alice").map((piece) => piece.text).join(""), long);
  }
});

Deno.test("splitText: only so many links and mentions stand out in one text", () => {
  for (
    const text of ["http://a ".repeat(400), "alice ".repeat(600), "alice http://a ".repeat(200)]
  ) {
    const pieces = splitText(text, "alice");
    assert.ok(pieces.length <= 202, `${pieces.length} pieces`);
    assert.equal(pieces.map((piece) => piece.text).join(""), text);
  }
  assert.deepEqual(found(`http://a/${"b".repeat(2_100)}`), []);
});

Deno.test("isOnlyEmoji: up to three emoji, however they are made", () => {
  for (const text of ["🎉", "👍🏽", "👩‍💻 👩‍💻", "❤️🔥🇨🇭", "🙂\n"]) assert.ok(isOnlyEmoji(text), text);
  for (const text of ["", "1", "#", "a🎉", "🎉🎉🎉🎉", " ", "©x"]) {
    assert.ok(!isOnlyEmoji(text), text);
  }
});
