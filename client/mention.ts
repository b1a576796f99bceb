/**
 * Mentions: where a text names a person, on a terminal and on the page.
 *
 * A name counts where it stands alone, in any case and any form of its letters. What "alone" means
 * depends on the script: Chinese, Japanese and Thai write no spaces between words, Korean puts its
 * particles at the end of a word, and an apostrophe can be within a word or after a name.
 *
 * @module
 */

import { nameKey } from "../protocol.ts";

/** Where a name is in a text, in UTF-16 units: from `start` up to and without `end`. */
export interface Mention {
  readonly start: number;
  readonly end: number;
}

/** What a reader takes for one letter: a syllable, or a character with its marks. */
const LETTER = /[\u1100-\u115f]+[\u1160-\u11ff]*|[^]\p{M}*/gu;

// deno-lint-ignore no-control-regex
const ASCII = /^[\x00-\x7f]*$/;

const WORDS = String.raw`\p{L}\p{M}\p{Nd}_`;

/** Scripts whose words follow one another without a space. */
const UNSPACED = String.raw`\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmr}` +
  String.raw`\p{sc=Mymr}\p{sc=Tibt}\p{sc=Java}`;

/** The letter next to a name, behind a character that can be within one. */
const [BEFORE, AFTER] = [
  new RegExp(`([${WORDS}])([-.]?)$`, "u"),
  new RegExp(`^([-.]?)([${WORDS}])`, "u"),
];

const [IS_UNSPACED, IS_IDEOGRAPHIC, IS_KATAKANA, IS_HANGUL, IS_DIGIT] = [
  new RegExp(`^[${UNSPACED}]`, "u"),
  /^[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}]/u,
  /^[\p{sc=Kana}\u30fc]/u,
  /^\p{sc=Hang}/u,
  /^\p{Nd}/u,
];

const APOSTROPHE = "['\u2018\u2019\u201b\u2032\uff07\u00b4`]";

/** The beginning of a word up to an apostrophe, and how one goes on after it. */
const [WORD_BEFORE, WORD_AFTER] = [
  new RegExp(`(?<![${WORDS}])([${WORDS}]{1,8})${APOSTROPHE}$|[${WORDS}]${APOSTROPHE}$`, "u"),
  new RegExp(`^${APOSTROPHE}([${WORDS}]+)`, "u"),
];

/** What French and Italian shorten before a name, as in `d'Alice`. */
const ELIDED = /^(?:[cdjlmnst]|\p{L}*qu|\p{L}*ll|un)$/iu;

/** What is no ending of a name: `can't` does not name `can`. */
const CONTRACTED = /^[mt]$/i;

/** How Korean goes on after a name: with a particle or a title, of which these are the beginnings. */
const PARTICLE =
  /^(?:[은는이가을를의에와과도만로아야여님씨군양랑께나요인]|으로|하고|한테|부터|까지|처럼|보다|입니다)/;

/** Of so many letters a name is not likely to be a part of another word by chance. */
const [SURE_LETTERS, SURE_ALPHABETIC] = [2, 4];

/** So much on each side of a name, in UTF-16 units, tells whether it is alone. */
const AROUND = 100;

/** A text under whose letters a name can be looked for, and where each of them is in the text. */
interface Keyed {
  readonly key: string;
  /** Where the letter begins in the text that begins there in the key. */
  readonly starts: ReadonlyMap<number, number> | undefined;
}

function keyOf(text: string): Keyed {
  if (ASCII.test(text)) return { key: text.toLowerCase(), starts: undefined };
  const starts = new Map<number, number>();
  const parts: string[] = [];
  let length = 0;
  for (const { 0: letter, index } of text.matchAll(LETTER)) {
    // Decomposed, so that letters side by side are the same as together.
    const part = nameKey(letter).normalize("NFKD");
    starts.set(length, index);
    parts.push(part);
    length += part.length;
  }
  return { key: parts.join(""), starts: starts.set(length, text.length) };
}

/** Tells whether a word goes on between two letters. `behind` is what stands between them. */
function joins(before: string, behind: string, after: string): boolean {
  if (before === "_" || after === "_") return true;
  if (behind !== "" && IS_DIGIT.test(after)) return true;
  if (IS_KATAKANA.test(before) && IS_KATAKANA.test(after)) return true;
  if (IS_UNSPACED.test(before) || IS_UNSPACED.test(after)) return false;
  return IS_HANGUL.test(before) === IS_HANGUL.test(after);
}

/** Tells whether what is in front of a name leaves it alone. */
function isFreeBefore(name: string, before: string): boolean {
  const [first = ""] = name;
  const [, letter, behind = ""] = BEFORE.exec(before) ?? [];
  if (letter !== undefined) return !joins(letter, behind, first);
  const [apostrophe, word] = WORD_BEFORE.exec(before) ?? [];
  return apostrophe === undefined || (word !== undefined && ELIDED.test(word));
}

/** Tells whether what is behind a name leaves it alone. */
function isFreeAfter(name: string, after: string): boolean {
  const letters = Array.from(name);
  const last = letters.at(-1) ?? "";
  const [, behind = "", letter] = AFTER.exec(after) ?? [];
  if (letter !== undefined) {
    const isParticle = IS_HANGUL.test(last) && letters.length >= SURE_LETTERS;
    return !joins(last, behind, letter) || (isParticle && PARTICLE.test(after));
  }
  const [, ending] = WORD_AFTER.exec(after) ?? [];
  if (ending === undefined || ending.toLowerCase() === "s") return true;
  return letters.length > SURE_LETTERS && !CONTRACTED.test(ending);
}

/** Returns where words begin and end in a text without spaces, as far as a dictionary knows. */
function wordBounds(text: string): ReadonlySet<number> {
  const bounds = new Set([text.length]);
  const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });
  for (const { index } of segmenter.segment(text)) bounds.add(index);
  return bounds;
}

/** Tells whether a name is too long to be a part of other words by chance. */
function isSure(name: string): boolean {
  const least = IS_IDEOGRAPHIC.test(name) ? SURE_LETTERS : SURE_ALPHABETIC;
  return !IS_UNSPACED.test(name) || Array.from(name).length >= least;
}

/** Finds where `text` names the person called `name`, one place after the other. */
export function* findMentions(text: string, name: string): Generator<Mention> {
  const { key: wanted } = keyOf(name);
  if (wanted === "") return;
  const { key, starts } = keyOf(text);
  let bounds: ReadonlySet<number> | undefined;
  for (let at = key.indexOf(wanted); at >= 0; at = key.indexOf(wanted, at + 1)) {
    const start = starts ? starts.get(at) : at;
    const end = starts ? starts.get(at + wanted.length) : at + wanted.length;
    // Otherwise it begins or ends within a letter.
    if (start === undefined || end === undefined) continue;
    const found = text.slice(start, end);
    const isFree = isFreeBefore(found, text.slice(Math.max(0, start - AROUND), start)) &&
      isFreeAfter(found, text.slice(end, end + AROUND));
    if (!isFree) continue;
    if (!isSure(found)) {
      bounds ??= wordBounds(text);
      if (!bounds.has(start) || !bounds.has(end)) continue;
    }
    yield { start, end };
    at += wanted.length - 1;
  }
}
