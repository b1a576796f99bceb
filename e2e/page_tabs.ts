/// <reference lib="dom" />
/**
 * The chat page in real Chromium, ended without a word, brought back, and copied: what was said is said
 * once. Needs `chromium` and `chromedriver`.
 *
 * Run with `deno task e2e`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Peer, TestServer } from "../tests/peer.ts";
import { Proxy } from "../tests/proxy.ts";
import { said, type ScriptedPeer, ScriptedServer } from "../tests/scripted.ts";
import type { Browser } from "./browser.ts";
import {
  comeIn,
  comeInto,
  hears,
  isFocused,
  openPage,
  say,
  sayAll,
  textsOf,
  valueOf,
} from "./visit.ts";

/** Returns what the page's tab remembers. */
function memoryOf(browser: Browser): Promise<Record<string, string>> {
  return browser.run(() => ({ ...sessionStorage }));
}

/** Ends the page as a browser does that discards a tab: the next one finds what was remembered then. */
async function discard(
  browser: Browser,
  url: string,
  remembered: Record<string, string>,
): Promise<void> {
  await browser.go(`${url}web/style.css`);
  await browser.run((remembered) => {
    sessionStorage.clear();
    for (const [key, value] of Object.entries(remembered)) sessionStorage.setItem(key, value);
  }, remembered);
  await browser.go(url);
}

/** Checks that somebody hears these messages of others, and no more before their own next. */
async function assertHears(peer: Peer, texts: readonly string[]): Promise<void> {
  sayAll(peer, "that is all");
  const heard: unknown[] = [];
  while (heard.at(-1) !== "that is all") {
    const { data } = await peer.jsonWhere(({ messageType }) => messageType === "message");
    heard.push(data);
  }
  assert.deepEqual(heard, [...texts, "that is all"]);
}

function isUnsettled(): boolean {
  return document.querySelectorAll(".is-pending").length > 0;
}

Deno.test("page: discarded with an old memory, it says nothing twice, and calls nothing unsaid", async () => {
  await using server = new TestServer();
  await using proxy = new Proxy(server.port);
  await using bob = await server.register("bob");
  const url = `http://127.0.0.1:${proxy.port}/`;
  await using alice = await comeIn(proxy, "alice");
  proxy.mute();
  await say(alice, "accepted, but not known to be");
  await bob.jsonWhere(({ from, messageType }) => from === "alice" && messageType === "message");
  proxy.cut();
  await alice.shows("Offline.");
  await say(alice, "never sent, as far as is remembered");
  await alice.until(isUnsettled);
  const { targetId } = await alice.cdp("Target.createTarget", { url: "about:blank" });
  await alice.cdp("Target.activateTarget", { targetId });
  await alice.until(() => document.visibilityState === "hidden");
  const remembered = await memoryOf(alice);
  await alice.cdp("Target.closeTarget", { targetId });
  await alice.until(() => document.visibilityState === "visible");
  await alice.until(() => {
    document.getElementById("status-act")?.click();
    return document.querySelectorAll(".is-pending").length === 0;
  });
  await bob.jsonWhere(({ from, messageType }) => from === "alice" && messageType === "message");
  await discard(alice, url, remembered);
  await isFocused(alice, "message");
  await say(alice, "after all that");
  await hears(alice, "after all that");
  await assertHears(bob, ["after all that"]);
  const texts = ["accepted, but not known to be", "never sent, as far as is remembered"];
  assert.deepEqual((await textsOf(alice)).slice(0, 3), [...texts, "after all that"]);
  const page = await alice.run(() => document.body.innerText);
  assert.doesNotMatch(page, /Not said|Not known/);
});

Deno.test("page: discarded, and back after its session has ended, it gives back what may have been said", async () => {
  await using server = new ScriptedServer();
  await using alice = await openPage(server);
  const first = await comeInto(server, alice);
  for (const text of ["heard of", "perhaps heard"]) await say(alice, text);
  const { ref } = await first.take("message");
  const remembered = await memoryOf(alice);
  const coming = discard(alice, `http://127.0.0.1:${server.port}/`, remembered);
  const peer = await server.accept();
  const past = said(1, "heard of", { from: "alice", ref });
  await peer.welcome({ name: "alice-2", session: "another", id: 1 }, past);
  await coming;
  await alice.shows("Not known whether this was said: perhaps heard");
  assert.equal(await valueOf(alice), "perhaps heard");
  await alice.run(() => document.querySelector("textarea")?.select());
  await say(alice, "something else");
  assert.equal((await peer.take("message"))["data"], "something else");
  assert.deepEqual(await textsOf(alice), ["heard of"]);
});

Deno.test("page: a tab that crashes goes on with what waited", async () => {
  await using server = new TestServer();
  await using proxy = new Proxy(server.port);
  await using bob = await server.register("bob");
  await using alice = await comeIn(proxy, "alice");
  await say(alice, "before");
  await hears(alice, "before");
  proxy.mute();
  await say(alice, "under way");
  await bob.jsonWhere(({ data }) => data === "under way");
  const remembered = await memoryOf(alice);
  assert.ok(remembered["chat.owner"], "it is there, as far as the next one knows");
  proxy.cut();
  // Nothing of the page runs any more: no event, and no answer to other pages.
  await discard(alice, `http://127.0.0.1:${proxy.port}/`, remembered);
  await isFocused(alice, "message");
  await hears(alice, "under way");
  assert.deepEqual(await textsOf(alice), ["before", "under way"]);
  await assertHears(bob, []);
});

Deno.test("page: a tab that is copied, seen or hidden, is another person who says nothing of the first", async () => {
  await using server = new ScriptedServer();
  await using alice = await openPage(server);
  const first = await comeInto(server, alice);
  await say(alice, "waits");
  const { ref } = await first.take("message");
  const copy = async (): Promise<ScriptedPeer> => {
    await alice.run(() => void globalThis.open(location.href));
    const peer = await server.accept();
    const { data, session } = await peer.welcome({ name: "alice-2", session: "another" });
    assert.deepEqual([data, session], ["alice", undefined]);
    return peer;
  };
  const peer = await copy();
  await alice.turnToTab(-1);
  await isFocused(alice, "message");
  await say(alice, "mine");
  assert.equal((await peer.take("message"))["data"], "mine");
  await alice.turnToTab(0);
  const { targetId } = await alice.cdp("Target.createTarget", { url: "about:blank" });
  await alice.cdp("Target.activateTarget", { targetId });
  await alice.until(() => document.visibilityState === "hidden");
  await copy();
  first.send(said(1, "waits", { from: "alice", ref }));
  await hears(alice, "waits");
});

Deno.test("page: back from the browser's cache, or loaded again while it reconnects, it says once what waits", async () => {
  await using server = new ScriptedServer();
  const url = `http://127.0.0.1:${server.port}/`;
  await using alice = await openPage(server);
  const first = await comeInto(server, alice);
  await say(alice, "waits");
  const { ref } = await first.take("message");
  await alice.go(`${url}web/style.css`);
  await alice.back();
  const second = await server.accept();
  const { session } = await second.welcome(
    { name: "alice", id: 1 },
    said(1, "waits", { from: "alice", ref }),
  );
  assert.equal(session, "s");
  await hears(alice, "waits");
  await isFocused(alice, "message");
  await say(alice, "waits again");
  const again = await second.take("message");
  second.socket.close(1001);
  await alice.shows("Offline.");
  const reloading = alice.reload();
  const third = await server.accept();
  await third.welcome({ name: "alice", id: 1 }, said(1, "waits", { from: "alice", ref }));
  await reloading;
  assert.deepEqual(await third.take("message"), again, "with the ref that it had");
  third.send({ messageType: "ack", ref: again["ref"], id: 2 });
  await alice.until(() => document.querySelectorAll(".is-pending").length === 0);
  await isFocused(alice, "message");
  await say(alice, "next");
  assert.equal((await third.take("message"))["data"], "next");
  assert.doesNotMatch(await alice.run(() => document.body.innerText), /Not said|Not known/);
});
