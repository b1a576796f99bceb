/**
 * Files that the server cannot use, and disks that are full: one clear line and nothing touched, or
 * while serving, an error for who spoke, and everyone else goes on.
 *
 * Run with `deno task e2e`. Needs `bash`, `mkfifo`, `prlimit` and `setpriv`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { CHAT_V1 } from "../protocol.ts";
import { openSqlite } from "../server/sqlite.ts";
import { StoreError } from "../server/store.ts";
import { Peer } from "../tests/peer.ts";
import { Directory } from "./directory.ts";
import { Program, roleArgs, startServer } from "./program.ts";

/** Makes a file as the server does, with `count` events in it. */
function makeHistory(path: string, count = 2_000): void {
  const store = openSqlite(path, { keepSessionsUntil: 0 });
  const texts = Array.from({ length: count }, (_, i) => `message ${i} ${"x".repeat(80)}`);
  store.write(
    texts.map((data, i) => ({
      room: "lobby",
      first: i + 1,
      events: [{ messageType: "message", time: i, from: "ann", address: "x", data, ref: `r${i}` }],
    })),
    [],
  );
  store.close();
}

function digest(path: string): string {
  const stat = Deno.statSync(path);
  return stat.isFile ? createHash("sha256").update(Deno.readFileSync(path)).digest("hex") : "";
}

/** Checks that the server refuses that file in one line and exits with 1, and returns why. */
async function refusal(db: string, ...args: string[]): Promise<string> {
  await using server = Program.role("server", "--port=0", `--db=${db}`, ...args);
  const { code, stdout, stderr } = await server.finish();
  assert.deepEqual([code, stdout, stderr.split("\n").length], [1, [], 2], stderr);
  const prefix = `Cannot use the database ${db}: `;
  assert.ok(stderr.startsWith(prefix), stderr);
  return stderr.slice(prefix.length).trimEnd();
}

/** Checks the same, and that the file is as it was. */
async function refusalUntouched(db: string): Promise<string> {
  const before = digest(db);
  const why = await refusal(db);
  assert.equal(digest(db), before, "the file has changed");
  return why;
}

Deno.test("server --db: a file of something else is refused, and untouched", async () => {
  using directory = new Directory();
  const [text, short, foreign, other] = ["text", "short", "foreign.db", "wal.db"].map((name) =>
    directory.file(name)
  );
  assert.ok(text && short && foreign && other);
  Deno.writeTextFileSync(text, "Dear diary, ".repeat(1_000));
  Deno.writeTextFileSync(short, "SQLite format 3\0");
  for (const path of [foreign, other]) {
    const db = new DatabaseSync(path);
    if (path === other) db.exec("PRAGMA journal_mode = WAL");
    db.exec("CREATE TABLE diary (entry TEXT); INSERT INTO diary VALUES ('Dear diary')");
    db.close();
  }
  const noDatabase = "it is not a database. Choose another file.";
  const another = "it is a database of another program. Choose another file.";
  assert.equal(await refusalUntouched(text), noDatabase);
  assert.equal(await refusalUntouched(short), noDatabase);
  assert.equal(await refusalUntouched(foreign), another);
  assert.equal(await refusalUntouched(other), another);
  // SQLite would take it for a URI.
  assert.match(await refusal(`file:${foreign}`), /its directory does not exist/);
  assert.equal(Array.from(Deno.readDirSync(directory.path)).length, 4);
});

Deno.test("server --db: a newer schema is refused, and untouched", async () => {
  using directory = new Directory();
  const path = directory.file("newer.db");
  makeHistory(path, 1);
  const db = new DatabaseSync(path);
  db.exec("PRAGMA journal_mode = DELETE; PRAGMA user_version = 2");
  db.close();
  const why = "it has schema 2 of a newer server, and this one knows 1. Choose another file.";
  assert.equal(await refusalUntouched(path), why);
});

Deno.test("server --db: what is no file, or may not be used, is refused", async () => {
  using directory = new Directory();
  assert.equal(await refusal(directory.path), "it is a directory. Choose another file.");
  const fifo = directory.file("fifo");
  await new Deno.Command("mkfifo", { args: [fifo] }).output();
  assert.equal(await refusal(fifo), "it is not a file. Choose another file.");
  const nowhere = directory.file("no/where.db");
  assert.equal(await refusal(nowhere), "its directory does not exist. Choose another file.");
  const args = ["run", "--no-prompt", "--allow-net", "server.ts", "--port=0"];
  await using server = new Program(Deno.execPath(), [...args, `--db=${directory.file("x.db")}`]);
  const { code, stderr } = await server.finish();
  assert.equal(code, 1);
  const advice =
    /: Deno was given no permission for it\. Add --allow-read and --allow-write for it\.\n$/;
  assert.match(stderr, advice);
});

Deno.test("server --db: a file or directory that may not be written to is refused, and untouched", async () => {
  using directory = new Directory();
  const [path, shut] = [directory.file("chat.db"), directory.file("shut")];
  makeHistory(path, 1);
  Deno.mkdirSync(shut, { mode: 0o500 });
  const why = "there is no permission to read and write it. Check who owns it and its directory.";
  for (const [db, mode] of [[path, 0o400], [path, 0o000], [`${shut}/new.db`, undefined]] as const) {
    if (mode !== undefined) Deno.chmodSync(db, mode);
    // Root may do as it likes, unless it gives that up.
    const powerless = ["--bounding-set=-dac_override,-dac_read_search", "--", Deno.execPath()];
    const args = roleArgs("server", "--port=0", `--db=${db}`);
    await using server = Deno.uid() === 0
      ? new Program("setpriv", [...powerless, ...args])
      : new Program(Deno.execPath(), args);
    const { code, stdout, stderr } = await server.finish();
    assert.deepEqual([code, stdout], [1, []]);
    assert.equal(stderr, `Cannot use the database ${db}: ${why}\n`);
  }
  Deno.chmodSync(path, 0o600);
  openSqlite(path, { keepSessionsUntil: 0 }).close();
});

Deno.test("server --db: a damaged page, wherever, and a missing end are found before serving", async () => {
  using directory = new Directory();
  const whole = directory.file("whole.db");
  makeHistory(whole);
  const pages = Deno.statSync(whole).size / 4_096;
  for (const page of [1, 2, 3, Math.floor(pages / 2), pages - 1]) {
    const path = directory.file(`${page}.db`);
    Deno.copyFileSync(whole, path);
    using file = Deno.openSync(path, { write: true });
    file.seekSync(page * 4_096, Deno.SeekMode.Start);
    file.writeSync(crypto.getRandomValues(new Uint8Array(4_096)));
    const why = await refusalUntouched(path);
    assert.equal(why, "it is damaged. Restore a copy of it, or choose another file.", `${page}`);
  }
  Deno.truncateSync(whole, 4_096 * Math.floor(pages / 2));
  assert.match(await refusalUntouched(whole), /^it is damaged/);
});

Deno.test("server --db: a second server on the file is refused, in this process and in another", async () => {
  using directory = new Directory();
  const path = directory.file("chat.db");
  const store = openSqlite(path, { keepSessionsUntil: 0 });
  const why = "another server is using it. Stop that one, or choose another file.";
  const open = (): unknown => openSqlite(path, { keepSessionsUntil: 0 });
  assert.throws(open, new StoreError(`Cannot use the database ${path}: ${why}`));
  // The attempt of this process must not have let go of its own lock.
  assert.equal(await refusal(path), why);
  store.close();
  const { program } = await startServer(`--db=${path}`);
  await using _server = program;
  assert.equal(await refusal(path), why);
  assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
});

Deno.test("server: without --db nothing touches the disk", async () => {
  using directory = new Directory();
  const args = roleArgs("server", "--port=0");
  const script = new URL("../server.ts", import.meta.url).pathname;
  const config = new URL("../deno.json", import.meta.url).pathname;
  const [run = "", ...rest] = args.map((arg) => arg === "server.ts" ? script : arg);
  await using server = new Program(Deno.execPath(), [run, `--config=${config}`, ...rest], {
    cwd: directory.path,
  });
  const port = (await server.line()).split(":").at(-1);
  await using peer = await Peer.open(`ws://127.0.0.1:${port}/text?name=ann`);
  peer.send("hello");
  while (await peer.frame() !== "ann: hello");
  assert.deepEqual(Array.from(Deno.readDirSync(directory.path)), []);
});

/** Says something, and returns whether it came back or the error's text. */
async function say(peer: Peer, data: string): Promise<string> {
  peer.send(data);
  for (;;) {
    const frame = await peer.frame();
    if (frame === `ann: ${data}` || frame.startsWith("* The message was not stored")) return frame;
  }
}

/** Says things until one is refused. Returns how many were not. */
async function fillDisk(ann: Peer): Promise<number> {
  const text = "x".repeat(3_000);
  for (let count = 0;; count++) {
    if ((await say(ann, `${count} ${text}`)).startsWith("*")) return count;
    assert.ok(count < 1_000, "the disk is never full");
  }
}

/** Returns what bob heard until then, in short. */
async function heard(bob: Peer, last: string): Promise<string[]> {
  const frames: string[] = [];
  while (frames.at(-1) !== last) frames.push(await bob.frame());
  return frames.filter((frame) => frame.startsWith("ann: ")).map((frame) => frame.slice(0, 20));
}

Deno.test("server: while its file cannot grow nobody sees what is not stored; then it goes on", async () => {
  using directory = new Directory();
  // A limit on the size of files, in KiB, is a disk that anyone can fill, and make larger again.
  const limited = `trap "" XFSZ; ulimit -S -f 200; exec "$@"`;
  const args = roleArgs("server", "--port=0", `--db=${directory.file("chat.db")}`);
  await using server = new Program("bash", ["-c", limited, "-", Deno.execPath(), ...args]);
  const port = (await server.line()).split(":").at(-1);
  const log = Array.fromAsync(readAll(server));
  {
    await using bob = await Peer.open(`ws://127.0.0.1:${port}/text?name=bob`);
    await using ann = await Peer.open(`ws://127.0.0.1:${port}/text?name=ann`);
    const count = await fillDisk(ann);
    assert.ok(count > 0);
    assert.match(await say(ann, "y".repeat(4_000)), /^\* The message was not stored: .*\. Send it/);
    const raise = ["--pid", `${server.child.pid}`, "--fsize=unlimited:unlimited"];
    assert.ok((await new Deno.Command("prlimit", { args: raise }).output()).success);
    assert.equal(await say(ann, "there is room again"), "ann: there is room again");
    const expected = Array.from({ length: count }, (_, i) => `ann: ${i} ${"x".repeat(20)}`);
    const all = [...expected, "ann: there is room again"].map((line) => line.slice(0, 20));
    assert.deepEqual(await heard(bob, "ann: there is room again"), all);
  }
  server.child.kill("SIGTERM");
  assert.equal((await server.child.status).code, 0);
  const lines = await log;
  assert.equal(lines.filter((line) => line.includes("ERROR Nothing can be stored: ")).length, 1);
  assert.equal(lines.filter((line) => line.includes("INFO Storing again")).length, 1);
});

Deno.test("server: once its file was deleted, nothing more is accepted, and the log says what to do", async () => {
  using directory = new Directory();
  const path = directory.file("chat.db");
  const { program, port } = await startServer(`--db=${path}`);
  await using server = program;
  const log = Array.fromAsync(readAll(server));
  {
    await using ann = await Peer.open(`ws://127.0.0.1:${port}/text?name=ann`);
    assert.equal(await say(ann, "here"), "ann: here");
    Deno.removeSync(path);
    const why = "its file was deleted or replaced: restore it, and restart the server";
    // It is looked at once a second.
    let answer = "";
    for (let i = 0; !answer.startsWith("* "); i++) answer = await say(ann, `still here ${i}`);
    assert.equal(answer, `* The message was not stored: ${why}. Send it again later.`);
  }
  server.child.kill("SIGTERM");
  assert.equal((await server.child.status).code, 0);
  const lines = await log;
  assert.equal(
    lines.filter((line) => line.includes("ERROR Nothing can be stored: its file")).length,
    1,
  );
});

/** Says so many things in the lobby, and returns the id of the last. */
async function sayMany(port: string, name: string, texts: readonly string[]): Promise<number> {
  await using peer = await Peer.open(`ws://127.0.0.1:${port}`, CHAT_V1);
  peer.send({ messageType: "register", data: name });
  for (const data of texts) peer.send({ messageType: "message", data });
  const last = await peer.jsonWhere(({ data }) => data === texts.at(-1));
  return Number(last["id"]);
}

for (const fewer of [true, false]) {
  const what = fewer ? "fewer events than it saw" : "more events than it saw";
  Deno.test(`server: who comes back to a restored copy with ${what} skips nothing new`, async () => {
    using directory = new Directory();
    const [path, copy] = [directory.file("chat.db"), directory.file("copy.db")];
    const start = (...args: string[]) => startServer(`--db=${path}`, "--history=5", ...args);
    {
      const { program, port } = await start();
      await using _server = program;
      await sayMany(port, "ann", ["one", "two"]);
      // Closed in order, all is in the file itself.
      program.child.kill("SIGTERM");
      await program.child.status;
    }
    Deno.copyFileSync(path, copy);
    const first = await start();
    let resume = {};
    {
      await using _first = first.program;
      await using alice = await Peer.open(`ws://127.0.0.1:${first.port}`, CHAT_V1);
      alice.send({ messageType: "register", data: "alice" });
      const { session, epoch } = await alice.json("welcome");
      await sayMany(first.port, "ann", ["lost one", "lost two"]);
      const { id: after } = await alice.jsonWhere(({ data }) => data === "lost two");
      resume = { session, epoch, after };
    }
    for (const each of Deno.readDirSync(directory.path)) {
      if (each.name.startsWith("chat.db")) Deno.removeSync(directory.file(each.name));
    }
    Deno.renameSync(copy, path);
    const second = await start();
    await using _second = second.program;
    const texts = fewer ? ["new"] : Array.from({ length: 20 }, (_, i) => `new ${i}`);
    await sayMany(second.port, "ann", texts);
    await using back = await Peer.open(`ws://127.0.0.1:${second.port}`, CHAT_V1);
    back.send({ messageType: "register", data: "alice", ...resume });
    const told: unknown[] = [];
    while (told.at(-1) !== texts.at(-1)) {
      told.push((await back.jsonWhere(({ messageType }) => messageType === "message"))["data"]);
    }
    // A new start: the history, whatever ids she had seen.
    assert.deepEqual(told, ["one", "two", ...texts].slice(-5));
  });
}

async function* readAll(program: Program): AsyncGenerator<string> {
  for (;;) {
    const line = await program.line();
    if (line === "(end)") return;
    yield line;
  }
}

/** Mounts a small disk, if this machine lets us. */
async function mount(path: string, size: string): Promise<boolean> {
  const args = ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path];
  return (await new Deno.Command("mount", { args, stderr: "null" }).output()).success;
}

Deno.test("server: on a full disk it does not start, and one that gets full it survives", async (test) => {
  using directory = new Directory();
  if (!await mount(directory.path, "400k")) {
    console.log(
      "Not run: a disk can be mounted by root alone. The test before this one stands in.",
    );
    return;
  }
  try {
    const [path, filler] = [directory.file("chat.db"), directory.file("filler")];
    await test.step("gets full while serving, and has room again", async () => {
      const { program, port } = await startServer(`--db=${path}`);
      await using _server = program;
      await using ann = await Peer.open(`ws://127.0.0.1:${port}/text?name=ann`);
      Deno.writeFileSync(filler, new Uint8Array(150_000));
      assert.ok(await fillDisk(ann) > 0);
      assert.match(
        await say(ann, "y".repeat(4_000)),
        /not stored: the disk is full\. Send it again/,
      );
      Deno.removeSync(filler);
      assert.equal(await say(ann, "there is room again"), "ann: there is room again");
    });
    await test.step("is full before it starts", async () => {
      // One that was closed in order: the log of one that was killed may still have room in it.
      const old = directory.file("old.db");
      makeHistory(old, 20);
      const buffer = new Uint8Array(1_000);
      using file = Deno.openSync(filler, { write: true, create: true });
      assert.throws(() => {
        for (;;) file.writeSync(buffer);
      });
      const full = "the disk is full. Make room, or choose another file.";
      assert.equal(await refusalUntouched(old), full);
      assert.equal(await refusal(directory.file("new.db")), full);
      assert.throws(() => Deno.statSync(directory.file("new.db")), Deno.errors.NotFound);
    });
  } finally {
    await new Deno.Command("umount", { args: [directory.path] }).output();
  }
});
