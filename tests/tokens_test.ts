import assert from "node:assert/strict";
import { parseTokens, TokenError } from "../server/tokens.ts";

const FILE = `# who may come in
s3cret alice operator   # the teacher

t0ken  Bob\t
guest  *
`;

const INVALID = "its name is not valid: 1 to 32 letters, digits, _, - and .";

function faultOf(text: string): string {
  try {
    parseTokens(text);
  } catch (error) {
    if (error instanceof TokenError) return error.message;
    throw error;
  }
  return "no fault";
}

Deno.test("tokens: a line is a token, a name or any, and maybe operator; comments are left out", () => {
  for (const text of [FILE, `\uFEFF${FILE}`, FILE.replaceAll("\n", "\r\n")]) {
    const tokens = parseTokens(text);
    const found = ["s3cret", "t0ken", "guest"].map((token) => {
      const { name, isOperator } = tokens.find(token) ?? {};
      return [name, isOperator];
    });
    assert.deepEqual(found, [["alice", true], ["Bob", false], [undefined, false]]);
    for (const wrong of ["", "s3cre", "s3cret ", "S3CRET", "alice", "#", "who"]) {
      assert.equal(tokens.find(wrong), undefined, wrong);
    }
  }
});

Deno.test("tokens: a name is its owner's in any case, and a key is not its token", () => {
  const tokens = parseTokens(FILE);
  const alice = tokens.find("s3cret");
  assert.equal(tokens.ownerOf("ALICE"), alice);
  assert.equal(tokens.get(alice?.key ?? ""), alice);
  assert.equal(tokens.ownerOf("\uFF41lice"), alice, "in a compatibility form, too");
  assert.equal(tokens.ownerOf("carol"), undefined);
  assert.match(alice?.key ?? "", /^[0-9a-f]{64}$/);
});

Deno.test("tokens: a fault is one line that names the faulty one, and tells no token", () => {
  const faults: [string, string][] = [
    ["", "line 1: there is no token: TOKEN NAME [operator]."],
    ["# nobody\n\n", "line 1: there is no token: TOKEN NAME [operator]."],
    ["s3cret", "line 1: there is no name after the token."],
    ["a b\ns3cret # bob", "line 2: there is no name after the token."],
    ["s3cret bob admin", 'line 1: what follows the name can only be "operator".'],
    ["s3cret bob operator too", 'line 1: there is more after "operator".'],
    ["bob s3cret!", `line 1: ${INVALID}`],
    [`x ${"b".repeat(33)}`, `line 1: ${INVALID}`],
    ["x \u200b", `line 1: ${INVALID}`],
    ["x Server", "line 1: its name is the server's own."],
    ["a b\n\nc B", "line 3: its name is in line 1 already."],
    ["a b\na c", "line 2: its token is in line 1 already."],
  ];
  for (const [text, message] of faults) {
    assert.equal(faultOf(text), message);
    assert.ok(!message.includes("s3cret"));
  }
  assert.equal(faultOf("a *\nb *"), "no fault");
});
