/// <reference lib="dom" />
/**
 * Makes the README's pictures of the chat page: people talk in a real session, in light, in dark and
 * on a narrow screen. Needs `chromium` and `chromedriver`; looks best with a font for emoji.
 *
 * Run with `deno task pictures`.
 *
 * @module
 */

import { Peer, TestServer } from "../tests/peer.ts";
import { Browser, type BrowserOptions, Key } from "./browser.ts";

const DOCS = new URL("../docs/", import.meta.url);

/** Who sits in which other room. */
const ELSEWHERE = { design: ["dora", "peggy"], ops: ["anna", "walter", "niaj"], random: ["judy"] };

/** What each picture is taken with. */
const PICTURES: readonly (readonly [name: string, options: BrowserOptions])[] = [
  ["page-light", { width: 1160, height: 720, scheme: "light", scale: 1.5 }],
  ["page-dark", { width: 1160, height: 720, scheme: "dark", scale: 1.5 }],
  ["page-narrow", { width: 360, height: 720, scheme: "light", scale: 2 }],
];

/** Says something in the room, and waits until the page shows it. */
async function say(peer: Peer, browser: Browser, data: string, more: object = {}): Promise<void> {
  peer.send({ messageType: "message", data, ...more });
  await browser.until((text) => document.body.textContent.includes(text), data.slice(0, 20));
}

async function draw(name: string, options: BrowserOptions): Promise<void> {
  await using server = new TestServer();
  await using stack = new AsyncDisposableStack();
  const join = async (who: string, room?: string): Promise<Peer> =>
    stack.use(await server.register(who, room));
  for (const [room, people] of Object.entries(ELSEWHERE)) {
    for (const who of people) await join(who, room);
  }
  const [bob, frank, grace] = [await join("bob"), await join("frank"), await join("grace")];
  await using page = await Browser.open(server.url("http"), options);
  await page.until(() => document.activeElement?.id === "entry-name");
  await page.type("alice");
  await page.press(Key.enter);
  await page.until(() => document.activeElement?.id === "message");
  await say(bob, page, "Good morning! The build is green again 🎉");
  await say(bob, page, "It took two attempts, the second one with a clean cache.");
  await page.type("Thank you, that was quick");
  await page.press(Key.enter);
  await page.until(() => document.querySelectorAll(".chunk .is-own").length === 1);
  await say(frank, page, "opens a window", { action: true });
  await join("wendy");
  await page.shows("wendy joined");
  await say(
    grace,
    page,
    "alice: the notes of yesterday are at https://example.com/notes/2026/11/20, can you read them before ten?",
  );
  await say(bob, page, "Shall we tell the others?", { to: "alice" });
  await say(
    frank,
    page,
    "This is the whole loop:\nfor await (const batch of room) {\n  send(batch);\n}",
  );
  await page.type("I will read them now, and");
  await page.until(() => document.querySelectorAll("#rooms li").length === 4);
  await Deno.writeFile(new URL(`${name}.png`, DOCS), await page.screenshot());
}

for (const [name, options] of PICTURES) await draw(name, options);
