/**
 * How times, days, names and notices are written, on a terminal and on the page.
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
 * Words what is no message of a person, without the mark that it has among lines of text. Empty if
 * there is nothing to show.
 */
export function wordNotice(message: RoomEvent | DirectMessage): string {
  return (formatText(message) ?? "").replace(/^\* /, "");
}
