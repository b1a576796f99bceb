/// <reference lib="dom" />
/**
 * The chat page in real Chromium: what is written there. Needs `chromium` and `chromedriver`.
 *
 * Run with `deno task e2e`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { TestServer } from "../tests/peer.ts";
import { Key } from "./browser.ts";
import {
  assertClean,
  comeIn,
  hears,
  isFocused,
  say,
  sayAll,
  tabTo,
  textsOf,
  valueOf,
} from "./visit.ts";

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
  await alice.shows("alice is now alicia");
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
  await alice.click(".is-failed button:not(.more)");
  await isFocused(alice, "message");
  assert.equal(await valueOf(alice), "are you there?");
  await alice.chord(Key.control, "a");
  await alice.click(".is-failed button:not(.more)");
  assert.equal(await valueOf(alice), "are you there?\nare you there?", "nothing is replaced");
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

Deno.test("page: a draft follows its person to another name, and hints go where the cursor is", async () => {
  await using server = new TestServer();
  await using bob = await server.register("bob");
  await using alice = await comeIn(server, "alice");
  await alice.shows("bob");
  const writeTo = async (name: string): Promise<void> => {
    await alice.run((name) => {
      const people = Array.from(document.querySelectorAll<HTMLElement>("#people button"));
      people.find((each) => each.querySelector(".label")?.textContent === name)?.click();
    }, name);
    await alice.click("#person-write");
  };
  await writeTo("bob");
  await alice.type("a secret for bob");
  await alice.press(Key.escape);
  bob.send({ messageType: "register", data: "robert" });
  await alice.shows("bob is now robert");
  await using _other = await server.register("bob");
  await alice.shows("bob joined");
  await writeTo("bob");
  assert.equal(await valueOf(alice), "");
  await writeTo("robert");
  assert.equal(await valueOf(alice), "a secret for bob");
  bob.send({ messageType: "register", data: "rob" });
  await alice.until(() => document.getElementById("mode-name")?.textContent === "rob");
  assert.equal(await valueOf(alice), "a secret for bob");
  await alice.press(Key.escape);
  await writeTo("rob");
  await alice.press(Key.enter);
  await hears(alice, "a secret for bob");
  await alice.press(Key.escape);
  await writeTo("rob");
  assert.equal(await valueOf(alice), "", "what is sent is no draft any more");
  await alice.press(Key.escape);
  await alice.type("hello @ro");
  await alice.until(() => document.querySelectorAll("#hints li").length === 1);
  await alice.press(Key.home);
  await alice.until(() => document.querySelectorAll("#hints li").length === 0);
  await assertClean(alice, server);
});

Deno.test("page: what could not be sent before a person left is a draft when they are back", async () => {
  await using server = new TestServer();
  const { port } = server;
  await using alice = await comeIn(server, "alice");
  await server.server.shutdown();
  await alice.shows("Offline.");
  await say(alice, "one");
  await say(alice, "two");
  await say(alice, "/join dev");
  await alice.click("#action");
  await say(alice, "waves");
  await alice.click("#leave");
  await alice.shows("You are not in the chat any more.");
  await alice.shows("were not sent");
  assert.equal(await alice.run(() => document.querySelectorAll(".is-pending").length), 0);
  assert.equal(await alice.run(() => document.title), "Broadcast chat");
  await using _again = new TestServer({ port });
  await alice.click("#status-act");
  await isFocused(alice, "message");
  assert.equal(await valueOf(alice), "one\ntwo");
  await alice.chord(Key.control, "a");
  await say(alice, "/join dev");
  await alice.until(() => location.hash === "#dev");
  assert.equal(await valueOf(alice), "/me waves");
});
