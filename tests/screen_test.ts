import assert from "node:assert/strict";
import type { Block } from "../client/layout.ts";
import { type Live, Screen } from "../client/screen.ts";
import { Window } from "./window.ts";

function block(text: string): Block {
  return { spans: [{ text }], indent: 2 };
}

/** A screen in a window, below whose transcript `live` stands. */
class TestScreen {
  readonly window = new Window(20, 6);
  live: Live = { rows: ["> "], row: 0, column: 2 };
  readonly screen = new Screen({
    write: (text) => this.window.write(text),
    size: () => this.window.size(),
    live: () => this.live,
  });

  print(...texts: readonly string[]): void {
    for (const text of texts) this.screen.print(block(text));
    this.screen.flush();
  }

  amend(text: string): void {
    this.screen.amend(block(text));
    this.screen.flush();
  }

  get text(): readonly string[] {
    return this.window.text;
  }
}

Deno.test("screen: what is printed comes above what lives below", () => {
  const test = new TestScreen();
  test.print("one");
  test.print("two", "three");
  assert.deepEqual(test.text, ["one", "two", "three", ">"]);
  assert.deepEqual([test.window.row, test.window.column], [3, 2]);
});

Deno.test("screen: opened, what was there before is in the scrollback, once", () => {
  const test = new TestScreen();
  test.window.write("one\r\ntwo\r\n$ chat\r\n");
  test.screen.open();
  test.print("hello");
  assert.deepEqual(test.window.scrollback, ["one", "two", "$ chat"]);
  assert.deepEqual(test.text, ["hello", ">"]);
});

Deno.test("screen: drawn anew, however often, it leaves nothing in the scrollback", () => {
  const test = new TestScreen();
  const lines = Array.from({ length: 12 }, (_, i) => `line ${i}`);
  test.print(...lines);
  for (let i = 0; i < 5; i++) test.screen.repaint();
  assert.deepEqual([...test.window.scrollback, ...test.text], [...lines, ">"]);
});

Deno.test("screen: after another program has used the window, it goes on below", () => {
  const test = new TestScreen();
  test.print("one");
  test.window.write("typed^Z\r\n$ fg");
  test.screen.resume();
  test.print("two");
  assert.deepEqual(test.text, ["one", "> typed^Z", "$ fg", "two", ">"]);
});

Deno.test("screen: where a tall line was, the transcript comes back", () => {
  const test = new TestScreen();
  test.print("one", "two", "three", "four");
  test.live = { rows: ["> a", "b", "c", "d", "e"], row: 4, column: 1 };
  test.screen.flush();
  assert.deepEqual(test.text, ["four", "> a", "b", "c", "d", "e"]);
  test.live = { rows: ["> "], row: 0, column: 2 };
  test.screen.flush();
  assert.deepEqual(test.text, ["one", "two", "three", "four", ">"]);
});

Deno.test("screen: it begins where the cursor is, and leaves what is above alone", () => {
  const test = new TestScreen();
  test.window.write("$ chat\r\n");
  test.print("one");
  test.live = { rows: ["> a", "b", "c"], row: 1, column: 1 };
  test.screen.flush();
  assert.deepEqual(test.text, ["$ chat", "one", "> a", "b", "c"]);
  assert.deepEqual([test.window.row, test.window.column], [3, 1]);
  test.live = { rows: ["> "], row: 0, column: 2 };
  test.print("two");
  assert.deepEqual(test.text, ["$ chat", "one", "two", ">"]);
});

Deno.test("screen: what leaves it at the top is in the scrollback, once", () => {
  const test = new TestScreen();
  test.live = { rows: ["> a", "b"], row: 1, column: 1 };
  const lines = Array.from({ length: 30 }, (_, i) => `line ${i}`);
  test.print(...lines.slice(0, 15));
  for (const line of lines.slice(15)) test.print(line);
  assert.deepEqual([...test.window.scrollback, ...test.text], [...lines, "> a", "b"]);
});

Deno.test("screen: a block that grows takes the place of the last one", () => {
  const test = new TestScreen();
  test.print("one", "two");
  test.amend("two, which is now longer than a row");
  test.amend("two, which is now three rows and still goes on and");
  assert.deepEqual(test.text, [
    "one",
    "two, which is now",
    "  three rows and",
    "  still goes on and",
    ">",
  ]);
  test.screen.print(block("three"));
  test.amend("3");
  assert.deepEqual(test.text.slice(3), ["  still goes on and", "3", ">"]);
});

Deno.test("screen: a block that has left the window stays, and the new one comes below", () => {
  const test = new TestScreen();
  const long = "row row row row row row row row row row row row row row row";
  test.print(long);
  test.live = { rows: ["> a", "b", "c", "d", "e"], row: 4, column: 1 };
  test.screen.flush();
  const before = test.window.scrollback.length;
  test.amend("new");
  assert.ok(before > 0);
  assert.deepEqual(test.text, ["new", "> a", "b", "c", "d", "e"]);
  const all = [...test.window.scrollback, ...test.text].join(" ").replaceAll(/ +/g, " ");
  assert.equal(all, `${long} new > a b c d e`);
  test.screen.repaint();
  assert.deepEqual(test.text, ["new", "> a", "b", "c", "d", "e"]);
});

Deno.test("screen: a block that fills the window is replaced; drawn anew, only the new one is there", () => {
  const test = new TestScreen();
  test.print("row row row row row row row row row row row row row row row row row row");
  assert.equal(test.text.length, 6);
  test.amend("new");
  assert.deepEqual([...test.window.scrollback, ...test.text], ["new", ">"]);
  test.screen.repaint();
  assert.deepEqual(test.text, ["new", ">"]);
});

Deno.test("screen: drawn anew, it shows what was not shown yet, and counts the rows of long words", () => {
  const test = new TestScreen();
  test.screen.print(block("x".repeat(45)));
  test.screen.print(block("one"));
  test.screen.repaint();
  assert.deepEqual(test.text, ["x".repeat(20), "x".repeat(20), "xxxxx", "one", ">"]);
  for (let i = 0; i < 3; i++) test.screen.repaint();
  assert.deepEqual(test.window.scrollback, []);
});

Deno.test("screen: at the top of the window, too, what lives below leaves nothing behind", () => {
  const test = new TestScreen();
  test.live = { rows: ["> a", "b"], row: 1, column: 1 };
  for (let i = 0; i < 3; i++) test.screen.flush();
  assert.deepEqual(test.window.scrollback, []);
});

Deno.test("screen: keeps only so many blocks", () => {
  const test = new TestScreen();
  test.print(...Array.from({ length: 1_000 }, (_, i) => `line ${i}`));
  test.window.rows = 2_000;
  test.screen.repaint();
  assert.equal(test.text.length, 301);
});

Deno.test("screen: a word longer than the window is drawn over in whole", () => {
  const test = new TestScreen();
  test.print(`see ${"x".repeat(45)}`);
  assert.equal(test.text.length, 5);
  test.amend("gone");
  assert.deepEqual(test.text, ["gone", ">"]);
});

Deno.test("screen: after a resize the window is drawn anew, as far as there is room", () => {
  const test = new TestScreen();
  test.print("one", "the quick brown fox", "three");
  test.window.columns = 12;
  test.screen.repaint();
  assert.deepEqual(test.text, ["one", "the quick", "  brown fox", "three", ">"]);
  test.window.rows = 4;
  test.screen.repaint();
  assert.deepEqual(test.text, ["the quick", "  brown fox", "three", ">"]);
  test.window.columns = 30;
  test.print("four");
  assert.deepEqual(test.text, ["the quick brown fox", "three", "four", ">"]);
});

Deno.test("screen: clear takes everything away but what lives below", () => {
  const test = new TestScreen();
  test.print("one", "two");
  test.screen.print(block("three"));
  test.screen.clear();
  assert.deepEqual(test.text, [">"]);
  test.amend("three");
  assert.deepEqual(test.text, ["three", ">"]);
});

Deno.test("screen: closed, it leaves the transcript and the cursor below it", () => {
  const test = new TestScreen();
  test.live = { rows: ["> a", "b"], row: 0, column: 1 };
  test.print("one");
  test.screen.close();
  assert.deepEqual(test.text, ["one"]);
  assert.deepEqual([test.window.row, test.window.column], [1, 0]);
});

Deno.test("screen: the cursor is behind what is before it, however wide the terminal takes that to be", () => {
  for (const [isOld, column] of [[false, 5], [true, 11]] as const) {
    const test = new TestScreen();
    test.window.isOld = isOld;
    test.live = { rows: ["> 👨‍👩‍👧‍👦ab", "c"], row: 0, column: 5 };
    test.print("one");
    assert.deepEqual(test.text, ["one", "> 👨‍👩‍👧‍👦ab", "c"]);
    assert.deepEqual([test.window.row, test.window.column], [1, column]);
  }
});
