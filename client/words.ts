/**
 * How times, days, names and notices are written and found, on a terminal and on the page.
 *
 * @module
 */

import { type DirectMessage, formatText, type RoomEvent } from "../protocol.ts";

/** Returns a time of day, here, as `HH:MM`. */
export function formatTime(time: number): string {
  const date = new Date(time);
  return [date.getHours(), date.getMinutes()].map((n) => String(n).padStart(2, "0")).join(":");
}

const DAY_FORMAT = new Intl.DateTimeFormat("en-GB", { dateStyle: "full" });

/** Returns a day, here, such as `Saturday 21 November 2026`. */
export function formatDay(time: number): string {
  return DAY_FORMAT.format(time).replace(",", "");
}

/**
 * Returns a pattern that finds `name` in a text, alone and not as a part of another name, in any
 * case.
 */
export function mentionOf(name: string): RegExp {
  const letter = String.raw`[\p{L}\p{M}\p{Nd}_]`;
  const word = name.replace(/[^\p{L}\p{M}\p{Nd}_]/gu, (character) => {
    return `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });
  return new RegExp(`(?<!${letter}[-.]?)${word}(?![-.]?${letter})`, "giu");
}

/**
 * Words what is no message of a person, without the mark that it has among lines of text. Empty if
 * there is nothing to show.
 */
export function wordNotice(message: RoomEvent | DirectMessage): string {
  return (formatText(message) ?? "").replace(/^\* /, "");
}
