/// <reference lib="dom" />
/**
 * The page's address: where its server is, and behind the `#` the room, so that a link invites.
 *
 * @module
 */

import { parseRoom, ProtocolError } from "../protocol.ts";

/** Returns where the server's WebSocket is: beside the page. */
export function serverUrl(): URL {
  const url = new URL(".", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = url.search = "";
  return url;
}

/** Returns what an address names behind its `#`, decoded. */
export function readHash(hash: string): string {
  try {
    return decodeURIComponent(hash.slice(1));
  } catch (error) {
    if (error instanceof URIError) return hash.slice(1);
    throw error;
  }
}

/** Returns the room that the address names; undefined if it names none, or not a valid one. */
export function roomOfAddress(): string | undefined {
  try {
    return location.hash === "" ? undefined : parseRoom(readHash(location.hash));
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Has the address name the room, and leads back to the room that it named before, if it did. */
export function setAddress(room: string): void {
  if (readHash(location.hash) === room) return;
  if (roomOfAddress() === undefined) history.replaceState(null, "", `#${room}`);
  else history.pushState(null, "", `#${room}`);
}

/** Returns the room's name that is nearest to what a person typed; empty if nothing of it is left. */
export function nearestRoom(typed: string): string {
  const words = typed.toLowerCase().normalize("NFD").match(/[a-z0-9_]+/g) ?? [];
  return words.join("-").slice(0, 32);
}
