/**
 * How many columns of a terminal text takes: what terminals and their programs call `wcwidth`.
 *
 * @module
 */

/** Combining marks, joiners, variation selectors and other code points that take no column. */
const ZERO = /[\p{Mn}\p{Me}\p{Cf}\u{1F3FB}-\u{1F3FF}]/u;

/**
 * East Asian wide and full-width code points (UAX 11), and those that are emoji by default; a flag
 * is two of one column each.
 */
const WIDE =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{20000}-\u{3FFFD}]|(?!\p{Regional_Indicator})\p{Emoji_Presentation}/u;

const ASCII = /^[ -~]*$/;

/** Returns how many columns a single code point takes: 0, 1 or 2. */
export function widthOfCharacter(character: string): number {
  if (ZERO.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Returns how many columns a text without control characters takes. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += widthOfCharacter(character);
  return width;
}

/** Returns how many rows a terminal needs for a text that it breaks by itself, at least one. */
export function heightOf(text: string, columns: number): number {
  let [rows, column] = [1, 0];
  for (const character of text) {
    const width = widthOfCharacter(character);
    if (column + width > columns) [rows, column] = [rows + 1, 0];
    column += width;
  }
  return rows;
}

/** Returns `text` if it fits into so many columns, and else its beginning and an ellipsis. */
export function truncate(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let [kept, width] = ["", 1];
  for (const character of text) {
    width += widthOfCharacter(character);
    if (width > columns) break;
    kept += character;
  }
  return `${kept}…`;
}
