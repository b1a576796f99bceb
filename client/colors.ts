/**
 * The colour of a name: always the same for the same name, and readable on dark and on light.
 *
 * @module
 */

import { rgb8 } from "@std/fmt/colors";
import { nameKey } from "../protocol.ts";

/**
 * Colours of the 256 that terminals share. The contrast of each is at least 3.5 to 1 both on white
 * and on the dark grey `#1e1e1e` (WCAG 2.2, relative luminance).
 */
export const NAME_COLORS: readonly number[] = [
  ...[28, 30, 32, 63, 64, 99],
  ...[100, 133, 163, 166, 167, 198],
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
