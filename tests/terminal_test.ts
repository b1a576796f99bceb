import assert from "node:assert/strict";
import { chat } from "../client.ts";
import { Terminal, type TerminalOptions } from "../client/terminal.ts";
import { GREETING } from "../protocol.ts";
import { said, ScriptedPeer, ScriptedServer } from "./scripted.ts";
import { Window } from "./window.ts";

const NOON = new Date(2026, 10, 21, 12, 0).getTime();

/** A client at a terminal in this process: the test is its keyboard and reads its window. */
class TestTerminal {
  readonly window: Window;
  readonly exitCode: Promise<number>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  constructor(
    server: ScriptedServer,
    options: Partial<TerminalOptions> & { window?: Window } = {},
  ) {
    this.window = options.window ?? new Window(60, 12);
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.#input = writable.getWriter();
    const terminal = new Terminal({
      tty: this.window,
      input: readable,
      bell: true,
      now: () => NOON,
      ...options,
    });
    this.exitCode = chat({ url: new URL(`ws://127.0.0.1:${server.port}`) }, terminal);
  }

  /** Starts one that is in the lobby, as al, and has an empty window. */
  static async start(
    server: ScriptedServer,
    options: Partial<TerminalOptions> & { window?: Window } = {},
  ): Promise<[TestTerminal, ScriptedPeer]> {
    const terminal = new TestTerminal(server, options);
    const peer = await server.accept();
    await peer.welcome({ data: GREETING });
    await terminal.shows("lobby>");
    terminal.type("/clear\r");
    await terminal.window.until(() => terminal.window.text[0] === "lobby>");
    return [terminal, peer];
  }

  get text(): readonly string[] {
    return this.window.text;
  }

  type(keys: string): void {
    this.#input.write(new TextEncoder().encode(keys)).catch(() => {});
  }

  paste(text: string): void {
    this.type(`\x1b[200~${text}\x1b[201~`);
  }

  /** Waits until `text` is in the window. */
  async shows(text: string): Promise<void> {
    await this.window.until(() => this.text.join("\n").includes(text));
  }

  /** Leaves as a person would, and returns the exit code. */
  async leave(): Promise<number> {
    this.type("\x03\x03");
    return await this.exitCode;
  }
}

/** Sends a message back to who said it. */
async function accept(peer: ScriptedPeer, id: number): Promise<void> {
  const { data, ref } = await peer.take("message");
  peer.send(said(id, String(data), { from: "al", time: NOON, ref }));
}

Deno.test("terminal: the line that is being typed stays whole while others talk", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  terminal.type("half a l\x1b[D\x1b[D");
  await terminal.shows("> half a l");
  for (let id = 1; id <= 3; id++) peer.send(said(id, `message ${id}`, { time: NOON }));
  await terminal.shows("message 3");
  assert.deepEqual(terminal.text, [
    "12:00 bob (x): message 1",
    "12:00 bob (x): message 2",
    "12:00 bob (x): message 3",
    "lobby> half a l",
  ]);
  assert.equal(terminal.window.column, "lobby> half a l".length - 2);
  assert.equal(await terminal.leave(), 0);
  assert.ok(!terminal.window.isOpen);
});

Deno.test("terminal: what is said waits above the line until it is accepted", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  terminal.type("hello\r");
  await terminal.shows("hello");
  assert.deepEqual(terminal.text, ["  ... hello", "lobby>"]);
  await accept(peer, 1);
  await terminal.shows("(you)");
  assert.deepEqual(terminal.text, ["12:00 al (you): hello", "lobby>"]);
  assert.equal(await terminal.leave(), 0);
});

Deno.test("terminal: what is typed offline waits, and is sent once when it is back", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  terminal.type("half");
  await terminal.shows("> half");
  peer.socket.close(1001);
  await terminal.shows("lobby (offline)> half");
  terminal.type(" way\rtwo\rty");
  await terminal.shows("> ty");
  assert.deepEqual(terminal.text.slice(1), [
    "  ... half way (waiting)",
    "  ... two (waiting)",
    "lobby (offline, 2 waiting)> ty",
  ]);
  const again = await server.accept();
  await again.welcome({});
  await accept(again, 1);
  await accept(again, 2);
  await terminal.shows("you): two");
  assert.deepEqual(terminal.text, [
    "12:00 -- connection lost, trying again in 1 s",
    "12:00 -- back",
    "12:00 al (you): half way",
    "12:00 al (you): two",
    "lobby> ty",
  ]);
  assert.equal(await terminal.leave(), 0);
  assert.equal(again.got.filter(({ messageType }) => messageType === "message").length, 0);
});

Deno.test("terminal: a paste of many lines is one message", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  terminal.type("see: ");
  terminal.paste("one\r\ttwo\r");
  terminal.type("\r");
  assert.equal((await peer.take("message"))["data"], "see: one\n\ttwo");
  peer.socket.close(1000);
  assert.equal(await terminal.exitCode, 1);
});

Deno.test("terminal: a paste of more than 20 lines needs a yes, and one that is too long is refused", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  const lines = Array.from({ length: 21 }, (_, i) => `line ${i}`).join("\r");
  terminal.type("kept ");
  terminal.paste(lines);
  await terminal.shows("Send 21 lines as one message? (y/n)");
  terminal.paste("more");
  await terminal.shows("Answer y or n first.");
  terminal.type("xn");
  await terminal.shows("> kept");
  assert.match(terminal.text.join("\n"), /-- Not sent\nlobby> kept$/);
  terminal.paste(`${"long ".repeat(1000)}\r${lines}`);
  await terminal.shows("That is over 4096 bytes. Paste it in parts.");
  terminal.paste("x".repeat(5_000));
  await terminal.shows("lobby> kept");
  terminal.paste(lines);
  terminal.type("y");
  assert.equal((await peer.take("message"))["data"], `kept ${lines.replaceAll("\r", "\n")}`);
  assert.equal(await terminal.leave(), 9);
});

Deno.test("terminal: rings once for what names the person, however often, and not with --no-bell", async () => {
  for (const bell of [true, false]) {
    await using server = new ScriptedServer();
    const [terminal, peer] = await TestTerminal.start(server, { bell });
    peer.send(said(1, "al, al and AL"), said(2, "and al again"), said(3, "also"));
    await terminal.shows("also");
    // The bell comes in the write behind the text's.
    terminal.type("x");
    await terminal.shows("> x");
    assert.equal(terminal.window.bells, bell ? 1 : 0);
    assert.equal(await terminal.leave(), 0);
  }
});

Deno.test("terminal: /reply answers whoever was last in a private conversation, also under a new name", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  terminal.type("/reply hi\r");
  await terminal.shows("There is no private message yet to answer.");
  const origin = { time: NOON, from: "bob", address: "x" };
  peer.send({ messageType: "private", to: "al", data: "psst", ...origin });
  peer.send({ messageType: "rename", id: 1, data: "rob", ...origin });
  await terminal.shows("bob is now rob");
  terminal.type("/reply hi\r");
  const { to, data, ref } = await peer.take("message");
  assert.deepEqual([to, data], ["rob", "hi"]);
  peer.send({ messageType: "private", to: "rob", data, ref, ...origin, from: "al" });
  await terminal.shows("(private) you to rob: hi");
  assert.equal(await terminal.leave(), 0);
});

Deno.test("terminal: /reply goes on with whom the person wrote to last, too", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  terminal.type("/msg eve hi\r");
  const { data, ref } = await peer.take("message");
  peer.send({ messageType: "private", time: NOON, from: "al", to: "eve", data, ref });
  await terminal.shows("you to eve: hi");
  terminal.type("/reply again\r");
  assert.equal((await peer.take("message"))["to"], "eve");
  assert.equal(await terminal.leave(), 9);
});

Deno.test("terminal: completes rooms that it was in or that were listed last", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  terminal.type("/join lo\t");
  await terminal.shows("/join lobby");
  peer.send({ messageType: "rooms", dataArray: ["dev", "design"], counts: [1, 2], count: 2 });
  await terminal.shows("2 rooms");
  terminal.type("\x03/join dev\t");
  await terminal.shows("/join dev");
  terminal.type("\x03/join desi\t");
  await terminal.shows("/join design");
  assert.equal(await terminal.leave(), 0);
});

Deno.test("terminal: a terminal that cannot be read any more has been left", async () => {
  await using server = new ScriptedServer();
  const input = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error("EIO")),
  });
  const terminal = new TestTerminal(server, { input });
  await (await server.accept()).welcome({});
  assert.equal(await terminal.exitCode, 0);
});

Deno.test("terminal: a paste that looks like a command is said as it is", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  terminal.paste("/quit\n// and more");
  terminal.type("\r");
  assert.equal((await peer.take("message"))["data"], "/quit\n// and more");
  assert.equal(await terminal.leave(), 9);
});

Deno.test("terminal: who leaves while something is not answered is told so", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  terminal.type("said\r\x03");
  await terminal.shows("Waiting for answers. Ctrl-C again leaves at once.");
  await terminal.shows("lobby (leaving, 1 waiting)>");
  await accept(peer, 1);
  assert.equal(await terminal.exitCode, 0);
});

Deno.test("terminal: /ignore hides a person, under a new name too, until it is said again", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  terminal.type("/ignore BOB\r");
  await terminal.shows("You ignore BOB");
  const origin = { time: NOON, from: "bob", address: "x" };
  peer.send(said(1, "unseen 1"), { messageType: "rename", id: 2, data: "rob", ...origin });
  peer.send(said(3, "unseen 2", { from: "rob" }), said(4, "seen", { from: "eve" }));
  await terminal.shows("seen");
  assert.ok(!terminal.text.join("\n").includes("unseen"));
  terminal.type("/ignore\r/ignore rob\r");
  await terminal.shows("You hear rob again");
  assert.ok(terminal.text.includes("12:00 -- You ignore rob"));
  peer.send(said(5, "heard", { from: "rob" }));
  await terminal.shows("heard");
  assert.equal(await terminal.leave(), 0);
});

Deno.test("terminal: a server that sends escape sequences in whatever it sends writes text alone", async () => {
  await using server = new ScriptedServer();
  const evil = "\x1b[2J\x1b[H\x1b]0;t\x07\x9b1A\u202E";
  const terminal = new TestTerminal(server, { bell: false });
  const peer = await server.accept();
  const fields = { name: `n${evil}`, address: evil, room: `r${evil}`, data: evil };
  await peer.welcome(fields);
  await terminal.shows("r[2J[H]0;t1A>");
  const origin = { time: NOON, from: evil, address: evil };
  peer.send(
    said(1, evil, origin),
    said(2, evil, { ...origin, action: true }),
    { messageType: "rename", id: 3, data: evil, ...origin },
    { messageType: "join", id: 4, ...origin },
    { messageType: "private", to: evil, data: evil, ...origin },
    { messageType: "users", dataArray: [evil], count: 1, room: evil },
    { messageType: "rooms", dataArray: [evil], counts: [1], count: 1 },
    { messageType: "error", code: evil, data: evil },
    { messageType: "missed", count: 1, data: `missed ${evil}` },
    said(6, evil, origin),
  );
  await terminal.shows("missed");
  terminal.type("/msg \t");
  await terminal.shows("/msg ");
  // What the screen itself needs, and nothing else.
  assert.deepEqual(
    [...terminal.window.controls].map((control) => control.slice(1)).filter((control) =>
      !/^\[(NA|A|B|NC|C|J|K|H|NH)$/.test(control)
    ),
    [],
  );
  assert.equal(terminal.window.bells, 0);
  assert.equal(await terminal.leave(), 0);
});

Deno.test("terminal: Ctrl-C waits for what was said to be accepted, and a second one does not", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  terminal.type("said\r\x03");
  await terminal.shows("Waiting for answers");
  terminal.type("\rmore\r");
  await terminal.shows("You are leaving: this was not taken.");
  await accept(peer, 1);
  assert.equal(await terminal.exitCode, 0);
  assert.ok(!terminal.text.join("\n").includes("arrived"));
  assert.equal(terminal.text.join("\n").split("You are leaving").length, 2);
  assert.deepEqual(peer.got, []);

  const [other] = await TestTerminal.start(server);
  other.type("said\r\x03\x03");
  assert.equal(await other.exitCode, 9);
  await other.shows("1 line may not have arrived");
});

Deno.test("terminal: who leaves while it is offline does not wait, and is told what was not sent", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  peer.socket.close(1001);
  await terminal.shows("(offline)");
  terminal.type("said\r\x03");
  assert.equal(await terminal.exitCode, 9);
  const text = terminal.text.join("\n");
  assert.ok(text.includes("1 line was not sent") && !text.includes("Waiting for"), text);
});

Deno.test("terminal: a private message that may be lost makes the exit code 9, and /quit twice leaves", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  terminal.type("/msg bob hi\r");
  await peer.take("message");
  peer.socket.close(1001);
  await terminal.shows("Not known whether this reached bob: hi");
  const again = await server.accept();
  await again.welcome({});
  await terminal.shows("back");
  terminal.type("said\r");
  await again.take("message");
  terminal.type("/quit\r/quit\r");
  assert.equal(await terminal.exitCode, 9);

  const [other, echoing] = await TestTerminal.start(server);
  other.type("/msg bob hi\r");
  await echoing.take("message");
  echoing.socket.close(1001);
  await (await server.accept()).welcome({});
  await other.shows("back");
  assert.equal(await other.leave(), 9);
});

Deno.test("terminal: who leaves with nothing on the way is told nothing", async () => {
  await using server = new ScriptedServer();
  const [terminal] = await TestTerminal.start(server);
  terminal.type("x");
  await terminal.shows("> x");
  assert.equal(await terminal.leave(), 0);
  assert.deepEqual(terminal.text, [""]);
});

Deno.test("terminal: what is said beyond 64 lines that are not answered is not taken", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  terminal.type("line\r".repeat(65));
  await terminal.shows("Too much waits already: this was not taken.");
  await terminal.shows("  ... and 59 more");
  for (let id = 1; id <= 64; id++) await accept(peer, id);
  await terminal.window.until(() => !terminal.text.join("\n").includes("..."));
  assert.equal(await terminal.leave(), 0);
});

Deno.test("terminal: who comes is told in the row of who came before, and after /clear in a new one", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  const join = (id: number, from: string): object => ({
    messageType: "join",
    id,
    time: NOON,
    from,
    address: "x",
  });
  peer.send(join(1, "bob"));
  await terminal.shows("bob");
  peer.send(join(2, "eve"));
  await terminal.shows("eve");
  assert.deepEqual(terminal.text, ["12:00 --> bob and eve joined", "lobby>"]);
  terminal.type("/clear\r");
  await terminal.window.until(() => terminal.text.length === 1);
  peer.send(join(3, "zoe"));
  await terminal.shows("zoe");
  assert.deepEqual(terminal.text, ["12:00 --> zoe joined", "lobby>"]);
  assert.equal(await terminal.leave(), 0);
});

Deno.test("terminal: twenty lines ask nothing; no, Ctrl-C, Ctrl-D and Escape mean no, an arrow nothing", async () => {
  await using server = new ScriptedServer();
  const [terminal] = await TestTerminal.start(server);
  const lines = (count: number): string =>
    Array.from({ length: count }, (_, i) => `${i}`).join("\r");
  terminal.paste(lines(20));
  await terminal.shows("↵19");
  terminal.type("\x03keep");
  for (const no of ["n", "N", "\x03", "\x04", "\x1b"]) {
    terminal.paste(lines(21));
    await terminal.window.until(() =>
      terminal.text.at(-1) === "Send 21 lines as one message? (y/n)"
    );
    terminal.type("\x1b[A");
    terminal.type(no);
    await terminal.window.until(() => terminal.text.at(-1) === "lobby> keep");
    assert.equal(terminal.text.at(-2), "12:00 -- Not sent");
  }
  terminal.paste("x".repeat(2_000));
  terminal.paste("y".repeat(2_093));
  await terminal.shows("That is over 4096 bytes.");
  assert.equal(await terminal.leave(), 0);
});

Deno.test("terminal: Tab lists fifty names, and how many more there are", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server, { window: new Window(60, 24) });
  const dataArray = Array.from({ length: 60 }, (_, i) => `p${i}`);
  peer.send({ messageType: "users", dataArray, count: 60, room: "lobby" });
  await terminal.shows("60 in lobby");
  terminal.type("/clear\r/msg p\t");
  await terminal.shows("and 10 more");
  assert.match(terminal.text.join(" "), /p0 +p1 .* p49 and 10 +more/);
  assert.equal(await terminal.leave(), 0);
});

Deno.test("terminal: names of several lines break no row", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  peer.send({ messageType: "private", time: NOON, from: "a\nb\tc", to: "al", data: "psst" });
  await terminal.shows("a b c to you: psst");
  terminal.type("/reply hi\r");
  await terminal.shows("  ... /msg a b c hi");
  peer.send(said(1, "more", { time: NOON }));
  await terminal.shows("more");
  assert.deepEqual(terminal.text.slice(1), [
    "12:00 bob (x): more",
    "  ... /msg a b c hi",
    "lobby>",
  ]);
  assert.equal(await terminal.leave(), 9);
});

Deno.test("terminal: the end of its input and a signal end it, and give the terminal back", async () => {
  await using server = new ScriptedServer();
  const [terminal] = await TestTerminal.start(server);
  terminal.window.events?.end();
  assert.equal(await terminal.exitCode, 0);
  assert.ok(!terminal.window.isOpen);
  assert.equal(terminal.window.column, 0);
});

Deno.test("terminal: a window of one row and few columns breaks nothing", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server, { window: new Window(12, 3) });
  peer.send(said(1, "a long text with words", { time: NOON }));
  await terminal.shows("words");
  terminal.window.columns = 1;
  terminal.window.rows = 1;
  terminal.window.events?.resize();
  terminal.type("x");
  terminal.window.columns = 60;
  terminal.window.rows = 12;
  terminal.window.events?.resize();
  await terminal.shows("lobby> x");
  assert.equal(await terminal.leave(), 0);
});

Deno.test("terminal: a paste without an end says how to end it, and Ctrl-C brings the keyboard back", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server);
  terminal.type("\x1b[200~half");
  await terminal.shows("Pasting. Ctrl-C ends it.");
  terminal.type("\rhello\r");
  terminal.type("\x03");
  await terminal.shows("A paste had no end, and was not taken.\nlobby>");
  terminal.type("hello\r");
  assert.equal((await peer.take("message"))["data"], "hello");
  assert.equal(await terminal.leave(), 9);
});

Deno.test("terminal: of long messages the first twenty rows are shown, and /more shows them whole", async () => {
  await using server = new ScriptedServer();
  const [terminal, peer] = await TestTerminal.start(server, { window: new Window(60, 12) });
  const long = (name: string): string =>
    Array.from({ length: 4_000 / 8 }, (_, i) => `${name} ${i}`).join("\n");
  for (let id = 1; id <= 5; id++) peer.send(said(id, long(`m${id}`)));
  peer.send(said(6, "the end"));
  await terminal.shows("the end");
  const all = (): string[] => [...terminal.window.scrollback, ...terminal.text];
  assert.ok(all().length < 5 * 22 + 20, `${all().length}`);
  assert.equal(
    all().filter((row) => row === "        ... 480 more rows: /more shows all").length,
    5,
  );
  for (let id = 5; id >= 1; id--) {
    terminal.type("/more\r");
    await terminal.shows(`m${id} 499`);
    assert.equal(all().filter((row) => row.includes(`m${id} 250`)).length, 1);
  }
  terminal.type("/more\r");
  await terminal.shows("Nothing else is cut short.");
  terminal.type("/help\r");
  await terminal.shows("//TEXT");
  assert.ok(all().some((row) => /\/more +show whole what was cut short/.test(row)));
  assert.equal(await terminal.leave(), 0);
});

Deno.test("terminal: whatever the server says, and however it closes, is cut short and text alone", async () => {
  await using server = new ScriptedServer();
  const window = new Window(60, 12);
  const [terminal, peer] = await TestTerminal.start(server, { window, bell: false });
  const long = "\n".repeat(20_000) + "x";
  const origin = { time: NOON, from: "server", address: "x" };
  const dataArray = Array(9_999).fill("somebody");
  const users = { messageType: "users", dataArray, count: 9_999, room: "lobby" };
  // The first list of who has come in is short anyway.
  peer.send(users);
  peer.send(
    users,
    { messageType: "error", code: "x", data: long },
    { messageType: "private", to: "al", data: long, ...origin },
    { messageType: "missed", count: 1, data: long },
  );
  await terminal.shows("more rows: /more shows all\nlobby>");
  peer.socket.close(4403, "\x1b[2J\x1b]0;t\x07\x9b1A\u202Eaway");
  assert.equal(await terminal.exitCode, 4);
  const rows = terminal.text.map((row) => row.trim()).join(" ");
  assert.ok(rows.includes("has sent you away: [2J]0;t1Aaway."), rows);
  assert.ok(window.scrollback.length < 120, `${window.scrollback.length}`);
  assert.equal(window.bells, 0);
  assert.ok(!window.controls.has("\x1b[NJ"));
});
