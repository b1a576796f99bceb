/**
 * What people wrote, taken apart: links, mentions, and the text between them.
 *
 * @module
 */

/** A part of a text. */
export interface Piece {
  readonly kind: "text" | "link" | "mention";
  readonly text: string;
  /** Where a link leads: `http:` or `https:`. */
  readonly href?: string;
}

/** What can be a link: from its scheme up to a space, a quote or a bracket like those of HTML. */
const LINK = /https?:\/\/[^\s<>"'`\p{Cc}]+/giu;

/** What follows a link in a sentence rather than belongs to it. */
const TRAILING = new Set(".,:;!?]}…。，、！？");

/** Longer ones are no links, in UTF-16 units. */
const MAX_LINK = 2_048;

/** The most links, and the most mentions, that stand out in one text. */
const MAX_FOUND = 50;

/** A text that is up to three emoji and nothing else. */
const ONLY_EMOJI = /^(?:\p{RGI_Emoji}\s?){1,3}$/v;

/** Returns the beginning of `found` that is meant as a link, in a time that grows with its length. */
function trimLink(found: string): string {
  // A closing bracket belongs to it only if the link has opened one.
  let surplus = found.split(")").length - found.split("(").length;
  let end = found.length;
  for (; end > 0; end--) {
    const last = found[end - 1] ?? "";
    if (last === ")" && surplus > 0) surplus--;
    else if (!TRAILING.has(last)) break;
  }
  return found.slice(0, end);
}

function isWebAddress(link: string): boolean {
  return link.length <= MAX_LINK && URL.canParse(link) && /^https?:$/.test(new URL(link).protocol);
}

function splitLinks(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(LINK)) {
    const link = trimLink(found);
    if (!isWebAddress(link)) continue;
    if (pieces.length >= 2 * MAX_FOUND) break;
    pieces.push({ kind: "text", text: text.slice(end, index) });
    pieces.push({ kind: "link", text: link, href: new URL(link).href });
    end = index + link.length;
  }
  pieces.push({ kind: "text", text: text.slice(end) });
  return pieces;
}

/** Takes a text without links apart, up to `most` mentions in it. */
function splitMentions(text: string, mention: RegExp, most: number): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(mention)) {
    if (pieces.length >= 2 * most) break;
    pieces.push({ kind: "text", text: text.slice(end, index) });
    pieces.push({ kind: "mention", text: found });
    end = index + found.length;
  }
  pieces.push({ kind: "text", text: text.slice(end) });
  return pieces;
}

/**
 * Takes a text apart: together, the pieces are the text. `mention`, a pattern with the flag `g`,
 * finds the reader's name; none is looked for without it, and never within a link.
 */
export function splitText(text: string, mention?: RegExp): Piece[] {
  const pieces: Piece[] = [];
  let mentions = 0;
  for (const piece of splitLinks(text)) {
    const parts = piece.kind === "text" && mention
      ? splitMentions(piece.text, mention, MAX_FOUND - mentions)
      : [piece];
    mentions += parts.filter(({ kind }) => kind === "mention").length;
    pieces.push(...parts);
  }
  return pieces.filter((piece) => piece.text !== "");
}

/** Tells whether a text is up to three emoji and nothing else. */
export function isOnlyEmoji(text: string): boolean {
  return text.length <= 100 && ONLY_EMOJI.test(text);
}
