/// <reference lib="dom" />
/**
 * The chat page against those who mean it ill. Needs `chromium` and `chromedriver`.
 *
 * Run with `deno task e2e`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Peer, TestServer } from "../tests/peer.ts";
import { said, ScriptedServer } from "../tests/scripted.ts";
import { assertClean, comeIn, comeInto, hears, openPage, sayAll, textsOf } from "./visit.ts";

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
    cut: Array.from(document.querySelectorAll(".text:not(.is-folded)")).filter((text) => {
      const range = document.createRange();
      range.selectNodeContents(text);
      const { right } = text.getBoundingClientRect();
      return Array.from(range.getClientRects()).some((rect) => rect.right > right + 2);
    }).map(({ textContent }) => textContent?.slice(0, 20)),
    highest: Math.max(
      ...Array.from(document.querySelectorAll(".message"), (each) => each.clientHeight),
    ),
  }));
  assert.equal(made.foreign, 0);
  assert.deepEqual(made.links, ["https://example.com/", "http://x/"]);
  assert.deepEqual(made.rels, ["noopener noreferrer", "noopener noreferrer"]);
  assert.equal(made.sideways, false);
  assert.deepEqual(made.cut, [], "nothing is cut off");
  assert.ok(made.highest < 600, `a message is ${made.highest} pixels high`);
  await alice.click(".chunk .more");
  await alice.until(() => document.querySelector(".chunk .more")?.textContent === "Show less");
  const unfolded = await alice.run(() => {
    return document.querySelector(".chunk .more")?.closest(".message")?.clientHeight ?? 0;
  });
  assert.ok(unfolded > made.highest, "all of it can be seen");
  assert.ok(!(await alice.run(() => document.body.innerText)).includes("HACKED"));
  await assertClean(alice, server);
});

Deno.test("page: what a hostile server says is text, too, in each of its fields", async () => {
  await using server = new ScriptedServer();
  await using alice = await openPage(server, { width: 360, height: 700 });
  const evil = (where: string): string => `<img src=x onerror=alert(1)>\u202E${where}\u2066`;
  const peer = await comeInto(
    server,
    alice,
    {
      welcome: {
        name: evil("name"),
        room: evil("room"),
        data: evil("greeting"),
        address: evil("address"),
      },
      events: [
        {
          messageType: "users",
          dataArray: [evil("person"), "x".repeat(4_000)],
          count: 2,
          room: evil(""),
        },
        { messageType: "rooms", dataArray: [evil("other room")], counts: [1e9], count: 1e9 },
        said(1, evil("text"), { from: evil("from"), address: evil("address") }),
        said(2, "next", { from: "שלום", address: "x" }),
      ],
    },
  );
  await hears(alice, "next");
  peer.send(
    {
      messageType: "private",
      time: 8.64e15,
      from: evil("from"),
      to: evil("to"),
      data: evil("psst"),
    },
    {
      messageType: "rename",
      id: 3,
      time: 0,
      from: evil("person"),
      address: "x",
      data: evil("new"),
    },
    { messageType: "missed", count: 1e15, data: evil("missed") },
    { messageType: "error", code: evil("code"), data: evil("error") },
    said(1e15, "last"),
  );
  await hears(alice, "last");
  const { made, text, title, sideways } = await alice.run(() => ({
    made: document.querySelectorAll("#app img:not(.brand img), [onerror]").length,
    text: document.body.textContent ?? "",
    title: document.title,
    sideways: Array.from(document.querySelectorAll("html, .log, main")).some((each) => {
      return each.scrollWidth > each.clientWidth + 1;
    }),
  }));
  assert.equal(made, 0);
  assert.equal(sideways, false);
  assert.ok(title.includes("<img src=x onerror=alert(1)>room"));
  assert.doesNotMatch(text + title, /[\u202A-\u202E\u2066-\u2069]/);
  for (const where of ["room", "person", "other room", "text", "psst", "new", "error"]) {
    assert.ok(text.includes(`<img src=x onerror=alert(1)>${where}`), where);
  }
  const isInOrder = await alice.run(() => {
    const origins = Array.from(document.querySelectorAll(".origin"));
    const origin = origins.find((each) => each.textContent?.includes("שלום"));
    const [name = 0, time = 0] = Array.from(origin?.children ?? [], (each) => {
      return each.getBoundingClientRect().left;
    });
    return name < time;
  });
  assert.ok(isInOrder, "a name that is read from the right moves nothing else");
  await assertClean(alice, server);
});

Deno.test("page: its policy lets it talk to its own server alone, and make no HTML of text", async () => {
  await using server = new TestServer();
  await using other = new ScriptedServer();
  await using alice = await openPage(server);
  const refused = await alice.run(async (port) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    return await new Promise<string>((resolve) => {
      socket.onopen = () => resolve("open");
      socket.onerror = () => resolve("refused");
    });
  }, other.port);
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
