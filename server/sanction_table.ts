/**
 * The table of bans and mutes in a SQLite file: of each how much is left, so that it does not matter
 * what time of day it is or was.
 *
 * @module
 */

import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { DAMAGED } from "./database.ts";
import { type Sanction, StoreError } from "./store.ts";

/** `remaining` is in milliseconds. */
const CREATE = `
  CREATE TABLE IF NOT EXISTS sanctions (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    token TEXT,
    remaining INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
  ) STRICT, WITHOUT ROWID`;

const IS_OLD = "SELECT 1 FROM pragma_table_info('sanctions') WHERE name = 'until'";

/** Once it had the time of day at which a sanction ends, in milliseconds since 1970. */
const RENEW = `
  BEGIN;
  ALTER TABLE sanctions RENAME COLUMN until TO remaining;
  UPDATE sanctions SET remaining = remaining - unixepoch() * 1000;
  DELETE FROM sanctions WHERE remaining <= 0;
  COMMIT`;

const FIND = "SELECT * FROM sanctions ORDER BY remaining";
const SAVE = "INSERT OR REPLACE INTO sanctions VALUES (?, ?, ?, ?)";
const AGE = "UPDATE sanctions SET remaining = remaining - ?";
const DROP = "DELETE FROM sanctions WHERE remaining <= 0";

/** Makes the table in a file that lacks it, or has the one of earlier servers. */
export function prepareSanctions(db: DatabaseSync): void {
  db.exec(CREATE);
  if (db.prepare(IS_OLD).get()) db.exec(RENEW);
}

function readText(value: SQLOutputValue | undefined): string {
  if (typeof value === "string") return value;
  throw new StoreError(DAMAGED);
}

function parseRow(row: Record<string, SQLOutputValue>, now: number): Sanction {
  const { kind, name, token, remaining } = row;
  if (typeof remaining !== "number") throw new StoreError(DAMAGED);
  return {
    kind: readText(kind) === "ban" ? "ban" : "mute",
    name: readText(name),
    token: token === null ? undefined : readText(token),
    until: now + remaining,
  };
}

/** The bans and mutes of one open file. Whoever calls it does so in a transaction. */
export class SanctionTable {
  readonly #find: StatementSync;
  readonly #save: StatementSync;
  readonly #age: StatementSync;
  readonly #drop: StatementSync;
  /** When it was last stored how much is left. */
  #asOf = 0;

  /** Takes a file that is prepared. */
  constructor(db: DatabaseSync) {
    this.#find = db.prepare(FIND);
    this.#save = db.prepare(SAVE);
    this.#age = db.prepare(AGE);
    this.#drop = db.prepare(DROP);
  }

  /** Returns all, as `Store.sanctions` says. */
  all(now: number): Sanction[] {
    this.#asOf = now;
    return this.#find.all().map((row) => parseRow(row, now));
  }

  /** Stores one, as `Store.saveSanction` says. */
  save({ kind, name, token, until }: Sanction, now: number): void {
    this.#age.run(Math.max(0, Math.round(now - this.#asOf)));
    this.#save.run(kind, name, token ?? null, Math.round(until - now));
    this.#drop.run();
    this.#asOf = now;
  }
}
