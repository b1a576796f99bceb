/// <reference lib="dom" />
/**
 * The chat page where not everybody may come in, and nobody may be too fast. Needs `chromium` and
 * `chromedriver`.
 *
 * Run with `deno task e2e`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseTokens } from "../server/tokens.ts";
import { Peer, TestServer } from "../tests/peer.ts";
import { type Browser, Key } from "./browser.ts";
import { assertClean, comeIn, hears, isFocused, openPage, say, textsOf } from "./visit.ts";

const TOKENS = "t-op olga operator\nt-any *";

/** Waits until the entry says why the person is not in. */
async function isRefused(browser: Browser, why: string): Promise<void> {
  await browser.until((why) => document.getElementById("entry-error")?.textContent === why, why);
}

/** Waits until there is such a notice. */
async function isNoticed(browser: Browser, text: string): Promise<void> {
  await browser.until((text) => {
    const notices = document.querySelectorAll(".notice");
    return Array.from(notices).some(({ textContent }) => textContent?.includes(text));
  }, text);
}

async function tokenOf(browser: Browser): Promise<string | null> {
  return await browser.run(() => localStorage.getItem("chat.token"));
}

Deno.test("page: asks for a token where one is needed, keeps it over a reload, and forgets it at the end", async () => {
  await using server = new TestServer({ tokens: parseTokens(TOKENS) });
  await using page = await openPage(server);
  await isFocused(page, "entry-name");
  await page.type("ann");
  await page.press(Key.enter);
  await isRefused(page, "This chat lets in who has a token. Ask who runs it for one.");
  await isFocused(page, "entry-token");
  assert.equal(
    await page.run(() => document.getElementById("entry-token")?.getAttribute("type")),
    "password",
  );
  await page.type("wrong");
  await page.press(Key.enter);
  await isRefused(page, "That token is not valid. Ask who runs this chat.");
  assert.equal(await tokenOf(page), null);
  await page.type("t-any");
  await page.press(Key.enter);
  await isFocused(page, "message");
  assert.equal(await tokenOf(page), "t-any");
  await page.reload();
  await isFocused(page, "message");
  await say(page, "here again");
  await hears(page, "here again");
  await say(page, "/quit");
  await page.until(() => document.getElementById("status-act")?.textContent === "Come in again");
  assert.equal(await tokenOf(page), null);
  await page.press(Key.enter);
  await isFocused(page, "message");
  await assertClean(page, server);
});

Deno.test("page: an operator mutes and bans by the controls, and is told what was done", async () => {
  await using server = new TestServer({ tokens: parseTokens(TOKENS) });
  await using eve = await Peer.open(server.url("ws"), "chat.v1");
  eve.send({ messageType: "register", data: "eve", token: "t-any" });
  await eve.json("welcome");
  await using page = await openPage(server);
  await isFocused(page, "entry-name");
  await page.type("x");
  await page.press(Key.enter);
  await isFocused(page, "entry-token");
  await page.type("t-op");
  await page.press(Key.enter);
  await isFocused(page, "message");
  const moderate = async (id: string): Promise<void> => {
    await page.run(() => {
      const people = document.querySelectorAll<HTMLElement>("#people button");
      Array.from(people).find(({ textContent }) => textContent?.includes("eve"))?.click();
      const details = document.getElementById("person-moderate");
      if (details instanceof HTMLDetailsElement) details.open = true;
    });
    await page.run((id) => document.getElementById(id)?.click(), id);
  };
  await moderate("person-mute");
  await isNoticed(page, "eve is muted for 600 seconds.");
  const { data } = await eve.jsonWhere(({ messageType }) => messageType === "private");
  assert.equal(data, "olga has muted you for 600 seconds: you can only read.");
  await moderate("person-ban");
  await isNoticed(page, "eve is banned for 600 seconds.");
  assert.equal((await eve.closed).code, 4403);
  await assertClean(page, server);
});

Deno.test("page: who is sent away is told by whom", async () => {
  await using server = new TestServer({ tokens: parseTokens(TOKENS) });
  await using op = await Peer.open(server.url("ws"), "chat.v1");
  op.send({ messageType: "register", token: "t-op" });
  await op.json("welcome");
  await using page = await openPage(server);
  await page.run(() => localStorage.setItem("chat.token", "t-any"));
  await page.reload();
  await isFocused(page, "entry-name");
  await page.type("ann");
  await page.press(Key.enter);
  await isFocused(page, "message");
  op.send({ messageType: "kick", data: "ann" });
  await isNoticed(page, "olga has kicked you");
  await page.until(() => document.getElementById("status-act")?.textContent === "Come in again");
  assert.equal(await tokenOf(page), "t-any");
});

Deno.test("page: 120 messages at once arrive in their order at a server that limits them", async () => {
  await using server = new TestServer({ rate: 100, burst: 20 });
  await using bob = await server.register("bob");
  await using page = await comeIn(server, "ann");
  const texts = Array.from({ length: 120 }, (_, i) => `line ${i}`);
  await page.run((texts) => {
    const input = document.getElementById("message");
    const form = document.getElementById("composer");
    if (!(input instanceof HTMLTextAreaElement && form instanceof HTMLFormElement)) return;
    let i = 0;
    const timer = setInterval(() => {
      // The page takes so much at a time.
      for (let n = 0; n < 5 && i < texts.length && input.value === ""; n++, i++) {
        input.value = texts[i] ?? "";
        input.dispatchEvent(new Event("input"));
        form.requestSubmit();
      }
      if (i === texts.length) clearInterval(timer);
    }, 20);
  }, texts);
  const heard: unknown[] = [];
  while (heard.length < texts.length) {
    heard.push((await bob.jsonWhere(({ messageType }) => messageType === "message"))["data"]);
  }
  assert.deepEqual(heard, texts);
  await hears(page, "line 119");
  assert.deepEqual(await textsOf(page), texts);
  await assertClean(page, server);
});
