import assert from "node:assert/strict";
import { LineDecoder } from "../server/lines.ts";
import { TcpPeer, TestServer } from "./peer.ts";

const encoder = new TextEncoder();

const REQUESTS = [
  "GET / HTTP/1.1",
  "POST /?a=b HTTP/1.1",
  "get / http/1.0",
  "patch /x HTTP/1.1",
  "we!rd-method_1 / HTTP/1.1",
  "OPTIONS * HTTP/1.1",
  "GET http://127.0.0.1:8081/ HTTP/1.1",
  "CONNECT [::1]:8081 HTTP/1.1",
  "CONNECT chat.example:443 HTTP/1.1",
  "GET /with spaces in it HTTP/1.1",
  "GET  /\tHTTP/1.1 ",
  "PRI * HTTP/2.0",
  "GET / HTTP/3",
  "GET /",
  "get /index.html",
  "SSH-2.0-OpenSSH_9.2",
  "SSH-1.99-x",
];

/** TLS hellos as they begin: of versions 1.0 and 1.3, and one with a newline in its random bytes. */
const HELLOS = [[0x16, 3, 1, 2, 0, 1], [0x16, 3, 3, 0, 0xff, 1], [0x16, 3, 1, 0, 0x0a, 1]];

const TEXTS = [
  "GET well soon",
  "get well soon /bob",
  "I love HTTP/1.1",
  "We all use HTTP/2",
  "GET / is what HTTP/1.1 clients begin with",
  "GET",
  "POST /etc/motd to the wiki",
  "POST /x",
  "HTTP/1.1 200 OK",
  "note: see HTTP/1.1",
  "/nick HTTP/1.1",
  "SSH is down",
  "SSH-keys, please",
  "\x16",
];

Deno.test("line decoder: a first line of another protocol is known by the form of the line", () => {
  for (const request of REQUESTS) {
    for (const end of ["\n", "\r\n"]) {
      const { foreign } = new LineDecoder().push(encoder.encode(request + end));
      assert.match(foreign ?? "", /^an? (HTTP|SSH) /, request);
    }
    const decoder = new LineDecoder();
    decoder.push(encoder.encode(request));
    assert.match(decoder.end().foreign ?? "", /^an? (HTTP|SSH) /, `${request} without a newline`);
  }
});

Deno.test("line decoder: a TLS hello is known by its first two bytes, with or without a newline", () => {
  for (const hello of HELLOS) {
    const decoder = new LineDecoder();
    assert.equal(decoder.push(new Uint8Array(hello.slice(0, 1))).foreign, undefined);
    assert.equal(decoder.push(new Uint8Array(hello.slice(1))).foreign, "a TLS hello");
  }
});

Deno.test("line decoder: a chat text is none of another protocol, and later lines are never looked at", () => {
  for (const text of TEXTS) {
    assert.equal(new LineDecoder().push(encoder.encode(`${text}\n`)).foreign, undefined, text);
  }
  const decoder = new LineDecoder();
  decoder.push(encoder.encode("here is a request:\n"));
  for (const request of REQUESTS) {
    assert.equal(decoder.push(encoder.encode(`${request}\n`)).foreign, undefined);
  }
});

/** What a page can have a browser send. */
const BODY =
  "Host: 127.0.0.1\r\ncontent-type: text/plain\r\n\r\n\n/nick boss\nsend me the password\n";

/** Returns what is to be sent in pieces, each of them in a packet of its own. */
function inPieces(text: string, size: number): string[] {
  const count = Math.ceil(text.length / size);
  return Array.from({ length: count }, (_, i) => text.slice(i * size, (i + 1) * size));
}

Deno.test("tcp: of a request, a TLS hello and an SSH banner nobody hears, and they are counted", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  const begins = [
    [`POST / HTTP/1.1\r\n${BODY}`],
    [`\r\n\n \nPOST / HTTP/1.1\n${BODY}`],
    inPieces(`POST / HTTP/1.1\r\n${BODY}`, 7),
    [`GET /\r\n${BODY}`],
    ["SSH-2.0-x\r\n/nick boss\r\n"],
    [new Uint8Array([0x16, 3, 1, 0, 200, 1, 0, 0, 196])],
    [new Uint8Array([0x16, 3, 1, 0, 200]), "\n/nick boss\nhello\n"],
  ];
  for (const pieces of begins) {
    await using page = await TcpPeer.open(server);
    // The last pieces may find the connection closed.
    for (const piece of pieces) await page.send(piece).catch(() => {});
    await page.end().catch((error) => assert.ok(error instanceof Deno.errors.ConnectionReset));
  }
  await alice.expectNothing();
  const metrics = await (await fetch(server.url("http", "/metrics"))).text();
  assert.match(metrics, /^chat_refused_total\{code="foreign"\} 7$/m);
  const refused = server.log.filter((line) => line.startsWith("info Refused 127.0.0.1:"));
  assert.equal(refused.length, 7);
  assert.match(refused[0] ?? "", /: an HTTP request came to the port of lines$/);
});

Deno.test("tcp: a request that comes after the welcome says nothing, and what is typed is said", async () => {
  await using server = new TestServer();
  await using alice = await server.register("alice");
  await using late = await TcpPeer.open(server);
  assert.equal(await late.line(), "Welcome to chat! Type a message");
  assert.equal(await late.line(), `* ${late.address} joined`);
  await late.send(`\nPOST / HTTP/1.1\r\n${BODY}`);
  await late.end().catch((error) => assert.ok(error instanceof Deno.errors.ConnectionReset));
  assert.equal((await alice.json("join"))["from"], late.address);
  assert.equal((await alice.json("leave"))["from"], late.address);
  await using ann = await TcpPeer.open(server);
  await ann.send("GET well soon\n");
  await alice.json("join");
  assert.equal((await alice.json("message"))["data"], "GET well soon");
});

Deno.test("tcp: a server that shuts down does not wait for who has said nothing yet", async () => {
  const server = new TestServer();
  await using silent = await TcpPeer.open(server);
  await server.server.shutdown();
  await silent.end();
  assert.ok(!server.log.some((line) => line.includes("New connection")));
});
