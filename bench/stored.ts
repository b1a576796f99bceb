/**
 * A history to start on: a file as the server writes it.
 *
 * @module
 */

import type { RoomEvent } from "../protocol.ts";
import { openSqlite } from "../server/sqlite.ts";
import { nameOf, textOf } from "./wire.ts";

/** How many events are stored at a time. */
const AT_ONCE = 1_000;

function messageOf(id: number, ref: string): RoomEvent {
  const address = `127.0.0.1:${40_000 + id % 20_000}`;
  return {
    messageType: "message",
    time: 1_640_000_000_000 + id,
    from: nameOf(id % 32),
    address,
    data: textOf(id),
    ref,
  };
}

/**
 * Writes `each` messages, a whole number of thousands, to each of so many rooms of a new file. Each
 * is a row of its own, as when people talk: that is the most that the file can hold.
 */
export function fill(path: string, { rooms, each }: { rooms: number; each: number }): void {
  const store = openSqlite(path, { keepSessionsUntil: 0 });
  for (let first = 1; first < each; first += AT_ONCE) {
    for (let room = 0; room < rooms; room++) {
      const pages = Array.from({ length: AT_ONCE }, (_, i) => {
        const ref = `${String(first + i).padStart(12, "0")}-${room}`;
        return { room: `room-${room}`, first: first + i, events: [messageOf(first + i, ref)] };
      });
      store.write(pages, []);
    }
  }
  store.close();
}
