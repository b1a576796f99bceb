/**
 * The store in a SQLite file, by `node:sqlite`.
 *
 * Schema 1: what one turn of the event loop brought is a row, the events as JSON in one array, so
 * that a busy turn costs little more than a quiet one. The view `events` has a row for each:
 * `sqlite3 chat.db "SELECT * FROM events"` shows them while no server runs. The table `sanctions` is
 * that of `server/sanction_table.ts`.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { parseRoomEvents, ProtocolError, type RoomEvent, type RoomMessage } from "../protocol.ts";
import { DAMAGED, type Database, explain, openDatabase, type Schema } from "./database.ts";
import { prepareSanctions, SanctionTable } from "./sanction_table.ts";
import { beginEpoch, EpochTable } from "./epoch_table.ts";
import { type Page, type Sanction, type Store, type StoredPass, StoreError } from "./store.ts";

/** Default of `--retain`: messages that are stored of each room, with what happened between them. */
export const DEFAULT_RETAIN = 100_000;

const SCHEMA: Schema = {
  applicationId: 0x63686174, // "chat" in ASCII
  version: 1,
  sql: `
  CREATE TABLE history (epoch TEXT NOT NULL) STRICT;
  INSERT INTO history VALUES (lower(hex(randomblob(16))));
  CREATE TABLE pages (
    room TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    events TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX places ON pages (room, first, last);
  CREATE INDEX spoken ON pages (room, first) WHERE messages > 0;
  CREATE VIEW events AS
    SELECT room, first + key AS id, value AS event FROM pages, json_each(pages.events);
  CREATE TABLE refs (
    room TEXT NOT NULL,
    ref TEXT NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (room, ref)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX refs_by_id ON refs (room, id);
  CREATE TABLE sessions (
    secret TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    room TEXT NOT NULL,
    since INTEGER NOT NULL,
    expires INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX expired ON sessions (expires) WHERE expires IS NOT NULL;`,
  tables: ["history", "pages", "refs", "sessions"],
};

const ADD_PAGE = "INSERT INTO pages VALUES (?, ?, ?, ?, ?)";
const ADD_REFS =
  "INSERT OR IGNORE INTO refs SELECT ?1, value ->> 0, value ->> 1 FROM json_each(?2)";
const NEWEST = "SELECT last AS id FROM pages WHERE room = ? ORDER BY first DESC LIMIT 1";
const OLDEST = "SELECT first AS id FROM pages WHERE room = ? ORDER BY first LIMIT 1";
/** The page in which an event is, if it is there at all. */
const PAGE_OF = "SELECT * FROM pages WHERE room = ? AND first <= ? ORDER BY first DESC LIMIT 1";
const SPOKEN_PAGE = "SELECT * FROM pages WHERE room = ? AND first <= ? AND messages > 0 " +
  "ORDER BY first DESC LIMIT 1";
/** Once a row had the `ref` alone: of a UUID, which nobody else uses, that is enough. */
const ID_OF = "SELECT id FROM refs WHERE room = ? AND ref IN (?, ?)";
const NEXT_ROOM = "SELECT room FROM pages WHERE room > ? ORDER BY room LIMIT 1";
const OLDEST_PAGES = "SELECT last, messages FROM pages WHERE room = ? ORDER BY first LIMIT ?";
const COUNT_MESSAGES = "SELECT coalesce(sum(messages), 0) AS messages FROM pages WHERE room = ?";
const DROP_PAGES = "DELETE FROM pages WHERE room = ? AND first < ?";
const DROP_REFS = "DELETE FROM refs WHERE room = ? AND id < ?";
const SAVE_PASS = "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?)";
const FIND_PASS = "SELECT * FROM sessions WHERE secret = ? AND expires > ?";
const KEEP_PASSES = "UPDATE sessions SET expires = ? WHERE expires IS NULL";
const TRIM_PASSES =
  "DELETE FROM sessions WHERE secret IN (SELECT secret FROM sessions WHERE expires <= ? LIMIT ?)";

/** The most events of a row, which is read as a whole; a reading ends with the row that has so many. */
const PAGE_SIZE = 128;

/** How many pages or sessions one step removes: some milliseconds of work. */
const TRIM_STEP = 500;

/** Of so many rooms it is remembered how many messages are stored. */
const MAX_COUNTED = 10_000;

/** Settings of {@linkcode openSqlite}. */
export interface SqliteOptions {
  /** Messages to keep of each room. Default {@linkcode DEFAULT_RETAIN}. */
  readonly retain?: number | undefined;
  /**
   * Until when sessions can be resumed whose connections were there when the server ended, in
   * milliseconds since 1970.
   */
  readonly keepSessionsUntil: number;
}

/**
 * Opens the store in the file `path`, which is made if it is not there; `:memory:` is none.
 *
 * @throws {StoreError} If it cannot be used. Its message is a line that says why and what to do; the
 * file is as it was.
 */
export function openSqlite(path: string, options: SqliteOptions): Store {
  const prepare = (db: DatabaseSync): void => {
    prepareSanctions(db);
    beginEpoch(db);
    db.prepare(KEEP_PASSES).run(options.keepSessionsUntil);
  };
  const database = openDatabase(path, { schema: SCHEMA, prepare });
  return new SqliteStore(database, options.retain ?? DEFAULT_RETAIN);
}

function readNumber(value: SQLOutputValue | undefined): number {
  if (typeof value === "number") return value;
  throw new StoreError(DAMAGED);
}

function readText(value: SQLOutputValue | undefined): string {
  if (typeof value === "string") return value;
  throw new StoreError(DAMAGED);
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

/** Returns how the table `refs` has a `ref` of `owner`. */
function refKey(owner: string, ref: string): string {
  return `${owner} ${ref}`;
}

/** A row of `pages`. */
interface StoredPage {
  readonly first: number;
  readonly last: number;
  readonly events: RoomEvent[];
}

function parsePage(row: Record<string, SQLOutputValue> | undefined): StoredPage | undefined {
  if (!row) return undefined;
  try {
    const events = parseRoomEvents(readText(row["events"]));
    return { first: readNumber(row["first"]), last: readNumber(row["last"]), events };
  } catch (error) {
    if (error instanceof ProtocolError) throw new StoreError(DAMAGED);
    throw error;
  }
}

function hash(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

class SqliteStore implements Store {
  readonly epoch: string;
  readonly #database: Database;
  readonly #retain: number;
  readonly #sanctions: SanctionTable;
  readonly #epochs: EpochTable;
  readonly #prepared = new Map<string, StatementSync>();
  /** How many messages are stored of rooms that were looked at. */
  readonly #messages = new Map<string, number>();
  /** Rooms with more than must be kept, maybe. */
  readonly #grown = new Set<string>();
  /** The rooms up to this one have been looked at since the start; undefined once all have. */
  #swept: string | undefined = "";

  constructor(database: Database, retain: number) {
    this.#database = database;
    this.#retain = retain;
    this.#sanctions = new SanctionTable(database.db);
    this.#epochs = new EpochTable(database.db);
    this.epoch = readText(this.#statement("SELECT epoch FROM history").get()?.["epoch"]);
  }

  write(pages: readonly Page[], passes: readonly StoredPass[]): void {
    this.#attempt(() => this.#database.checkPresence());
    this.#transact(() => {
      for (const { room, first, events, refOwners = [] } of pages) {
        const newest = this.#end(NEWEST, room) ?? 0;
        if (first !== newest + 1) {
          throw new StoreError(`${room} is at ${newest}, not before ${first}`);
        }
        for (let start = 0; start < events.length; start += PAGE_SIZE) {
          const end = start + PAGE_SIZE;
          const owners = refOwners.slice(start, end);
          this.#add({
            room,
            first: first + start,
            events: events.slice(start, end),
            refOwners: owners,
          });
        }
      }
      for (const { secret, name, room, since, expires } of passes) {
        this.#statement(SAVE_PASS).run(hash(secret), name, room, since, expires ?? null);
      }
    });
    for (const { room, events } of pages) {
      this.#grown.add(room);
      const before = this.#messages.get(room);
      const more = events.filter(({ messageType }) => messageType === "message").length;
      if (before !== undefined) this.#messages.set(room, before + more);
    }
  }

  reached(epoch: string, room: string): number | undefined {
    return this.#attempt(() => this.#epochs.reached(epoch, room));
  }

  newest(room: string): number {
    return this.#attempt(() => this.#end(NEWEST, room) ?? 0);
  }

  oldest(room: string): number {
    return this.#attempt(() => this.#end(OLDEST, room) ?? Infinity);
  }

  read(room: string, first: number, before: number): RoomEvent[] {
    return this.#attempt(() => {
      const events: RoomEvent[] = [];
      for (let id = first; id < before && events.length < PAGE_SIZE; id = first + events.length) {
        const page = parsePage(this.#statement(PAGE_OF).get(room, id));
        if (!page || page.last < id) break;
        events.push(...page.events.slice(id - page.first, before - page.first));
      }
      return events;
    });
  }

  lastMessages(room: string, before: number, count: number): RoomMessage[] {
    return this.#attempt(() => {
      const messages: RoomMessage[] = [];
      for (let id = before - 1; id > 0 && messages.length < count;) {
        const page = parsePage(this.#statement(SPOKEN_PAGE).get(room, id));
        if (!page) break;
        const events = page.events.slice(0, id + 1 - page.first);
        messages.unshift(...events.filter((event) => event.messageType === "message"));
        id = page.first - 1;
      }
      return messages.slice(-count);
    });
  }

  fromLast(room: string, before: number, count: number): number | undefined {
    return this.#attempt(() => {
      let found = 0;
      for (let next = before - 1; next > 0;) {
        const page = parsePage(this.#statement(SPOKEN_PAGE).get(room, next));
        if (!page) break;
        for (let id = Math.min(next, page.last); id >= page.first; id--) {
          const isMessage = page.events[id - page.first]?.messageType === "message";
          if (isMessage && ++found === count) return id;
        }
        next = page.first - 1;
      }
      return undefined;
    });
  }

  idOf(room: string, owner: string, ref: string): number | undefined {
    return this.#attempt(() => {
      const row = this.#statement(ID_OF).get(
        room,
        refKey(owner, ref),
        UUID.test(ref) ? ref : null,
      );
      return row && readNumber(row["id"]);
    });
  }

  pass(secret: string, now: number): StoredPass | undefined {
    return this.#attempt(() => {
      const row = this.#statement(FIND_PASS).get(hash(secret), now);
      if (!row) return undefined;
      return {
        secret,
        name: readText(row["name"]),
        room: readText(row["room"]),
        since: readNumber(row["since"]),
        expires: readNumber(row["expires"]),
      };
    });
  }

  sanctions(now: number): Sanction[] {
    return this.#attempt(() => this.#sanctions.all(now));
  }

  saveSanction(sanction: Sanction, now: number): void {
    this.#transact(() => this.#sanctions.save(sanction, now));
  }

  trim(now: number): boolean {
    return this.#attempt(() => {
      const room = this.#nextGrown();
      if (room === undefined) {
        return this.#statement(TRIM_PASSES).run(now, TRIM_STEP).changes === TRIM_STEP;
      }
      if (!this.#trimRoom(room)) this.#grown.delete(room);
      return true;
    });
  }

  close(): void {
    this.#database.close();
  }

  /** Returns the id at one end of a room. */
  #end(query: typeof NEWEST | typeof OLDEST, room: string): number | undefined {
    const row = this.#statement(query).get(room);
    return row && readNumber(row["id"]);
  }

  /** Adds a row. */
  #add({ room, first, events, refOwners = [] }: Page): void {
    const last = first + events.length - 1;
    let messages = 0;
    const refs: [ref: string, id: number][] = [];
    for (const [index, event] of events.entries()) {
      if (event.messageType !== "message") continue;
      messages++;
      if (event.ref === undefined) continue;
      refs.push([refKey(refOwners[index] ?? "", event.ref), first + index]);
    }
    this.#statement(ADD_PAGE).run(room, first, last, messages, JSON.stringify(events));
    if (refs.length > 0) this.#statement(ADD_REFS).run(room, JSON.stringify(refs));
  }

  /** Returns a room that may have too much: one that was written to, or one of the whole file. */
  #nextGrown(): string | undefined {
    const [grown] = this.#grown;
    if (grown !== undefined || this.#swept === undefined) return grown;
    const next = this.#statement(NEXT_ROOM).get(this.#swept)?.["room"];
    this.#swept = next === undefined ? undefined : readText(next);
    if (this.#swept !== undefined) this.#grown.add(this.#swept);
    return this.#swept;
  }

  /**
   * Removes a few of a room's oldest pages, as long as enough messages are left. What happened before the
   * oldest message that is kept goes with them. Returns whether there may be more to remove.
   */
  #trimRoom(room: string): boolean {
    const kept = this.#messages.get(room) ?? this.#countMessages(room);
    let messages = kept;
    let end = 0;
    for (const { last, messages: spoken } of this.#statement(OLDEST_PAGES).all(room, TRIM_STEP)) {
      if (messages - readNumber(spoken) < this.#retain) break;
      messages -= readNumber(spoken);
      end = readNumber(last) + 1;
    }
    if (end === 0) return false;
    this.#transact(() => {
      this.#statement(DROP_PAGES).run(room, end);
      this.#statement(DROP_REFS).run(room, end);
    });
    this.#messages.set(room, messages);
    return true;
  }

  #countMessages(room: string): number {
    const count = readNumber(this.#statement(COUNT_MESSAGES).get(room)?.["messages"]);
    if (this.#messages.size >= MAX_COUNTED) this.#messages.clear();
    this.#messages.set(room, count);
    return count;
  }

  /** Does all of `work` or nothing. */
  #transact(work: () => void): void {
    this.#attempt(() => {
      this.#statement("BEGIN IMMEDIATE").run();
      try {
        work();
        this.#statement("COMMIT").run();
      } catch (error) {
        // A full disk has ended the transaction already.
        if (this.#database.db.isTransaction) this.#statement("ROLLBACK").run();
        throw error;
      }
    });
  }

  #statement(sql: string): StatementSync {
    const prepared = this.#prepared.get(sql) ?? this.#database.db.prepare(sql);
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw new StoreError(explain(error));
    }
  }
}
