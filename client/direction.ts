/**
 * Which way text goes: a name or a text with right-to-left letters is isolated from the rest of its
 * row, so that a terminal which turns such text around turns nothing else around with it.
 *
 * @module
 */

/** What begins and ends an isolate of either direction: FSI and PDI (UAX 9, section 2.4). */
export const [ISOLATE, ISOLATE_END] = ["\u2068", "\u2069"];

/** The blocks of right-to-left scripts, and the marks that stand for one of their letters. */
const RIGHT_TO_LEFT =
  /[\u0590-\u08FF\u200F\uFB1D-\uFDCF\uFDF0-\uFDFF\uFE70-\uFEFC\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;

/** Tells whether something in `text` goes from right to left. */
export function isMixed(text: string): boolean {
  return RIGHT_TO_LEFT.test(text);
}

/**
 * Returns `text`, in an isolate of its own if something in it goes from right to left and it has no
 * isolates yet.
 */
export function isolate(text: string): string {
  return isMixed(text) && !text.includes(ISOLATE) ? ISOLATE + text + ISOLATE_END : text;
}
