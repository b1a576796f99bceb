import assert from "node:assert/strict";
import readme from "../README.md" with { type: "text" };
import { ExitCode } from "../client/exit.ts";
import { parseClientFlags, USAGE as CLIENT_USAGE } from "../client/flags.ts";
import { formatHelp, PERSON_COMMANDS } from "../protocol.ts";
import { parseServerFlags, USAGE as SERVER_USAGE } from "../server/flags.ts";

/** Returns the message of the UsageError that `parse` throws. */
function usageError(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    if (error instanceof Error && error.name === "UsageError") return error.message;
    throw error;
  }
  return "no error";
}

Deno.test("server flags: the defaults", () => {
  assert.deepEqual(parseServerFlags([]), {
    hostname: "127.0.0.1",
    port: 8080,
    tcpPort: undefined,
    capacity: 1024,
    history: 20,
    db: undefined,
    retain: undefined,
    rate: 20,
    burst: 100,
    maxMessage: 4096,
    maxClients: 10_000,
    maxClientsPerIp: undefined,
    maxRooms: 1_000,
    tokenFile: undefined,
    allowedOrigins: new Set(),
    trustProxy: false,
    hideAddresses: false,
    cert: undefined,
    key: undefined,
    logLevel: "info",
    logFormat: "text",
  });
});

Deno.test("server flags: every flag, also behind --", () => {
  const args = "--host=0.0.0.0 --port 0 --tcp-port=65535 --capacity=1 --history=0 --db=x.db " +
    "--retain=1 --rate=0 --burst=5 --max-message=10 --max-clients=3 --max-clients-per-ip=2 " +
    "--max-rooms=4 --token-file=t.txt --allow-origin=https://chat.example --trust-proxy " +
    "--allow-origin=HTTP://LAN:80/ --hide-addresses --cert=c.pem --key=k.pem --log-level=warn " +
    "--log-format=json";
  const expected = {
    hostname: "0.0.0.0",
    port: 0,
    tcpPort: 65535,
    capacity: 1,
    history: 0,
    db: "x.db",
    retain: 1,
    rate: 0,
    burst: 5,
    maxMessage: 10,
    maxClients: 3,
    maxClientsPerIp: 2,
    maxRooms: 4,
    tokenFile: "t.txt",
    allowedOrigins: new Set(["https://chat.example", "http://lan"]),
    trustProxy: true,
    hideAddresses: true,
    cert: "c.pem",
    key: "k.pem",
    logLevel: "warn",
    logFormat: "json",
  };
  assert.deepEqual(parseServerFlags(args.split(" ")), expected);
  assert.deepEqual(parseServerFlags(["--", ...args.split(" ")]), expected);
});

Deno.test("server flags: one line says what is wrong and what to do", () => {
  const expected: [string, string][] = [
    ["--port=abc", "--port=abc: give a whole number from 0 to 65535."],
    ["--port=70000", "--port=70000: give a whole number from 0 to 65535."],
    ["--port=-1", "--port=-1: give a whole number from 0 to 65535."],
    ["--port=1e3", "--port=1e3: give a whole number from 0 to 65535."],
    ["--port", "--port=: give a whole number from 0 to 65535."],
    ["--tcp-port=x", "--tcp-port=x: give a whole number from 0 to 65535."],
    ["--capacity=0", "--capacity=0: give a whole number from 1 to 1000000."],
    ["--history=many", "--history=many: give a whole number from 0 to 1000000."],
    ["--log-level=loud", "--log-level=loud: give one of debug, info, warn, error."],
    ["--log-format=xml", "--log-format=xml: give one of text, json."],
    ["--rate=-1", "--rate=-1: give a whole number from 0 to 1000000."],
    ["--burst=0", "--burst=0: give a whole number from 1 to 1000000."],
    ["--max-message=5000", "--max-message=5000: give a whole number from 1 to 4096."],
    ["--max-clients=0", "--max-clients=0: give a whole number from 1 to 1000000."],
    [
      "--max-clients-per-ip=x",
      "--max-clients-per-ip=x: give a whole number from 1 to 1000000.",
    ],
    ["--max-rooms=0", "--max-rooms=0: give a whole number from 1 to 1000000."],
    ["--token-file", "--token-file needs a file: --token-file=tokens.txt."],
    ["--cert=c.pem", "TLS needs both: --cert=FILE and --key=FILE."],
    ["--key=k.pem", "TLS needs both: --cert=FILE and --key=FILE."],
    ...["*", "chat.example", "ftp://x", "https://x/page", "https://a@x"].map((
      origin,
    ): [string, string] => [
      `--allow-origin=${origin}`,
      `--allow-origin=${origin}: give an origin such as https://chat.example.`,
    ]),
    ["--retain=5", "--retain says how much a database keeps: give --db=FILE too."],
    ["--db=", "--db needs a file: --db=chat.db."],
    ["--host=", "--host needs an address: --host=0.0.0.0."],
    ["--prot=1", "Unknown argument --prot=1. See --help."],
    ["-p", "Unknown argument -p. See --help."],
    ["--no-port", "Unknown argument --no-port. See --help."],
    ["8080", "Unknown argument 8080. See --help."],
  ];
  for (const [arg, message] of expected) {
    assert.equal(usageError(() => parseServerFlags([arg])), message);
  }
});

Deno.test("client flags: the defaults, a name, and where the server is", () => {
  const expected: [string[], string, string | undefined, string][] = [
    [[], "ws://127.0.0.1:8080/", undefined, "lobby"],
    [["alice"], "ws://127.0.0.1:8080/", "alice", "lobby"],
    [["007", "--room=dev"], "ws://127.0.0.1:8080/", "007", "dev"],
    [["--port=9000", "--host=::1"], "ws://[::1]:9000/", undefined, "lobby"],
    [["--server=wss://chat.example/x"], "wss://chat.example/x", undefined, "lobby"],
    [["--", "al ice", "--port=9000"], "ws://127.0.0.1:9000/", "al_ice", "lobby"],
  ];
  for (const [args, url, name, room] of expected) {
    const flags = parseClientFlags(args);
    assert.ok(typeof flags === "object");
    assert.deepEqual([flags.url.href, flags.name, flags.room], [url, name, room]);
  }
});

Deno.test("client flags: colour, bell, format and how long to wait", () => {
  const expected: [string[], boolean, boolean, string, number][] = [
    [[], true, true, "text", 0],
    [["--no-color", "--no-bell", "--json", "--wait=2.5"], false, false, "json", 2500],
    [["--wait", "1728000"], true, true, "text", 1_728_000_000],
  ];
  for (const [args, ...values] of expected) {
    const flags = parseClientFlags(args);
    assert.ok(typeof flags === "object");
    assert.deepEqual([flags.color, flags.bell, flags.format, flags.wait], values);
  }
});

Deno.test("client flags: one line says what is wrong and what to do", () => {
  const address = "give an address such as ws://127.0.0.1:8080.";
  const port = "give a whole number from 1 to 65535.";
  const host = "give a host's name or address, such as 127.0.0.1.";
  const expected: [string[], string][] = [
    [["--port=abc"], `--port=abc: ${port}`],
    [["--port=70000"], `--port=70000: ${port}`],
    [["--port="], `--port=: ${port}`],
    [["--port=0"], `--port=0: ${port}`],
    [["--host=a/b"], `--host=a/b: ${host}`],
    [["--host="], `--host=: ${host}`],
    [["--server=ws://x#y"], `--server=ws://x#y: ${address}`],
    [["--server=http://x"], `--server=http://x: ${address}`],
    [["--server=x"], `--server=x: ${address}`],
    [["--server=ws://x", "--port=1"], "Give either --server or --host and --port, not both."],
    [["--room=No"], "--room=No: A room's name is 1 to 32 of a-z, 0-9, _ and -."],
    [["alice", "bob"], "One name is enough: what is bob? See --help."],
    [["--nope"], "Unknown argument --nope. See --help."],
    [["--token-file="], "--token-file needs a file: --token-file=token.txt."],
    [["--wait"], "--wait=: give seconds, from 0 to 1728000."],
    [["--wait=-1"], "--wait=-1: give seconds, from 0 to 1728000."],
    [["--wait=1e9"], "--wait=1e9: give seconds, from 0 to 1728000."],
    [["--wait=1728001"], "--wait=1728001: give seconds, from 0 to 1728000."],
  ];
  for (const [args, message] of expected) {
    assert.equal(usageError(() => parseClientFlags(args)), message);
  }
});

Deno.test("flags: --help and --version come before everything else", () => {
  for (const parse of [parseServerFlags, parseClientFlags]) {
    assert.equal(parse(["--help", "--version"]), "help");
    assert.equal(parse(["--version", "--port=abc"]), "version");
  }
});

Deno.test("flags: the help names every flag", () => {
  const server = [
    "host",
    "port",
    "tcp-port",
    "capacity",
    "history",
    "log-level",
    "help",
    "version",
  ];
  for (const flag of server) assert.match(SERVER_USAGE, new RegExp(`^  --${flag}\\b`, "m"));
  const client = ["server", "host", "port", "room", "no-color", "no-bell", "json", "wait"];
  for (const flag of [...client, "help", "version"]) {
    assert.match(CLIENT_USAGE, new RegExp(`^  --${flag}\\b`, "m"));
  }
});

Deno.test("client flags: the help lists every exit code, once", () => {
  const listed = [...CLIENT_USAGE.matchAll(/^ {2}(\d+) +[a-z]/gm)].map(({ 1: code }) =>
    Number(code)
  );
  assert.deepEqual(listed, Object.values(ExitCode));
});

Deno.test("flags: the README shows the help of server, client and /help as it is", () => {
  const commands = formatHelp(PERSON_COMMANDS).join("\n");
  for (const usage of [SERVER_USAGE, CLIENT_USAGE, commands]) {
    const indented = usage.split("\n").map((line) => line === "" ? "" : `    ${line}`);
    assert.ok(readme.includes(indented.join("\n")));
  }
});
