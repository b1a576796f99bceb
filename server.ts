/**
 * The server's role: a broadcast chat for WebSocket, TCP and HTTP clients.
 *
 * Run it with `deno task server --port=8080`; `--help` lists its flags. It needs `--allow-net`, and
 * for `--db` permission to read and write that file; whatever more it has, it gives up before it
 * serves. Another program can run it inside its own process: {@linkcode serve} returns a
 * handle.
 *
 * The way of a message: a transport (`server/websocket.ts`, `server/tcp.ts`) takes a frame, the
 * intake (`server/intake.ts`) passes its lines on at the pace at which they can go out, the session
 * (`server/session.ts`) has its dialect parse each and says it to its room
 * (`server/room.ts`), the journal (`server/journal.ts`), if there is one, has all of this turn stored,
 * the room's queue (`server/queue.ts`) wakes every session there once in this turn of the event loop,
 * and each delivery (`server/delivery.ts`) hands the batch, encoded once for all, to its transport.
 *
 * @module
 */

import config from "./deno.json" with { type: "json" };
import {
  CHAT_V1,
  cleanName,
  formatAddress,
  parseRoom,
  ProtocolError,
  splitChat,
} from "./protocol.ts";
import { answerAsset, type Asset, loadAssets } from "./server/assets.ts";
import { systemClock } from "./server/clock.ts";
import type { Open } from "./server/connection.ts";
import { chatDialect, type DialectFor, textDialect } from "./server/dialects.ts";
import { envelopeDialect } from "./server/envelope.ts";
import { parseServerFlags, USAGE, UsageError } from "./server/flags.ts";
import { Hub, type HubOptions, RESUME_TIME } from "./server/hub.ts";
import { Intake } from "./server/intake.ts";
import { type Log, LogWriter, quoteError } from "./server/log.ts";
import { formatMetrics, METRICS_TYPE } from "./server/metrics.ts";
import { type Defaults, Session } from "./server/session.ts";
import { onSignals } from "./server/signals.ts";
import { openSqlite } from "./server/sqlite.ts";
import { serveTcp, type TcpServer } from "./server/tcp.ts";
import { upgrade } from "./server/websocket.ts";

/**
 * How long a shutdown may take, in milliseconds: a client that does not read could hold it up for
 * ever.
 */
export const SHUTDOWN_TIMEOUT = 4_500;

/**
 * How long writing the last log lines may take after that, in milliseconds: within 5 s all is over.
 */
const FLUSH_TIMEOUT = 500;

/** Settings of {@linkcode serve}. */
export interface ServeOptions extends Omit<HubOptions, "store"> {
  /** The address to listen on. */
  readonly hostname: string;
  /** The port of WebSocket and HTTP; 0 takes any free one. */
  readonly port: number;
  /** The port of plain TCP; 0 takes any free one. Default: no TCP. */
  readonly tcpPort?: number | undefined;
  /** The file of the history; `:memory:` is none. Default: no history beyond the rings. */
  readonly db?: string | undefined;
  /** Events of each room that are kept there. Default {@linkcode DEFAULT_RETAIN}. */
  readonly retain?: number | undefined;
}

/** A running server. */
export interface ChatServer {
  /** Where WebSocket and HTTP are. */
  readonly addr: Deno.NetAddr;
  /** Where TCP is, if it is. */
  readonly tcpAddr: Deno.NetAddr | undefined;
  /** Stops the server. Resolves when everyone is gone, or after {@linkcode SHUTDOWN_TIMEOUT}. */
  shutdown(): Promise<void>;
  /** Resolves when the server has stopped. Rejects if it stopped because it could not go on. */
  readonly finished: Promise<void>;
}

/** What the answer to a request depends on besides the request. */
interface Context {
  readonly hub: Hub;
  readonly intake: Intake;
  readonly assets: ReadonlyMap<string, Asset>;
}

/** An HTTP request whose URL is valid, and the `IP:PORT` that it came from. */
interface Visit {
  readonly request: Request;
  readonly url: URL;
  readonly address: string;
}

/**
 * Answers a visit.
 *
 * @throws {ProtocolError} If something about the request is wrong.
 */
type Route = (visit: Visit, context: Context) => Response;

const ROUTES: ReadonlyMap<string, Route> = new Map([
  ["/", answerRoot],
  ["/text", answerText],
  ["/healthz", answerHealth],
  ["/metrics", answerMetrics],
]);

function text(body: string, init: ResponseInit = {}): Response {
  const response = new Response(`${body}\n`, init);
  response.headers.set("x-content-type-options", "nosniff");
  return response;
}

function answerRoot(visit: Visit, context: Context): Response {
  if (!wantsWebSocket(visit)) return answerFile(visit, context);
  if (!offers(visit, CHAT_V1)) {
    return connect(visit, context, { dialect: envelopeDialect(context.hub.clock) });
  }
  return connect(visit, context, { dialect: chatDialect, split: splitChat, protocol: CHAT_V1 });
}

/** Answers with a file of the chat page. */
function answerFile({ request, url }: Visit, { assets }: Context): Response {
  const asset = assets.get(url.pathname);
  return asset ? answerAsset(asset, request) : answerNothing();
}

function answerNothing(): Response {
  return text("There is nothing here. Try /.", { status: 404 });
}

function answerText(visit: Visit, context: Context): Response {
  if (wantsWebSocket(visit)) return connect(visit, context, { dialect: textDialect });
  const body = `Connect with a WebSocket: websocat ws://${visit.url.host}/text`;
  return text(body, { status: 426, headers: { upgrade: "websocket" } });
}

function answerHealth(_visit: Visit, { hub }: Context): Response {
  return Response.json({ status: "ok", connections: hub.connected.size });
}

function answerMetrics(_visit: Visit, { hub }: Context): Response {
  return new Response(formatMetrics(hub), { headers: { "content-type": METRICS_TYPE } });
}

function wantsWebSocket({ request }: Visit): boolean {
  return request.method === "GET" && request.headers.get("upgrade")?.toLowerCase() === "websocket";
}

function offers({ request }: Visit, protocol: string): boolean {
  const offered = request.headers.get("sec-websocket-protocol") ?? "";
  return offered.split(",").some((name) => name.trim() === protocol);
}

/**
 * Reads `?name=` and `?room=`.
 *
 * @throws {ProtocolError} If the room is no valid name.
 */
function parseDefaults({ searchParams }: URL): Defaults {
  const room = searchParams.get("room");
  return {
    name: cleanName(searchParams.get("name") ?? ""),
    room: room ? parseRoom(room) : undefined,
  };
}

function connect(
  { request, url, address }: Visit,
  { hub, intake }: Context,
  { dialect, split, protocol }: {
    dialect: DialectFor;
    split?: typeof splitChat;
    protocol?: string;
  },
): Response {
  // RFC 6455, section 4.4: another version is answered with ours.
  if (request.headers.get("sec-websocket-version") !== "13") {
    const headers = { upgrade: "websocket", "sec-websocket-version": "13" };
    return text("Only WebSocket version 13.", { status: 426, headers });
  }
  const options = { dialect, defaults: parseDefaults(url) };
  const open: Open = (connection) => intake.pace(new Session(hub, connection, options), split);
  return upgrade(request, { address, protocol, open, log: hub.log });
}

function answer(request: Request, address: string, context: Context): Response {
  const url = URL.parse(request.url);
  if (!url) throw new ProtocolError("bad_message", "The Host header is no host.");
  const route = ROUTES.get(url.pathname) ?? answerFile;
  if (route === answerFile && !context.assets.has(url.pathname)) return answerNothing();
  if (request.method !== "GET" && request.method !== "HEAD") {
    return text("Only GET and HEAD.", { status: 405, headers: { allow: "GET, HEAD" } });
  }
  return route({ request, url, address }, context);
}

/**
 * Answers a request. One that is wrong gets 400; a fault of ours gets 500 and is logged; neither
 * ends the server.
 */
function handle(request: Request, address: string, context: Context): Response {
  try {
    return answer(request, address, context);
  } catch (error) {
    if (error instanceof ProtocolError) return text(error.message, { status: 400 });
    context.hub.log("error", () => `Request of ${address} failed: ${quoteError(error)}`);
    return text("Internal error", { status: 500 });
  }
}

interface Address {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Starts a listener; an error that this throws has a message for the person who started the server.
 */
function listen<T>(address: Address, start: (address: Address) => T): T {
  try {
    return start(address);
  } catch (error) {
    if (error instanceof Error) {
      error.message = `Cannot listen on ${formatAddress(address)}: ${adviseOn(error)}`;
    }
    throw error;
  }
}

function adviseOn(error: Error): string {
  if (error instanceof Deno.errors.AddrInUse) return "the port is in use. Choose another.";
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return "this machine has no such address. Choose another with --host.";
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return "it is not permitted. Choose a port from 1024 up.";
  }
  return `${error.message}. Check --host.`;
}

/** Returns the hub, with the history of the file `db`, if there is to be one. */
function openHub({ db, retain, ...options }: ServeOptions): Hub {
  if (db === undefined) return new Hub(options);
  const { now } = options.clock ?? systemClock;
  const store = openSqlite(db, { retain, keepSessionsUntil: now() + RESUME_TIME });
  return new Hub({ ...options, store });
}

/**
 * Starts a server.
 *
 * @throws {StoreError} If the database cannot be used.
 * @throws {Deno.errors.AddrInUse} If a port is in use.
 * @throws {Deno.errors.AddrNotAvailable} If the address is not one of this machine.
 */
export function serve(options: ServeOptions): ChatServer {
  const hub = openHub(options);
  try {
    return open(hub, options);
  } catch (error) {
    hub.close();
    throw error;
  }
}

/** Opens the doors of a hub. */
function open(hub: Hub, { hostname, port, tcpPort }: ServeOptions): ChatServer {
  const { log } = hub;
  const intake = new Intake();
  const openTcp: Open = (connection) =>
    intake.pace(new Session(hub, connection, { dialect: textDialect }));
  const tcp = tcpPort === undefined ? undefined : listen(
    { hostname, port: tcpPort },
    (address) => serveTcp({ ...address, open: openTcp, log }),
  );
  const context = { hub, intake, assets: loadAssets() };
  const answerHttp: Deno.ServeHandler<Deno.NetAddr> = (request, { remoteAddr }) =>
    handle(request, formatAddress(remoteAddr), context);
  let http: Deno.HttpServer<Deno.NetAddr>;
  try {
    http = listen(
      { hostname, port },
      (address) => Deno.serve({ ...address, onListen() {} }, answerHttp),
    );
  } catch (error) {
    tcp?.shutdown();
    throw error;
  }
  log("info", () => `Server running on ${formatAddress(http.addr)}`);
  if (tcp) log("info", () => `TCP running on ${formatAddress(tcp.addr)}`);

  const stopped = Promise.all([http.finished, tcp?.finished]).then(() => {});
  const shutDown = Promise.withResolvers<void>();
  let stopping: Promise<void> | undefined;
  return {
    addr: http.addr,
    tcpAddr: tcp?.addr,
    finished: Promise.race([stopped, shutDown.promise]),
    shutdown: () => stopping ??= stop(context, http, tcp).finally(shutDown.resolve),
  };
}

/**
 * Stops a server, in this order, so that what was accepted is delivered before anyone is sent away.
 */
async function stop(
  { hub, intake }: Context,
  http: Deno.HttpServer<Deno.NetAddr>,
  tcp: TcpServer | undefined,
): Promise<void> {
  hub.log("info", () => "Shutting down");
  // 1. Nobody comes in by TCP any more.
  tcp?.shutdown();
  // 2. What was received is taken, everyone gets what was published, and Close 1001.
  intake.flush();
  hub.closeAll();
  // 3. Nobody comes in by HTTP any more; a WebSocket that was just being opened gets Close 1001
  // too.
  const closed = Promise.all([http.shutdown(), tcp?.finished]);
  // 4. Wait for the last bytes, but not for ever.
  await atMost(SHUTDOWN_TIMEOUT, closed);
  // 5. Nothing happens any more that would have to be stored.
  hub.close();
}

/** Waits for `work`, but at most `ms` milliseconds. */
async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

/**
 * Logs what nobody caught, instead of ending the process: it belongs to one connection, and the
 * others go on.
 */
function surviveFaults(log: Log): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    log("error", () => `Unhandled rejection: ${quoteError(event.reason)}`);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    log("error", () => `Unhandled error: ${quoteError(event.error)}`);
  });
}

/**
 * Gives up the permission to read and write files: the database is open, and nothing else is needed.
 */
function giveUpFiles(): void {
  for (const name of ["read", "write"] as const) Deno.permissions.revokeSync({ name });
}

/** Runs the server until it is told to stop. Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  let flags: ReturnType<typeof parseServerFlags>;
  try {
    flags = parseServerFlags(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    return 2;
  }
  if (flags === "help" || flags === "version") {
    console.log(flags === "help" ? USAGE : config.version);
    return 0;
  }
  const writer = new LogWriter(Deno.stdout, flags.logLevel);
  let ignoreSignals = (): void => {};
  try {
    const server = serve({ ...flags, log: writer.log });
    giveUpFiles();
    surviveFaults(writer.log);
    ignoreSignals = onSignals(() => server.shutdown(), () => Deno.exit(130));
    await server.finished;
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  } finally {
    ignoreSignals();
    await atMost(FLUSH_TIMEOUT, writer.flush());
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
