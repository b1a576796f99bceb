/// <reference lib="dom" />
/**
 * The chat page in real Chromium, used as people use it. Needs `chromium` and `chromedriver`.
 *
 * Run with `deno task e2e`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { hueOf } from "../client/hue.ts";
import { Peer, TestServer } from "../tests/peer.ts";
import { said, ScriptedServer } from "../tests/scripted.ts";
import { Key } from "./browser.ts";
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
  tabTo,
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
  assert.deepEqual(await textsOf(alice), ["before"]);
  const { ref } = await peer.take("message");
  peer.send(said(2, "meanwhile"), said(3, "on its way", { from: "alice", ref }));
  await hears(alice, "on its way");
  assert.deepEqual(await pending(), []);
  assert.deepEqual(await textsOf(alice), ["before", "meanwhile", "on its way"]);
  await assertClean(alice, server);
});

Deno.test("page: one person's messages stand together, each day is told, and who comes and goes is one line", async () => {
  await using server = new ScriptedServer();
  await using alice = await openPage(server);
  const peer = await comeInto(server, alice);
  const noon = new Date(2026, 10, 18, 12).getTime();
  const minute = 60_000;
  const came = (id: number, from: string, messageType = "join"): object => {
    return { messageType, id, time: noon + 18 * minute, from, address: "x" };
  };
  peer.send(
    said(1, "one", { time: noon }),
    said(2, "together", { time: noon + 4 * minute }),
    said(3, "later", { time: noon + 10 * minute }),
    { messageType: "private", time: noon + 11 * minute, from: "bob", to: "alice", data: "psst" },
    said(4, "aloud", { time: noon + 11 * minute }),
    said(5, "waves", { time: noon + 12 * minute, action: true }),
    said(6, "after it", { time: noon + 13 * minute }),
    came(7, "carol"),
    came(8, "dave"),
    came(9, "carol", "leave"),
    said(10, "hello @Alice!", { time: noon + 19 * minute }),
    said(11, "next day", { time: noon + 24 * 60 * minute }),
  );
  await hears(alice, "next day");
  const shown = await alice.run(() => {
    const blocks = Array.from(document.querySelectorAll(".day, .message, .chunk .notice"));
    return blocks.map((block) => {
      const isFirst = block.classList.contains("is-first");
      const name = isFirst ? block.querySelector(".name")?.textContent : "";
      const tag = block.querySelector(".tag")?.textContent ?? "";
      const text = block.querySelector(".text")?.textContent ?? block.textContent;
      return [name, tag, text].filter((part) => part).join(" | ");
    });
  });
  assert.deepEqual(shown.slice(shown.indexOf("Wednesday 18 November 2026")), [
    "Wednesday 18 November 2026",
    "bob | one",
    "together",
    "bob | later",
    "bob | privately to you | psst",
    "bob | aloud",
    "bob | bob waves",
    "bob | after it",
    "carol and dave joined; carol left",
    "bob | hello @Alice!",
    "Thursday 19 November 2026",
    "bob | next day",
  ]);
  const { marks, times } = await alice.run(() => ({
    marks: Array.from(document.querySelectorAll(".is-loud mark"), (mark) => mark.textContent),
    times: Array.from(document.querySelectorAll("time"), (time) => time.dateTime),
  }));
  assert.deepEqual(marks, ["Alice"]);
  assert.equal(times[0], new Date(noon).toISOString());
  assert.equal(times.length, 9);
  await assertClean(alice, server);
});

Deno.test("page: what is missed is told in plain words, and what cannot be read spares the rest", async () => {
  await using server = new ScriptedServer();
  await using alice = await openPage(server);
  const peer = await comeInto(server, alice, { events: [said(1, "one")] });
  peer.send({ messageType: "missed", count: 37, data: "37 messages missed" }, said(39, "two"));
  peer.socket.send(`{"messageType":"message"}\n${JSON.stringify(said(40, "three"))}`);
  await hears(alice, "three");
  assert.deepEqual(await textsOf(alice), ["one", "two", "three"]);
  const notices = await noticesOf(alice);
  assert.ok(notices.includes("37 messages missed"));
  assert.ok(notices.some((notice) => /^The server sent what this client cannot read/.test(notice)));
  await assertClean(alice, server);
});

Deno.test("page: a thousand messages at once, and five thousand more, of which old ones leave the document", async () => {
  await using server = new TestServer({ capacity: 8_192 });
  await using bob = await server.register("bob");
  await using alice = await comeIn(server, "alice", { height: 2_400 });
  const numbers = Array.from({ length: 6_000 }, (_, i) => `message ${i + 1}`);
  sayAll(bob, ...numbers.slice(0, 1_000));
  await hears(alice, "message 1000");
  const last = await textsOf(alice);
  assert.ok(last.length >= 300 && last.length <= 600, `${last.length} are in the document`);
  assert.deepEqual(last, numbers.slice(1_000 - last.length, 1_000));
  sayAll(bob, ...numbers.slice(1_000));
  await hears(alice, "message 6000");
  const count = await alice.run(() => document.querySelectorAll("*").length);
  assert.ok(count < 5_500, `${count} elements`);
  const scroll = (direction: number): Promise<{ texts: string[]; isEdge: boolean }> =>
    alice.run((direction) => {
      const log = document.querySelector(".log");
      log?.scrollBy({ top: direction * log.clientHeight * 0.8, behavior: "instant" });
      return new Promise<{ texts: string[]; isEdge: boolean }>((resolve) => {
        requestAnimationFrame(() => {
          const texts = Array.from(document.querySelectorAll(".chunk .text"));
          const { scrollTop = 0, scrollHeight = 0, clientHeight = 0 } = log ?? {};
          const isEnd = scrollTop + clientHeight >= scrollHeight - 1;
          const isEdge = direction < 0 ? scrollTop === 0 : isEnd;
          resolve({ texts: texts.map(({ textContent }) => textContent ?? ""), isEdge });
        });
      });
    }, direction);
  const walk = async (direction: number): Promise<Set<string>> => {
    const seen = new Set<string>();
    for (let isEdge = false; !isEdge;) {
      const { texts, ...after } = await scroll(direction);
      isEdge = after.isEdge;
      assert.ok(texts.length <= 650, `${texts.length} were in the document`);
      // Between the newest and what is around the reader there can be a gap.
      const around = texts.slice(0, -60);
      const from = numbers.indexOf(around[0] ?? "");
      assert.deepEqual(around, numbers.slice(from, from + around.length));
      for (const text of texts) seen.add(text);
    }
    return seen;
  };
  // Upwards to the first one that is kept, and down again.
  const up = await walk(-1);
  assert.ok(up.size >= 4_900 && up.size <= 5_000, `${up.size} are kept`);
  assert.deepEqual([...await walk(1)].sort(), [...up].sort());
  await assertClean(alice, server);
});

Deno.test("page: while thousands of messages come, it goes on answering", async () => {
  await using server = new TestServer({ capacity: 8_192 });
  await using bob = await server.register("bob");
  await using alice = await comeIn(server, "alice");
  await alice.run(() => {
    const tasks: number[] = [];
    Object.assign(globalThis, { tasks });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) tasks.push(duration);
    }).observe({ type: "longtask" });
  });
  for (let i = 0; i < 50; i++) {
    sayAll(bob, ...Array.from({ length: 100 }, (_, k) => `message ${i * 100 + k + 1}`));
    await bob.jsonWhere(({ data }) => data === `message ${i * 100 + 100}`);
  }
  await hears(alice, "message 5000");
  const tasks = await alice.run(() => Reflect.get(globalThis, "tasks") as number[]);
  const longest = Math.max(0, ...tasks);
  // A second would be felt even on a machine that does much else.
  assert.ok(longest < 1_000, `for ${longest} ms it did nothing else`);
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
  await alice.click("#message");
  await say(alice, "mine is not new to me");
  await hears(alice, "mine is not new to me");
  assert.equal(await alice.run(() => document.title), "#lobby · Broadcast chat");
  sayAll(bob, "the last one");
  await alice.until(() => {
    const [last] = Array.from(document.querySelectorAll(".chunk .text")).slice(-1);
    const frame = document.querySelector(".log")?.getBoundingClientRect();
    const box = last?.getBoundingClientRect();
    return last?.textContent === "the last one" && !!box && !!frame && box.bottom <= frame.bottom;
  });
});

Deno.test("page: from far above, the button leads to what is new; in another room nothing is", async () => {
  await using server = new TestServer({ capacity: 4_096 });
  await using bob = await server.register("bob");
  await using alice = await comeIn(server, "alice");
  sayAll(bob, ...Array.from({ length: 1_500 }, (_, i) => `old ${i}`));
  await hears(alice, "old 1499");
  const isTop = (): boolean => {
    const texts = Array.from(document.querySelectorAll(".chunk .text"));
    return texts.some(({ textContent }) => textContent === "old 0");
  };
  while (!await alice.run(isTop)) {
    await alice.run(() =>
      document.querySelector(".log")?.scrollTo({ top: 0, behavior: "instant" })
    );
  }
  sayAll(bob, ...Array.from({ length: 120 }, (_, i) => `new ${i}`));
  await alice.until(() => document.getElementById("new")?.textContent === "120 new messages");
  await alice.click("#new");
  await alice.until(() => {
    const marker = document.querySelector(".marker")?.getBoundingClientRect();
    const frame = document.querySelector(".log")?.getBoundingClientRect();
    return !!marker && !!frame && marker.top >= frame.top - 1 && marker.bottom <= frame.bottom;
  });
  await alice.click("#message");
  await say(alice, "/join dev");
  await alice.until(() => document.title === "#dev · Broadcast chat");
  assert.equal(await alice.run(() => document.getElementById("new")?.hidden), true);
});

Deno.test("page: a field that grows, or a window that changes, leaves a reader at the end there", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  await using alice = await comeIn(server, "alice", { width: 700, height: 600 });
  sayAll(bob, ...Array.from({ length: 60 }, (_, i) => `line ${i} ${"word ".repeat(i % 20)}end`));
  await hears(alice, `line 59 ${"word ".repeat(19)}end`);
  const height = (): Promise<number> =>
    alice.run(() => document.getElementById("message")?.getBoundingClientRect().height ?? 0);
  const assertAtEnd = async (what: string): Promise<void> => {
    const gap = await alice.run(() => {
      return new Promise<number>((resolve) => {
        const measure = (): void => {
          const log = document.querySelector(".log");
          const { scrollTop = 0, scrollHeight = 0, clientHeight = 0 } = log ?? {};
          resolve(scrollHeight - clientHeight - scrollTop);
        };
        // Two frames later all that watches sizes has had its turn.
        requestAnimationFrame(() => requestAnimationFrame(measure));
      });
    });
    assert.ok(Math.abs(gap) <= 1, `${what}: ${gap} pixels above the end`);
    assert.equal(await alice.run(() => document.getElementById("new")?.hidden), true, what);
  };
  const single = await height();
  assert.ok(single > 30 && single < 45, `a line is ${single} pixels high`);
  for (let i = 0; i < 8; i++) {
    await alice.type(`row ${i}`);
    await alice.chord(Key.shift, Key.enter);
    await assertAtEnd(`row ${i}`);
  }
  assert.ok(await height() > 5 * single);
  for (const [width, height] of [[360, 700], [1_200, 400], [700, 600]] as const) {
    await alice.resize(width, height);
    await assertAtEnd(`${width} x ${height}`);
  }
  await alice.press(Key.enter);
  await alice.until(() => document.querySelectorAll(".chunk .is-own").length === 1);
  await assertAtEnd("sent");
  assert.equal(await height(), single);
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
  const controls = ["action", "emoji-open", "send", "skip", "leave", "invite", "notify", "clear"];
  for (const id of controls) await tabTo(alice, id);
  await alice.press(Key.enter);
  await alice.shows("Cleared, for you alone.");
  await assertClean(alice, server);
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
  await alice.until(() => {
    const items = Array.from(document.querySelectorAll("#rooms li"), (each) => each.textContent);
    return items.join() === "#design1,#ops1";
  });
  await alice.back();
  await alice.until(() => document.getElementById("room")?.textContent === "design");
  await say(alice, "/join ops");
  await alice.until(() => location.hash === "#ops");
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
  const marked = await alice.run(() => {
    return document.querySelector(".marker")?.nextElementSibling?.querySelector(".text")
      ?.textContent;
  });
  assert.equal(marked, "line 10", "what is new here is marked");
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
  await alice.shows("Cleared, for you alone.");
  assert.deepEqual(await textsOf(alice), []);
  await alice.click(".notice button");
  await hears(alice, "bob: hello?");
  await alice.click("#invite");
  const address = await alice.run(() => {
    const input = document.getElementById("invitation-address");
    return input instanceof HTMLInputElement ? input.value : "";
  });
  assert.equal(address, server.url("http", "/#lobby"));
  await alice.press(Key.escape);
  await alice.click("#leave");
  await bob.jsonWhere(({ messageType }) => messageType === "leave");
  await alice.shows("You are not in the chat any more.");
  assert.ok(await alice.run(() => document.getElementById("composer")?.hidden));
  assert.ok(await alice.run(() => document.getElementById("side")?.inert));
  await isFocused(alice, "status-act");
  await alice.press(Key.enter);
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
  assert.equal(await valueOf(alice), "", "it does not become public");
  const long = "ä".repeat(2_049);
  await say(alice, long);
  await alice.shows("2 bytes too long: send it in parts");
  await alice.shows("The message is over 4096 bytes. Send it in parts.");
  assert.equal(await valueOf(alice), long);
  await assertClean(alice, server);
});

Deno.test("page: hints help to write, by keys and by mouse, and letters that are composed are left alone", async () => {
  await using server = new TestServer();
  await using _bob = await server.register("bob");
  await using _bert = await server.register("bert");
  await using alice = await comeIn(server, "alice");
  await alice.shows("bert");
  const hints = (): Promise<string[]> =>
    alice.run(() => {
      const words = document.querySelectorAll("#hints strong");
      return Array.from(words, (each) => each.textContent ?? "");
    });
  await alice.type("/");
  assert.deepEqual((await hints()).slice(0, 3), ["/nick", "/join", "/users"]);
  await alice.type("ms");
  assert.deepEqual(await hints(), ["/msg"]);
  await alice.press(Key.down);
  const chosen = await alice.run(() =>
    document.activeElement?.getAttribute("aria-activedescendant")
  );
  assert.equal(chosen, "hint-0");
  await alice.press(Key.enter);
  assert.equal(await valueOf(alice), "/msg ");
  await alice.type("b");
  assert.deepEqual((await hints()).sort(), ["bert", "bob"]);
  await alice.press(Key.escape);
  assert.deepEqual(await hints(), []);
  await alice.chord(Key.control, "a");
  await alice.type("hi @be");
  await alice.click("#hints li");
  assert.equal(await valueOf(alice), "hi @bert ");
  const isTaken = await alice.run(() => {
    const init = { key: "Enter", keyCode: 229, bubbles: true, cancelable: true };
    const input = document.getElementById("message");
    const composing = new KeyboardEvent("keydown", { ...init, isComposing: true });
    const last = new KeyboardEvent("keydown", init);
    return [composing, last].some((event) => input?.dispatchEvent(event) === false);
  });
  assert.equal(isTaken, false);
  assert.equal(await valueOf(alice), "hi @bert ");
  await assertClean(alice, server);
});

Deno.test("page: who comes and goes takes the focus from nobody", async () => {
  await using server = new TestServer();
  await using _zed = await server.register("zed");
  await using alice = await comeIn(server, "mary");
  await alice.shows("zed");
  await alice.run(() =>
    document.querySelector<HTMLElement>("#people li:last-child button")?.focus()
  );
  const isZed = (): boolean =>
    document.activeElement?.matches("#people li:last-child button") === true;
  const aaron = await server.register("aaron");
  await alice.until(() => document.querySelectorAll("#people li").length === 3);
  assert.ok(await alice.run(isZed));
  await aaron[Symbol.asyncDispose]();
  await alice.until(() => document.querySelectorAll("#people li").length === 2);
  assert.ok(await alice.run(isZed));
});

Deno.test("page: what is half written stays with whom it was written to, and a link says nothing", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  await using alice = await comeIn(server, "alice", { hash: "#lobby%0AI%20said%20this" });
  await alice.shows("bob");
  await alice.type("for all");
  await alice.click("#people li:nth-child(2) button");
  await alice.click("#person-write");
  assert.equal(await valueOf(alice), "");
  await alice.type("a secret");
  await alice.press(Key.escape);
  assert.equal(await valueOf(alice), "for all");
  await alice.run(() => void (location.hash = "#x%0AI said this"));
  await alice.shows("A room's name is 1 to 32 of a-z, 0-9, _ and -.");
  await alice.press(Key.enter);
  await hears(alice, "for all");
  const { data } = await bob.jsonWhere(({ messageType }) => messageType === "message");
  assert.equal(data, "for all");
  await alice.click("#people li:nth-child(2) button");
  await alice.click("#person-write");
  assert.equal(await valueOf(alice), "a secret");
  // Commands are commands, whomever one writes to.
  await alice.chord(Key.control, "a");
  await say(alice, "/users");
  await alice.shows("2 in lobby: bob, alice");
  await assertClean(alice, server);
});

Deno.test("page: a person who was in before comes in again, by themselves, when the server is back", async () => {
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
