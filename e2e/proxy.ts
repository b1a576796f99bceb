/**
 * The server as it is run in earnest: behind nginx, with `docs/nginx.conf`, and with the command
 * that `docs/chat.service` gives systemd. Needs `nginx` and `openssl`.
 *
 * Run with `deno task e2e`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { CHAT_V1 } from "../protocol.ts";
import { Peer } from "../tests/peer.ts";
import { Directory } from "./directory.ts";
import { Program } from "./program.ts";
import { change, NAME, Site } from "./site.ts";

/** The headers with which somebody asks for a WebSocket. */
const UPGRADE = {
  "connection": "Upgrade",
  "upgrade": "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** Takes in messages until somebody has said that, and returns it. */
function hear(peer: Peer, text: string): Promise<Record<string, unknown>> {
  return peer.jsonWhere(({ messageType, data }) => messageType === "message" && data === text);
}

/** Has one say something that both see. */
async function talk(from: Peer, to: Peer, text: string): Promise<void> {
  from.send({ messageType: "message", data: text });
  await Promise.all([hear(from, text), hear(to, text)]);
}

Deno.test("nginx: the terminal client and a program chat through it, both ways, over TLS", async () => {
  await using site = await Site.open();
  await using alice = await site.register("alice");
  await using bob = site.startClient("bob");
  await alice.jsonWhere(({ messageType, from }) => messageType === "join" && from === "bob");
  alice.send({ messageType: "message", data: "hello bob" });
  assert.equal(await bob.line(), "alice: hello bob");
  await bob.type("hello alice\n");
  assert.equal((await hear(alice, "hello alice"))["from"], "bob");
  const { code, stderr } = await bob.finish();
  assert.equal(code, 0, stderr);
});

Deno.test("nginx: the page and all of its files come at once, over HTTP/2", async () => {
  await using site = await Site.open();
  const { directory, ports } = site.parts;
  const caCerts = [Deno.readTextFileSync(directory.file("ca.pem"))];
  using client = Deno.createHttpClient({ caCerts, http1: false });
  const url = `https://localhost:${ports.https}/`;
  const page = await fetch(url, { client });
  assert.equal(page.status, 200);
  assert.match(page.headers.get("content-security-policy") ?? "", /^default-src 'none'/);
  assert.equal(page.headers.get("strict-transport-security"), "max-age=31536000");
  const hrefs = (await page.text()).matchAll(/<link rel="modulepreload" href="([^"]+)">/g);
  const files = await Promise.all(Array.from(hrefs, async ([, href = ""]) => {
    const response = await fetch(new URL(href, url), { client });
    const type = response.headers.get("content-type");
    return [response.status, type, (await response.text()).length > 0];
  }));
  assert.ok(files.length > 30);
  for (const file of files) assert.deepEqual(file, [200, "text/javascript; charset=utf-8", true]);
});

Deno.test("nginx: http leads to https", async () => {
  await using site = await Site.open();
  const url = `http://127.0.0.1:${site.parts.ports.http}/text?name=alice`;
  const response = await fetch(url, { redirect: "manual" });
  await response.body?.cancel();
  const { status, headers } = response;
  assert.deepEqual([status, headers.get("location")], [301, `https://${NAME}/text?name=alice`]);
});

/** Returns a connection's address without its port. */
function hostOf({ address }: Record<string, unknown>): string {
  return String(address).replace(/:\d+$/, "");
}

Deno.test("nginx: others see a client's address, not nginx's, nor one that the client makes up", async () => {
  await using site = await Site.open();
  await using alice = await site.register("alice");
  await using forger = await site.register("forger", { "x-forwarded-for": "203.0.113.7" });
  alice.send({ messageType: "message", data: "I am here" });
  forger.send({ messageType: "message", data: "I am there" });
  assert.equal(hostOf(await hear(forger, "I am here")), "127.0.0.1");
  assert.equal(hostOf(await hear(alice, "I am there")), "127.0.0.1");
  assert.equal(hostOf(forger.welcome), "127.0.0.1");
});

Deno.test("nginx: pages of the chat's own name may connect, pages of another get 403", async () => {
  await using site = await Site.open();
  await using alice = await site.register("alice", { origin: `https://${NAME}` });
  await using bob = await site.register("bob");
  await talk(alice, bob, "from a page");
  const others = ["https://evil.example", `https://${NAME}.evil.example`, "http://localhost:8000"];
  for (const origin of [...others, "null"]) {
    assert.equal(await site.knock({ headers: { ...UPGRADE, origin } }), 403, origin);
  }
  const host = "evil.example";
  assert.equal(await site.knock({ headers: { host } }), 403);
  assert.equal(await site.knock({ headers: { ...UPGRADE, host, origin: `https://${host}` } }), 403);
});

Deno.test("nginx: the metrics are for this machine alone, however they are asked for", async () => {
  await using site = await Site.open();
  const paths = ["/metrics", "/metrics?x", "//metrics", "/%6Detrics", "/x/%2e%2e/metrics"];
  for (const path of [...paths, "/.\\metrics", "/x\\..\\metrics", "/x/.%2e\\metrics"]) {
    assert.equal(await site.knock({ path }), 403, path);
  }
  const direct = await fetch(`http://127.0.0.1:${site.parts.serverPort}/metrics`);
  assert.match(await direct.text(), /^chat_received_bytes_total 0$/m);
  assert.equal(await site.knock({ path: "/healthz" }), 200);
});

Deno.test("nginx: who is slow to say what they want is cut off, and the chat goes on", async () => {
  await using site = await Site.open({ "client_header_timeout 10s": "client_header_timeout 1s" });
  await using alice = await site.register("alice");
  await using bob = await site.register("bob");
  using slow = await site.dial();
  await slow.write(new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: ${NAME}\r\nX-Slow: `));
  let isOpen = true;
  const ended = slow.read(new Uint8Array(1)).catch(() => null).finally(() => isOpen = false);
  for (let i = 0; isOpen; i++) {
    await slow.write(new TextEncoder().encode("x")).catch(() => {});
    await talk(alice, bob, `meanwhile ${i}`);
    // That it takes its time is what this test is about.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(await ended, null);
  await talk(bob, alice, "afterwards");
});

Deno.test("nginx: a request with a body gets 413", async () => {
  await using site = await Site.open();
  assert.equal(await site.knock({ headers: { "content-length": "1000000" } }), 413);
});

Deno.test("nginx: from an address that has too many connections comes no other", async () => {
  await using site = await Site.open({ "limit_conn chat 256": "limit_conn chat 1" });
  await using _alice = await site.register("alice");
  assert.equal(await site.knock({ headers: UPGRADE }), 503);
});

Deno.test("nginx: when the server ends, everyone behind it gets 1001, then there is nobody", async () => {
  await using site = await Site.open();
  await using alice = await site.register("alice");
  await using bob = await site.connect();
  site.parts.server.child.kill("SIGTERM");
  const codes = (await Promise.all([alice.closed, bob.closed])).map(({ code }) => code);
  assert.deepEqual(codes, [1001, 1001]);
  assert.equal((await site.parts.server.finish()).code, 0);
  assert.equal(await site.knock({}), 502);
});

const UNIT = new URL("../docs/chat.service", import.meta.url);

/** Returns the command of a unit of systemd, of which a line may go on in the next. */
function commandOf(unit: string): string[] {
  const [, command = ""] = /^ExecStart=(.*)$/m.exec(unit.replaceAll("\\\n", " ")) ?? [];
  return command.split(/\s+/);
}

/** Starts the server as the unit does, with its files in a directory and on a free port. */
async function startUnit(unit: string, { path }: Directory): Promise<[Program, url: string]> {
  const text = change(unit, {
    "/var/lib/chat/": `${path}/`,
    "/etc/chat/": `${path}/`,
    "=127.0.0.1:8080 ": "=127.0.0.1:0 ",
    "--port=8080 ": "--port=0 ",
  });
  const [deno = "", ...args] = commandOf(text);
  assert.match(deno, /\/deno$/);
  const server = new Program(Deno.execPath(), args);
  // A machine on which a process may not have so many files is warned first.
  for (;;) {
    const line = await server.line();
    const [, address] = / Server running on (.+)$/.exec(line) ?? [];
    if (address !== undefined) return [server, `ws://${address}/`];
    assert.match(line, / WARN /);
  }
}

/** Connects, and registers with a token. */
async function comeIn(url: string, token?: string): Promise<Peer> {
  const peer = await Peer.open(url, CHAT_V1);
  peer.send({ messageType: "register", token });
  return peer;
}

Deno.test("systemd: with the unit's permissions people chat, a reload reads the tokens, a stop ends it", async () => {
  using directory = new Directory();
  const unit = Deno.readTextFileSync(UNIT);
  assert.match(unit, /^ExecReload=\/bin\/kill -HUP \$MAINPID$/m);
  assert.match(unit, /^KillSignal=SIGTERM$/m);
  Deno.writeTextFileSync(directory.file("tokens"), "sesame alice operator\n");
  const [server, url] = await startUnit(unit, directory);
  await using _server = server;

  await using stranger = await comeIn(url);
  assert.equal((await stranger.closed).code, 4401);
  await using alice = await comeIn(url, "sesame");
  assert.equal((await alice.json("welcome"))["name"], "alice");
  alice.send({ messageType: "message", data: "kept" });
  await hear(alice, "kept");

  Deno.writeTextFileSync(directory.file("tokens"), "other bob\n");
  server.child.kill("SIGHUP");
  assert.equal((await alice.closed).code, 4401);
  await using bob = await comeIn(url, "other");
  assert.equal((await bob.json("welcome"))["name"], "bob");
  await hear(bob, "kept");

  server.child.kill("SIGTERM");
  assert.equal((await bob.closed).code, 1001);
  const { code, stderr } = await server.finish();
  assert.deepEqual([code, stderr], [0, ""]);
  assert.ok(Deno.statSync(directory.file("chat.db")).isFile);
});
