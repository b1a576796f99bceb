/// <reference lib="dom" />
/**
 * What the tests of the page do there, as people do it.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Peer } from "../tests/peer.ts";
import type { ScriptedPeer, ScriptedServer } from "../tests/scripted.ts";
import { Browser, type BrowserOptions, Key } from "./browser.ts";

/** Where a server is that a page comes from. */
export interface Place {
  readonly port: number;
}

/** Opens the page in a browser of its own. */
export function openPage(
  { port }: Place,
  options: BrowserOptions & { hash?: string } = {},
): Promise<Browser> {
  return Browser.open(`http://127.0.0.1:${port}/${options.hash ?? ""}`, options);
}

/** Opens the page, says a name, and waits until the person is in. */
export async function comeIn(
  server: Place,
  name: string,
  options: BrowserOptions & { hash?: string } = {},
): Promise<Browser> {
  const browser = await openPage(server, options);
  await sayName(browser, name);
  return browser;
}

export async function sayName(browser: Browser, name: string): Promise<void> {
  await isFocused(browser, "entry-name");
  await browser.type(name);
  await browser.press(Key.enter);
  await isFocused(browser, "message");
}

/** Says `alice` on a page, which a scripted server lets in: with these fields, and these events. */
export async function comeInto(
  server: ScriptedServer,
  browser: Browser,
  { welcome = {}, events = [] }: { welcome?: object; events?: readonly object[] } = {},
): Promise<ScriptedPeer> {
  const coming = sayName(browser, "alice");
  const peer = await server.accept();
  await peer.welcome({ name: "alice", ...welcome }, ...events);
  await coming;
  return peer;
}

/** Waits until the element with that id has the focus. */
export async function isFocused(browser: Browser, id: string): Promise<void> {
  await browser.until((id) => document.activeElement?.id === id, id);
}

/** Types a message, or a command, and sends it. */
export async function say(browser: Browser, text: string): Promise<void> {
  await browser.type(text);
  await browser.press(Key.enter);
}

/** Waits until a message is in the transcript, settled. */
export async function hears(browser: Browser, text: string): Promise<void> {
  await browser.until((text) => {
    const texts = document.querySelectorAll(".chunk .text");
    return Array.from(texts).some(({ textContent }) => textContent === text);
  }, text);
}

/** Returns the texts of all messages in the transcript that are in the document. */
export function textsOf(browser: Browser): Promise<string[]> {
  return browser.run(() => {
    const texts = document.querySelectorAll(".chunk .text");
    return Array.from(texts, ({ textContent }) => textContent ?? "");
  });
}

/** Returns the notices in the transcript. */
export function noticesOf(browser: Browser): Promise<string[]> {
  return browser.run(() => {
    return Array.from(document.querySelectorAll(".notice"), ({ textContent }) => textContent ?? "");
  });
}

/**
 * Checks that nothing was complained about, and nothing asked of anybody but the server. That a
 * connection was refused, a browser says by itself.
 */
export async function assertClean(
  browser: Browser,
  { port }: Place,
  { isRefused = false }: { isRefused?: boolean } = {},
): Promise<void> {
  const complaints = await browser.complaints();
  const others = complaints.filter((text) => !text.includes("net::ERR_CONNECTION_REFUSED"));
  assert.deepEqual(isRefused ? others : complaints, []);
  const requests = await browser.requests();
  assert.ok(requests.some((url) => url.startsWith("ws:")), "the log of requests is not read");
  const own = new RegExp(`^(http|ws)://127\\.0\\.0\\.1:${port}/|^data:,$|^about:blank$`);
  assert.deepEqual(requests.filter((url) => !own.test(url)), []);
}

/** Returns what is being written. */
export function valueOf(browser: Browser): Promise<string> {
  return browser.run(() => {
    const input = document.getElementById("message");
    return input instanceof HTMLTextAreaElement ? input.value : "";
  });
}

/** Presses Tab until the element with that id has the focus. */
export async function tabTo(browser: Browser, id: string): Promise<void> {
  for (let i = 0; i < 60; i++) {
    if (await browser.run((id) => document.activeElement?.id === id, id)) return;
    await browser.press(Key.tab);
  }
  assert.fail(`#${id} cannot be reached`);
}

export function sayAll(peer: Peer, ...texts: string[]): void {
  for (const data of texts) peer.send({ messageType: "message", data });
}
