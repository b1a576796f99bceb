/**
 * Mutations: makes of valid inputs what a fault, or malice, could make of them. What is left to
 * chance depends on a seed alone.
 *
 * @module
 */

import { random } from "./random.ts";

/** A source of chance that a seed repeats. */
export class Chance {
  readonly #random: () => number;

  /** Creates one that begins anew with `seed`. */
  constructor(seed: number) {
    this.#random = random(seed);
  }

  /** Returns a whole number from 0 up to `limit`, without `limit` itself. */
  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  /** Returns true once in so many times. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  /** Returns one of `items`. */
  pick<T extends NonNullable<unknown>>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError("There is nothing to pick from.");
    return item;
  }
}

/** Makes an input of one or two of a corpus. */
export type Mutate<T> = (chance: Chance, corpus: readonly T[]) => T;

/** What parsers, terminals and readers take for more than a letter. */
const INTERESTING = [
  ...["\u0000", "\u0007", "\b", "\u001b[2J", "\u001b]0;x\u0007", "\u007f", "\u0085", "\u009b2J"],
  ...["\ud800", "\udc00", "\udbff\udfff", "\u{1f468}\u200d\u{1f469}", "\ufffe", "\ufeff", "\ufdfa"],
  ...["\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u2069", "\u200f", "\u200b", "\u034f"],
  ...["e\u0301", "\u0315\u0316", "\u0345", "\u3164", "\u1e9e", "\u0130", "\uff42", "\u0660", "é"],
  ...["\n", "\r\n", "\n\n", "\r", "\t", "\v", "\f", " ", "  ", "\u00a0", "\u3000", "\nbob: hi"],
  ...['"', "\\", "\\n", "\\u0000", "\\ud800", "\\u202e", "\\x", "'", "{", "}", "[", "]", ",", ":"],
  ...["/", "//", "/msg ", "/msg a ", "/nick ", "/me ", "/ban a 9", "/reply ", "*", "#", "@", "* "],
  ...["__proto__", "constructor", "null", "NaN", "-0", "1e400", "999999999", "1000000000", "-1"],
  ...["%00", "%2e", "%zz", "xn--", "[::1]", "127.0.0.1", "localhost", ":80", ":99999", "$&"],
];

/** What is repeated in long runs. */
const REPEATED = [
  ..." \n\t/\\\"'[{#.-_*:aé漢\u0000\u0085\u0301\u202e\ud800",
  ...["\u{1f600}", "a ", "\r\n", "\u0315\u0316"],
];

/** Around the limits of names, refs and texts; none of the lengths is that of a whole frame. */
const LENGTHS = [2, 8, 31, 32, 33, 80, 127, 128, 129, 300];

const encoder = new TextEncoder();

/** Reads each byte as the character of that number, or nearly. */
const LATIN1 = new TextDecoder("latin1");

const DECODERS = [
  ...[LATIN1, new TextDecoder("utf-16le"), new TextDecoder("utf-8", { ignoreBOM: true })],
];

function makeRun(chance: Chance): string {
  const length = chance.oneIn(50)
    ? chance.pick([1_365, 2_048, 4_095, 4_096, 4_097, 20_000, 65_536, 70_000])
    : chance.pick(LENGTHS);
  const piece = chance.pick(REPEATED);
  return piece.repeat(Math.ceil(length / piece.length));
}

/** Returns two places in a text, mostly near each other, the first one first. */
function pickRange(chance: Chance, text: string): [start: number, end: number] {
  const start = chance.below(text.length + 1);
  const length = chance.oneIn(4) ? chance.below(text.length + 1) : chance.below(4) + 1;
  return [start, Math.min(text.length, start + length)];
}

function insert(text: string, at: number, piece: string): string {
  return text.slice(0, at) + piece + text.slice(at);
}

/** Reads a text's bytes in another encoding than the one in which they were written, or cut. */
function misread(chance: Chance, text: string): string {
  const bytes = encoder.encode(text);
  return chance.pick(DECODERS).decode(bytes.subarray(chance.below(2)));
}

/** One change of a text. `other` is another text of the corpus. */
type Change = (chance: Chance, text: string, other: string) => string;

const CHANGES: readonly Change[] = [
  (chance, text) => {
    const at = chance.below(text.length);
    const flipped = (text.charCodeAt(at) || 0) ^ (1 << chance.below(chance.oneIn(3) ? 16 : 7));
    return text.slice(0, at) + String.fromCharCode(flipped) + text.slice(at + 1);
  },
  (chance, text) => {
    const at = chance.below(text.length);
    return text.slice(0, at) + String.fromCharCode(chance.below(0x180)) + text.slice(at + 1);
  },
  (chance, text) => {
    const [start, end] = pickRange(chance, text);
    return text.slice(0, start) + text.slice(end);
  },
  (chance, text) => {
    const [start, end] = pickRange(chance, text);
    return insert(text, chance.below(text.length + 1), text.slice(start, end));
  },
  (chance, text, other) =>
    text.slice(0, chance.below(text.length + 1)) + other.slice(chance.below(other.length + 1)),
  (chance, text) => text.slice(0, chance.below(text.length + 1)),
  (chance, text) => text.slice(chance.below(text.length + 1)),
  (chance, text) => insert(text, chance.below(text.length + 1), chance.pick(INTERESTING)),
  (chance, text) => insert(text, chance.below(text.length + 1), chance.pick(INTERESTING)),
  (chance, text) => chance.pick(INTERESTING) + text,
  (chance, text) => text + chance.pick(INTERESTING),
  (chance, text) =>
    chance.oneIn(3) ? insert(text, chance.below(text.length + 1), makeRun(chance)) : text,
  (chance, text) => chance.oneIn(3) ? misread(chance, text) : text,
];

/** Changes one text of `corpus` in one to three places. */
export function mutateText(chance: Chance, corpus: readonly string[]): string {
  let text = chance.pick(corpus);
  for (let left = chance.below(3); left >= 0; left--) {
    text = chance.pick(CHANGES)(chance, text, chance.pick(corpus));
  }
  return text;
}

/** Returns `inner` within so many arrays or objects. */
function nest(inner: string, depth: number, [open, close]: readonly [string, string]): string {
  return open.repeat(depth) + inner + close.repeat(depth);
}

const ARRAY = ["[", "]"] as const;
const OBJECT = ['{"a":', "}"] as const;

/** JSON values that stand where others are expected. */
const VALUES = [
  ...["null", "true", "false", '""', '"a"', '"1"', "[]", "{}", '[1,"a",null]', '[["a"]]'],
  ...["0", "-0", "1", "-1", "1.5", "1e400", "-1e400", "1e-400", "4294967296", "9007199254740992"],
  ...["999999999", "1000000000", "8640000000000000", "8640000000000001", "9007199254740991"],
  ...[
    '{"toString":1,"valueOf":1}',
    '{"__proto__":null}',
    '{"length":-1}',
    '{"messageType":"users"}',
  ],
  ...['"\\u0000"', '"\\ud800"', '"\\u202e"', '"a\\nbob: hi"', '"register"', '"message"', '"users"'],
  ...['"rooms"', '"private"', '"error"', '"presence"', '"rename"', '"mute"', '"__proto__"'],
  ...[nest("1", 60, ARRAY), nest("1", 60, OBJECT), JSON.stringify("r".repeat(129))],
];

/** Values that take long to read, and so are rare. */
const BIG_VALUES = [
  ...[nest("1", 9_000, ARRAY), nest("1", 9_000, OBJECT), `[${"1,".repeat(9_000)}1]`],
  // These the runtime writes by recursion, which goes only so deep.
  ...[nest('{"1":1}', 9_000, OBJECT), nest('{"toJSON":1}', 9_000, ARRAY)],
  ...[JSON.stringify("x".repeat(4_097)), JSON.stringify("漢".repeat(1_366)), "9".repeat(9_000)],
];

/** Names of fields that mean something: to a dialect, or to the language. */
const FIELDS = [
  ...["messageType", "data", "dataArray", "room", "token", "session", "epoch", "after", "ref"],
  ...["to", "action", "seconds", "id", "time", "from", "address", "count", "counts", "name"],
  ...["code", "retryAfter", "__proto__", "constructor", "toString", "toJSON", "length", ""],
];

function pickValue(chance: Chance): string {
  return chance.pick(chance.oneIn(100) ? BIG_VALUES : VALUES);
}

/** Returns other JSON for a value, or undefined to leave it out. */
function changeValue(chance: Chance, value: unknown): string | undefined {
  if (chance.oneIn(8)) return undefined;
  if (typeof value !== "string" || chance.oneIn(3)) return pickValue(chance);
  // A string can hold JSON, too.
  const mutate = value.startsWith("{") ? mutateJson : mutateText;
  return JSON.stringify(mutate(chance, [value, "alice"]));
}

/** Marks the place of a value that JSON is to have as it is written: `-0`, or a depth. */
const HOLE = "\u0001hole";

/** Replaces one of the values in some JSON, or leaves it out. */
function replaceValue(chance: Chance, json: string): string {
  const root: unknown = JSON.parse(json);
  let count = 0;
  JSON.stringify(root, (_, value: unknown) => (count++, value));
  // The first is the whole, of which there is nothing left then.
  let left = count === 1 || chance.oneIn(30) ? 0 : 1 + chance.below(count - 1);
  let replacement: string | undefined;
  const rest: string | undefined = JSON.stringify(root, (_, value: unknown) => {
    if (left-- !== 0) return value;
    replacement = changeValue(chance, value);
    return replacement === undefined ? undefined : HOLE;
  });
  return (rest ?? "").replace(JSON.stringify(HOLE), () => replacement ?? "");
}

/** Gives an object in some JSON one field more; it may have one of that name already. */
function addField(chance: Chance, json: string): string {
  const field = `${JSON.stringify(chance.pick(FIELDS))}:${pickValue(chance)}`;
  const isFirst = chance.oneIn(2);
  const brackets = Array.from(json.matchAll(isFirst ? /\{/g : /\}/g), ({ index }) => index);
  if (brackets.length === 0) return json;
  const at = chance.pick(brackets);
  return isFirst ? insert(json, at + 1, `${field},`) : insert(json, at, `,${field}`);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Changes one item of a corpus of JSON: mostly so that it is JSON still, but of other values. */
export function mutateJson(chance: Chance, corpus: readonly string[]): string {
  let json = chance.pick(corpus);
  for (let left = chance.below(3); left >= 0; left--) {
    if (chance.oneIn(5)) json = mutateText(chance, [json, chance.pick(corpus)]);
    else if (chance.oneIn(3)) json = addField(chance, json);
    else if (json.length < 4_000 && isJson(json)) json = replaceValue(chance, json);
  }
  return json;
}

/** Changes some bytes of a corpus, text or not. */
export function mutateBytes(chance: Chance, corpus: readonly Uint8Array[]): Uint8Array {
  const texts = [chance.pick(corpus), chance.pick(corpus)].map((bytes) => LATIN1.decode(bytes));
  const text = mutateText(chance, texts);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Quotes an input as JSON of plain characters, so that a terminal shows it as it is. */
export function quoteInput(input: string): string {
  return JSON.stringify(input).replace(/[^ -~]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
