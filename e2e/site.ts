/**
 * A server behind nginx, as `docs/nginx.conf` has it. Needs `nginx` and `openssl`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { CHAT_V1 } from "../protocol.ts";
import { Peer } from "../tests/peer.ts";
import { makeCertificates } from "./certificates.ts";
import { Directory } from "./directory.ts";
import { Program, roleArgs, startServer } from "./program.ts";

/** The name that the file gives the chat. */
export const NAME = "chat.example";

const FILE = new URL("../docs/nginx.conf", import.meta.url);

/**
 * What a distribution has around such a file. A single process, so that nothing is left of it once
 * it was killed; and it talks to the server from an address that no client has.
 */
const MAIN = `daemon off;
master_process off;
pid nginx.pid;
error_log /dev/stdout notice;
events {}
http {
  access_log off;
  error_log error.log;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  proxy_bind 127.0.0.9;
  include chat.conf;
}
`;

/** How often to try other ports, if somebody else has taken one in the meantime. */
const MAX_ATTEMPTS = 5;

/** What replaces what in the file. */
type Changes = Readonly<Record<string, string>>;

/** Returns `text` with all changes; fails if there is nothing to change. */
export function change(text: string, changes: Changes): string {
  return Object.entries(changes).reduce((text, [from, to]) => {
    assert.ok(text.includes(from), `there is no ${from}`);
    return text.replaceAll(from, to);
  }, text);
}

/** Where nginx listens. */
interface Ports {
  readonly http: number;
  readonly https: number;
}

/** Returns ports that nobody has at the moment. */
function findPorts(): Ports {
  const find = (): Deno.TcpListener => Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using http = find();
  using https = find();
  return { http: http.addr.port, https: https.addr.port };
}

/** Writes the file, as it is to be here. */
function configure(directory: Directory, ports: Ports, changes: Changes): void {
  const places = {
    "listen 80;": `listen 127.0.0.1:${ports.http};`,
    "listen 443 ": `listen 127.0.0.1:${ports.https} `,
    "/etc/ssl/chat.pem": directory.file("cert.pem"),
    "/etc/ssl/private/chat.key": directory.file("key.pem"),
  };
  // Not every machine has IPv6.
  const text = Deno.readTextFileSync(FILE).replaceAll(/^ *listen \[::\].*\n/gm, "");
  Deno.writeTextFileSync(directory.file("chat.conf"), change(text, { ...places, ...changes }));
  Deno.writeTextFileSync(directory.file("nginx.conf"), MAIN);
}

/** Starts nginx. Returns undefined if a port is in use. */
async function runNginx(directory: Directory): Promise<Program | undefined> {
  // Where Debian has it is not in everybody's path.
  const command = 'PATH="$PATH:/usr/sbin" exec nginx "$@"';
  const args = ["-p", `${directory.path}/`, "-c", "nginx.conf", "-e", "stderr"];
  const program = new Program("sh", ["-c", command, "-", ...args]);
  const log: string[] = [];
  // It says so once it listens.
  while (!log.at(-1)?.includes("event method")) {
    const line = await program.line();
    log.push(line);
    if (line !== "(end)") continue;
    log.push((await program.finish()).stderr);
    assert.match(log.join("\n"), /Address already in use/);
    return undefined;
  }
  return program;
}

async function startNginx(
  directory: Directory,
  changes: Changes,
): Promise<{ nginx: Program; ports: Ports }> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const ports = findPorts();
    configure(directory, ports, changes);
    const nginx = await runNginx(directory);
    if (nginx) return { nginx, ports };
  }
  throw new Error("There is no free port for nginx");
}

/** What a {@linkcode Site} consists of. */
interface Parts {
  readonly server: Program;
  /** Where the server itself is. */
  readonly serverPort: string;
  readonly ports: Ports;
  readonly directory: Directory;
  /** Trusts the site's certificate, and asks for the site by its name. */
  readonly client: Deno.HttpClient;
}

/** A request of which every header counts. */
interface Knock {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * A server and an nginx in front of it, on free ports, that end when the test leaves its scope.
 */
export class Site implements AsyncDisposable {
  readonly parts: Parts;
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: Parts, stack: AsyncDisposableStack) {
    this.parts = parts;
    this.#stack = stack;
  }

  /** Starts both, with some changes to the file. */
  static async open(changes: Changes = {}): Promise<Site> {
    await using stack = new AsyncDisposableStack();
    const directory = stack.use(new Directory());
    await makeCertificates(directory, ["localhost", NAME]);
    const flags = ["--trust-proxy", `--allow-origin=https://${NAME}`];
    const { program: server, port: serverPort } = await startServer(...flags);
    stack.use(server);
    const upstream = { "http://127.0.0.1:8080;": `http://127.0.0.1:${serverPort};` };
    const { nginx, ports } = await startNginx(directory, { ...upstream, ...changes });
    stack.use(nginx);
    // A WebSocket is made of HTTP/1.1 here, and the name is nobody's: so it says which it means.
    const caCerts = [Deno.readTextFileSync(directory.file("ca.pem"))];
    const client = stack.use(Deno.createHttpClient({ caCerts, allowHost: true, http2: false }));
    return new Site({ server, serverPort, ports, directory, client }, stack.move());
  }

  /** Connects a `chat.v1` peer through nginx. */
  connect(headers: Readonly<Record<string, string>> = {}): Promise<Peer> {
    const { client, ports } = this.parts;
    const url = `wss://localhost:${ports.https}/`;
    const options = { client, protocols: [CHAT_V1], headers: { host: NAME, ...headers } };
    // The DOM's declaration, which holds where the page is checked too, knows no options.
    const socket: WebSocket = Reflect.construct(WebSocket, [url, options]);
    return Peer.of(socket);
  }

  /** Connects a `chat.v1` peer through nginx, and registers it. */
  async register(name: string, headers: Readonly<Record<string, string>> = {}): Promise<Peer> {
    const peer = await this.connect(headers);
    peer.send({ messageType: "register", data: name });
    peer.welcome = await peer.json("welcome");
    await peer.jsonWhere(({ messageType, from }) => messageType === "join" && from === name);
    return peer;
  }

  /** Starts the terminal client, which comes through nginx. */
  startClient(name: string): Program {
    const { directory, ports } = this.parts;
    const args = roleArgs("client", name, `--server=wss://localhost:${ports.https}`);
    const env = { NO_COLOR: "1", DENO_CERT: directory.file("ca.pem") };
    return new Program(Deno.execPath(), args, { env });
  }

  /** Connects to nginx, with TLS and no more. */
  async dial(): Promise<Deno.TlsConn> {
    const { directory, ports } = this.parts;
    const caCerts = [Deno.readTextFileSync(directory.file("ca.pem"))];
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: ports.https });
    return await Deno.startTls(conn, { hostname: NAME, caCerts });
  }

  /** Sends nginx a request as it is, and returns the status of the answer. */
  async knock({ path = "/", headers = {} }: Knock): Promise<number> {
    using conn = await this.dial();
    const lines = Object.entries({ host: NAME, ...headers }).map(([name, text]) =>
      `${name}: ${text}`
    );
    const head = [`GET ${path} HTTP/1.1`, ...lines, "", ""].join("\r\n");
    await conn.write(new TextEncoder().encode(head));
    const buffer = new Uint8Array(4096);
    const size = await conn.read(buffer) ?? 0;
    const answer = new TextDecoder().decode(buffer.subarray(0, size));
    return Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
