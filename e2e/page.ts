/// <reference lib="dom" />
/**
 * The chat page in real Chromium, used as people use it. Needs `chromium` and `chromedriver`.
 *
 * Run with `deno task e2e`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Peer, TestServer } from "../tests/peer.ts";
import { ScriptedServer } from "../tests/scripted.ts";
import { type AccessibleNode, Browser, type BrowserOptions, Key } from "./browser.ts";
import { Directory } from "./directory.ts";
import { Program } from "./program.ts";

/** Where a server is that a page comes from. */
interface Place {
  readonly port: number;
}

/** Opens the page in a browser of its own. */
function openPage(
  { port }: Place,
  options: BrowserOptions & { hash?: string } = {},
): Promise<Browser> {
  return Browser.open(`http://127.0.0.1:${port}/${options.hash ?? ""}`, options);
}

/** Opens the page, says a name, and waits until the person is in. */
async function comeIn(
  server: Place,
  name: string,
  options: BrowserOptions & { hash?: string } = {},
): Promise<Browser> {
  const browser = await openPage(server, options);
  await sayName(browser, name);
  return browser;
}

async function sayName(browser: Browser, name: string): Promise<void> {
  await isFocused(browser, "entry-name");
  await browser.type(name);
  await browser.press(Key.enter);
  await isFocused(browser, "message");
}

/** Waits until the element with that id has the focus. */
async function isFocused(browser: Browser, id: string): Promise<void> {
  await browser.until((id) => document.activeElement?.id === id, id);
}

/** Types a message, or a command, and sends it. */
async function say(browser: Browser, text: string): Promise<void> {
  await browser.type(text);
  await browser.press(Key.enter);
}

/** Waits until a message is in the transcript, settled. */
async function hears(browser: Browser, text: string): Promise<void> {
  await browser.until((text) => {
    const texts = document.querySelectorAll(".chunk .text");
    return Array.from(texts).some(({ textContent }) => textContent === text);
  }, text);
}

/** Returns the texts of all messages in the transcript that are in the document. */
function textsOf(browser: Browser): Promise<string[]> {
  return browser.run(() => {
    const texts = document.querySelectorAll(".chunk .text");
    return Array.from(texts, ({ textContent }) => textContent ?? "");
  });
}

/** Returns the notices in the transcript. */
function noticesOf(browser: Browser): Promise<string[]> {
  return browser.run(() => {
    return Array.from(document.querySelectorAll(".notice"), ({ textContent }) => textContent ?? "");
  });
}

/** Checks that nothing was complained about, and nothing asked of anybody but the server. */
async function assertClean(browser: Browser, { port }: Place): Promise<void> {
  assert.deepEqual(await browser.complaints(), []);
  const requests = await browser.requests();
  assert.ok(requests.some((url) => url.startsWith("ws:")), "the log of requests is not read");
  const own = new RegExp(`^(http|ws)://127\\.0\\.0\\.1:${port}/|^data:,$`);
  assert.deepEqual(requests.filter((url) => !own.test(url)), []);
}

/** Returns what is being written. */
function valueOf(browser: Browser): Promise<string> {
  return browser.run(() => {
    const input = document.getElementById("message");
    return input instanceof HTMLTextAreaElement ? input.value : "";
  });
}

/** Presses Tab until the element with that id has the focus. */
async function tabTo(browser: Browser, id: string): Promise<void> {
  for (let i = 0; i < 60; i++) {
    if (await browser.run((id) => document.activeElement?.id === id, id)) return;
    await browser.press(Key.tab);
  }
  assert.fail(`#${id} cannot be reached`);
}

function sayAll(peer: Peer, ...texts: string[]): void {
  for (const data of texts) peer.send({ messageType: "message", data });
}

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
  const hues = await Promise.all(
    [alice, bob].map((page) =>
      page.run(() => document.querySelector<HTMLElement>(".name")?.dataset["hue"])
    ),
  );
  assert.equal(hues[0], hues[1], "a name has the same colour for everyone");
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
  await alice.go("about:blank");
  await alice.go(server.url("http"));
  await isFocused(alice, "message");
  assert.equal(await alice.run(() => document.getElementById("self-name")?.textContent), "al_ice");
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
  await alice.shows("2 messages wait");
  const pending = await alice.run(() => {
    const texts = document.querySelectorAll(".is-pending .text");
    return Array.from(texts, ({ textContent }) => textContent);
  });
  assert.deepEqual(pending, ["one", "\ntwo"].map((text) => text.trim()));
  await using _second = await start();
  await alice.click("#status-act");
  await hears(alice, "two");
  await alice.until(() => document.querySelector("#status")?.textContent?.trim() === "");
  assert.deepEqual(await textsOf(alice), ["before", "one", "two"]);
  const notices = await noticesOf(alice);
  assert.ok(notices.some((notice) => /^connection lost, trying again in/.test(notice)));
  assert.ok(notices.includes("back"));
  await using reader = await Peer.open(`ws://127.0.0.1:${port}/text`);
  assert.equal(await reader.frame(), "Welcome to chat! Type a message");
  for (const text of ["before", "one", "two"]) assert.equal(await reader.frame(), `alice: ${text}`);
  const complaints = await alice.complaints();
  // That a connection failed, a browser says by itself.
  const isRefusal = (text: string): boolean => text.includes("net::ERR_CONNECTION_REFUSED");
  assert.deepEqual(complaints.filter((text) => !isRefusal(text)), []);
});

Deno.test("page: what waits outlives the page: loaded again once the server is back, it is said once", async () => {
  await using server = new TestServer();
  const { port } = server;
  await using alice = await comeIn(server, "alice");
  await server.server.shutdown();
  await alice.shows("Offline.");
  await say(alice, "typed into a page that is gone");
  await alice.shows("1 message waits");
  await using again = new TestServer({ port });
  await alice.reload();
  await hears(alice, "typed into a page that is gone");
  await using reader = await again.connect("/text");
  assert.equal(await reader.frame(), "Welcome to chat! Type a message");
  assert.equal(await reader.frame(), "alice: typed into a page that is gone");
});

Deno.test("page: a thousand messages at once, and five thousand, of which old ones leave the document", async () => {
  await using server = new TestServer({ capacity: 8_192 });
  await using bob = await server.register("bob");
  await using alice = await comeIn(server, "alice");
  const text = (i: number): string => `message ${i}`;
  const numbers = Array.from({ length: 5_000 }, (_, i) => i + 1);
  sayAll(bob, ...numbers.slice(0, 1_000).map(text));
  await hears(alice, text(1_000));
  const last = await textsOf(alice);
  assert.ok(last.length >= 300 && last.length <= 600, `${last.length} are in the document`);
  assert.deepEqual(last, numbers.slice(1_000 - last.length, 1_000).map(text));
  sayAll(bob, ...numbers.slice(1_000).map(text));
  await hears(alice, text(5_000));
  const count = await alice.run(() => document.querySelectorAll("*").length);
  assert.ok(count < 5_000, `${count} elements`);
  // Upwards to the first one, with never more than a part of them in the document.
  const seen = await alice.run(async () => {
    const log = document.querySelector(".log");
    const seen = new Set<string>();
    let most = 0;
    for (let top = Infinity; top > 0; top = log?.scrollTop ?? 0) {
      const texts = document.querySelectorAll(".earlier .text, .newest .text");
      most = Math.max(most, texts.length);
      for (const { textContent } of texts) seen.add(textContent ?? "");
      log?.scrollBy({ top: -log.clientHeight, behavior: "instant" });
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    return { size: seen.size, most };
  });
  assert.ok(seen.most <= 650, `${seen.most} were in the document`);
  assert.ok(seen.size >= 4_950, `${seen.size} could be seen`);
  await assertClean(alice, server);
});

Deno.test("page: a reader who scrolls up stays there, and a button leads to what is new", async () => {
  await using server = new TestServer({ capacity: 4_096, history: 100 });
  await using bob = await server.register("bob");
  sayAll(bob, ...Array.from({ length: 100 }, (_, i) => `old ${i}`));
  await using alice = await comeIn(server, "alice");
  await hears(alice, "old 99");
  const place = (): Promise<number> =>
    alice.run(() => {
      const texts = Array.from(document.querySelectorAll(".chunk .text"));
      const read = texts.find(({ textContent }) => textContent === "old 50");
      return Math.round(read?.getBoundingClientRect().top ?? 0);
    });
  await alice.run(() => {
    const texts = Array.from(document.querySelectorAll(".chunk .text"));
    texts.find(({ textContent }) => textContent === "old 50")?.scrollIntoView({ block: "center" });
  });
  await alice.until(() => document.getElementById("new")?.hidden === false);
  const before = await place();
  sayAll(bob, ...Array.from({ length: 700 }, (_, i) => `new ${i}`));
  await alice.until(() => document.getElementById("new")?.textContent === "700 new messages");
  assert.equal(await place(), before);
  assert.equal(await alice.run(() => document.title), "(700) #lobby · Broadcast chat");
  await alice.click("#new");
  await alice.until(() => {
    const marker = document.querySelector(".marker")?.getBoundingClientRect();
    const frame = document.querySelector(".log")?.getBoundingClientRect();
    return !!marker && !!frame && marker.top >= frame.top - 1 && marker.bottom <= frame.bottom;
  });
  const next = await alice.run(() => {
    const blocks = Array.from(document.querySelectorAll(".marker, .chunk .message"));
    const marker = blocks.findIndex((block) => block.className === "marker");
    return blocks[marker + 1]?.querySelector(".text")?.textContent;
  });
  assert.equal(next, "new 0");
  await alice.click("#new");
  await alice.until(() => document.getElementById("new")?.hidden === true);
  assert.equal(await alice.run(() => document.title), "#lobby · Broadcast chat");
  sayAll(bob, "the last one");
  await alice.until(() => {
    const [last] = Array.from(document.querySelectorAll(".chunk .text")).slice(-1);
    const frame = document.querySelector(".log")?.getBoundingClientRect();
    const box = last?.getBoundingClientRect();
    return last?.textContent === "the last one" && !!box && !!frame && box.bottom <= frame.bottom;
  });
});

Deno.test("page: who looks elsewhere finds what is new in the title, by a notification, and where it begins", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  await using alice = await comeIn(server, "alice");
  await alice.cdp("Browser.grantPermissions", { permissions: ["notifications"] });
  await alice.run(() => {
    const shown: string[] = [];
    Object.assign(globalThis, { shown });
    globalThis.Notification = class extends Notification {
      constructor(title: string, options?: NotificationOptions) {
        super(title, options);
        shown.push(`${title}: ${options?.body}`);
      }
    };
  });
  const notifications = (): Promise<unknown> => alice.run(() => Reflect.get(globalThis, "shown"));
  await alice.click("#notify");
  await alice.until(() => document.getElementById("notify")?.ariaPressed === "true");
  const { targetId } = await alice.cdp("Target.createTarget", { url: "about:blank" });
  await alice.cdp("Target.activateTarget", { targetId });
  await alice.until(() => document.visibilityState === "hidden");
  sayAll(bob, "not for anybody in particular", "Alice: this one", "@alice and this");
  bob.send({ messageType: "message", data: "psst", to: "alice" });
  sayAll(bob, ...Array.from({ length: 60 }, (_, i) => `line ${i}`));
  await alice.until(() => document.title === "(64) #lobby · Broadcast chat");
  const expected = ["bob: Alice: this one", "bob: @alice and this", "bob: psst"];
  assert.deepEqual(await notifications(), expected);
  await alice.cdp("Target.closeTarget", { targetId });
  await alice.until(() => document.visibilityState === "visible");
  await alice.until(() => document.getElementById("new")?.textContent === "64 new messages");
  const top = await alice.run(() => {
    const marker = document.querySelector(".marker")?.getBoundingClientRect().top ?? 0;
    return marker - (document.querySelector(".log")?.getBoundingClientRect().top ?? 0);
  });
  assert.ok(top >= 0 && top < 60, `what is new begins ${top} pixels below the top`);
  await alice.click("#new");
  await alice.until(() => document.title === "#lobby · Broadcast chat");
  await alice.click("#notify");
  await alice.until(() => document.getElementById("notify")?.ariaPressed === "false");
});

Deno.test("page: what an attacker writes is text, wherever it is shown", async () => {
  await using server = new TestServer();
  await using alice = await comeIn(server, "alice", { width: 360, height: 700 });
  await alice.run(() => {
    Object.assign(globalThis, { alert: () => document.body.append("HACKED") });
  });
  const texts = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "javascript:alert(1) data:text/html,<script>alert(1)</script>",
    'https://example.com/"onmouseover="alert(1) http://x/<b>y</b>',
    "https://[::1 http:// https://",
    "x".repeat(4_096),
    "\u{1F469}\u200D\u{1F4BB}".repeat(300),
    "e" + "\u0301".repeat(1_000),
    "&lt;b&gt; ${alert(1)} {{1+1}}",
    Array.from({ length: 500 }, () => ".").join("\n"),
  ];
  await using eve = await Peer.open(server.url("ws"), "chat.v1");
  eve.send({ messageType: "register", data: "<img/src=x/onerror=alert(1)>" });
  await eve.json("welcome");
  sayAll(eve, ...texts);
  eve.send({ messageType: "message", data: "\u202Egnp.exe \u2066<b>\u2069", action: true });
  for (const data of texts.slice(0, 3)) eve.send({ messageType: "message", data, to: "alice" });
  await alice.until((count) => document.querySelectorAll(".chunk .text").length === count, 14);
  assert.deepEqual((await textsOf(alice)).slice(0, 10), texts);
  const [action = ""] = (await textsOf(alice)).slice(10);
  assert.equal(action, "_img_src_x_onerror_alert_1_ gnp.exe <b>");
  const made = await alice.run(() => ({
    foreign: document.querySelectorAll("#app script, .log img, .log b, #people img").length,
    links: Array.from(document.querySelectorAll<HTMLAnchorElement>(".text a"), ({ href }) => href),
    rels: Array.from(document.querySelectorAll<HTMLAnchorElement>(".text a"), ({ rel }) => rel),
    sideways: document.documentElement.scrollWidth > innerWidth ||
      (document.querySelector(".log")?.scrollWidth ?? 0) >
        (document.querySelector(".log")?.clientWidth ?? 0),
    highest: Math.max(
      ...Array.from(document.querySelectorAll(".message"), (each) => each.clientHeight),
    ),
  }));
  assert.equal(made.foreign, 0);
  assert.deepEqual(made.links, ["https://example.com/", "http://x/"]);
  assert.deepEqual(made.rels, ["noopener noreferrer", "noopener noreferrer"]);
  assert.equal(made.sideways, false);
  assert.ok(made.highest < 500, `a message is ${made.highest} pixels high`);
  await alice.click(".chunk .more");
  await alice.until(() => document.querySelector(".chunk .more")?.textContent === "Show less");
  assert.ok(!(await alice.run(() => document.body.innerText)).includes("HACKED"));
  await assertClean(alice, server);
});

Deno.test("page: a hostile server's names and rooms are text, too", async () => {
  await using server = new TestServer();
  await using hostile = new ScriptedServer();
  await using alice = await openPage(server);
  // The page's policy lets it connect to its own server alone: so the hostile one is a proxy's port.
  const refused = await alice.run(async (port) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    return await new Promise<string>((resolve) => {
      socket.onopen = () => resolve("open");
      socket.onerror = () => resolve("refused");
    });
  }, hostile.port);
  assert.equal(refused, "refused");
  const complaints = await alice.complaints();
  assert.ok(complaints.every((text) => text.includes("Content Security Policy")), `${complaints}`);
  const thrown = await alice.run(() => {
    try {
      document.body.innerHTML = "<b>";
      return "";
    } catch (error) {
      return String(error);
    }
  });
  assert.match(thrown, /TrustedHTML/);
});

Deno.test("page: with the keyboard alone: come in, write, several lines, a room, a person, help", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  await using alice = await comeIn(server, "alice");
  await alice.shows("bob");
  await alice.type("one");
  await alice.chord(Key.shift, Key.enter);
  await say(alice, "two");
  await hears(alice, "one\ntwo");
  await say(alice, "/m");
  await alice.shows("There is no command /m. Did you mean /msg?");
  await alice.chord(Key.control, "a");
  await alice.type("hi b");
  await alice.press(Key.tab);
  assert.equal(await valueOf(alice), "hi bob ");
  await alice.press(Key.enter);
  await hears(alice, "hi bob ");
  await tabTo(alice, "new-room-name");
  await say(alice, "Dev");
  await alice.until(() => location.hash === "#dev");
  await isFocused(alice, "message");
  await tabTo(alice, "rename");
  await alice.press(Key.enter);
  await isFocused(alice, "rename-name");
  await say(alice, "alicia");
  await alice.shows("You are alicia in dev");
  await tabTo(alice, "help-open");
  await alice.press(Key.space);
  await alice.until(() => document.querySelector("#help[open]") !== null);
  await alice.press(Key.escape);
  await isFocused(alice, "help-open");
  await alice.back();
  await alice.until(() => location.hash === "#lobby");
  await alice.shows("bob");
  const isBob = (): boolean =>
    document.activeElement?.matches("#people li:nth-child(2) *") === true;
  while (!await alice.run(isBob)) await alice.press(Key.tab);
  await alice.press(Key.enter);
  await alice.until(() => document.querySelector("#person[open]") !== null);
  await tabTo(alice, "person-write");
  await alice.press(Key.enter);
  await isFocused(alice, "message");
  await say(alice, "psst\nquietly");
  await alice.shows("privately to bob");
  const { data } = await bob.jsonWhere(({ messageType }) => messageType === "private");
  assert.equal(data, "psst\nquietly");
  await alice.press(Key.escape);
  await say(alice, "aloud");
  await hears(alice, "aloud");
  assert.equal((await bob.jsonWhere(({ data }) => data === "aloud"))["messageType"], "message");
  await alice.run(() => (document.activeElement as HTMLElement).blur());
  await alice.press("x");
  await isFocused(alice, "message");
  assert.equal(await valueOf(alice), "x", "who just types, writes");
  await assertClean(alice, server);
});

Deno.test("page: each focus can be seen, and the order is that of the page", async () => {
  await using server = new TestServer();
  await using alice = await comeIn(server, "alice");
  await alice.click(".brand");
  const stops: string[] = [];
  for (;;) {
    await alice.press(Key.tab);
    const { id, text, isSeen } = await alice.run(() => {
      const focused = document.activeElement ?? document.body;
      const shown = focused.matches("textarea") ? focused.closest(".field") : focused;
      const { outlineStyle, outlineWidth } = getComputedStyle(shown ?? focused);
      const isSeen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
      return { id: focused.id, text: focused.textContent?.trim() ?? "", isSeen };
    });
    const name = id || text || "log";
    if (stops.includes(name) || name.includes("\n")) break;
    assert.ok(isSeen, `${name} does not look focused`);
    stops.push(name);
  }
  const expected = [
    "#lobby",
    "new-room-name",
    "Join",
    "Aalice​you",
    "rename",
    "leave",
    "notify",
    "clear",
  ];
  assert.deepEqual(
    stops.slice(0, 8).map((stop) => stop.replace("\u200B", "")),
    expected.map((stop) => stop.replace("\u200B", "")),
  );
  assert.ok(stops.indexOf("message") > stops.indexOf("help-open"));
});

Deno.test("page: at 320 pixels nothing scrolls sideways, and all can be reached", async () => {
  await using server = new TestServer();
  await using bob = await server.register("b".repeat(32));
  sayAll(bob, "w".repeat(500), `https://example.com/${"path/".repeat(60)}`, "\tx\t".repeat(60));
  await using alice = await openPage(server, { width: 320, height: 560 });
  await isFocused(alice, "entry-name");
  const isWide = (): boolean => {
    const frames = [
      document.documentElement,
      ...document.querySelectorAll("main, .log, #side, dialog, .bar"),
    ];
    return frames.some(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 1) ||
      Array.from(document.querySelectorAll("button, input, textarea")).some((each) => {
        const { left, right, width } = each.getBoundingClientRect();
        return width > 0 && (left < 0 || right > innerWidth);
      });
  };
  const assertNarrow = async (what: string): Promise<void> => {
    assert.equal(await alice.run(isWide), false, `${what} is too wide`);
  };
  await assertNarrow("the entry");
  await sayName(alice, "a".repeat(32));
  await alice.until(() => document.querySelectorAll(".chunk .text").length === 3);
  await say(alice, "y".repeat(300));
  await hears(alice, "y".repeat(300));
  await alice.type("z".repeat(700));
  await assertNarrow("the conversation");
  await alice.click("#menu");
  await alice.until(() => document.querySelector("#side:popover-open") !== null);
  await assertNarrow("the side");
  await alice.click("#people li:nth-child(2) button");
  await alice.until(() => document.querySelector("#person[open]") !== null);
  await alice.click("#person summary");
  await assertNarrow("a person");
  await alice.press(Key.escape);
  await alice.click("#help-open");
  await assertNarrow("the help");
  await alice.press(Key.escape);
  await alice.click("[popovertarget=emoji]");
  await alice.until(() => document.querySelector("#emoji:popover-open") !== null);
  await assertNarrow("the emoji");
  await alice.click("#emoji button");
  await isFocused(alice, "message");
  assert.match(await valueOf(alice), /🙂$/u);
});

Deno.test("page: the address names the room: a link invites, going back goes back, and a wrong one is told", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob", "design");
  sayAll(bob, "said in design");
  await using alice = await comeIn(server, "alice", { hash: "#design" });
  await hears(alice, "said in design");
  await alice.click('#rooms a[href="#design"]');
  await say(alice, "/join ops");
  await alice.until(() => location.hash === "#ops" && document.title.startsWith("#ops"));
  assert.deepEqual(await textsOf(alice), []);
  const rooms = (): Promise<string[]> =>
    alice.run(() =>
      Array.from(document.querySelectorAll("#rooms li"), (each) => each.textContent ?? "")
    );
  await alice.until(() => document.querySelectorAll("#rooms li").length === 2);
  assert.deepEqual(await rooms(), ["#design1", "#ops1"]);
  sayAll(bob, "said meanwhile");
  await bob.jsonWhere(({ data }) => data === "said meanwhile");
  await alice.click('#rooms a[href="#design"]');
  await hears(alice, "said meanwhile");
  assert.deepEqual(await textsOf(alice), ["said in design", "said meanwhile"]);
  await alice.back();
  await alice.until(() => document.getElementById("room")?.textContent === "ops");
  await alice.run(() => void (location.hash = "#No such room"));
  await alice.shows("A room's name is 1 to 32 of a-z, 0-9, _ and -.");
  await alice.until(() => location.hash === "#ops");
  sayAll(bob, ...Array.from({ length: 30 }, (_, i) => `line ${i}`));
  await bob.jsonWhere(({ data }) => data === "line 29");
  await alice.click('#rooms a[href="#design"]');
  await hears(alice, "line 29");
  const texts = await textsOf(alice);
  assert.deepEqual(texts.slice(0, 3), ["said in design", "said meanwhile", "line 10"]);
  const missed = (await noticesOf(alice)).find((notice) => /missed$/.test(notice));
  assert.equal(missed, "10 messages missed");
  await assertClean(alice, server);
});

Deno.test("page: each command has a control that does the same", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  await using alice = await comeIn(server, "alice");
  const choose = async (...buttons: string[]): Promise<void> => {
    await alice.click('#people li:has([data-hue="0"]) button');
    for (const button of buttons) await alice.click(button);
  };
  await alice.shows("bob");
  await alice.click("#action");
  await say(alice, "waves");
  await hears(alice, "alice waves");
  assert.equal((await bob.jsonWhere(({ data }) => data === "waves"))["action"], true);
  bob.send({ messageType: "message", data: "psst", to: "alice" });
  await alice.click(".reply");
  await say(alice, "what is it?");
  const { data, to } = await bob.jsonWhere(({ messageType, from }) =>
    messageType === "private" && from === "alice"
  );
  assert.deepEqual([data, to], ["what is it?", "bob"]);
  await alice.click("#mode-end");
  await choose("#person-ignore");
  await alice.shows("You ignore bob; the same again ends it");
  await alice.until(() => document.querySelector("#people .is-ignored") !== null);
  sayAll(bob, "unheard");
  await choose("#person-mention");
  await say(alice, "hello?");
  await hears(alice, "bob: hello?");
  assert.ok(!(await textsOf(alice)).includes("unheard"));
  await choose("#person-ignore");
  await alice.shows("You hear bob again");
  for (const verb of ["kick", "ban", "mute"]) {
    await choose("#person summary", `#person-${verb}`);
    await alice.shows(`Only an operator may ${verb}.`);
    await alice.run(() => document.querySelector("#person details")?.removeAttribute("open"));
  }
  await alice.click("#clear");
  await alice.until(() => document.querySelectorAll(".chunk").length === 0);
  await alice.click("#leave");
  await bob.jsonWhere(({ messageType }) => messageType === "leave");
  await alice.shows("You are not in the chat any more.");
  assert.ok(await alice.run(() => document.getElementById("composer")?.hidden));
  await alice.click("#status-act");
  await isFocused(alice, "message");
  await say(alice, "here again");
  await hears(alice, "here again");
  await assertClean(alice, server);
});

Deno.test("page: what was not said comes back to be changed, and what is too long stays", async () => {
  await using server = new TestServer();
  await using alice = await comeIn(server, "alice");
  await say(alice, "/msg nobody are you there?");
  await alice.shows('Not said: Nobody here is called "nobody".');
  await alice.click(".is-failed button");
  await isFocused(alice, "message");
  assert.equal(await valueOf(alice), "are you there?");
  await alice.shows("Privately to nobody");
  await alice.press(Key.escape);
  await alice.chord(Key.control, "a");
  const long = "ä".repeat(2_049);
  await say(alice, long);
  await alice.shows("2 bytes too long: send it in parts");
  await alice.shows("The message is over 4096 bytes. Send it in parts.");
  assert.equal(await valueOf(alice), long);
  await assertClean(alice, server);
});

/** A text, or the edge of a control, that cannot be told well enough from what is behind it. */
interface Faint {
  readonly what: string;
  readonly ratio: number;
}

/** Computes the contrast of all that is visible (WCAG 2.2, 1.4.3 and 1.4.11). Runs in the page. */
function findFaint(): { faint: Faint[]; count: number } {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no canvas");
  const paint = (...colors: string[]): number[] => {
    for (const color of ["#fff", ...colors]) {
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
    }
    return Array.from(context.getImageData(0, 0, 1, 1).data.subarray(0, 3));
  };
  const luminance = (channels: number[]): number => {
    const [r = 0, g = 0, b = 0] = channels.map((channel) => {
      const part = channel / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const backgrounds = (from: Element | null): string[] => {
    const colors: string[] = [];
    for (let each = from; each; each = each.parentElement) {
      colors.unshift(getComputedStyle(each).backgroundColor);
      // A dialog covers what stands above it in the document.
      if (each.matches("dialog, :popover-open")) break;
    }
    return colors;
  };
  const contrast = (color: string, behind: string[]): number => {
    const [one, other] = [luminance(paint(...behind, color)), luminance(paint(...behind))];
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  };
  const faint: Faint[] = [];
  let count = 0;
  const check = (what: string, color: string, on: Element | null, least: number): void => {
    const ratio = contrast(color, backgrounds(on));
    count++;
    if (ratio < least) faint.push({ what, ratio });
  };
  const isSeen = (each: Element): boolean =>
    each.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!parent || !node.textContent?.trim() || !isSeen(parent) || parent.closest(":disabled")) {
      continue;
    }
    if (/^\p{Emoji}+$/u.test(node.textContent) && !/\d/.test(node.textContent)) continue;
    const what = `${parent.className || parent.tagName} ${node.textContent.trim().slice(0, 40)}`;
    check(what, getComputedStyle(parent).color, parent, 4.5);
  }
  for (const field of document.querySelectorAll("input, textarea, select")) {
    if (!isSeen(field)) continue;
    check(`${field.id} placeholder`, getComputedStyle(field, "::placeholder").color, field, 4.5);
    const frame = field.closest(".field") ?? field;
    check(`${field.id} edge`, getComputedStyle(frame).borderTopColor, frame.parentElement, 3);
  }
  for (const icon of document.querySelectorAll("button svg")) {
    if (isSeen(icon)) check("icon", getComputedStyle(icon).stroke, icon.parentElement, 3);
  }
  return { faint, count };
}

for (const scheme of ["light", "dark"] as const) {
  Deno.test(`page: every text can be read: contrast of 4.5 to 1, ${scheme}`, async () => {
    await using server = new TestServer();
    const peers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => server.register(`person-${i}`)),
    );
    const [bob = assert.fail()] = peers;
    const assertClear = async (what: string, least: number): Promise<void> => {
      const { faint, count } = await alice.run(findFaint);
      assert.deepEqual(faint, [], what);
      assert.ok(count >= least, `${what}: only ${count} were looked at`);
    };
    await using alice = await openPage(server, { scheme, height: 2_000 });
    await isFocused(alice, "entry-name");
    await assertClear("the entry", 8);
    await sayName(alice, "alice");
    await say(alice, "/join dev");
    await alice.until(() => location.hash === "#dev");
    for (const peer of peers) sayAll(peer, "hello");
    await bob.jsonWhere(({ from, data }) => from === "person-39" && data === "hello");
    await say(alice, "/join lobby");
    await alice.shows("missed");
    sayAll(bob, "alice: look at https://example.com/", ".\n".repeat(30));
    bob.send({ messageType: "message", data: "psst", to: "alice" });
    bob.send({ messageType: "message", data: "nods to alice", action: true });
    await hears(alice, "person-0 nods to alice");
    await say(alice, "/msg nobody hi");
    await say(alice, "/ignore person-9");
    await say(alice, "/help");
    await alice.click("#action");
    await alice.type("/m");
    await alice.until(() => document.querySelectorAll("#hints li").length > 0);
    await assertClear("the conversation", 200);
    await alice.click("#people li:nth-child(3) button");
    await alice.click("#person summary");
    await assertClear("a person", 200);
    await alice.press(Key.escape);
    await alice.click("#help-open");
    await assertClear("the help", 200);
    await alice.press(Key.escape);
    await server.server.shutdown();
    await alice.shows("Offline.");
    await alice.click("#message");
    await alice.chord(Key.control, "a");
    await say(alice, "later");
    await alice.until(() => {
      const text = document.querySelector(".is-pending .text");
      return text !== null &&
        text.getAnimations().every(({ playState }) => playState === "finished");
    });
    await alice.type("x".repeat(5_000));
    await alice.shows("bytes too long");
    await assertClear("offline", 200);
  });
}

Deno.test("page: a screen reader is told what everything is, and what is new", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  await using alice = await openPage(server);
  await isFocused(alice, "entry-name");
  const has = (nodes: readonly AccessibleNode[], role: string, name: string): AccessibleNode => {
    const found = nodes.find((node) => node.role === role && node.name === name);
    return found ??
      assert.fail(`no ${role} "${name}" among ${nodes.map((n) => `${n.role} ${n.name}`)}`);
  };
  const entry = await alice.accessibility();
  has(entry, "RootWebArea", "Broadcast chat");
  has(entry, "main", "");
  has(entry, "heading", "Broadcast chat");
  assert.equal(has(entry, "textbox", "Your name").properties["required"], true);
  has(entry, "button", "Come in");
  await sayName(alice, "alice");
  sayAll(bob, "one", "two");
  await hears(alice, "two");
  const nodes = await alice.accessibility();
  for (
    const [role, name] of [
      ["main", ""],
      ["navigation", "Rooms"],
      ["region", "People 2"],
      ["region", "You"],
      ["form", "Write"],
      ["heading", "Rooms"],
      ["heading", "lobby"],
      ["textbox", "Message #lobby"],
      ["textbox", "Another room"],
      ["button", "Send"],
      ["button", "Emoji"],
      ["button", "Help"],
      ["button", "Clear"],
      ["button", "Notify me"],
      ["button", "bob"],
      ["link", "lobby"],
      ["listitem", ""],
      ["separator", ""],
    ] as const
  ) has(nodes, role, name);
  const log = has(nodes, "log", "Messages");
  assert.equal(log.properties["live"], "polite");
  const status = nodes.find(({ role }) => role === "status");
  assert.equal(status?.properties["live"], "polite");
  const spoken = nodes.filter(({ role }) => role === "StaticText").map(({ name }) => name);
  const heard = spoken.slice(spoken.indexOf("one"));
  assert.deepEqual([heard[0], heard[1]?.trim(), heard.includes("two")], ["one", "bob:", true]);
  const controls = ["button", "link", "textbox", "combobox", "checkbox"];
  const nameless = nodes.filter(({ role, name }) => controls.includes(role) && name.trim() === "");
  assert.deepEqual(nameless, []);
  await alice.click("#help-open");
  const dialog = has(await alice.accessibility(), "dialog", "Help");
  assert.equal(dialog.properties["modal"], true);
  await assertClean(alice, server);
});
