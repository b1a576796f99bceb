import assert from "node:assert/strict";
import { complete, type Completion } from "../client/completion.ts";
import { cleanPaste, Editor } from "../client/editor.ts";
import { PasteSplitter, type TerminalInput } from "../client/keys.ts";

const [UP, LEFT, HOME, BACKSPACE, ENTER] = ["\x1b[A", "\x1b[D", "\x1b[H", "\x7f", "\r"];
const [RIGHT, DELETE, WORD_LEFT, CTRL_W] = ["\x1b[C", "\x1b[3~", "\x1bb", "\x17"];
const [CTRL_C, CTRL_D, CTRL_L, CTRL_Z] = ["\x03", "\x04", "\x0c", "\x1a"];

const KNOWN = { names: ["bob", "alice", "Alina", "Zoë", "𝒶x"], rooms: ["lobby", "dev", "design"] };

/** An editor, and what was asked of it in words. */
class TestEditor implements Disposable {
  readonly asked: string[] = [];
  readonly editor = new Editor({
    submit: (text) => this.asked.push(`submit ${JSON.stringify(text)}`),
    leave: () => this.asked.push("leave"),
    repaint: () => this.asked.push("repaint"),
    suspend: () => this.asked.push("suspend"),
    complete: (before) => complete(before, KNOWN),
    list: (candidates) => this.asked.push(`list ${candidates.join(" ")}`),
    refuse: () => this.asked.push("refuse"),
  });

  /** Types keys, and returns the line with a bar at the cursor. */
  type(...keys: readonly string[]): string {
    for (const key of keys) this.editor.type(key);
    const { text, cursor } = this.editor.line;
    return `${text.slice(0, cursor)}|${text.slice(cursor)}`;
  }

  [Symbol.dispose](): void {
    this.editor.close();
  }
}

Deno.test("editor: keys edit the line, and enter submits it", () => {
  using test = new TestEditor();
  assert.equal(test.type("helo", LEFT, "l"), "hell|o");
  assert.equal(test.type(HOME, ">"), ">|hello");
  assert.equal(test.type(ENTER), "|");
  assert.deepEqual(test.asked, ['submit ">hello"']);
});

Deno.test("editor: a letter of several bytes or units is one letter", () => {
  using test = new TestEditor();
  assert.equal(test.type("é漢👍", BACKSPACE), "é漢|");
  assert.equal(test.type("👍", LEFT), "é漢|👍");
  assert.equal(test.type(LEFT, BACKSPACE), "|漢👍");
});

Deno.test("editor: what a person takes for one character is one, for each key that moves or takes away", () => {
  const characters = [
    ...["👨‍👩‍👧‍👦", "🇩🇪", "1️⃣", "👍🏽", "❤️", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"],
    ...["क्षि", "ภู่", "각", "각", "e\u0301\u0323", "ي\u0651\u064E"],
  ];
  for (const character of characters) {
    using test = new TestEditor();
    assert.equal(test.type(`a${character}b`, LEFT, LEFT), `a|${character}b`);
    assert.equal(test.type(RIGHT), `a${character}|b`);
    assert.equal(test.type(BACKSPACE), "a|b");
    for (const remove of [DELETE, CTRL_D]) {
      assert.equal(test.type(character, LEFT, remove), "a|b", `${character} ${remove}`);
    }
    assert.equal(test.type(`${character}${character}`, "\x08"), `a${character}|b`);
  }
});

Deno.test("editor: words are moved over and taken away without leaving half a character", () => {
  using test = new TestEditor();
  assert.equal(test.type("see cafe\u0301", WORD_LEFT), "see caf|e\u0301");
  assert.equal(test.type("\x05", CTRL_W), "see caf|");
  assert.equal(test.type(CTRL_C, "👍🏽👍🏽", CTRL_W), "|");
  test.editor.insert("a\n\u0301b");
  assert.equal(test.type(LEFT, BACKSPACE), "a\uFDD0|b");
});

Deno.test("editor: Ctrl-C is a key, whatever escape sequence is not finished", () => {
  for (
    const begun of ["\x1b[", "\x1b[1", "\x1b[1;", "\x1b[[", "\x1bO", `\x1b[${"1;".repeat(99)}`]
  ) {
    using test = new TestEditor();
    assert.equal(test.type("x", begun, CTRL_C), "|", JSON.stringify(begun));
    test.type("y", begun + CTRL_C, CTRL_C);
    assert.deepEqual(test.asked, ["leave"], JSON.stringify(begun));
    assert.equal(test.type("abc"), "abc|");
  }
});

Deno.test("editor: the up key brings back what was entered, many lines too", () => {
  using test = new TestEditor();
  test.type("one", ENTER);
  test.editor.insert("two\n\tlines");
  test.type(ENTER);
  assert.deepEqual(test.asked, ['submit "one"', 'submit "two\\n\\tlines"']);
  test.type(UP, ENTER);
  assert.equal(test.asked.at(-1), 'submit "two\\n\\tlines"');
  assert.equal(test.type(UP, UP), "one|");
});

Deno.test("editor: Ctrl-C takes away the line, and on an empty one asks to leave", () => {
  using test = new TestEditor();
  assert.equal(test.type("half a line", LEFT, CTRL_C), "|");
  assert.deepEqual(test.asked, []);
  test.type(CTRL_C);
  assert.deepEqual(test.asked, ["leave"]);
});

Deno.test("editor: Ctrl-D deletes the next letter, and on an empty line asks to leave", () => {
  using test = new TestEditor();
  assert.equal(test.type("ab", HOME, CTRL_D), "|b");
  test.type(CTRL_D, CTRL_D);
  assert.deepEqual(test.asked, ["leave"]);
});

Deno.test("editor: keys that are not for the line", () => {
  using test = new TestEditor();
  assert.equal(test.type("x", CTRL_L, CTRL_Z), "x|");
  assert.deepEqual(test.asked, ["repaint", "suspend"]);
});

Deno.test("editor: what stands for a newline cannot be typed", () => {
  using test = new TestEditor();
  assert.equal(test.type("a\uFDD0\uFDD1b"), "ab|");
});

Deno.test("editor: Tab completes before the cursor, and lists what it cannot decide", () => {
  using test = new TestEditor();
  assert.equal(test.type("bo\t"), "bob: |");
  assert.equal(test.type("hi AL\t"), "bob: hi ali|");
  assert.deepEqual(test.asked, []);
  test.type("\t\t\t");
  assert.deepEqual(test.asked, ["list alice Alina"]);
  assert.equal(test.type("C\t"), "bob: hi alice |");
  assert.equal(test.type("xyz\t"), "bob: hi alice xyz|");
  assert.equal(test.type(" 𝒶x\t"), "bob: hi alice xyz 𝒶x |");
  assert.equal(test.type(CTRL_C, "tell  you", LEFT, LEFT, LEFT, LEFT, "bo\t"), "tell bob | you");
});

Deno.test("editor: much that comes at once is taken at once, in its place, up to a bound", () => {
  using test = new TestEditor();
  assert.equal(test.type(`a\x7fb${"x".repeat(4_000)}\x01c`), `c|b${"x".repeat(4_000)}`);
  test.type("y".repeat(1_000));
  assert.deepEqual(test.asked, ["refuse"]);
  test.editor.insert("z".repeat(998));
  test.type("z", BACKSPACE, "z");
  assert.deepEqual(test.asked, ["refuse", "refuse"]);
  assert.equal(test.editor.line.text.length, 5_000);
  test.type(BACKSPACE, BACKSPACE, BACKSPACE, " al", "\t");
  assert.deepEqual(test.asked.at(-1), "refuse");
  assert.ok(test.editor.line.text.includes(" al"));
});

Deno.test("editor: control sequences that no key sends do nothing, also in much that comes at once", () => {
  using test = new TestEditor();
  test.type(`${"x".repeat(20)}\x1b[1;31m${LEFT}`.repeat(50));
  const { text, cursor } = test.editor.line;
  assert.deepEqual([text, cursor], ["x".repeat(1_000), 950]);
});

Deno.test("editor: function keys of a Linux console, and sequences in parts, type nothing", () => {
  using test = new TestEditor();
  assert.equal(test.type("a\x1b[[Ab", "\x1b[[B", "\x1b[1", ";5D"), "|ab");
  assert.equal(test.type(`\x1b[[E${"x".repeat(70)}\x1b[[A`), `${"x".repeat(70)}|ab`);
});

Deno.test("editor: the same line twice is in the history once; other keys with Ctrl or Shift are none of ours", () => {
  using test = new TestEditor();
  test.type("one", ENTER, "two", ENTER, "two", ENTER);
  assert.equal(test.type(UP, UP), "one|");
  assert.equal(test.type("\x1b[Z", "\x1b\x03"), "one|");
  assert.equal(test.asked.length, 3);
});

Deno.test("complete: commands, what their argument names, and people", () => {
  const expected: [string, Partial<Completion>][] = [
    ["/ni", { length: 3, text: "/nick " }],
    ["/J", { length: 2, text: "/join " }],
    ["/r", { length: 2, text: "/r", candidates: ["/rooms", "/reply"] }],
    ["/m", { length: 2, text: "/m", candidates: ["/msg", "/me", "/more", "/mute"] }],
    ["/join de", { length: 2, text: "de", candidates: ["dev", "design"] }],
    ["/JOIN l", { length: 1, text: "lobby" }],
    ["/join l", { length: 1, text: "lobby" }],
    ["/msg zoë", { length: 3, text: "Zoë " }],
    ["/msg bob hi al", { length: 2, text: "ali", candidates: ["alice", "Alina"] }],
    ["//bo", { length: 0 }],
    ["// bo", { length: 2, text: "bob " }],
    ["@bo", { length: 2, text: "bob: " }],
    ["nobody", { length: 0, text: "", candidates: [] }],
    ["", { length: 0, text: "", candidates: [] }],
    ["/reply ", { length: 0, text: "", candidates: [] }],
    ["hi ", { length: 0, text: "", candidates: [] }],
  ];
  for (const [before, part] of expected) {
    const completion = complete(before, KNOWN);
    assert.deepEqual(
      { ...completion, ...part },
      completion,
      `${before} ${JSON.stringify(completion)}`,
    );
  }
  const all = complete("/msg ", KNOWN);
  assert.deepEqual(all, { length: 0, text: "", candidates: KNOWN.names });
});

Deno.test("cleanPaste: lines end in a newline, the last one has none, and no control characters are left", () => {
  assert.equal(cleanPaste("one\r\ntwo\rthree\n\n"), "one\ntwo\nthree");
  assert.equal(cleanPaste("a\u2028b"), "a\nb");
  assert.equal(cleanPaste("\x1b[2Jx\ty\x07"), "[2Jx\ty");
});

/** Splits text that comes in these parts, and joins neighbours of a kind. */
function split(parts: readonly string[]): TerminalInput[] {
  const splitter = new PasteSplitter();
  const joined: TerminalInput[] = [];
  for (const part of parts.flatMap((text) => splitter.split(text))) {
    const last = joined.at(-1);
    if (last?.kind === "keys" && part.kind === "keys") {
      joined[joined.length - 1] = { kind: "keys", text: last.text + part.text };
    } else {
      joined.push(part);
    }
  }
  return joined;
}

Deno.test("PasteSplitter: keys and pastes are told apart, wherever the text is cut", () => {
  const text = "a\x1b[A\x1b[200~one\rtwo\x1b[201~b\x1b[200~\x1b[201~";
  const expected: TerminalInput[] = [
    { kind: "keys", text: "a\x1b[A" },
    { kind: "paste", text: "one\rtwo" },
    { kind: "keys", text: "b" },
    { kind: "paste", text: "" },
  ];
  assert.deepEqual(split([text]), expected);
  for (let i = 1; i < text.length; i++) {
    // Behind a single escape nothing is awaited: it is a key of its own.
    if (text[i - 1] === "\x1b" && text[i + 1] === "2" && text[i + 3] === "0") continue;
    assert.deepEqual(split([text.slice(0, i), text.slice(i)]), expected, `${i}`);
  }
});

Deno.test("PasteSplitter: an escape alone is a key at once", () => {
  assert.deepEqual(split(["\x1b"]), [{ kind: "keys", text: "\x1b" }]);
});

Deno.test("PasteSplitter: of a paste without end only so much is kept", () => {
  const splitter = new PasteSplitter();
  splitter.split("\x1b[200~");
  for (let i = 0; i < 300; i++) splitter.split("x".repeat(1000));
  const [paste] = splitter.split("\x1b[201~");
  assert.equal(paste?.text.length, 100_000);
});

Deno.test("PasteSplitter: Ctrl-C ends a paste whose end is lost, and is not otherwise a part of it", () => {
  const splitter = new PasteSplitter();
  assert.deepEqual(splitter.split("\x1b[200~half"), []);
  assert.ok(splitter.isPasting);
  assert.deepEqual(splitter.split("\rhello\r\x1b[20"), []);
  assert.deepEqual(splitter.split("\x03\x03"), [
    { kind: "broken paste", text: "half\rhello\r" },
    { kind: "keys", text: "\x03" },
  ]);
  assert.ok(!splitter.isPasting);
  assert.deepEqual(splitter.split("x\x03"), [
    { kind: "keys", text: "x" },
    { kind: "keys", text: "\x03" },
  ]);
  // What is behind it in one piece was pasted with it: it is not typed.
  assert.deepEqual(splitter.split("\x1b[200~a\x03/quit\r\x1b[201~"), [
    { kind: "paste", text: "a\x03/quit\r" },
  ]);
});

Deno.test("PasteSplitter: a paste that begins within one whose end is lost goes on with it", () => {
  assert.deepEqual(split(["\x1b[200~one ", "\x1b[200~two\x1b[201~x"]), [
    { kind: "paste", text: "one two" },
    { kind: "keys", text: "x" },
  ]);
});
