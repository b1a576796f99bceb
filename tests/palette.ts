/**
 * The colours that terminals share.
 *
 * @module
 */

/** The levels of red, green and blue in the cube of 6 x 6 x 6 colours, as in xterm. */
const LEVELS = [0, 95, 135, 175, 215, 255];

/** Returns red, green and blue, from 0 to 255, of a colour from 16 to 231 of the 256. */
export function channelsOf(color: number): number[] {
  const index = color - 16;
  const places = [Math.floor(index / 36), Math.floor(index / 6) % 6, index % 6];
  return places.map((place) => LEVELS[place] ?? 0);
}
