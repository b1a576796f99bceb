import assert from "node:assert/strict";
import { TokenFile } from "../server/reload.ts";
import { TokenError } from "../server/tokens.ts";

const LINES = ["t-op olga operator", "t-bob bob", "t-ann ann", "t-eve eve", "t-any *"];
const WHOLE = `${LINES.join("\n")}\n`;

interface Case {
  readonly file: TokenFile;
  /** Which of the five tokens are valid. */
  readonly valid: () => string;
}

function begin(text = WHOLE): Case {
  const file = new TokenFile(text);
  const valid = (): string =>
    ["op", "bob", "ann", "eve", "any"].filter((each) => file.tokens.find(`t-${each}`)).join(" ");
  return { file, valid };
}

const ALL = "op bob ann eve any";

Deno.test("token file: one that loses most of its tokens is taken when it is read a second time", () => {
  const { file, valid } = begin();
  const less = "t-op olga operator\n\n# more soon\nt-bob bob\n";
  assert.equal(file.update(less), "it has 2 of 5 tokens");
  assert.equal(valid(), ALL);
  assert.equal(file.update(less), undefined);
  assert.equal(valid(), "op bob");
});

Deno.test("token file: one that is not whole at any byte sends nobody away, and the whole one counts", () => {
  for (let length = 0; length < WHOLE.length; length++) {
    const { file, valid } = begin();
    const part = WHOLE.slice(0, length);
    const isWholeLines = part.endsWith("\n") && part.split("\n").length > 3;
    if (isWholeLines) continue;
    let doubt: string | undefined;
    try {
      doubt = file.update(part);
    } catch (error) {
      assert.ok(error instanceof TokenError);
      doubt = error.message;
    }
    assert.ok(doubt, JSON.stringify(part));
    assert.equal(valid(), ALL);
    assert.equal(file.update(WHOLE), undefined);
  }
});

Deno.test("token file: another text is no answer, and neither is the same after another or after a fault", () => {
  const { file, valid } = begin();
  const less = "t-op olga operator\n";
  assert.ok(file.update(less));
  assert.ok(file.update("t-bob bob\n"));
  assert.ok(file.update(less));
  assert.throws(() => file.update(""), TokenError);
  assert.ok(file.update(less));
  assert.equal(valid(), ALL);
  assert.equal(file.update(less), undefined);
});

Deno.test("token file: who is added, goes alone or gets another token is no reason to ask", () => {
  const { file, valid } = begin();
  assert.equal(file.update(WHOLE.replace("t-eve eve\n", "")), undefined);
  assert.equal(valid(), "op bob ann any");
  assert.equal(file.update(`${WHOLE}t-new new\n`), undefined);
  assert.equal(file.update("a olga operator\nb bob\nc ann\n"), undefined);
  assert.equal(valid(), "");
  const endless = begin(WHOLE.trimEnd());
  assert.equal(endless.file.update("t-op olga operator\nt-bob bob\nt-ann ann"), undefined);
});
