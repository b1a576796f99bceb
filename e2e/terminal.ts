/**
 * The client at a real terminal, as people use it: what they type, and what they see. Needs `tmux`.
 *
 * Run with `deno task e2e`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { colorOf } from "../client/colors.ts";
import { Peer, TestServer } from "../tests/peer.ts";
import { Directory } from "./directory.ts";
import { clientCommand, startServer } from "./program.ts";
import { TmuxPane } from "./tmux.ts";

/** What the client writes before it draws the whole window. */
const ERASE_WINDOW = "\x1b[2H";

/** A window in which a client runs, and then what it left behind is told. */
async function openClient(
  port: number | string,
  { name = "alice", args = "", env = "NO_COLOR=1", columns = 60, rows = 16 } = {},
): Promise<TmuxPane> {
  const client = clientCommand(name, `--port=${port}`);
  // `cat -v` shows it if the terminal still marks pastes.
  const command = `env -u NO_COLOR ${env} ${client} ${args}; echo "exit $?"; stty -a; exec cat -v`;
  const pane = await TmuxPane.open(command, columns, rows);
  await pane.until((shown) => shown.at(-1)?.startsWith("lobby>") ?? false);
  return pane;
}

/** Removes times and addresses, which differ from run to run. */
function steady(rows: readonly string[]): string[] {
  return rows.map((row) =>
    row.replace(/^\d\d:\d\d/, "TIME").replaceAll(/127\.0\.0\.1:\d+/g, "ADDRESS")
  );
}

/** Waits until the client has gone, and checks that the terminal is as it was. */
async function assertRestored(pane: TmuxPane, exit: string): Promise<void> {
  const rows = await pane.shows(" echoke");
  const text = rows.join("\n");
  assert.ok(rows.includes(exit), text);
  for (const mode of ["icanon", "isig", "echo", "icrnl", "ixon", "opost"]) {
    assert.match(text, new RegExp(`(^| )${mode}( |;|$)`, "m"), mode);
  }
  await pane.paste("pasted");
  await pane.shows("pasted");
  assert.ok(!(await pane.screen()).join("\n").includes("^[[200~"));
}

Deno.test("terminal: a half-typed line is intact, and the cursor in its place, after twenty messages", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  await using pane = await openClient(server.port);
  await pane.type("half a line");
  await pane.press("Left", "Left", "Left", "Left");
  await pane.endsWith("lobby> half a line");
  for (let i = 1; i <= 20; i++) bob.send({ messageType: "message", data: `message ${i}` });
  const rows = steady(await pane.endsWith("lobby> half a line", "message 20"));
  const expected = Array.from({ length: 15 }, (_, i) => `TIME bob (ADDRESS): message ${i + 6}`);
  assert.deepEqual(rows, [...expected, "lobby> half a line"]);
  await pane.cursorAt("lobby> half a ".length, 15);
  await pane.type("whole ");
  await pane.endsWith("lobby> half a whole line");
  await pane.press("Enter");
  const last = await pane.endsWith("lobby>", "(you)");
  assert.deepEqual(steady(last).slice(-2), ["TIME alice (you): half a whole line", "lobby>"]);
});

Deno.test("terminal: everything that was said is in the scrollback, once, in order", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  await using pane = await openClient(server.port);
  await pane.type("half");
  const lines = Array.from({ length: 200 }, (_, i) => `message ${i}.`);
  for (const data of lines) bob.send({ messageType: "message", data });
  await pane.endsWith("lobby> half", "message 199.");
  const seen = (await pane.everything()).filter((row) => row.includes("): "));
  assert.deepEqual(seen.map((row) => row.replace(/^.*\): /, "")), lines);
});

Deno.test("terminal: wide characters, marks and emoji, and backspace over them", async () => {
  await using server = new TestServer();
  await using pane = await openClient(server.port);
  await pane.type("漢字é👍x");
  await pane.endsWith("lobby> 漢字é👍x");
  await pane.cursorAt("lobby> ".length + 8, 6);
  await pane.press("Left", "BSpace");
  await pane.endsWith("lobby> 漢字éx");
  await pane.cursorAt("lobby> ".length + 5, 6);
  await pane.press("Left", "Left", "BSpace", "End");
  await pane.endsWith("lobby> 字éx");
  await pane.press("Enter");
  assert.match((await pane.endsWith("lobby>", "(you)")).join("\n"), /alice \(you\): 字éx\n/);
});

Deno.test("terminal: what a person takes for one character is one, and the cursor is beside it", async () => {
  await using server = new TestServer();
  await using pane = await openClient(server.port);
  for (const character of ["👨‍👩‍👧‍👦", "🇩🇪", "1️⃣", "👍🏽", "क्षि", "각", "e\u0301"]) {
    // tmux of this version takes some for more columns than others do: it tells where they end.
    await pane.type(`${character}.`);
    await pane.until((rows) => /> .+\.$/.test(rows.at(-1) ?? ""));
    const { column, row } = await pane.cursor();
    await pane.press("Left");
    await pane.cursorAt(column - 1, row);
    await pane.type("x");
    await pane.cursorAt(column, row);
    await pane.press("BSpace", "BSpace");
    await pane.endsWith("lobby> .");
    await pane.cursorAt("lobby> ".length, row);
    await pane.press("C-c");
    await pane.endsWith("lobby>");
  }
});

Deno.test("terminal: a paste whose end is lost leaves the keyboard alive", async () => {
  await using server = new TestServer();
  await using pane = await openClient(server.port);
  await pane.type("\x1b[200~half");
  await pane.endsWith("Pasting. Ctrl-C ends it.");
  await pane.press("Enter", "C-c");
  await pane.endsWith("lobby>", "A paste had no end, and was not taken.");
  await pane.press("C-c");
  await assertRestored(pane, "exit 0");
});

Deno.test("terminal: a line longer than the window is edited in all its rows", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  await using pane = await openClient(server.port, { columns: 40, rows: 12 });
  await pane.type("x".repeat(33));
  await pane.until((rows) => rows.at(-1) === `lobby> ${"x".repeat(33)}`);
  await pane.type("y".repeat(50));
  bob.send({ messageType: "message", data: "between" });
  await pane.shows("between");
  await pane.press("Home");
  await pane.type("z");
  const rows = await pane.until((rows) => rows.at(-1) === "yyyyyyyyyyy");
  const whole = `lobby> z${"x".repeat(33)}${"y".repeat(50)}`;
  assert.deepEqual(rows.slice(-3), [whole.slice(0, 40), whole.slice(40, 80), whole.slice(80)]);
  assert.match(rows.at(-4) ?? "", /: between$/);
  await pane.cursorAt("lobby> z".length, rows.length - 3);
});

Deno.test("terminal: Tab completes names and commands, and lists what it cannot decide", async () => {
  await using server = new TestServer();
  await using _bob = await server.register("bob");
  await using _bert = await server.register("bert");
  await using _carol = await server.register("carol");
  await using pane = await openClient(server.port);
  await pane.type("C");
  await pane.press("Tab");
  await pane.endsWith("lobby> carol:");
  await pane.press("C-u");
  await pane.type("/ms");
  await pane.press("Tab");
  await pane.type("b");
  await pane.press("Tab");
  const rows = await pane.until((rows) => /-- .*bob/.test(rows.at(-2) ?? ""));
  assert.match(steady(rows).at(-2) ?? "", /^TIME -- (bob {2}bert|bert {2}bob)$/);
  await pane.type("o");
  await pane.press("Tab");
  await pane.type("hi");
  await pane.press("Enter");
  await pane.shows("(private) you to bob: hi");
});

Deno.test("terminal: the up and down keys bring back what was said", async () => {
  await using server = new TestServer();
  await using pane = await openClient(server.port);
  for (const text of ["one", "two"]) {
    await pane.type(text);
    await pane.press("Enter");
    await pane.shows(`(you): ${text}`);
  }
  await pane.press("Up");
  await pane.endsWith("lobby> two");
  await pane.press("Up");
  await pane.endsWith("lobby> one");
  await pane.press("Down", "Down");
  await pane.endsWith("lobby>");
  await pane.type("o");
  await pane.press("Up");
  await pane.endsWith("lobby> one");
});

Deno.test("terminal: a paste of many lines is one message, and of more than twenty needs a yes", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  await using pane = await openClient(server.port);
  await pane.type("see: ");
  await pane.paste("if x:\n\treturn\n");
  await pane.endsWith("lobby> see: if x:↵→return");
  await pane.press("Enter");
  assert.equal(
    (await bob.jsonWhere(({ data }) => data !== undefined))["data"],
    "see: if x:\n\treturn",
  );
  const rows = await pane.endsWith("lobby>", "(you)");
  assert.deepEqual(steady(rows).slice(-3), [
    "TIME alice (you): see: if x:",
    "            return",
    "lobby>",
  ]);
  const lines = Array.from({ length: 25 }, (_, i) => `line ${i}`).join("\n");
  await pane.paste(lines);
  await pane.endsWith("Send 25 lines as one message? (y/n)");
  await pane.type("n");
  await pane.endsWith("lobby>");
  await pane.paste(lines);
  await pane.endsWith("Send 25 lines as one message? (y/n)");
  await pane.type("y");
  assert.equal((await bob.json("message"))["data"], lines);
});

Deno.test("terminal: Ctrl-C takes away the line, and then leaves; the terminal is as it was", async () => {
  await using server = new TestServer();
  await using pane = await openClient(server.port);
  await pane.type("half");
  await pane.endsWith("lobby> half");
  await pane.press("C-c");
  await pane.endsWith("lobby>");
  await pane.press("C-c");
  await assertRestored(pane, "exit 0");
});

Deno.test("terminal: Ctrl-D, /quit and signals leave; the terminal is as it was", async () => {
  await using server = new TestServer();
  const ways: ((pane: TmuxPane) => Promise<void>)[] = [
    (pane) => pane.press("C-d"),
    async (pane) => {
      await pane.type("/quit");
      await pane.press("Enter");
    },
    (pane) => pane.signal("TERM"),
    (pane) => pane.signal("HUP"),
    (pane) => pane.signal("INT"),
    (pane) => pane.signal("QUIT"),
  ];
  for (const leave of ways) {
    await using pane = await openClient(server.port);
    await leave(pane);
    await assertRestored(pane, "exit 0");
  }
});

Deno.test("terminal: after a crash the terminal is as it was", async () => {
  for (const kind of ["error", "rejection"]) {
    const command = `${Deno.execPath()} run --no-prompt e2e/crash.ts ${kind}; echo "exit $?"`;
    await using pane = await TmuxPane.open(`${command}; stty -a; exec cat -v`, 100, 40);
    await pane.shows("It has failed");
    await assertRestored(pane, "exit 1");
  }
});

Deno.test("terminal: who closes the window has left, without a word", async () => {
  const { program: server, port } = await startServer();
  await using _server = server;
  using directory = new Directory();
  const errors = directory.file("errors");
  const pane = await openClient(port, { args: `2>${errors}` });
  await server.line();
  await pane[Symbol.asyncDispose]();
  assert.match(await server.line(), /Disconnected 127\.0\.0\.1:\d+ \(1000\)$/);
  assert.equal(await Deno.readTextFile(errors), "");
});

Deno.test("terminal: stopped and continued by a shell, it is there as before", async () => {
  await using server = new TestServer();
  await using pane = await TmuxPane.open("bash --norc --noediting", 60, 16);
  await pane.type(clientCommand("alice", `--port=${server.port}`));
  await pane.press("Enter");
  await pane.endsWith("lobby>");
  await pane.type("half");
  await pane.endsWith("lobby> half");
  await pane.signal("STOP");
  await pane.shows("Stopped");
  await pane.type("stty -a; fg");
  await pane.press("Enter");
  await pane.endsWith("lobby> half", " icanon");
  await pane.type(" a line");
  await pane.endsWith("lobby> half a line");
  await pane.press("C-c", "C-c");
  await pane.until((rows) => /[$#]$/.test(rows.at(-1) ?? ""));
});

Deno.test("terminal: a resize wraps what is there anew, and keeps the half-typed line", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  await using pane = await openClient(server.port, { columns: 80, rows: 20 });
  bob.send({ messageType: "message", data: "words ".repeat(12).trim() });
  await pane.type("half a line");
  await pane.endsWith("lobby> half a line", "words");
  await pane.resize(40, 20);
  const narrow = [
    "TIME bob (ADDRESS): words words",
    "        words words words words words",
    "        words words words words words",
    "lobby> half a line",
  ];
  await pane.until((rows) => steady(rows).slice(-4).join("\n") === narrow.join("\n"));
  await pane.resize(120, 10);
  const wide = `TIME bob (ADDRESS):${" words".repeat(12)}`;
  const { length } = await pane.until((rows) => steady(rows).at(-2) === wide);
  await pane.cursorAt("lobby> half a line".length, length - 1);
});

Deno.test("terminal: resizes lose nothing and double nothing, on the screen and in the scrollback", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  await using pane = await openClient(server.port, { columns: 60, rows: 12 });
  await pane.type("half");
  const lines = Array.from({ length: 40 }, (_, i) => `message ${i}.`);
  for (const data of lines) bob.send({ messageType: "message", data });
  await pane.endsWith("lobby> half", lines.at(-1));
  for (const [columns, rows] of [[60, 8], [80, 8], [80, 20], [45, 12]] as const) {
    const drawn = pane.output.split(ERASE_WINDOW).length - 1;
    await pane.resize(columns, rows);
    // In tmux a program learns of it a quarter of a second later.
    await pane.writes(ERASE_WINDOW, drawn + 1);
    const text = `at ${columns}x${rows}.`;
    lines.push(text);
    bob.send({ messageType: "message", data: text });
    await pane.endsWith("lobby> half", text);
    await pane.press("C-l");
    await pane.writes(ERASE_WINDOW, drawn + 2);
  }
  bob.send({ messageType: "message", data: "the end." });
  lines.push("the end.");
  await pane.endsWith("lobby> half", "the end.");
  const seen = (await pane.everything()).filter((row) => row.includes("): "));
  assert.deepEqual(seen.map((row) => row.replace(/^.*\): /, "")), lines);
});

Deno.test("terminal: what the shell had printed is in the scrollback, also after the window is drawn anew", async () => {
  await using server = new TestServer();
  const client = clientCommand("alice", `--port=${server.port}`);
  await using pane = await TmuxPane.open(`seq 5; ${client}; exec cat`, 60, 12);
  await pane.endsWith("lobby>");
  await pane.press("C-l");
  await pane.type("x");
  await pane.endsWith("lobby> x");
  assert.deepEqual((await pane.everything()).slice(0, 5), ["1", "2", "3", "4", "5"]);
});

Deno.test("terminal: a message made of escape sequences changes nothing on the screen", async () => {
  await using server = new TestServer();
  await using evil = await Peer.open(server.url("ws", "/text?name=eve"));
  await using pane = await openClient(server.port, { columns: 100 });
  await pane.type("half");
  const before = await pane.endsWith("lobby> half");
  const sequences = [
    "\x1b[2J",
    "\x1b[H",
    "\x1bc",
    "\x1b]0;title\x07",
    "\x9b2J",
    "\x1b[?1049h",
    "\b\b\r",
  ];
  evil.send(`${sequences.join("")}\x1b[31mred\u202Eder\x1b[5A end`);
  const after = await pane.endsWith("lobby> half", " end");
  assert.deepEqual(steady(after), [
    ...steady(before).slice(0, -1),
    "TIME eve (ADDRESS): [2J[Hc]0;title2J[?1049h[31mredder[5A end",
    "lobby> half",
  ]);
  assert.ok(!pane.output.includes("\x07"));
});

Deno.test("terminal: the server is stopped and started while somebody types", async () => {
  const first = await startServer();
  await using pane = await openClient(first.port);
  await pane.type("half");
  await pane.endsWith("lobby> half");
  first.program.child.kill("SIGTERM");
  assert.equal((await first.program.finish()).code, 0);
  await pane.endsWith("lobby (offline)> half");
  await pane.type(" a line");
  await pane.press("Enter");
  await pane.type("another");
  await pane.press("Enter");
  await pane.type("more");
  const offline = await pane.endsWith("lobby (offline, 2 waiting)> more");
  assert.deepEqual(offline.slice(-3, -1), [
    "  ... half a line (waiting)",
    "  ... another (waiting)",
  ]);
  const second = await startServer(`--port=${first.port}`);
  await using _server = second.program;
  const online = await pane.endsWith("lobby> more", "(you): another");
  assert.deepEqual(steady(online).slice(-3), [
    "TIME alice (you): half a line",
    "TIME alice (you): another",
    "lobby> more",
  ]);
  await pane.press("C-c", "C-c");
  await assertRestored(pane, "exit 0");
  second.program.child.kill("SIGTERM");
  const { stdout } = await second.program.finish();
  const said = stdout.filter((line) => line.includes("From client"));
  assert.deepEqual(said.map((line) => line.replace(/^.*127\.0\.0\.1:\d+ /, "")), [
    '"half a line"',
    '"another"',
  ]);
});

Deno.test("terminal: a flag that is for a pipe is refused", async () => {
  await using pane = await TmuxPane.open(`${clientCommand("--wait=1")}; echo "exit $?"; exec cat`);
  assert.equal((await pane.endsWith("exit 2"))[0], "--wait is for a pipe. Here Ctrl-C leaves.");
});

Deno.test("terminal: names have colours of their own, and none with NO_COLOR or --no-color", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  const looksOf = async (options: object): Promise<string> => {
    await using pane = await openClient(server.port, options);
    bob.send({ messageType: "message", data: "hi alice" });
    await pane.shows("hi alice");
    return (await pane.looks()).find((row) => row.includes("hi ")) ?? "";
  };
  const colored = await looksOf({ env: "" });
  assert.ok(colored.includes(`\x1b[38;5;${colorOf("bob")}m`), JSON.stringify(colored));
  assert.ok(colored.includes("\x1b[7malice"), JSON.stringify(colored));
  for (const options of [{ env: "NO_COLOR=1" }, { env: "", args: "--no-color" }]) {
    assert.ok(!(await looksOf(options)).includes("\x1b"));
  }
});

Deno.test("terminal: rings once for what names the person, and not with --no-bell", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  for (const [args, bells] of [["", 1], ["--no-bell", 0]] as const) {
    await using pane = await openClient(server.port, { args });
    bob.send({ messageType: "message", data: "alice, alice and ALICE" });
    bob.send({ messageType: "message", data: "the end" });
    await pane.shows("the end");
    // The bell can come behind the text, but not behind what is typed then.
    await pane.type("x");
    await pane.endsWith("lobby> x");
    assert.equal(pane.output.split("\x07").length - 1, bells);
  }
});

Deno.test("terminal: a dumb one gets lines without a single control sequence, and Ctrl-C leaves", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  const client = clientCommand("alice", `--port=${server.port}`);
  await using pane = await TmuxPane.open(
    `env -u NO_COLOR TERM=dumb ${client}; echo "exit $?"`,
    80,
    16,
  );
  await pane.shows("* You are alice in lobby");
  await pane.type("hello");
  await pane.press("Enter");
  assert.equal((await bob.jsonWhere(({ data }) => data !== undefined))["data"], "hello");
  bob.send({ messageType: "message", data: "hi alice\n\x1b[2Jשלום" });
  await pane.shows("bob: hi alice");
  await pane.type("/help");
  await pane.press("Enter");
  await pane.shows("//TEXT");
  await pane.press("C-c");
  await pane.shows("exit 0");
  assert.doesNotMatch(pane.output, /[^\P{Cc}\r\n]/u);
});
