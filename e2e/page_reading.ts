/// <reference lib="dom" />
/**
 * The chat page in real Chromium: what is read there. Needs `chromium` and `chromedriver`.
 *
 * Run with `deno task e2e`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { TestServer } from "../tests/peer.ts";
import { said, ScriptedServer } from "../tests/scripted.ts";
import { Key } from "./browser.ts";
import {
  assertClean,
  comeIn,
  comeInto,
  hears,
  noticesOf,
  openPage,
  say,
  sayAll,
  textsOf,
} from "./visit.ts";

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
  peer.send({ messageType: "missed", count: 37, data: "37 events missed" }, said(39, "two"));
  peer.socket.send(`{"messageType":"message"}\n${JSON.stringify(said(40, "three"))}`);
  await hears(alice, "three");
  assert.deepEqual(await textsOf(alice), ["one", "two", "three"]);
  const notices = await noticesOf(alice);
  assert.ok(notices.includes("37 events missed"));
  assert.ok(notices.some((notice) => /^The server sent what this client cannot read/.test(notice)));
  await assertClean(alice, server);
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
  assert.equal(missed, "11 events missed", "her own leave, too");
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

Deno.test("page: of a long message twenty rows are shown, and the rest by a key, which moves nothing", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  await using alice = await comeIn(server, "alice", { width: 320, height: 560 });
  const lines = `first${"\n".repeat(4_000)}last`;
  // In a wide window it takes fewer rows.
  const wrapped = `${"word ".repeat(240)}https://example.com/`;
  sayAll(bob, ...Array.from({ length: 5 }, () => lines), wrapped);
  await alice.until(() => document.querySelectorAll(".chunk .more:not([hidden])").length === 6);
  const look = (): Promise<
    { rows: number; top: number; buttonTop: number; isFocused: boolean }[]
  > =>
    alice.run(() =>
      Array.from(document.querySelectorAll(".chunk .message"), (message) => {
        const [text, button] = [message.querySelector(".text"), message.querySelector(".more")];
        if (!text || !button) throw new Error("no text");
        const { top, height } = text.getBoundingClientRect();
        const rows = Math.round(height / parseFloat(getComputedStyle(text).lineHeight));
        const buttonTop = button.getBoundingClientRect().top;
        return { rows, top, buttonTop, isFocused: button === document.activeElement };
      })
    );
  const folded = await look();
  assert.deepEqual(folded.map(({ rows }) => rows), [20, 20, 20, 20, 20, 20]);
  await alice.run(() => document.querySelector<HTMLElement>(".log")?.focus());
  for (let i = 0; i < 5; i++) await alice.press(Key.tab);
  const focused = await look();
  assert.deepEqual(focused.findIndex(({ isFocused }) => isFocused), 4);
  await alice.press(Key.enter);
  const [, , , , whole] = await look();
  assert.equal(whole?.rows, 4_001);
  assert.equal(Math.round(whole.top), Math.round(focused[4]?.top ?? 0), "it begins where it began");
  await alice.run(() => document.activeElement?.scrollIntoView({ block: "end" }));
  const [, , , , end] = await look();
  await alice.press(Key.enter);
  const [, , , , less] = await look();
  assert.equal(less?.rows, 20);
  assert.equal(Math.round(less.buttonTop), Math.round(end?.buttonTop ?? 0), "the button stays");
  // What is sought in it is shown: here, a link by its focus.
  await alice.run(() => document.querySelector<HTMLElement>(".chunk .text a")?.focus());
  await alice.until(() => {
    const link = document.querySelector(".chunk .text a");
    const { top = -1, bottom = Infinity } = link?.getBoundingClientRect() ?? {};
    const frame = document.querySelector(".log")?.getBoundingClientRect();
    return link?.closest(".is-folded") === null && top >= (frame?.top ?? 0) &&
      bottom <= (frame?.bottom ?? 0);
  });
  await alice.click(".chunk .message:last-child .more");
  await alice.resize(1_280, 800);
  const buttons = await alice.run(() =>
    document.querySelectorAll(".chunk .more:not([hidden])").length
  );
  assert.equal(buttons, 5, "what is not cut needs no button");
  await assertClean(alice, server);
});
