/**
 * What the client says and how it ends when it cannot take part: a line on standard error, and an
 * exit code of its own for each reason. Needs `openssl`.
 *
 * Run with `deno task e2e`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { TestServer } from "../tests/peer.ts";
import { said, ScriptedServer } from "../tests/scripted.ts";
import { makeCertificates } from "./certificates.ts";
import { Directory } from "./directory.ts";
import { Program, roleArgs } from "./program.ts";

/** Runs a client with nothing to say, and checks that it ends with that line alone. */
async function assertEnds(args: readonly string[], code: number, line: string): Promise<void> {
  await using client = Program.role("client", ...args);
  const { code: actual, stdout, stderr } = await client.finish();
  assert.deepEqual([actual, stdout, stderr], [code, [], `${line}\n`]);
}

Deno.test("client: nobody listens there", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const text = "connection refused. Is the server running on that port?";
  const line = `Cannot connect to ws://127.0.0.1:${port}: ${text}`;
  await assertEnds([`--port=${port}`], 1, line);
});

Deno.test("client: wrong arguments", async () => {
  await assertEnds(["--prot=1"], 2, "Unknown argument --prot=1. See --help.");
});

Deno.test("client: there is no such host", async () => {
  const text = "there is no host no-such-host.invalid. Check its name.";
  const line = `Cannot connect to ws://no-such-host.invalid:8080: ${text}`;
  await assertEnds(["--host=no-such-host.invalid"], 5, line);
});

Deno.test("client: a web server is there, and no chat", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("Hello"),
  );
  const url = `ws://127.0.0.1:${server.addr.port}`;
  const http = "HTTP 200 is the answer, not a chat. Check the address.";
  await assertEnds([`--server=${url}`], 7, `Cannot connect to ${url}: ${http}`);
  const tls = "it does not speak TLS. Try ws:// for wss://.";
  const wss = url.replace("ws:", "wss:");
  await assertEnds([`--server=${wss}`], 7, `Cannot connect to ${wss}: ${tls}`);
});

Deno.test("client: the server is full", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("Full", { status: 503 }),
  );
  const url = `ws://127.0.0.1:${server.addr.port}`;
  const line = `Cannot connect to ${url}: the server is full. Try again later.`;
  await assertEnds([`--server=${url}`], 8, line);
});

Deno.test("client: a certificate that is not trusted; of one that is, what answers there", async () => {
  using directory = new Directory();
  await makeCertificates(directory);
  const [cert = "", key = ""] = await Promise.all(
    ["cert.pem", "key.pem"].map((name) => Deno.readTextFile(directory.file(name))),
  );
  let status = 200;
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} },
    () => new Response("Hello", { status }),
  );
  const url = `wss://localhost:${server.addr.port}`;
  const text = "its certificate is not trusted. If you trust who made it: " +
    "DENO_CERT=its-maker.pem before the command.";
  await assertEnds([`--server=${url}`], 6, `Cannot connect to ${url}: ${text}`);
  const other = url.replace("wss:", "ws:");
  const plain = "it does not speak HTTP. Try wss:// if it speaks TLS.";
  await assertEnds([`--server=${other}`], 7, `Cannot connect to ${other}: ${plain}`);
  const env = { NO_COLOR: "1", DENO_CERT: directory.file("ca.pem") };
  const answers: [number, number, string][] = [
    [200, 7, "HTTP 200 is the answer, not a chat. Check the address."],
    [403, 7, "HTTP 403 is the answer, not a chat. Check the address."],
    [503, 8, "the server is full. Try again later."],
  ];
  for (const [answer, code, line] of answers) {
    status = answer;
    const args = roleArgs("client", `--server=${url}`);
    await using client = new Program(Deno.execPath(), args, { env });
    const ended = await client.finish();
    assert.deepEqual([ended.code, ended.stderr], [code, `Cannot connect to ${url}: ${line}\n`]);
  }
});

Deno.test("client: a wrong token, a ban, and a server that is full once it is asked", async () => {
  const expected: [error: string, close: number, code: number, line: string][] = [
    ["unauthorized", 4401, 3, "does not let you in: No. Ask who runs it for a token."],
    ["forbidden", 4403, 4, "has sent you away: No. Ask who runs it."],
    ["full", 1013, 8, "is full: No. Try again later."],
  ];
  for (const [error, close, code, line] of expected) {
    await using server = new ScriptedServer();
    const url = `ws://127.0.0.1:${server.port}`;
    const ended = assertEnds([`--server=${url}`], code, `${url} ${line}`);
    const peer = await server.accept();
    await peer.take("register");
    peer.send({ messageType: "error", code: error, data: "No" });
    peer.socket.close(close);
    await ended;
  }
});

/** Runs a client with nothing to say in an environment, and returns its exit code and its words. */
async function endIn(env: Record<string, string>, args: string[]): Promise<[number, string]> {
  const none = { no_proxy: "", NO_COLOR: "1" };
  await using client = new Program(Deno.execPath(), args, { env: { ...none, ...env } });
  const { code, stderr } = await client.finish();
  return [code, stderr.trimEnd()];
}

Deno.test("client: a proxy on the way that fails is named, without its password", async () => {
  await using server = new TestServer();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await using refusing = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("No", { status: 403 }),
  );
  const url = `ws://127.0.0.1:${server.port}`;
  const begin = `Cannot connect to ${url}: the way there leads through the proxy `;
  const end = "Check the proxy, or put 127.0.0.1 into no_proxy.";
  const proxies: [variable: string, value: string, address: string, why: string][] = [
    ["http_proxy", `http://127.0.0.1:${port}`, `http://127.0.0.1:${port}`, "tcp connect error"],
    ["HTTP_PROXY", `al:secret@127.0.0.1:${port}`, `http://127.0.0.1:${port}`, "tcp connect error"],
    ["all_proxy", "http://no-such.invalid:1", "http://no-such.invalid:1", "dns error"],
    [
      "ALL_PROXY",
      `socks5://127.0.0.1:${port}`,
      `socks5://127.0.0.1:${port}`,
      "Proxy server unreachable",
    ],
    [
      "http_proxy",
      `http://127.0.0.1:${refusing.addr.port}`,
      `http://127.0.0.1:${refusing.addr.port}`,
      "Invalid status code: 403",
    ],
  ];
  for (const [variable, value, address, why] of proxies) {
    const env = { [variable]: value };
    const args = roleArgs("client", `--server=${url}`);
    const line = `${begin}${address}, which ${variable} names, and it fails (${why}). ${end}`;
    assert.deepEqual(await endIn(env, args), [1, line]);
    // Without leave to read the environment it finds out as much as it can.
    const blind = args.filter((arg) => !arg.startsWith("--allow-env"));
    const [code, text] = await endIn(env, blind);
    if (!why.includes("403")) {
      const words =
        "it is there, but the proxy that http_proxy, https_proxy or all_proxy names fails";
      assert.deepEqual([code, text], [1, `Cannot connect to ${url}: ${words} (${why}). ${end}`]);
    }
    const [excepted] = await endIn({ ...env, no_proxy: "127.0.0.1" }, args);
    assert.equal(excepted, 0);
  }
});

Deno.test("client: whatever a hostile server sends, it ends in a line, and writes text alone", async () => {
  const origin = { time: 1, from: "bob", address: "x" };
  const attacks: [messages: object[], told: string][] = [
    [
      [said(1, "x", { from: "x".repeat(2_000_000) })],
      "It sent more than 262144 characters at once",
    ],
    [[said(1, "\n".repeat(3_000_000))], "It sent more than 262144 characters at once"],
    [[said(1, "x", { from: "x".repeat(200_000) })], '"from" is over 256 characters.'],
    [[{ messageType: "pong", data: "\x9b2J\u202E".repeat(9_000) }], "has ended: bye [2J."],
    [
      [{ messageType: "users", dataArray: Array(60_000).fill(""), count: 1, room: "r" }],
      "has ended",
    ],
    [
      Array.from({ length: 4_000 }, (_, i) => ({ messageType: "join", id: i + 1, ...origin })),
      "It sent more than",
    ],
  ];
  for (const [messages, told] of attacks) {
    for (const args of [[], ["--json"]]) {
      await using server = new ScriptedServer();
      await using client = Program.role("client", `--port=${server.port}`, ...args);
      const peer = await server.accept();
      await peer.welcome({});
      peer.send(...messages);
      peer.socket.close(1000, "bye \x1b[2J\x9b");
      while (await client.line() !== "(end)");
      const { code, stderr } = await client.finish();
      assert.equal(code, 1);
      assert.ok(stderr.includes(told) && stderr.length < 2_000, stderr.slice(0, 2_000));
      assert.doesNotMatch(stderr, /[^\P{Cc}\n]|\n +at /u);
    }
  }
});
