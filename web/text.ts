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
const TRAILING = /[.,:;!?\]}…。，、！？]+$/u;

/** A text that is up to three emoji and nothing else. */
const ONLY_EMOJI = /^(?:\p{RGI_Emoji}\s?){1,3}$/v;

function countOf(character: string, text: string): number {
  return text.split(character).length - 1;
}

/** Returns the beginning of `found` that is meant as a link. */
function trimLink(found: string): string {
  let link = found.replace(TRAILING, "");
  // A closing bracket belongs to it only if the link has opened one.
  while (link.endsWith(")") && countOf(")", link) > countOf("(", link)) {
    link = link.slice(0, -1).replace(TRAILING, "");
  }
  return link;
}

function splitLinks(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(LINK)) {
    const link = trimLink(found);
    const url = URL.parse(link);
    if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) continue;
    pieces.push({ kind: "text", text: text.slice(end, index) });
    pieces.push({ kind: "link", text: link, href: url.href });
    end = index + link.length;
  }
  pieces.push({ kind: "text", text: text.slice(end) });
  return pieces;
}

function splitMentions(text: string, mention: RegExp): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(mention)) {
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
  return splitLinks(text)
    .flatMap((piece) =>
      piece.kind === "text" && mention ? splitMentions(piece.text, mention) : [piece]
    )
    .filter((piece) => piece.text !== "");
}

/** Tells whether a text is up to three emoji and nothing else. */
export function isOnlyEmoji(text: string): boolean {
  return text.length <= 100 && ONLY_EMOJI.test(text);
}
