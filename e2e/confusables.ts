/**
 * Makes `server/confusables.ts` of the data that this Deno has built in, and tests that the file is
 * what it makes.
 *
 * Deno contains ICU, and ICU the table `confusables.txt` of Unicode (UTS 39), as `confusables.cfu`. Its
 * format is described in ICU's `uspoof_impl.h`: a header of offsets and counts; the keys, each a
 * code point and, above 24 bits, the length of its prototype less one; for each key 16 bits, which are
 * the prototype itself or its place in a table of strings in UTF-16.
 *
 * To make the file anew: `deno run --allow-read --allow-write e2e/confusables.ts`
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";

const FILE = new URL("../server/confusables.ts", import.meta.url);

/** What `confusables.cfu` begins with. */
const MAGIC = Buffer.from([0xef, 0xfd, 0x45, 0x38]);

const LINE_WIDTH = 98;

/** What a name can contain, decomposed: see `cleanName` in `protocol.ts`. */
const IN_NAMES = /^[\p{L}\p{M}\p{Nd}_.-]$/u;
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u;

/** The table as it is in a program that contains ICU. */
interface Source {
  /** The version of ICU. */
  readonly version: string;
  /** The prototype of each character that has one. */
  readonly prototypes: ReadonlyMap<string, string>;
}

function readSource(path: string): Source {
  const program = Buffer.from(Deno.readFileSync(path).buffer);
  const start = program.indexOf(MAGIC);
  assert.ok(start >= 0, `${path} contains no confusables.cfu`);
  const table = program.subarray(start);
  const field = (index: number): number => table.readUInt32LE(4 * index);
  const [keys, count, values, strings] = [field(3), field(4), field(5), field(7)] as const;
  const prototypes = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const key = table.readUInt32LE(keys + 4 * i);
    const value = table.readUInt16LE(values + 2 * i);
    const length = (key >>> 24) + 1;
    const from = strings + 2 * value;
    const prototype = length === 1
      ? String.fromCharCode(value)
      : table.toString("utf16le", from, from + 2 * length);
    prototypes.set(String.fromCodePoint(key & 0xffffff), prototype);
  }
  const name = program.indexOf("l/confusables.cfu\0");
  return { version: program.toString("latin1", name - 2, name), prototypes };
}

/**
 * Returns those that names need: no character that names cannot have, and none whose compatibility
 * form (UAX 15) leads to the same.
 */
function select({ prototypes }: Source): [character: string, prototype: string][] {
  const follow = (text: string): string =>
    Array.from(text.normalize("NFD"), (each) => prototypes.get(each) ?? each).join("")
      .normalize("NFD");
  return [...prototypes].filter(([character]) => {
    const form = character.normalize("NFKD");
    return IN_NAMES.test(character) && !INVISIBLE.test(character) &&
      character.normalize("NFD") === character &&
      (form === character || follow(form) !== follow(character));
  });
}

function hex(text: string): string {
  return Array.from(text, (each) => each.codePointAt(0)?.toString(16)).join("+");
}

/** Breaks a text at spaces into lines. */
function wrap(text: string): string {
  return text.replace(new RegExp(`(.{1,${LINE_WIDTH}})(?: |$)`, "g"), "$1\n");
}

function makeFile(source: Source): string {
  const byPrototype = Map.groupBy(select(source), ([, prototype]) => prototype);
  const groups = Array.from(
    byPrototype,
    ([prototype, characters]) =>
      [prototype, ...characters.map(([each]) => each)].map(hex).join(" "),
  );
  return `/**
 * Which characters look like which: those of \`confusables.txt\` (Unicode Technical Standard 39) that
 * names can contain, as ICU ${source.version} has them, which Deno contains.
 * © Unicode, Inc., https://www.unicode.org/license.txt
 *
 * Made by \`e2e/confusables.ts\`: do not edit.
 *
 * @module
 */

/**
 * For each prototype a group that ends with a comma: its code points, joined by \`+\`, then those of the
 * characters that look like it, in hexadecimal.
 */
export const CONFUSABLES = \`
${wrap(groups.join(", "))}\`;
`;
}

Deno.test("server/confusables.ts is what its generator makes of the ICU in this Deno", () => {
  const made = makeFile(readSource(Deno.execPath()));
  const isSame = made === Deno.readTextFileSync(FILE);
  assert.ok(isSame, "run: deno run --allow-read --allow-write e2e/confusables.ts");
});

if (import.meta.main) Deno.writeTextFileSync(FILE, makeFile(readSource(Deno.execPath())));
