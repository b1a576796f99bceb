/**
 * The store in a SQLite file, by `node:sqlite`.
 *
 * Write-ahead log, `synchronous=NORMAL`: what was committed survives the end of the process, however
 * it ends. If the machine loses power, the last commits may be gone, and the file is whole all the
 * same. One process has the file for as long as it runs.
 *
 * Schema 1: what one turn of the event loop brought is a row, the events as JSON in one array, so
 * that a busy turn costs little more than a quiet one. The view `events` has a row for each:
 * `sqlite3 chat.db "SELECT * FROM events"` shows them while no server runs.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { parseRoomEvents, ProtocolError, type RoomEvent, type RoomMessage } from "../protocol.ts";
import { type Page, type Store, type StoredPass, StoreError } from "./store.ts";

/** Default of `--retain`: events that are stored of each room. */
export const DEFAULT_RETAIN = 100_000;

/** Tells our files from those of other programs: "chat" in ASCII. */
const APPLICATION_ID = 0x63686174;

/** The version of the schema below, in `user_version`. */
const SCHEMA_VERSION = 1;

const SCHEMA = `
  CREATE TABLE history (epoch TEXT NOT NULL) STRICT;
  INSERT INTO history VALUES (lower(hex(randomblob(16))));
  CREATE TABLE pages (
    room TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    events TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX places ON pages (room, first, last);
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
  CREATE INDEX expired ON sessions (expires) WHERE expires IS NOT NULL;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION}`;

const ADD_PAGE = "INSERT INTO pages VALUES (?, ?, ?, ?)";
const ADD_REFS = "INSERT INTO refs SELECT ?1, value ->> 0, value ->> 1 FROM json_each(?2)";
const NEWEST = "SELECT last AS id FROM pages WHERE room = ? ORDER BY first DESC LIMIT 1";
const OLDEST = "SELECT first AS id FROM pages WHERE room = ? ORDER BY first LIMIT 1";
/** The page in which an event is, if it is there at all. */
const PAGE_OF = "SELECT * FROM pages WHERE room = ? AND first <= ? ORDER BY first DESC LIMIT 1";
const ID_OF = "SELECT id FROM refs WHERE room = ? AND ref = ?";
const NEXT_ROOM = "SELECT room FROM pages WHERE room > ? ORDER BY room LIMIT 1";
const DROP_PAGES = "DELETE FROM pages WHERE room = ? AND first < ? AND last < ?";
const DROP_REFS = "DELETE FROM refs WHERE room = ? AND id < ?";
const SAVE_PASS = "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?)";
const FIND_PASS = "SELECT * FROM sessions WHERE secret = ? AND (expires IS NULL OR expires > ?)";
const KEEP_PASSES = "UPDATE sessions SET expires = ? WHERE expires IS NULL";
const TRIM_PASSES =
  "DELETE FROM sessions WHERE secret IN (SELECT secret FROM sessions WHERE expires <= ? LIMIT ?)";

/** What a file of SQLite begins with, and where in it our marks are (SQLite, "Database File Format"). */
const MAGIC = "SQLite format 3\0";
const HEADER_SIZE = 100;
const USER_VERSION_OFFSET = 60;
const APPLICATION_ID_OFFSET = 68;

/** The most events of a row: whoever wants one of them reads them all. */
const PAGE_SIZE = 128;

/** How many events are read at a time, and at most twice as many less one. */
const READ_SIZE = PAGE_SIZE;

/** How many events are looked at for the last messages. */
const LAST_MESSAGES_REACH = 1_000;

/** How many events or sessions one step removes: some milliseconds of work. */
const TRIM_STEP = 500;

/** How much of the file is kept in memory, in KiB. */
const CACHE_SIZE = 16_384;

/** Settings of {@linkcode openSqlite}. */
export interface SqliteOptions {
  /** Events to keep of each room. Default {@linkcode DEFAULT_RETAIN}. */
  readonly retain?: number | undefined;
  /**
   * Until when sessions can be resumed whose connections were there when the server ended, in
   * milliseconds since 1970.
   */
  readonly keepSessionsUntil: number;
}

const DAMAGED = "it is damaged";

/** What the runtime or SQLite says, what it means, and what the person who starts the server can do. */
const FAILURES: readonly (readonly [said: RegExp, reason: string, advice: string])[] = [
  [/is locked/, "another program is using it", "Stop that one, or choose another file."],
  [/is full/, "the disk is full", "Make room, or choose another file."],
  [/malformed|no such/, DAMAGED, "Restore a copy of it, or choose another file."],
  [/not a database/, "it is not a database", "Choose another file."],
  [/readonly|permission/i, "there is no permission to write it", "Check who owns it."],
  [/--allow-/, "Deno has no permission for it", "Add --allow-read and --allow-write."],
  [
    /unable to open/,
    "it cannot be opened",
    "Check that its directory exists and may be written to.",
  ],
];

/** Says why something failed, and what to do. */
function explain(error: unknown): [reason: string, advice: string] {
  const said = error instanceof Error ? error.message : String(error);
  const [, reason, advice] =
    FAILURES.find(([pattern, reason]) => pattern.test(said) || reason === said) ?? [];
  return [reason ?? said, advice ?? "Choose another file."];
}

/**
 * Looks at a file without touching it.
 *
 * @throws {StoreError} If it is there and is none of ours.
 */
function inspect(path: string): void {
  const stat = statOf(path);
  if (!stat) return;
  if (stat.isDirectory) throw new StoreError("it is a directory");
  if (!stat.isFile) throw new StoreError("it is not a file");
  if (stat.size === 0) return;
  const header = readHeader(path);
  if (!header) throw new StoreError("it is not a database");
  if (header.getUint32(APPLICATION_ID_OFFSET) !== APPLICATION_ID) {
    throw new StoreError("it is a database of another program");
  }
  const version = header.getUint32(USER_VERSION_OFFSET);
  if (version <= SCHEMA_VERSION) return;
  throw new StoreError(
    `it has schema ${version} of a newer server, and this one knows ${SCHEMA_VERSION}`,
  );
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Returns the header of a file of SQLite that may be written to, or undefined if it is none. */
function readHeader(path: string): DataView | undefined {
  using file = Deno.openSync(path, { read: true, write: true });
  const header = new Uint8Array(HEADER_SIZE);
  const size = file.readSync(header);
  const magic = new TextDecoder().decode(header.subarray(0, MAGIC.length));
  return size === HEADER_SIZE && magic === MAGIC ? new DataView(header.buffer) : undefined;
}

/**
 * Opens the store in the file `path`, which is made if it is not there; `:memory:` is none.
 *
 * @throws {StoreError} If it cannot be used. Its message is a line that says why and what to do; the
 * file is as it was.
 */
export function openSqlite(path: string, options: SqliteOptions): Store {
  try {
    if (path !== ":memory:") inspect(path);
    return new SqliteStore(prepare(path, options), options.retain ?? DEFAULT_RETAIN);
  } catch (error) {
    throw new StoreError(`Cannot use the database ${path}: ${explain(error).join(". ")}`);
  }
}

/** Opens a file that is ours or new, checks it, and makes it ready. */
function prepare(path: string, options: SqliteOptions): DatabaseSync {
  const db = new DatabaseSync(path);
  try {
    makeReady(db, options);
  } catch (error) {
    // To close a damaged file would write to it what is still in the log.
    if (explain(error)[0] !== DAMAGED) db.close();
    throw error;
  }
  return db;
}

function makeReady(db: DatabaseSync, { keepSessionsUntil }: SqliteOptions): void {
  db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -${CACHE_SIZE}`);
  if (readNumber(db.prepare("PRAGMA user_version").get()?.["user_version"]) === 0) {
    // Not yet with a write-ahead log: so the file itself says whose it is as soon as it is there.
    db.exec(`BEGIN EXCLUSIVE; ${SCHEMA}; COMMIT`);
  }
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  const found = db.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
  if (found !== "ok") throw new StoreError(DAMAGED);
  // Written even if nothing changes: a full disk is to be found now rather than while serving.
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  db.prepare(KEEP_PASSES).run(keepSessionsUntil);
}

function readNumber(value: SQLOutputValue | undefined): number {
  if (typeof value === "number") return value;
  throw new StoreError(DAMAGED);
}

function readText(value: SQLOutputValue | undefined): string {
  if (typeof value === "string") return value;
  throw new StoreError(DAMAGED);
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
  readonly #db: DatabaseSync;
  readonly #retain: number;
  readonly #prepared = new Map<string, StatementSync>();
  /** Rooms with more than must be kept, maybe. */
  readonly #grown = new Set<string>();
  /** The rooms up to this one have been looked at since the start; undefined once all have. */
  #swept: string | undefined = "";

  constructor(db: DatabaseSync, retain: number) {
    this.#db = db;
    this.#retain = retain;
    this.epoch = readText(db.prepare("SELECT epoch FROM history").get()?.["epoch"]);
  }

  write(pages: readonly Page[], passes: readonly StoredPass[]): void {
    this.#transact(() => {
      for (const { room, first, events } of pages) {
        for (let start = 0; start < events.length; start += PAGE_SIZE) {
          this.#add(room, first + start, events.slice(start, start + PAGE_SIZE));
        }
      }
      for (const { secret, name, room, since, expires } of passes) {
        this.#statement(SAVE_PASS).run(hash(secret), name, room, since, expires ?? null);
      }
    });
    for (const { room } of pages) this.#grown.add(room);
  }

  newest(room: string): number {
    return this.#attempt(() => this.#end(NEWEST, room) ?? 0);
  }

  oldest(room: string): number {
    return this.#attempt(() =>
      Math.max(this.#end(OLDEST, room) ?? Infinity, this.#firstToKeep(room))
    );
  }

  read(room: string, first: number, before: number): RoomEvent[] {
    return this.#attempt(() => {
      const events: RoomEvent[] = [];
      for (let id = first; id < before && events.length < READ_SIZE; id = first + events.length) {
        const page = parsePage(this.#statement(PAGE_OF).get(room, id));
        if (!page || page.last < id) break;
        events.push(...page.events.slice(id - page.first, before - page.first));
      }
      return events;
    });
  }

  lastMessages(room: string, before: number, count: number): RoomMessage[] {
    const oldest = Math.max(this.oldest(room), before - LAST_MESSAGES_REACH);
    return this.#attempt(() => {
      const messages: RoomMessage[] = [];
      for (let id = before - 1; id >= oldest && messages.length < count;) {
        const page = parsePage(this.#statement(PAGE_OF).get(room, id));
        if (!page) break;
        const events = page.events.slice(Math.max(0, oldest - page.first), id + 1 - page.first);
        messages.unshift(...events.filter((event) => event.messageType === "message"));
        id = page.first - 1;
      }
      return messages.slice(-count);
    });
  }

  idOf(room: string, ref: string): number | undefined {
    return this.#attempt(() => {
      const row = this.#statement(ID_OF).get(room, ref);
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
        expires: row["expires"] === null ? undefined : readNumber(row["expires"]),
      };
    });
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
    this.#db.close();
  }

  /** Returns the id at one end of a room. */
  #end(query: typeof NEWEST | typeof OLDEST, room: string): number | undefined {
    const row = this.#statement(query).get(room);
    return row && readNumber(row["id"]);
  }

  /** Returns the id below which events need not be kept any longer. */
  #firstToKeep(room: string): number {
    return (this.#end(NEWEST, room) ?? 0) - this.#retain + 1;
  }

  /** Adds a row. */
  #add(room: string, first: number, events: readonly RoomEvent[]): void {
    const last = first + events.length - 1;
    this.#statement(ADD_PAGE).run(room, first, last, JSON.stringify(events));
    const refs = events.flatMap((event, index) =>
      event.messageType === "message" && event.ref !== undefined
        ? [[event.ref, first + index] as const]
        : []
    );
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
   * Removes a few of a room's pages; one with an event that is to be kept stays. Returns whether
   * there may be more to remove.
   */
  #trimRoom(room: string): boolean {
    const end = this.#firstToKeep(room);
    const oldest = this.#end(OLDEST, room) ?? end;
    if (oldest >= end) return false;
    const before = Math.min(end, oldest + TRIM_STEP);
    this.#transact(() => {
      this.#statement(DROP_PAGES).run(room, before, end);
      this.#statement(DROP_REFS).run(room, this.#end(OLDEST, room) ?? before);
    });
    return before < end;
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
        if (this.#db.isTransaction) this.#statement("ROLLBACK").run();
        throw error;
      }
    });
  }

  #statement(sql: string): StatementSync {
    const prepared = this.#prepared.get(sql) ?? this.#db.prepare(sql);
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof StoreError) throw error;
      throw new StoreError(explain(error)[0]);
    }
  }
}
