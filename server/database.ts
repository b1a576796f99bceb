/**
 * A file of SQLite that is this program's alone, for as long as it has it open.
 *
 * Write-ahead log, `synchronous=NORMAL`: what was committed survives the end of the process, however
 * it ends. If the machine loses power, the last commits may be gone, and the file is whole all the
 * same.
 *
 * A file that cannot be used is left as it was. So its header is read first, without SQLite, which
 * would bring the file of another program up to date; then all of its pages are checked.
 *
 * @module
 */

import { isAbsolute } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "./store.ts";

/** What a program keeps in its files. */
export interface Schema {
  /** Tells them from those of other programs; in their header. */
  readonly applicationId: number;
  /** The version, from 1; in their `user_version`. */
  readonly version: number;
  /** Makes everything in an empty file. */
  readonly sql: string;
  /** The tables that must be there. */
  readonly tables: readonly string[];
}

/** Settings of {@linkcode openDatabase}. */
export interface DatabaseOptions {
  readonly schema: Schema;
  /** Does what else is to be done before the file counts as open. */
  readonly prepare: (db: DatabaseSync) => void;
}

/** An open file. */
export interface Database {
  readonly db: DatabaseSync;
  /**
   * Looks, at most once in {@linkcode PRESENCE_INTERVAL}, whether the file is still there. What is
   * written to one that was deleted or replaced is gone with the process.
   *
   * @throws {StoreError} If it is not.
   */
  checkPresence(): void;
  /** Closes it, and lets others have it. */
  close(): void;
}

/** What a file of SQLite begins with, and where in it our marks are (SQLite, "Database File Format"). */
const MAGIC = "SQLite format 3\0";
const HEADER_SIZE = 100;
const USER_VERSION_OFFSET = 60;
const APPLICATION_ID_OFFSET = 68;

/** How much of the file is kept in memory, in KiB. */
const CACHE_SIZE = 16_384;

/** How long a file that was there counts as there, in milliseconds. */
export const PRESENCE_INTERVAL = 1_000;

/** Why a file whose contents make no sense cannot be used. */
export const DAMAGED = "it is damaged";
const DELETED = "its file was deleted or replaced: restore it, and restart the server";
const IN_USE = "another server is using it";
const NO_DATABASE = "it is not a database";
const FULL = "the disk is full";
const FORBIDDEN = "there is no permission to read and write it";
const NOT_ALLOWED = "Deno was given no permission for it";

/** What the runtime or SQLite says, and what it means. */
const REASONS: readonly (readonly [said: RegExp, reason: string])[] = [
  [/^database is locked/, IN_USE],
  [/^database or disk is full/, FULL],
  [/^database disk image is malformed|^no such |already exists$/, DAMAGED],
  [/^file is not a database/, NO_DATABASE],
  [/^attempt to write a readonly database|^Read-only file system/, FORBIDDEN],
];

/** What whoever starts the server can do. */
const ADVICE = new Map([
  [DAMAGED, "Restore a copy of it, or choose another file."],
  [IN_USE, "Stop that one, or choose another file."],
  [FULL, "Make room, or choose another file."],
  [FORBIDDEN, "Check who owns it and its directory."],
  [NOT_ALLOWED, "Add --allow-read and --allow-write for it."],
]);

/** Says in a few words why something failed. */
export function explain(error: unknown): string {
  if (error instanceof StoreError) return error.message;
  if (error instanceof Deno.errors.PermissionDenied) return FORBIDDEN;
  if (error instanceof Deno.errors.NotCapable) return NOT_ALLOWED;
  const [said = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  return REASONS.find(([pattern]) => pattern.test(said))?.[1] ?? said;
}

/** A file that may be ours. */
interface Claim {
  /** What names it, under whatever path. */
  readonly identity: string;
  readonly isNew: boolean;
}

/** Returns what names a file, under whatever path. */
function identityOf(stat: Deno.FileInfo, file: string): string {
  return `${stat.dev}:${stat.ino ?? file}`;
}

/**
 * Makes sure that a file is there and may be ours. One that was there is only looked at.
 *
 * @throws {StoreError} If it is none of ours.
 */
function claim(file: string, schema: Schema): Claim {
  const found = statOf(file);
  const stat = found ?? create(file);
  if (stat.isDirectory) throw new StoreError("it is a directory");
  if (!stat.isFile) throw new StoreError("it is not a file");
  const identity = identityOf(stat, file);
  // Before it is opened: when a process closes a file, all its locks on it are gone (POSIX, fcntl).
  if (inUse.has(identity)) throw new StoreError(IN_USE);
  if (stat.size > 0) checkHeader(file, schema);
  return { identity, isNew: !found };
}

/** Tells whether a file is still the one under its name. */
class Presence {
  readonly #file: string;
  readonly #identity: string;
  #checkedAt = -Infinity;

  constructor(file: string, identity: string) {
    this.#file = file;
    this.#identity = identity;
  }

  /** @throws {StoreError} If it is not. */
  check(): void {
    const now = performance.now();
    if (now - this.#checkedAt < PRESENCE_INTERVAL) return;
    if (!this.#isThere()) throw new StoreError(DELETED);
    this.#checkedAt = now;
  }

  #isThere(): boolean {
    try {
      const stat = statOf(this.#file);
      return stat !== undefined && identityOf(stat, this.#file) === this.#identity;
    } catch (error) {
      // Whoever runs the server inside a program of their own may keep it from looking.
      if (error instanceof Deno.errors.NotCapable) return true;
      throw error;
    }
  }
}

/** The files that stores of this process have. */
const inUse = new Set<string>();

function statOf(file: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Creates a file that nobody else may read: what people say to each other will be in it. */
function create(file: string): Deno.FileInfo {
  try {
    Deno.openSync(file, { write: true, createNew: true, mode: 0o600 }).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new StoreError("its directory does not exist");
  }
  return Deno.statSync(file);
}

/** @throws {StoreError} If the file is not of SQLite, of this program and of a version it knows. */
function checkHeader(file: string, schema: Schema): void {
  using handle = Deno.openSync(file, { read: true, write: true });
  const bytes = new Uint8Array(HEADER_SIZE);
  const size = handle.readSync(bytes);
  const magic = new TextDecoder().decode(bytes.subarray(0, MAGIC.length));
  if (size !== HEADER_SIZE || magic !== MAGIC) throw new StoreError(NO_DATABASE);
  const header = new DataView(bytes.buffer);
  if (header.getUint32(APPLICATION_ID_OFFSET) !== schema.applicationId) {
    throw new StoreError("it is a database of another program");
  }
  const version = header.getUint32(USER_VERSION_OFFSET);
  if (version === 0) throw new StoreError(DAMAGED);
  if (version > schema.version) {
    const reason = `it has schema ${version} of a newer server, and this one knows`;
    throw new StoreError(`${reason} ${schema.version}`);
  }
}

/**
 * Opens the file `path`, which is made if it is not there; `:memory:` is none.
 *
 * @throws {StoreError} If it cannot be used. Its message is a line that says why and what to do; the
 * file is as it was.
 */
export function openDatabase(path: string, options: DatabaseOptions): Database {
  // SQLite would take a path such as "file:chat.db" apart.
  const file = path === ":memory:" || isAbsolute(path) ? path : `./${path}`;
  let claimed: Claim | undefined;
  try {
    if (file !== ":memory:") claimed = claim(file, options.schema);
    const identity = claimed?.identity ?? file;
    const db = open(file, options);
    inUse.add(identity);
    const presence = claimed && new Presence(file, identity);
    const close = (): void => {
      db.close();
      inUse.delete(identity);
    };
    return { db, checkPresence: () => presence?.check(), close };
  } catch (error) {
    if (claimed?.isNew) Deno.removeSync(file);
    const reason = explain(error);
    const advice = ADVICE.get(reason) ?? "Choose another file.";
    throw new StoreError(`Cannot use the database ${path}: ${reason}. ${advice}`);
  }
}

function open(file: string, { schema, prepare }: DatabaseOptions): DatabaseSync {
  const db = new DatabaseSync(file);
  try {
    makeReady(db, schema);
    prepare(db);
  } catch (error) {
    // A file is left as it is: to close it would write to it what is still in its log.
    if (explain(error) === IN_USE) db.close();
    throw error;
  }
  return db;
}

/** Takes a file that is ours or empty, for this process alone, and checks it. */
function makeReady(db: DatabaseSync, { applicationId, version, sql, tables }: Schema): void {
  db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -${CACHE_SIZE}`);
  if (db.prepare("PRAGMA user_version").get()?.["user_version"] === 0) {
    // Not yet with a write-ahead log: so the file itself says whose it is as soon as it is there.
    const marks = `PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version}`;
    db.exec(`BEGIN EXCLUSIVE; ${sql}; ${marks}; COMMIT`);
  }
  const found = db.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
  if (found !== "ok") throw new StoreError(DAMAGED);
  for (const table of tables) db.prepare(`SELECT * FROM ${table}`);
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  // Written even if nothing changes: a full disk is to be found now rather than while serving.
  db.exec(`PRAGMA user_version = ${version}`);
}
