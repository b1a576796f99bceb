/**
 * The tables of epochs in a SQLite file: which there were, and which id each room had reached when the
 * next one began. So a client that comes back after a restart goes on where it was, unless what it saw
 * is not in this file: because it is a copy that was restored, or lost its end with the power.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { DAMAGED } from "./database.ts";
import { StoreError } from "./store.ts";

/** How many earlier epochs are known: so often can a server start while a client is away. */
export const MAX_EPOCHS = 200;

/** A room has a row for each epoch at whose end it was further than at the end of the one before. */
const CREATE = `
  CREATE TABLE IF NOT EXISTS epochs (number INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE IF NOT EXISTS epoch_ends (
    room TEXT NOT NULL,
    number INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (room, number)
  ) STRICT, WITHOUT ROWID`;

const END = "INSERT OR IGNORE INTO epochs (epoch) SELECT epoch FROM history";
const CURRENT = "SELECT number FROM epochs WHERE epoch = (SELECT epoch FROM history)";
const BEGIN = "UPDATE history SET epoch = lower(hex(randomblob(16)))";
const NEXT_ROOM = "SELECT room FROM pages WHERE room > ? ORDER BY room LIMIT 1";
const REACHED = "SELECT last FROM epoch_ends WHERE room = ? AND number <= ? " +
  "ORDER BY number DESC LIMIT 1";
const ADD_END = `
  INSERT OR REPLACE INTO epoch_ends
  SELECT ?1, ?2, newest
  FROM (SELECT last AS newest FROM pages WHERE room = ?1 ORDER BY first DESC LIMIT 1)
  WHERE newest IS NOT
    (SELECT last FROM epoch_ends WHERE room = ?1 ORDER BY number DESC LIMIT 1)`;
const DROP_EPOCHS = "DELETE FROM epochs WHERE number <= ?";
/** What the ends after it replace, for all epochs that are known. */
const DROP_ENDS = `
  DELETE FROM epoch_ends WHERE EXISTS (
    SELECT 1 FROM epoch_ends AS later
    WHERE later.room = epoch_ends.room AND later.number > epoch_ends.number AND later.number <= ?
  )`;

/** Ends the last epoch of a file, and begins another. Makes the tables in a file that lacks them. */
export function beginEpoch(db: DatabaseSync): void {
  db.exec(CREATE);
  db.exec("BEGIN IMMEDIATE");
  try {
    db.prepare(END).run();
    const number = db.prepare(CURRENT).get()?.["number"];
    if (typeof number !== "number") throw new StoreError(DAMAGED);
    const [nextRoom, addEnd] = [db.prepare(NEXT_ROOM), db.prepare(ADD_END)];
    for (let room: unknown = ""; typeof room === "string"; room = nextRoom.get(room)?.["room"]) {
      if (room !== "") addEnd.run(room, number);
    }
    db.prepare(DROP_EPOCHS).run(number - MAX_EPOCHS);
    db.prepare(DROP_ENDS).run(number - MAX_EPOCHS);
    db.exec(`${BEGIN}; COMMIT`);
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

/** The epochs of one open file. */
export class EpochTable {
  readonly #number: StatementSync;
  readonly #reached: StatementSync;

  /** Reads a file in which {@linkcode beginEpoch} has made the tables. */
  constructor(db: DatabaseSync) {
    this.#number = db.prepare("SELECT number FROM epochs WHERE epoch = ?");
    this.#reached = db.prepare(REACHED);
  }

  /**
   * Returns the id that a room had reached when the epoch after that one began, 0 if it had none; or
   * undefined if the epoch is not known.
   */
  reached(epoch: string, room: string): number | undefined {
    const number = this.#number.get(epoch)?.["number"];
    if (typeof number !== "number") return undefined;
    const last = this.#reached.get(room, number)?.["last"] ?? 0;
    if (typeof last !== "number") throw new StoreError(DAMAGED);
    return last;
  }
}
