/**
 * The colour of a name on a terminal, readable on dark and on light.
 *
 * @module
 */

import { rgb8 } from "@std/fmt/colors";
import { hueOf } from "./hue.ts";

/**
 * A colour for each hue, of the 256 that terminals share. The contrast of each is at least 3.5 to 1 both on white
 * and on the dark grey `#1e1e1e` (WCAG 2.2, relative luminance).
 */
export const NAME_COLORS: readonly number[] = [
  ...[28, 30, 32, 63, 64, 99],
  ...[100, 133, 163, 166, 167, 198],
];

/** Returns the colour of a name, one of {@linkcode NAME_COLORS}. */
export function colorOf(name: string): number {
  return NAME_COLORS[hueOf(name)] ?? 0;
}

/** Returns what writes text in the colour of a name. */
export function nameStyle(name: string): (text: string) => string {
  const color = colorOf(name);
  return (text) => rgb8(text, color);
}
