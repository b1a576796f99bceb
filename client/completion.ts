/**
 * Completion: what the Tab key makes of the beginning of a command, a name or a room.
 *
 * @module
 */

import { nameKey, PERSON_COMMANDS } from "../protocol.ts";

/** What can be completed to. */
export interface Known {
  /** Names of people, the most likely first. */
  readonly names: readonly string[];
  readonly rooms: readonly string[];
}

/** What to put in the place of the last characters before the cursor. */
export interface Completion {
  /** How many UTF-16 units are replaced. */
  readonly length: number;
  readonly text: string;
  /** What it could be, if it can still be more than one thing. */
  readonly candidates: readonly string[];
}

/** Returns the longest beginning that all have, in the first one's letters. */
function commonBeginning(words: readonly string[]): string {
  const characters = Array.from(words[0] ?? "");
  const isShared = (count: number): boolean => {
    const key = nameKey(characters.slice(0, count).join(""));
    return words.every((word) => nameKey(word).startsWith(key));
  };
  while (!isShared(characters.length)) characters.pop();
  return characters.join("");
}

function completeFrom(begun: string, words: readonly string[], end: string): Completion {
  const candidates = words.filter((word) => nameKey(word).startsWith(nameKey(begun)));
  if (candidates.length === 0) return { length: 0, text: "", candidates };
  if (candidates.length === 1) {
    return { length: begun.length, text: `${candidates[0]}${end}`, candidates: [] };
  }
  const common = commonBeginning(candidates);
  return { length: begun.length, text: common.length < begun.length ? begun : common, candidates };
}

/**
 * Completes the last word of `before`, the text before the cursor: a command behind a slash, what
 * the command's first argument names, and else the name of a person, who is addressed with a colon
 * if it is the first word.
 */
export function complete(before: string, { names, rooms }: Known): Completion {
  const begun = /\S*$/.exec(before)?.[0] ?? "";
  const [, command, argument] = /^\/([^/\s]*)(\s+\S*)?$/.exec(before) ?? [];
  if (command !== undefined && argument === undefined) {
    return completeFrom(begun, PERSON_COMMANDS.map(({ name }) => `/${name}`), " ");
  }
  const { names: kind } = PERSON_COMMANDS.find(({ name }) => name === command?.toLowerCase()) ?? {};
  if (kind === "room") return completeFrom(begun, rooms, "");
  if (begun === "" && kind !== "person") return { length: 0, text: "", candidates: [] };
  const isFirst = begun === before;
  return completeFrom(begun.replace(/^@/, ""), names, isFirst ? ": " : " ");
}
