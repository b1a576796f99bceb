/**
 * The colour of a name: always the same for the same name, and readable on dark and on light.
 *
 * @module
 */

import { rgb8 } from "@std/fmt/colors";
import { nameKey } from "../protocol.ts";

/**
 * Colours of the 256 that terminals share. The contrast of each is at least 4 to 1 both on black
 * and on white (WCAG 2.2, relative luminance).
 */
export const NAME_COLORS: readonly number[] = [
  ...[27, 28, 30, 31, 64, 97],
  ...[99, 129, 130, 131, 161, 163],
];

/** Returns the colour of a name, one of {@linkcode NAME_COLORS}. */
export function colorOf(name: string): number {
  // FNV-1a, which spreads names that differ little.
  let hash = 0x811c9dc5;
  for (const character of nameKey(name)) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return NAME_COLORS[(hash >>> 8) % NAME_COLORS.length] ?? 0;
}

/** Returns what writes text in the colour of a name. */
export function nameStyle(name: string): (text: string) => string {
  const color = colorOf(name);
  return (text) => rgb8(text, color);
}
