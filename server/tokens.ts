/**
 * Tokens: who may come in, under which name, and who is an operator.
 *
 * A token file has a line for each person, `TOKEN NAME [operator]`; `*` as NAME lets its owner choose
 * one. Blank lines and what follows a `#` at the beginning of a word are left out.
 *
 * @module
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { cleanName, MAX_NAME_LENGTH, nameKey, SERVER_NAME } from "../protocol.ts";
import { Looks } from "./looks.ts";

/** The NAME that stands for any. */
const ANY_NAME = "*";

/** Who has a token. */
export interface Identity {
  /** Names the token without telling it: the SHA-256 of it, in hexadecimal. */
  readonly key: string;
  /** The person's name; undefined if they choose it. */
  readonly name: string | undefined;
  readonly isOperator: boolean;
}

/** A token file that makes no sense. Its message is one line that names the faulty one. */
export class TokenError extends Error {
  override readonly name = "TokenError";

  /** Creates an error about a line, counted from 1. */
  constructor(line: number, text: string) {
    super(`line ${line}: ${text}`);
  }
}

function hash(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}

/** All tokens that are valid. */
export class Tokens {
  readonly #byHash: readonly (readonly [hash: Uint8Array, identity: Identity])[];
  readonly #byKey: ReadonlyMap<string, Identity>;
  readonly #byName: ReadonlyMap<string, Identity>;
  readonly #looks = new Looks<Identity>();

  /** Takes identities whose keys and names are all different. */
  constructor(identities: readonly Identity[]) {
    this.#byHash = identities.map((each) => [Uint8Array.fromHex(each.key), each]);
    this.#byKey = new Map(identities.map((each) => [each.key, each]));
    this.#byName = new Map(
      identities.flatMap((each) => each.name === undefined ? [] : [[nameKey(each.name), each]]),
    );
    for (const each of identities) if (each.name !== undefined) this.#looks.add(each.name, each);
  }

  /** How many there are. */
  get size(): number {
    return this.#byKey.size;
  }

  /** Returns who has that token. Takes the same time for each that is wrong. */
  find(token: string): Identity | undefined {
    const wanted = hash(token);
    let found: Identity | undefined;
    for (const [each, identity] of this.#byHash) {
      if (timingSafeEqual(each, wanted)) found = identity;
    }
    return found;
  }

  /** Returns who has the token with that key, if it is still valid. */
  get(key: string): Identity | undefined {
    return this.#byKey.get(key);
  }

  /** Returns whose that name is, in whatever case: nobody else gets it. */
  ownerOf(name: string): Identity | undefined {
    return this.#byName.get(nameKey(name));
  }

  /** Tells whether a name is one that a token gives, or looks like one. */
  hasLike(name: string): boolean {
    return this.#looks.has(name);
  }
}

/** Takes a line apart into its words, without a comment; a byte order mark counts as a space. */
function splitLine(line: string): string[] {
  const words = line.split(/\s+/).filter((word) => word !== "");
  const comment = words.findIndex((word) => word.startsWith("#"));
  return comment < 0 ? words : words.slice(0, comment);
}

function parseName(word: string, line: number): string | undefined {
  if (word === ANY_NAME) return undefined;
  // What stands there may be a token, and must not be told.
  if (nameKey(word) === SERVER_NAME) throw new TokenError(line, "its name is the server's own.");
  if (cleanName(word) === word) return word;
  const valid = `1 to ${MAX_NAME_LENGTH} letters, digits, _, - and .`;
  throw new TokenError(line, `its name is not valid: ${valid}`);
}

function parseIdentity(words: readonly string[], line: number): Identity {
  const [token = "", name, role, ...more] = words;
  if (name === undefined) throw new TokenError(line, "there is no name after the token.");
  if (role !== undefined && role !== "operator") {
    throw new TokenError(line, 'what follows the name can only be "operator".');
  }
  if (more.length > 0) throw new TokenError(line, 'there is more after "operator".');
  const key = hash(token).toHex();
  return { key, name: parseName(name, line), isOperator: role !== undefined };
}

/**
 * Parses a token file.
 *
 * @throws {TokenError} If a line is invalid, has the token or the name of another, or there is none:
 * then nobody could come in.
 */
export function parseTokens(text: string): Tokens {
  const lines = new Map<string, number>();
  const claim = (what: string, key: string, line: number): void => {
    const other = lines.get(key);
    if (other !== undefined) throw new TokenError(line, `its ${what} is in line ${other} already.`);
    lines.set(key, line);
  };
  const identities: Identity[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const words = splitLine(line);
    if (words.length === 0) continue;
    const identity = parseIdentity(words, index + 1);
    claim("token", identity.key, index + 1);
    const { name } = identity;
    if (name !== undefined) claim("name", `name ${nameKey(name)}`, index + 1);
    identities.push(identity);
  }
  if (identities.length > 0) return new Tokens(identities);
  throw new TokenError(1, "there is no token: TOKEN NAME [operator].");
}
