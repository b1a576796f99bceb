/**
 * How many columns of a terminal text takes, by grapheme cluster (UAX 29): what a person takes for one
 * character. Terminals do not agree about all of them: what must fit into a row goes by the most that
 * any gives, and nothing relies on the width where the terminal itself can be asked to count.
 *
 * @module
 */

/**
 * Combining marks, joiners, variation selectors and other code points that take no column, among
 * them the vowels and finals of Korean syllables that are written in parts.
 */
const ZERO = /(?![\u00AD\u0600-\u0605\u06DD\u070F])[\p{Mn}\p{Me}\p{Cf}\u1160-\u11FF\uD7B0-\uD7FF]/u;

/**
 * East Asian wide and full-width code points (UAX 11), and those that are emoji by default; a flag
 * is two of one column each.
 */
const WIDE =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{17000}-\u{18CFF}\u{1B000}-\u{1B2FF}\u{20000}-\u{3FFFD}]|(?!\p{Regional_Indicator})\p{Emoji_Presentation}/u;

/** Code points that some terminals give more columns than others, and two at most. */
const DISPUTED =
  /(?![\u2068\u2069])[\p{Extended_Pictographic}\p{Regional_Indicator}\p{Cf}\u1160-\u11FF\uD7B0-\uD7FF]/u;

const ASCII = /^[ -~]*$/;

/**
 * Emoji of several code points that are one picture: flags, keycaps, skin tones, families, and what
 * is an emoji only by its variation selector (UTS 51, section 1.4).
 */
const PICTURE =
  /^(\p{Regional_Indicator}{2}|\p{Emoji}\uFE0F|\p{Extended_Pictographic}.*[\p{Emoji_Modifier}\u200D])/su;

const SEGMENTER = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Yields the grapheme clusters of a text: what a person takes for one character each. */
export function* clustersOf(text: string): Generator<string> {
  if (text.length <= 1 || ASCII.test(text)) yield* text;
  else for (const { segment } of SEGMENTER.segment(text)) yield segment;
}

/** Returns how many columns a single code point takes: 0, 1 or 2. */
export function widthOfCharacter(character: string): number {
  if (ZERO.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Returns how many columns a grapheme cluster takes. */
export function widthOfCluster(cluster: string): number {
  if (PICTURE.test(cluster)) return 2;
  let width = 0;
  for (const character of cluster) width += widthOfCharacter(character);
  return width;
}

/** Returns how many columns a grapheme cluster takes at most, in whatever terminal. */
export function reachOfCluster(cluster: string): number {
  let [reach, isFirst] = [0, true];
  for (const character of cluster) {
    // Joiners and tags have columns of their own only where they stand alone.
    const isDisputed = DISPUTED.test(character) && (isFirst || !ZERO.test(character));
    reach += isDisputed ? 2 : widthOfCharacter(character);
    isFirst = false;
  }
  return Math.max(reach, widthOfCluster(cluster));
}

/** Returns how many columns a text without control characters takes at most. */
export function reachOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let reach = 0;
  for (const cluster of clustersOf(text)) reach += reachOfCluster(cluster);
  return reach;
}

/** Returns how many columns a text without control characters takes. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const cluster of clustersOf(text)) width += widthOfCluster(cluster);
  return width;
}

/** Returns how many rows a terminal needs for a text that it breaks by itself, at least one. */
export function heightOf(text: string, columns: number): number {
  if (ASCII.test(text)) return Math.max(1, Math.ceil(text.length / columns));
  let [rows, column] = [1, 0];
  for (const cluster of clustersOf(text)) {
    const width = widthOfCluster(cluster);
    if (column + width > columns) [rows, column] = [rows + 1, 0];
    column += width;
  }
  return rows;
}

/** Returns the beginning of `text`, as much as surely fits into so many columns. */
export function fit(text: string, columns: number): string {
  if (reachOf(text) <= columns) return text;
  let [kept, reach] = ["", 0];
  for (const cluster of clustersOf(text)) {
    reach += reachOfCluster(cluster);
    if (reach > columns) break;
    kept += cluster;
  }
  return kept;
}

/** Returns `text` if it surely fits into so many columns, and else its beginning and an ellipsis. */
export function truncate(text: string, columns: number): string {
  return reachOf(text) <= columns ? text : `${fit(text, columns - 1)}…`;
}
