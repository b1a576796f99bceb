/// <reference lib="dom" />
/**
 * The chat page in real Chromium: coming in, talking, coming back. Needs `chromium` and
 * `chromedriver`.
 *
 * Run with `deno task e2e`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { hueOf } from "../client/hue.ts";
import { Peer, TestServer } from "../tests/peer.ts";
import { said, ScriptedServer } from "../tests/scripted.ts";
import { Browser, Key } from "./browser.ts";
import { Directory } from "./directory.ts";
import { Program } from "./program.ts";
import {
  assertClean,
  comeIn,
  comeInto,
  hears,
  isFocused,
  noticesOf,
  openPage,
  say,
  sayAll,
  textsOf,
  valueOf,
} from "./visit.ts";

Deno.test("page: two pages and a terminal client talk, each sees all in the same order", async () => {
  await using server = new TestServer();
  await using alice = await comeIn(server, "alice");
  await using bob = await comeIn(server, "bob");
  await using carol = Program.role("client", "carol", `--port=${server.port}`);
  await alice.shows("carol");
  await say(alice, "hello from a page");
  assert.equal(await carol.line(), "alice: hello from a page");
  await hears(bob, "hello from a page");
  await carol.type("hello from a terminal\n");
  await hears(alice, "hello from a terminal");
  await hears(bob, "hello from a terminal");
  await say(bob, "hello both");
  assert.equal(await carol.line(), "bob: hello both");
  await hears(alice, "hello both");
  const said = ["hello from a page", "hello from a terminal", "hello both"];
  for (const page of [alice, bob]) {
    assert.deepEqual(await textsOf(page), said);
    assert.equal(await page.run(() => document.querySelectorAll(".is-pending").length), 0);
    const people = await page.run(() => {
      return Array.from(document.querySelectorAll("#people .label"), (each) => each.textContent);
    });
    assert.deepEqual(people, ["alice", "bob", "carol"]);
  }
  const colors = await Promise.all([alice, bob].map((page) =>
    page.run(() => {
      const names = Array.from(document.querySelectorAll<HTMLElement>(".name"));
      return names.map((name) => {
        return [name.textContent, name.dataset["hue"], getComputedStyle(name).color];
      });
    })
  ));
  assert.deepEqual(colors[0], colors[1], "a name has the same colour for everyone");
  const names = colors[0]?.map(([name, hue]) => `${name} ${hue}`);
  assert.deepEqual(names, ["alice", "carol", "bob"].map((name) => `${name} ${hueOf(name)}`));
  assert.notEqual(colors[0]?.[0]?.[2], colors[0]?.[2]?.[2], "alice and bob have two colours");
  for (const page of [alice, bob]) await assertClean(page, server);
});

Deno.test("page: a name is asked once; loaded again, the same person goes on where they were", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  sayAll(bob, "before she came");
  await bob.json("message");
  await using alice = await comeIn(server, "al ice");
  await hears(alice, "before she came");
  await bob.json("join");
  await say(alice, "first");
  await hears(alice, "first");
  await alice.reload();
  await isFocused(alice, "message");
  await say(alice, "second");
  await hears(alice, "second");
  assert.deepEqual(await textsOf(alice), ["before she came", "first", "second"]);
  const seen: unknown[] = [];
  for (const type of ["message", "leave", "join", "message"]) {
    const { from, data } = await bob.json(type);
    seen.push(from, data);
  }
  const name = "al_ice";
  assert.deepEqual(seen, [name, "first", name, undefined, name, undefined, name, "second"]);
  await assertClean(alice, server);
});

Deno.test("page: what is typed while the server is gone waits, and arrives once", async () => {
  using directory = new Directory();
  const db = `--db=${directory.file("chat.db")}`;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const start = async (): Promise<Program> => {
    const program = Program.role("server", `--port=${port}`, db);
    assert.match(await program.line(), /Server running/);
    return program;
  };
  const first = await start();
  await using alice = await comeIn({ port }, "alice");
  await say(alice, "before");
  await hears(alice, "before");
  first.child.kill("SIGKILL");
  await first.finish();
  await alice.shows("Offline.");
  await say(alice, "one");
  await alice.chord(Key.shift, Key.enter);
  await say(alice, "two");
  await alice.shows("2 messages wait until you are back.");
  const pending = await alice.run(() => {
    const texts = document.querySelectorAll(".is-pending .text");
    return Array.from(texts, ({ textContent }) => textContent);
  });
  assert.deepEqual(pending, ["one", "\ntwo"].map((text) => text.trim()));
  await using _second = await start();
  // It may be back by itself meanwhile.
  await alice.run(() => document.getElementById("status-act")?.click());
  await hears(alice, "two");
  await alice.until(() => document.querySelector("#status")?.textContent?.trim() === "");
  assert.deepEqual(await textsOf(alice), ["before", "one", "two"]);
  const notices = await noticesOf(alice);
  assert.ok(notices.some((notice) => /^connection lost, trying again in/.test(notice)));
  assert.ok(notices.includes("back"));
  await using reader = await Peer.open(`ws://127.0.0.1:${port}/text`);
  assert.equal(await reader.frame(), "Welcome to chat! Type a message");
  await say(alice, "and no more");
  const heard: string[] = [];
  while (heard.at(-1) !== "alice: and no more") heard.push(await reader.frame());
  const lines = heard.filter((line) => line.startsWith("alice: "));
  assert.deepEqual(lines, ["before", "one", "two", "and no more"].map((text) => `alice: ${text}`));
  await hears(alice, "and no more");
  assert.deepEqual(await textsOf(alice), ["before", "one", "two", "and no more"]);
  await assertClean(alice, { port }, { isRefused: true });
});

Deno.test("page: another tab, and one that was copied, is another person of the remembered name", async () => {
  await using server = new TestServer();
  await using alice = await comeIn(server, "alice");
  const isIn = async (name: string): Promise<void> => {
    await alice.until((name) => document.getElementById("self-name")?.textContent === name, name);
    assert.equal(await alice.run(() => document.getElementById("entry")?.hidden), true);
  };
  await say(alice, "/nick zoe");
  await isIn("zoe");
  await alice.openTab(server.url("http"));
  await isIn("zoe-2");
  await alice.run(() => void globalThis.open(location.href));
  await alice.turnToTab(-1);
  await isIn("zoe-3");
  await alice.turnToTab(0);
  await say(alice, "still here");
  await hears(alice, "still here");
  await alice.shows("3 people");
  await assertClean(alice, server);
});

Deno.test("page: what waits outlives the page: it is said once, and where it was written", async () => {
  await using server = new TestServer();
  const { port } = server;
  await using alice = await comeIn(server, "alice");
  await server.server.shutdown();
  await alice.shows("Offline.");
  await say(alice, "for the lobby");
  await say(alice, "/join dev");
  await alice.shows("You are in #dev then.");
  await say(alice, "for dev");
  await alice.shows("2 messages wait");
  await alice.type("half a line");
  await alice.go("about:blank");
  await using again = new TestServer({ port });
  await using lobby = await again.register("reader");
  await using dev = await again.register("writer", "dev");
  await alice.go(again.url("http"));
  await hears(alice, "for dev");
  await isFocused(alice, "message");
  assert.equal(await valueOf(alice), "half a line");
  await alice.press(Key.enter);
  await hears(alice, "half a line");
  assert.deepEqual(await textsOf(alice), ["for dev", "half a line"]);
  for (
    const [reader, texts] of [[lobby, ["for the lobby"]], [dev, [
      "for dev",
      "half a line",
    ]]] as const
  ) {
    sayAll(reader, "that is all");
    const heard: unknown[] = [];
    while (heard.at(-1) !== "that is all") {
      const { data } = await reader.jsonWhere(({ messageType }) => messageType === "message");
      heard.push(data);
    }
    assert.deepEqual(heard, [...texts, "that is all"]);
  }
  await assertClean(alice, server, { isRefused: true });
});

Deno.test("page: loaded again and again while it cannot come in, it keeps what waits, and tries by itself", async () => {
  await using server = new ScriptedServer();
  await using alice = await openPage(server);
  const first = await comeInto(server, alice);
  await say(alice, "precious");
  const isPending = (): boolean =>
    document.querySelector(".is-pending")?.textContent?.includes("precious") === true;
  await alice.until(isPending);
  await first.take("message");
  for (let i = 0; i < 2; i++) {
    const reloading = alice.reload();
    const peer = await server.accept();
    await peer.take("register");
    peer.socket.close(1013);
    await reloading;
    await alice.shows("is full");
  }
  // Nobody presses "Try again".
  const peer = await server.accept();
  const { session } = await peer.welcome({ name: "alice" });
  assert.equal(session, "s");
  const { data, ref } = await peer.take("message");
  assert.equal(data, "precious");
  peer.send(said(1, "precious", { from: "alice", ref }));
  await hears(alice, "precious");
});

Deno.test("page: what was said is there at once, and settles when it came back", async () => {
  await using server = new ScriptedServer();
  await using alice = await openPage(server);
  const peer = await comeInto(server, alice, { events: [said(1, "before")] });
  await say(alice, "on its way");
  const pending = (): Promise<string[]> =>
    alice.run(() => {
      const texts = document.querySelectorAll(".is-pending .text");
      return Array.from(texts, (each) => each.textContent ?? "");
    });
  assert.deepEqual(await pending(), ["on its way"]);
  const isLetGo = (): Promise<boolean> =>
    alice.run(() => dispatchEvent(new Event("beforeunload", { cancelable: true })));
  assert.equal(await isLetGo(), false, "who closes the page is asked first");
  assert.deepEqual(await textsOf(alice), ["before"]);
  const { ref } = await peer.take("message");
  peer.send(said(2, "meanwhile"), said(3, "on its way", { from: "alice", ref }));
  await hears(alice, "on its way");
  assert.deepEqual(await pending(), []);
  assert.equal(await isLetGo(), true);
  assert.deepEqual(await textsOf(alice), ["before", "meanwhile", "on its way"]);
  await assertClean(alice, server);
});

Deno.test("page: back on the network, it does not wait for its time", async () => {
  await using server = new TestServer();
  const { port } = server;
  await using alice = await comeIn(server, "alice");
  await server.server.shutdown();
  await alice.shows("Offline.");
  await using _again = new TestServer({ port });
  await alice.run(() => void dispatchEvent(new Event("online")));
  await alice.until(() => document.getElementById("status-text")?.textContent === "");
  await say(alice, "here again");
  await hears(alice, "here again");
  await assertClean(alice, server, { isRefused: true });
});

Deno.test("page: a join that waits is not undone by the address", async () => {
  await using server = new TestServer();
  const { port } = server;
  await using alice = await comeIn(server, "alice", { hash: "#lobby" });
  await server.server.shutdown();
  await alice.shows("Offline.");
  await say(alice, "/join dev");
  await alice.shows("You are in #dev then.");
  await alice.go("about:blank");
  await using again = new TestServer({ port });
  await alice.go(again.url("http", "/#lobby"));
  await alice.until(() => location.hash === "#dev");
  await say(alice, "here");
  await hears(alice, "here");
  assert.equal(await alice.run(() => document.getElementById("room")?.textContent), "dev");
});

Deno.test("page: who may not come in is told why, and is not brought in again and again", async () => {
  await using server = new ScriptedServer();
  await using alice = await Browser.open("about:blank");
  await alice.cdp("Page.addScriptToEvaluateOnNewDocument", {
    source: `
      globalThis.waits = [];
      const start = setTimeout;
      globalThis.setTimeout = (act, ms) => {
        globalThis.waits.push(ms);
        return start(act, ms);
      };`,
  });
  await alice.go(`http://127.0.0.1:${server.port}/`);
  await isFocused(alice, "entry-name");
  await alice.type("alice");
  const endings = [[1013, "is full", true], [4403, "has sent you away", false]] as const;
  for (const [code, text, isTriedAgain] of endings) {
    await alice.run(() => void Reflect.set(globalThis, "waits", []));
    await alice.press(Key.enter);
    const peer = await server.accept();
    await peer.take("register");
    peer.socket.close(code);
    await alice.shows(text);
    const waits = await alice.run(() => Reflect.get(globalThis, "waits") as number[]);
    assert.equal(waits.includes(5_000), isTriedAgain, `${code}: ${waits}`);
  }
  await alice.press(Key.enter);
  const next = await server.accept();
  await next.welcome({ name: "alice" });
  await isFocused(alice, "message");
});
