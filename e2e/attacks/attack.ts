/**
 * What an attack is.
 *
 * @module
 */

/** Whom the attackers attack: the first of the well-behaved clients has that name. */
export const VICTIM = "honest-1";

/** The room in which the well-behaved clients are. */
export const ROOM = "lobby";

/** Where the server is, and who attacks it. */
export interface Target {
  readonly port: number;
  readonly tcpPort: number;
  /** What the proxy before the server says the attacker's address is; an attack has its own. */
  readonly from: string;
}

/** One way to do harm. */
export interface Attack {
  /** What it is called: a noun. */
  readonly name: string;
  /** What it does. */
  readonly what: string;
  /** What the attacker gets, if the server is as it should be. */
  readonly expected: string;
  /** Does it. Returns what the attacker got. */
  run(target: Target): Promise<string>;
}

/** Returns what each of `count` attackers that set out together got, if it is the same. */
export async function together(
  count: number,
  attack: (number: number) => Promise<string>,
): Promise<string> {
  return sumUp(await Promise.all(Array.from({ length: count }, (_, i) => attack(i))));
}

/** Returns what each of `items` made of an attacker, one after the other, if it is the same. */
export async function each<T>(
  items: readonly T[],
  attack: (item: T) => Promise<string>,
): Promise<string> {
  const got: string[] = [];
  for (const item of items) got.push(await attack(item));
  return sumUp(got);
}

/** Returns each different one of `got` once. */
export function sumUp(got: readonly string[]): string {
  return Array.from(new Set(got)).join("; ");
}
