/// <reference lib="dom" />
/**
 * How the chat page looks, and what it tells those who cannot see it. Needs `chromium` and
 * `chromedriver`.
 *
 * Run with `deno task e2e`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { TestServer } from "../tests/peer.ts";
import { type AccessibleNode, Key } from "./browser.ts";
import {
  assertClean,
  comeIn,
  hears,
  isFocused,
  openPage,
  say,
  sayAll,
  sayName,
  valueOf,
} from "./visit.ts";

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
      const id = focused.matches(".log") ? "log" : focused.id;
      return { id, text: focused.textContent?.trim() ?? "", isSeen };
    });
    const name = id || text;
    if (stops.includes(name) || name.includes("\n")) break;
    assert.ok(isSeen, `${name} does not look focused`);
    stops.push(name);
  }
  const side = ["new-room-name", "Join", "#lobby", "Aaliceyou", "rename", "leave"];
  const bar = ["invite", "notify", "clear", "help-open", "log"];
  const writing = ["message", "action", "emoji-open", "send"];
  assert.deepEqual(stops.slice(0, 15), [...side, ...bar, ...writing]);
});

Deno.test("page: at 320 pixels nothing scrolls sideways, and all can be reached", async () => {
  await using server = new TestServer();
  await using bob = await server.register("b".repeat(32));
  sayAll(bob, "w".repeat(500), `https://example.com/${"path/".repeat(60)}`, "\tx\t".repeat(60));
  await using alice = await openPage(server, { width: 320, height: 560 });
  await isFocused(alice, "entry-name");
  const findWide = (): string[] => {
    const frames = document.querySelectorAll("html, main, .log, #side, dialog, .bar");
    const wide = Array.from(frames).filter((each) => each.scrollWidth > each.clientWidth + 1);
    const controls = Array.from(document.querySelectorAll("button, input, textarea"));
    const outside = controls.filter((each) => {
      const { left, right, width } = each.getBoundingClientRect();
      return width > 1 && (left < 0 || right > innerWidth);
    });
    return [...wide, ...outside].map((each) => `${each.tagName} ${each.id} ${each.className}`);
  };
  const assertNarrow = async (what: string): Promise<void> => {
    assert.deepEqual(await alice.run(findWide), [], `${what} is too wide`);
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
  await alice.chord(Key.control, "a");
  await say(alice, `/msg ${"n".repeat(32)} ${"u".repeat(200)}`);
  await alice.shows("Not said:");
  await alice.click(".is-failed button:not(.more)");
  await assertNarrow("a message to one person that was not said");
  await alice.chord(Key.control, "a");
  await alice.type("/m");
  await assertNarrow("the hints");
  for (const id of ["rename", "invite"]) {
    if (id === "rename") await alice.click("#menu");
    await alice.click(`#${id}`);
    await assertNarrow(id);
    await alice.press(Key.escape);
  }
  await alice.run(() =>
    document.getElementById("side")?.matches(":popover-open") &&
    document.getElementById("side")?.hidePopover()
  );
  await alice.click("#message");
  await alice.chord(Key.control, "a");
  await say(alice, "/join " + "r".repeat(32));
  await alice.until(() => location.hash.length === 33);
  await assertNarrow("a long room");
  await server.server.shutdown();
  await alice.shows("Offline.");
  await say(alice, "v".repeat(200));
  await assertNarrow("offline");
});

/** Returns what scrolls, and which of it cannot be scrolled by keys. Runs in the page. */
function findScrolling(): { scrolling: string[]; stuck: string[] } {
  const scrolls = (each: Element): boolean => {
    const { overflowX, overflowY } = getComputedStyle(each);
    const can = (overflow: string): boolean => overflow === "auto" || overflow === "scroll";
    const modal = document.querySelector(":modal");
    return each.checkVisibility() && (!modal || modal.contains(each)) &&
      (can(overflowX) && each.scrollWidth > each.clientWidth + 1 ||
        can(overflowY) && each.scrollHeight > each.clientHeight + 1);
  };
  const isStop = (each: Element): boolean =>
    each instanceof HTMLElement && each.tabIndex >= 0 && each.checkVisibility() &&
    !each.matches(":disabled, [inert], [inert] *");
  const isReached = (each: Element): boolean =>
    isStop(each) || Array.from(each.querySelectorAll("*")).some(isStop) ||
    // Arrow keys go through it from the field that it belongs to.
    Array.from(document.querySelectorAll("[aria-controls]")).some((field) =>
      isStop(field) && field.getAttribute("aria-controls") === each.id
    );
  const word = ({ tagName, id, className }: Element): string => `${tagName} #${id} .${className}`;
  const found = Array.from(document.querySelectorAll("*")).filter(scrolls);
  return {
    scrolling: found.map(word),
    stuck: found.filter((each) => !isReached(each)).map(word),
  };
}

Deno.test("page: whatever scrolls can be scrolled by keys, in windows of any size", async () => {
  await using server = new TestServer();
  const peers = await Promise.all(
    Array.from({ length: 30 }, (_, i) => server.enter(`person-${i}`, `room-${i}`)),
  );
  const others = await Promise.all(
    Array.from({ length: 30 }, (_, i) => server.enter(`other-${i}`)),
  );
  await using alice = await openPage(server, { width: 360, height: 200 });
  await isFocused(alice, "entry-name");
  const scrolled = new Set<string>();
  const assertReached = async (what: string): Promise<void> => {
    for (const [width, height] of [[320, 300], [360, 640], [768, 500], [1_280, 400]] as const) {
      await alice.resize(width, height);
      const { scrolling, stuck } = await alice.run(findScrolling);
      for (const each of scrolling) scrolled.add(each);
      assert.deepEqual(stuck, [], `${what}, ${width} pixels wide`);
    }
  };
  await assertReached("the entry");
  await sayName(alice, "alice");
  const [bob = assert.fail()] = others;
  sayAll(bob, "x\n".repeat(100), "w".repeat(3_000), `https://example.com/${"p".repeat(500)}`);
  await hears(alice, `https://example.com/${"p".repeat(500)}`);
  for (const command of ["/help", "/users", "/rooms"]) await say(alice, command);
  await alice.shows("room-29");
  await assertReached("the conversation");
  await alice.type("l\n".repeat(40));
  await assertReached("a long draft");
  await alice.chord(Key.control, "a");
  await alice.type("/");
  await alice.until(() => document.querySelectorAll("#hints li").length > 5);
  await assertReached("the hints");
  await alice.run(() =>
    document.querySelector<HTMLElement>("#people li:nth-child(2) button")?.click()
  );
  await assertReached("a person");
  await alice.press(Key.escape);
  for (const id of ["help-open", "rename", "invite", "emoji-open"]) {
    await alice.run((id) => document.getElementById(id)?.click(), id);
    await assertReached(id);
    await alice.press(Key.escape);
  }
  await alice.resize(360, 300);
  await alice.click("#menu");
  await assertReached("the side");
  for (const [what, ...ids] of [["the log", ".log"], ["help", "#help"], ["people", "#people"]]) {
    const isThere = [...scrolled].some((each) => ids.some((id) => each.includes(id)));
    assert.ok(isThere, `${what} did not scroll: ${[...scrolled]}`);
  }
  assert.equal(peers.length, 30);
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
  const opacityOf = (from: Element | null): number => {
    let opacity = 1;
    for (let each = from; each; each = each.parentElement) {
      opacity *= Number(getComputedStyle(each).opacity);
    }
    return opacity;
  };
  const contrast = (color: string, behind: string[], opacity: number): number => {
    const [under, over] = [paint(...behind), paint(...behind, color)];
    const mixed = over.map((channel, i) => opacity * channel + (1 - opacity) * (under[i] ?? 0));
    const [one, other] = [luminance(mixed), luminance(under)];
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  };
  const faint: Faint[] = [];
  let count = 0;
  const check = (what: string, color: string, on: Element | null, least: number): void => {
    const ratio = contrast(color, backgrounds(on), opacityOf(on));
    count++;
    if (ratio < least) faint.push({ what, ratio });
  };
  const isSeen = (each: Element): boolean =>
    each.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (
      !parent || !node.textContent?.trim() || !isSeen(parent) ||
      parent.closest(":disabled, [inert]")
    ) {
      continue;
    }
    if (/^\p{Emoji}+$/u.test(node.textContent) && !/\d/.test(node.textContent)) continue;
    const what = `${parent.className || parent.tagName} ${node.textContent.trim().slice(0, 40)}`;
    check(what, getComputedStyle(parent).color, parent, 4.5);
  }
  for (const field of document.querySelectorAll("input, textarea, select")) {
    if (!isSeen(field) || field.closest("[inert]")) continue;
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
      Array.from({ length: 40 }, (_, i) => server.enter(`person-${i}`)),
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
    await alice.type(" ");
    await alice.press(Key.enter);
    await alice.shows("Type a name first.");
    await assertClear("a wrong name", 9);
    await alice.press(Key.home);
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
    for (const id of ["rename", "invite", "emoji-open"]) {
      await alice.click(`#${id}`);
      await assertClear(id, 200);
      await alice.press(Key.escape);
    }
    await alice.resize(1_280, 400);
    await alice.run(() =>
      document.querySelector(".log")?.scrollTo({ top: 0, behavior: "instant" })
    );
    await alice.until(() => document.getElementById("new")?.hidden === false);
    await assertClear("far above", 100);
    await alice.resize(1_280, 2_000);
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
    await alice.run(() => document.getElementById("leave")?.click());
    await alice.shows("You are not in the chat any more.");
    await assertClear("left", 100);
  });
}

Deno.test("page: a screen reader is told what everything is, and what is new", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  sayAll(bob, "before she came");
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
      ["region", "Conversation"],
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
  const isRead = await alice.run(() => {
    const texts = Array.from(document.querySelectorAll("[role=log] .text, [role=log] .notice"));
    const heard = texts.filter((text) => !text.closest("[aria-live=off]"));
    return heard.map(({ textContent }) => textContent);
  });
  assert.deepEqual(isRead, ["one", "two"], "neither the past, nor who comes and goes");
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
  assert.equal(has(nodes, "button", "Notify me").properties["pressed"], "false");
  assert.equal(has(nodes, "button", "/me").properties["pressed"], "false");
  const dialogs = [
    ["#help-open", "Help"],
    ["#rename", "Take another name"],
    ["#invite", "Invite others"],
    ["#people li:nth-child(2) button", "bob"],
  ] as const;
  for (const [opener, name] of dialogs) {
    await alice.click(opener);
    const tree = await alice.accessibility();
    assert.equal(has(tree, "dialog", name).properties["modal"], true);
    assert.deepEqual(
      tree.filter(({ role, name }) => controls.includes(role) && name.trim() === ""),
      [],
    );
    await alice.press(Key.escape);
  }
  await assertClean(alice, server);
});

Deno.test("page: it moves nothing for those who do not want that", async () => {
  await using server = new TestServer();
  await using alice = await comeIn(server, "alice");
  const durations = (): Promise<string[]> =>
    alice.run(() => {
      const all = Array.from(document.querySelectorAll("*"), (each) => {
        return getComputedStyle(each).transitionDuration;
      });
      return [...new Set(all)].sort();
    });
  assert.deepEqual(await durations(), ["0.12s", "0s"]);
  const features = [{ name: "prefers-reduced-motion", value: "reduce" }];
  await alice.cdp("Emulation.setEmulatedMedia", { features });
  assert.deepEqual(await durations(), ["0s"]);
});
