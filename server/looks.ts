/**
 * Which names look alike: those that a reader could take for each other, whatever script their
 * letters are of. Unicode Technical Standard 39 (section 4) compares the skeletons of texts: each
 * character is replaced by the prototype of all that look like it.
 *
 * Names that differ only in case are the same here, so three skeletons of each count: of the name as it
 * is written, in lower case and in upper case. The one in upper case alone makes `i` the same as `l`,
 * by way of `I`; so it does not count between two names whose letters a reader knows how to tell
 * apart.
 *
 * @module
 */

import { nameKey } from "../protocol.ts";
import { CONFUSABLES } from "./confusables.ts";

/** The scripts that have marks of their own (UAX 24). */
export const SCRIPTS_WITH_MARKS =
  ("Adlm Ahom Arab Bali Bamu Bass Batk Beng Bhks Brah Bugi Buhd Cakm Cham Copt Cyrl Deva Diak " +
    "Dogr Dupl Egyp Ethi Gara Glag Gong Gonm Gran Grek Gujr Gukh Guru Hang Hani Hano Hebr Hmng " +
    "Hmnp Java Kali Kawi Khar Khmr Khoj Kits Knda Kthi Lana Laoo Lepc Limb Mahj Maka Mand Mani " +
    "Marc Mend Mlym Modi Mong Mtei Mymr Nagm Nand Newa Nkoo Onao Orya Ougr Perm Plrd Rjng Rohg " +
    "Samr Saur Sgnw Shrd Sidd Sind Sinh Sogd Soyo Sund Sylo Syrc Tagb Takr Taml Tavt Telu Tfng " +
    "Tglg Thaa Thai Tibt Tirh Toto Tutg Wcho Yezi Zanb").split(" ");

const ASCII = /^[\0-\x7F]*$/;

/** What is no prototype in names of ASCII. */
const LOOKING_LIKE_OTHERS = /[01Im]/g;

/**
 * Names with letters that may be read as capitals of our own alphabet: of other scripts, or capitals
 * with an `l` or a `1` among them.
 */
const STRANGE = /[^\0-\x7F]|^(?=.*[A-Z].*[A-Z])(?=.*[1l])[^a-km-z]*$/;

/** Arabic and N'Ko letters are drawn out with these: the word is the same. */
const STRETCH = /[\u0640\u07FA]/g;

/** A dot above a letter that has one, or seems to, is not seen (UTS 39, section 5.4). */
const HIDDEN_DOT = /(?<=[\p{Soft_Dotted}l\u0131\u0237]\p{Mn}*)\u0307/gu;

/** A mark without width of a certain script, and the letter or digit that it is on. */
const MARK_OF_SCRIPT = /(?<=([^\p{M}])\p{M}*)(?![\p{Script=Inherited}\p{Script=Common}])\p{Mn}/gu;

/** Separates the skeletons in upper case from the others. */
const UPPER_OF_PLAIN = "\n";
const UPPER_OF_STRANGE = "\r";

let prototypes: ReadonlyMap<string, string> | undefined;
let scripts: readonly RegExp[] | undefined;

function readTable(): ReadonlyMap<string, string> {
  const read = (points: string): string =>
    String.fromCodePoint(...points.split("+").map((point) => parseInt(point, 16)));
  return new Map(
    CONFUSABLES.split(",").flatMap((group) => {
      const [prototype = "", ...characters] = group.trim().split(/\s+/).map(read);
      return characters.map((character) => [character, prototype] as const);
    }),
  );
}

function prototypeOf(character: string): string {
  prototypes ??= readTable();
  return prototypes.get(character) ?? character;
}

/**
 * Tells whether a mark is one of the script of what it is on: another is either not drawn at all, as
 * those that join letters, or not as a part of the word.
 */
function isAtHome(mark: string, base: string): boolean {
  scripts ??= SCRIPTS_WITH_MARKS.map((script) =>
    new RegExp(`^\\p{Script_Extensions=${script}}$`, "u")
  );
  return scripts.some((script) => script.test(mark) && script.test(base));
}

/** Returns the text that all texts have in common that look like this one. */
function skeletonOf(text: string): string {
  if (ASCII.test(text)) return text.replace(LOOKING_LIKE_OTHERS, prototypeOf);
  const seen = text.normalize("NFD").replace(STRETCH, "").replace(HIDDEN_DOT, "")
    .replace(MARK_OF_SCRIPT, (mark, base) => isAtHome(mark, base) ? mark : "");
  return Array.from(seen, (each) => {
    const prototype = prototypeOf(each);
    if (prototype !== each) return prototype;
    return Array.from(each.normalize("NFKD"), prototypeOf).join("");
  }).join("").normalize("NFD");
}

/** The same for texts in whatever case. */
function caselessOf(text: string): string {
  return skeletonOf(skeletonOf(text).toLowerCase());
}

/** What a name looks like. */
interface Look {
  /** What it is found under. */
  readonly keys: readonly string[];
  /** What the others are found under that look like it. */
  readonly wanted: readonly string[];
}

function lookOf(name: string): Look {
  const lower = caselessOf(nameKey(name));
  const written = caselessOf(name);
  const upper = caselessOf(name.toUpperCase());
  const isStrange = STRANGE.test(name);
  const both = lower === written ? [lower] : [lower, written];
  const keys = [...both, `${isStrange ? UPPER_OF_STRANGE : UPPER_OF_PLAIN}${upper}`];
  const wanted = [...both, `${UPPER_OF_STRANGE}${upper}`];
  if (isStrange) wanted.push(`${UPPER_OF_PLAIN}${upper}`);
  return { keys, wanted };
}

/** Returns texts such that names that share one look alike. */
export function keysOf(name: string): readonly string[] {
  return lookOf(name).keys;
}

/** Names and whose they are, found by what they look like. */
export class Looks<T> {
  readonly #owners = new Map<string, Set<T>>();

  /** Adds a name. */
  add(name: string, owner: T): void {
    for (const key of lookOf(name).keys) {
      const owners = this.#owners.get(key);
      if (owners) owners.add(owner);
      else this.#owners.set(key, new Set([owner]));
    }
  }

  /** Removes what was added of that owner under that name. */
  remove(name: string, owner: T): void {
    for (const key of lookOf(name).keys) {
      const owners = this.#owners.get(key);
      owners?.delete(owner);
      if (owners?.size === 0) this.#owners.delete(key);
    }
  }

  /** Tells whether a name is there that looks like this one, and whose owner is as `matches` says. */
  has(name: string, matches: (owner: T) => boolean = () => true): boolean {
    return lookOf(name).wanted.some((key) => this.#owners.get(key)?.values().some(matches));
  }
}
