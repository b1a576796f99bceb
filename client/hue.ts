/**
 * The hue of a name: always the same for the same name, on every screen.
 *
 * @module
 */

import { nameKey } from "../protocol.ts";

/** How many hues there are. */
export const HUES = 12;

/** Returns the hue of a name, from 0 to {@linkcode HUES} - 1. */
export function hueOf(name: string): number {
  // FNV-1a, which spreads names that differ little.
  let hash = 0x811c9dc5;
  for (const character of nameKey(name)) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return (hash >>> 8) % HUES;
}
