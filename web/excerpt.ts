/// <reference lib="dom" />
/**
 * Long texts, of which only the first twenty rows are shown until their reader wants the rest: nobody
 * fills the others' windows with one message, be it of many lines or of a single long one.
 *
 * @module
 */

import { element } from "./elements.ts";

/** So many rows of a text are shown, as in the style. */
const MAX_ROWS = 20;

/** The fewest characters of a row, in the narrowest window. */
const LEAST_COLUMNS = 10;

/**
 * Changes how high a text is, and keeps in its place what `topOf` measures: the log does it, which
 * knows where its reader is.
 */
export type Keep = (topOf: () => number, change: () => void) => void;

/** Tells whether a text could take too many rows in some window. */
function couldBeLong({ textContent }: HTMLElement): boolean {
  const lines = textContent.split("\n").length;
  return lines + textContent.length / LEAST_COLUMNS > MAX_ROWS;
}

/** Shows the beginning of a text, if it is long, with a button for the rest. */
export function excerpt(text: HTMLElement, keep: Keep): HTMLElement[] {
  if (!couldBeLong(text)) return [text];
  const button = element("button", { class: "more", type: "button" });
  const fold = (isFolded: boolean): void => {
    text.classList.toggle("is-folded", isFolded);
    button.textContent = isFolded ? "Show all" : "Show less";
    button.setAttribute("aria-expanded", String(!isFolded));
  };
  const measure = (): void => {
    if (!text.isConnected || !text.classList.contains("is-folded")) return;
    const isCut = text.scrollHeight > text.clientHeight + 1;
    button.hidden = !isCut;
    text.classList.toggle("is-cut", isCut);
  };
  button.addEventListener("click", () => {
    const isFolded = button.getAttribute("aria-expanded") === "false";
    // What was read stays where it is: the beginning, or else the button that is at the end.
    const shown = isFolded ? text : button;
    keep(() => shown.getBoundingClientRect().top, () => fold(!isFolded));
  });
  // It moves only to show what is sought there: by the focus of a link, or a search in the page.
  text.addEventListener("scroll", () => {
    if (text.scrollTop === 0 || !text.classList.contains("is-folded")) return;
    keep(() => text.getBoundingClientRect().top - text.scrollTop, () => fold(false));
  });
  fold(true);
  button.hidden = text.textContent.split("\n").length <= MAX_ROWS;
  new ResizeObserver(measure).observe(text);
  return [text, button];
}
