/**
 * Who may come in, as the one who runs a server sees it: token files, certificates, log lines, and
 * signals to a real process. Needs `openssl`.
 *
 * Run with `deno task e2e`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Peer } from "../tests/peer.ts";
import { makeCertificates } from "./certificates.ts";
import { Directory } from "./directory.ts";
import { Program, roleArgs, startServer } from "./program.ts";

const TOKENS = "t-op olga operator\nt-bob bob\n";

/** Reads log lines up to one that has that text in it. */
async function logs(server: Program, text: string): Promise<string> {
  for (;;) {
    const line = await server.line();
    if (line.includes(text)) return line;
    assert.notEqual(line, "(end)", `no line with ${text}`);
  }
}

/** Says some lines with a token, and returns how that went. */
async function sayWith(
  token: string,
  port: string,
  lines: string,
): Promise<{ code: number; stderr: string }> {
  using directory = new Directory();
  await Deno.writeTextFile(directory.file("token"), `${token}\n`);
  const args = [`--port=${port}`, `--token-file=${directory.file("token")}`];
  await using client = Program.role("client", ...args);
  await client.type(lines);
  return await client.finish();
}

/** Checks that the server says that, exits with that code, and does nothing else. */
async function assertRefused(args: readonly string[], code: number, line: RegExp): Promise<void> {
  await using server = Program.role("server", "--port=0", ...args);
  const ended = await server.finish();
  assert.deepEqual([ended.code, ended.stdout], [code, []]);
  assert.match(ended.stderr, line);
  assert.equal(ended.stderr.split("\n").length, 2, ended.stderr);
}

Deno.test("server --token-file: a token lets in; at SIGHUP the file is read again, faults and all", async () => {
  using directory = new Directory();
  const path = directory.file("tokens");
  await Deno.writeTextFile(path, TOKENS);
  const { program: server, port } = await startServer(`--token-file=${path}`);
  await using _server = server;
  const said = await sayWith("t-bob", port, "hello\n");
  assert.equal(said.code, 0, said.stderr);
  assert.match(said.stderr, /^\* You are bob in lobby$/m);
  const refused = await sayWith("t-new", port, "hello\n");
  assert.equal(refused.code, 3);
  const text = "does not let you in: That token is not valid. Ask who runs it for a token.";
  assert.equal(refused.stderr, `ws://127.0.0.1:${port} ${text}\n`);

  await Deno.writeTextFile(path, "t-new bob\nt-op\n");
  server.child.kill("SIGHUP");
  const fault = await logs(server, "Cannot use");
  assert.ok(fault.endsWith(
    `ERROR Cannot use --token-file=${path}: line 2: there is no name after the token. ` +
      "The tokens from before stay valid.",
  ));
  assert.equal((await sayWith("t-bob", port, "still\n")).code, 0);
  await Deno.writeTextFile(path, "t-new bob\n");
  server.child.kill("SIGHUP");
  assert.match(await logs(server, "read again"), / INFO The token file was read again$/);
  assert.equal((await sayWith("t-bob", port, "no more\n")).code, 3);
  assert.equal((await sayWith("t-new", port, "hello\n")).code, 0);
  server.child.kill("SIGTERM");
  const { code, stdout } = await server.finish();
  assert.equal(code, 0);
  assert.ok(!stdout.some((line) => /hello|still|t-(bob|new|op)/.test(line)));
});

Deno.test("server --token-file: at SIGHUP a half-written file changes nothing, unless it is meant", async () => {
  using directory = new Directory();
  const path = directory.file("tokens");
  await Deno.writeTextFile(path, `${TOKENS}t-ann ann\nt-eve eve\n`);
  const { program: server, port } = await startServer(`--token-file=${path}`);
  await using _server = server;
  const reload = async (text: string | undefined, answer: string): Promise<string> => {
    if (text === undefined) await Deno.remove(path);
    else await Deno.writeTextFile(path, text);
    server.child.kill("SIGHUP");
    const line = await logs(server, answer);
    assert.equal((await sayWith("t-bob", port, "still\n")).code, 0, line);
    return line;
  };
  await reload("", "there is no token");
  await reload(undefined, "there is no such file");
  await reload(`${TOKENS}t-ann ann\nt-eve ev`, "its last line has no end");
  const line = await reload("t-op olga operator\n", "WARN");
  assert.ok(line.endsWith(
    `WARN --token-file=${path} may be half-written: it has 1 of 4 tokens. The tokens from before ` +
      "stay valid. If it is meant, send SIGHUP again.",
  ));
  server.child.kill("SIGHUP");
  await logs(server, "INFO The token file was read again");
  assert.equal((await sayWith("t-bob", port, "no more\n")).code, 3);
});

Deno.test("server --token-file, --cert: what cannot be read is one line and exit 2", async () => {
  using directory = new Directory();
  const path = directory.file("tokens");
  const missing = /^Cannot read --token-file=\S+: there is no such file\. Check its path\.$/m;
  await assertRefused([`--token-file=${path}`], 2, missing);
  await assertRefused(
    [`--token-file=${directory.path}`],
    2,
    /: it is a directory\. Name a file\.$/m,
  );
  await Deno.writeTextFile(path, "# nobody\nt-op olga operator\nt-bob olga\n");
  const twice = /^Cannot use --token-file=\S+: line 3: its name is in line 2 already\.$/m;
  await assertRefused([`--token-file=${path}`], 2, twice);
  const cert = [`--cert=${directory.file("none")}`, `--key=${path}`];
  await assertRefused(cert, 2, /^Cannot read --cert=\S+: there is no such file\./);
});

Deno.test("server: a ban survives a restart with --db", async () => {
  using directory = new Directory();
  await Deno.writeTextFile(directory.file("tokens"), TOKENS);
  const args = [`--db=${directory.file("chat.db")}`, `--token-file=${directory.file("tokens")}`];
  const first = await startServer(...args);
  await using _first = first.program;
  const banned = await sayWith("t-op", first.port, "/ban bob 3600\n");
  assert.match(
    banned.stderr,
    /^\* bob is banned for 3600 seconds\. Nobody here has that name now\.$/m,
  );
  first.program.child.kill("SIGKILL");
  await first.program.child.status;
  const second = await startServer(...args);
  await using _second = second.program;
  const { code, stderr } = await sayWith("t-bob", second.port, "hello\n");
  assert.equal(code, 4, stderr);
  assert.match(
    stderr,
    /has sent you away: You are banned for another \d+ seconds\. Ask who runs it\.$/m,
  );
  assert.equal((await sayWith("t-op", second.port, "/ban bob 0\n")).code, 0);
  assert.equal((await sayWith("t-bob", second.port, "hello\n")).code, 0);
});

Deno.test("server: a mute of a shared token survives a restart with --db, under any name", async () => {
  using directory = new Directory();
  await Deno.writeTextFile(directory.file("tokens"), "t-op olga operator\nt-any *\n");
  const args = [`--db=${directory.file("chat.db")}`, `--token-file=${directory.file("tokens")}`];
  const first = await startServer(...args);
  await using _first = first.program;
  await using eve = await Peer.open(`ws://127.0.0.1:${first.port}/text?name=eve`);
  eve.send("/token t-any");
  while (await eve.frame() !== "* eve joined");
  assert.equal((await sayWith("t-op", first.port, "/mute eve 3600\n")).code, 0);
  first.program.child.kill("SIGTERM");
  await first.program.child.status;
  const second = await startServer(...args);
  await using _second = second.program;
  await using other = await Peer.open(`ws://127.0.0.1:${second.port}/text?name=other`);
  other.send("/token t-any");
  while (await other.frame() !== "* other joined");
  other.send("hello");
  while (!(await other.frame()).startsWith("* You can only read for another"));
});

Deno.test("server --cert, --key: the same port speaks TLS, for chat and page; SIGHUP says what it cannot", async () => {
  using directory = new Directory();
  await makeCertificates(directory);
  const [cert, key] = [directory.file("cert.pem"), directory.file("key.pem")];
  const { program: server, port } = await startServer(`--cert=${cert}`, `--key=${key}`);
  await using _server = server;
  const env = { NO_COLOR: "1", DENO_CERT: directory.file("ca.pem") };
  const args = roleArgs("client", "alice", `--server=wss://localhost:${port}`);
  await using client = new Program(Deno.execPath(), args, { env });
  await client.type("over TLS\n");
  const { code, stderr } = await client.finish();
  assert.equal(code, 0, stderr);
  await logs(server, '"over TLS"');
  const caCerts = [await Deno.readTextFile(directory.file("ca.pem"))];
  using http = Deno.createHttpClient({ caCerts });
  const page = await fetch(`https://localhost:${port}/`, { client: http });
  assert.match(await page.text(), /^<!DOCTYPE html>/);
  server.child.kill("SIGHUP");
  const text = "WARN The certificate is read only at the start: restart for a new one";
  assert.ok((await logs(server, "certificate")).endsWith(text));
  await assertRefused(
    [`--cert=${cert}`, `--key=${directory.file("ca.key")}`],
    1,
    /not the key of --cert\.$/m,
  );
  await assertRefused([`--cert=${key}`, `--key=${cert}`], 1, /are PEM files, in that order\.$/m);
});

/** Connects as soon as a server is there that does not say so. */
async function connectOnceThere(url: string): Promise<Peer> {
  for (;;) {
    try {
      return await Peer.open(url);
    } catch (error) {
      if (!(error instanceof Event)) throw error;
    }
  }
}

Deno.test("server --log-level=warn says nothing in normal use", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const flags = [`--port=${port}`, "--log-level=warn", "--max-clients=500"];
  await using server = Program.role("server", ...flags);
  await using peer = await connectOnceThere(`ws://127.0.0.1:${port}/text?name=wendy`);
  for (const line of ["hello", "/nope", "/nick wanda", "/join dev", "/users"]) peer.send(line);
  while (await peer.frame() !== "* 1 in dev: wanda");
  server.child.kill("SIGTERM");
  const { code, stdout, stderr } = await server.finish();
  assert.deepEqual([code, stdout, stderr], [0, [], ""]);
});

Deno.test("server --log-format=json says each thing as a line of JSON", async () => {
  const { program: loud, port, log } = await startJson();
  await using _loud = loud;
  await using peer = await Peer.open(`ws://127.0.0.1:${port}/text?name=wendy`);
  peer.send('a "quoted" line');
  while (await peer.frame() !== 'wendy: a "quoted" line');
  loud.child.kill("SIGTERM");
  const { stdout } = await loud.finish();
  const entries = [log, ...stdout].map((line) => JSON.parse(line));
  for (const { time, level } of entries) {
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(level, "info");
  }
  const said = entries.map(({ text }) => text.replace(/127\.0\.0\.1:\d+/, "ADDRESS"));
  assert.deepEqual(said, [
    "Server running on ADDRESS",
    "New connection from ADDRESS",
    'From client ADDRESS "a \\"quoted\\" line"',
    "Shutting down",
    "Disconnected ADDRESS (1001)",
  ]);
});

/** Starts a server that logs JSON. */
async function startJson(): Promise<{ program: Program; port: string; log: string }> {
  const flags = ["--port=0", "--log-format=json", "--max-clients=500"];
  const program = Program.role("server", ...flags);
  const log = await program.line();
  return { program, port: /:(\d+)"\}$/.exec(log)?.[1] ?? "", log };
}
