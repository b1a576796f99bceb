import assert from "node:assert/strict";
import { findMentions } from "../client/mention.ts";

function found(name: string, text: string): string[] {
  return Array.from(findMentions(text, name), ({ start, end }) => text.slice(start, end));
}

/** Checks that a name is found once in each text that names the person, and in none of the others. */
function assertNamed(
  name: string,
  { by, not = [] }: { readonly by: readonly string[]; readonly not?: readonly string[] },
): void {
  for (const text of by) assert.equal(found(name, text).length, 1, `${name}: ${text}`);
  for (const text of not) assert.deepEqual(found(name, text), [], `${name}: ${text}`);
}

Deno.test("findMentions: finds a name alone, whatever is in it", () => {
  assert.deepEqual(found("al", "al: AL, @al (al) al. al-x x-al xal al_ al's"), [
    "al",
    "AL",
    "al",
    "al",
    "al",
    "al",
  ]);
  assert.deepEqual(found("a.b-c", "a.b-c axb-c a.b-c."), ["a.b-c", "a.b-c"]);
  assert.deepEqual(found(String.raw`(\x]+*[^$👍`, String.raw`a (\x]+*[^$👍 b`).length, 1);
  assert.deepEqual(found("", "nobody"), []);
});

Deno.test("findMentions: an apostrophe in a word does not leave a name alone, one after a name does", () => {
  for (const apostrophe of ["'", "’"]) {
    const around = (text: string): string => text.replaceAll("'", apostrophe);
    assertNamed("m", { by: ["m", "'m'", "m's"].map(around), not: ["i'm", "I'M m_"].map(around) });
    assertNamed("i", { by: ["i"], not: ["i'm", "i'll"].map(around) });
    assertNamed("s", { by: ["s"], not: ["it's", "alice's"].map(around) });
    assertNamed("t", { by: ["t"], not: ["can't"].map(around) });
    assertNamed("don", { by: ["don's"].map(around), not: ["don't"].map(around) });
    assertNamed("clock", { by: ["'clock'"].map(around), not: ["o'clock"].map(around) });
    assertNamed("brien", { by: ["brien"], not: ["O'Brien"].map(around) });
    assertNamed("Alice", { by: ["d'Alice", "qu'alice", "dell'Alice", "Alice'in"].map(around) });
  }
});

Deno.test("findMentions: in scripts without spaces a name is found between other words", () => {
  assertNamed("小明", {
    by: ["你好小明吗", "小明，", "小明2点来"],
    not: ["小明-2", "小明_", "大明"],
  });
  assertNamed("明", { by: ["明，你好", "你好 明"], not: ["明天见"] });
  assertNamed("田中", { by: ["こんにちは田中さん"] });
  assertNamed("さくら", { by: ["ありがとうさくらさん"] });
  assertNamed("アン", { by: ["アンさん"], not: ["アンケート", "ファン"] });
  assertNamed("สมชาย", { by: ["สวัสดีสมชายครับ"] });
  assertNamed("มา", { by: ["มา"], not: ["มากมาย"] });
  assertNamed("민수", { by: ["민수야", "민수가", "안녕 민수"], not: ["김민수", "민수당"] });
  assertNamed("alice", { by: ["请问alice在吗", "alice님", "はいalice"], not: ["请问alice2"] });
});

Deno.test("findMentions: a letter is the same in each of its forms, and never without its marks", () => {
  for (const form of ["NFC", "NFD"] as const) {
    const name = "Zoë".normalize(form);
    assert.deepEqual(found(name, "zoë Zoe zoël"), ["zoë"]);
    assert.deepEqual(found(name, "ZOE\u0308, zoe\u0308l"), ["ZOE\u0308"]);
    assertNamed("Nguyễn".normalize(form), {
      by: ["NGUYE\u0302\u0303N", "nguyễn"],
      not: ["nguyen"],
    });
    assertNamed("한".normalize(form), { by: ["한", "\u1112\u1161\u11ab"], not: ["하"] });
  }
  assertNamed("Zoe", { by: ["ZOE"], not: ["Zoë", "Zoe\u0308"] });
  assertNamed("하", { by: ["\u1112\u1161"], not: ["\u1112\u1161\u11ab"] });
  assertNamed("σοφός", { by: ["ΣΟΦΌΣ"] });
  assertNamed("Strauß", { by: ["STRAUSS"] });
  assertNamed("alice", { by: ["ａｌｉｃｅ"] });
});
