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
import { Admission, type AdmissionOptions, FullError } from "./server/admission.ts";
import { answerAsset, type Asset, loadAssets } from "./server/assets.ts";
import { systemClock } from "./server/clock.ts";
import type { Open } from "./server/connection.ts";
import { capClients } from "./server/descriptors.ts";
import { chatDialect, type DialectFor, textDialect } from "./server/dialects.ts";
import { envelopeDialect } from "./server/envelope.ts";
import { FileError, readFile, readTokens } from "./server/files.ts";
import { parseServerFlags, type ServerFlags, USAGE, UsageError } from "./server/flags.ts";
import { type HttpServer, serveHttp, type TlsFiles } from "./server/http.ts";
import { Hub, type HubOptions, RESUME_TIME } from "./server/hub.ts";
import { Intake } from "./server/intake.ts";
import { type Address, listen } from "./server/listen.ts";
import { type Log, LogWriter, quote, quoteError } from "./server/log.ts";
import { formatMetrics, METRICS_TYPE } from "./server/metrics.ts";
import { isOriginAllowed, isOwnHost } from "./server/origin.ts";
import { forwardedFor } from "./server/proxy.ts";
import { takePulse } from "./server/pulse.ts";
import { TokenFile } from "./server/reload.ts";
import type { Defaults } from "./server/seat.ts";
import { Session } from "./server/session.ts";
import { atMost, shutDown } from "./server/shutdown.ts";
import { onReload, onSignals } from "./server/signals.ts";
import { openSqlite } from "./server/sqlite.ts";
import { serveTcp } from "./server/tcp.ts";
import type { Tokens } from "./server/tokens.ts";
import { upgrade } from "./server/websocket.ts";

/**
 * How long writing the last log lines may take after that, in milliseconds: within 5 s all is over.
 */
const FLUSH_TIMEOUT = 500;

/** As much of a stranger's header is logged, in UTF-16 units. */
const MAX_LOGGED = 200;

/** Settings of {@linkcode serve}. */
export interface ServeOptions extends Omit<HubOptions, "store">, AdmissionOptions {
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
  /** Origins whose pages may connect, besides this server's own: see `server/origin.ts`. */
  readonly allowedOrigins?: ReadonlySet<string> | undefined;
  /** Whether the last hop of `X-Forwarded-For` is the client's address. Default: it is not. */
  readonly trustProxy?: boolean | undefined;
  /** Has the port speak TLS. Default: it does not. */
  readonly tls?: TlsFiles | undefined;
}

/** A running server. */
export interface ChatServer {
  /** Where WebSocket and HTTP are. */
  readonly addr: Deno.NetAddr;
  /** Where TCP is, if it is. */
  readonly tcpAddr: Deno.NetAddr | undefined;
  /** Stops the server. Resolves when everyone is gone, or after some seconds: see
   * `server/shutdown.ts`. */
  shutdown(): Promise<void>;
  /** Has other tokens be valid, if there were some: who has none any more is sent away. */
  useTokens(tokens: Tokens): void;
  /** Resolves when the server has stopped. */
  readonly finished: Promise<void>;
}

/** What the answer to a request depends on besides the request. */
interface Context {
  readonly hub: Hub;
  readonly intake: Intake;
  readonly admission: Admission;
  readonly assets: ReadonlyMap<string, Asset>;
  readonly allowedOrigins: ReadonlySet<string>;
}

/** An HTTP request whose URL is valid, and where it came from. */
interface Visit {
  readonly request: Request;
  readonly url: URL;
  readonly from: Address;
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
function answerFile({ request, url }: Visit, { assets, allowedOrigins }: Context): Response {
  const asset = assets.get(url.pathname);
  if (!asset) return answerNothing();
  // The page would load and then not be let in: who opens it is to know why.
  if (url.pathname === "/" && !isOwnHost(url.hostname, allowedOrigins)) {
    const body = `This chat does not go by the name ${url.hostname}. ` +
      `Whoever runs it can change that: --allow-origin=${url.origin}`;
    return text(body, { status: 403 });
  }
  return answerAsset(asset, request);
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
  const [state, status] = hub.isClosing ? ["shutting down", 503] as const : ["ok", 200] as const;
  return Response.json({ status: state, connections: hub.connected.size }, { status });
}

function answerMetrics(_visit: Visit, { hub, admission }: Context): Response {
  const body = formatMetrics(hub, admission.size);
  return new Response(body, { headers: { "content-type": METRICS_TYPE } });
}

function wantsWebSocket({ request }: Visit): boolean {
  const upgrades = splitHeader(request.headers.get("upgrade"));
  return request.method === "GET" && upgrades.some((name) => name.toLowerCase() === "websocket");
}

function offers({ request }: Visit, protocol: string): boolean {
  return splitHeader(request.headers.get("sec-websocket-protocol")).includes(protocol);
}

/**
 * Returns the elements of a header that is a list (RFC 9110, section 5.6.1): the white space around
 * one is optional, and empty ones do not count.
 */
function splitHeader(header: string | null): string[] {
  const elements = header?.split(",") ?? [];
  return elements.map((each) => each.replaceAll(/^[ \t]+|[ \t]+$/g, "")).filter((each) =>
    each !== ""
  );
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

/** What a path speaks. */
interface Speech {
  readonly dialect: DialectFor;
  readonly split?: typeof splitChat;
  readonly protocol?: string;
}

/** Has somebody in by WebSocket, if they may. */
function connect(visit: Visit, context: Context, speech: Speech): Response {
  const { request, url } = visit;
  const { hub, allowedOrigins } = context;
  const origin = request.headers.get("origin");
  if (!isOriginAllowed({ origin, url, allowed: allowedOrigins })) {
    hub.counters.refuse("origin");
    const page = (origin ?? "").slice(0, MAX_LOGGED);
    hub.log("info", () => `Refused a page of ${quote(page)}: see --allow-origin`);
    return text(`Pages of ${page} may not connect here.`, { status: 403 });
  }
  // RFC 6455, section 4.4: another version is answered with ours.
  if (request.headers.get("sec-websocket-version") !== "13") {
    const headers = { upgrade: "websocket", "sec-websocket-version": "13" };
    return text("Only WebSocket version 13.", { status: 426, headers });
  }
  const defaults = parseDefaults(url);
  // Who registers says then where to.
  const entersAtOnce = speech.dialect === textDialect && !hub.tokens;
  if (entersAtOnce && !hub.hasRoomFor(defaults.room)) {
    return answerFull("There are too many rooms.", context);
  }
  return admit(visit, context, { speech, defaults });
}

function admit(
  { request, from }: Visit,
  context: Context,
  { speech, defaults }: { speech: Speech; defaults: Defaults },
): Response {
  const { hub, intake, admission } = context;
  const { dialect, split, protocol } = speech;
  const open: Open = (connection) =>
    intake.pace(new Session(hub, connection, { dialect, defaults }), split);
  const { log, counters } = hub;
  let gone: (() => void) | undefined;
  try {
    gone = admission.admit(from.hostname);
    const address = formatAddress(from);
    return upgrade(request, { address, protocol, open, log, counters, gone });
  } catch (error) {
    gone?.();
    if (error instanceof FullError) return answerFull(error.message, context);
    throw error;
  }
}

function answerFull(reason: string, { hub }: Context): Response {
  hub.counters.refuse("full");
  return text(`${reason} Try again later.`, { status: 503, headers: { "retry-after": "10" } });
}

function answer(request: Request, from: Address, context: Context): Response {
  const url = URL.parse(request.url);
  if (!url) throw new ProtocolError("bad_message", "The Host header is no host.");
  // What another reads as another path could lead around a proxy that keeps it from others: a URL's
  // backslash is a slash (WHATWG URL), and a path in Host is one in the URL.
  if (request.url.includes("\\") || /[/?#@]/.test(request.headers.get("host") ?? "")) {
    throw new ProtocolError("bad_message", "A URL has no backslash, and Host no path.");
  }
  const route = ROUTES.get(url.pathname) ?? answerFile;
  if (context.hub.isClosing && route !== answerHealth) {
    return text("The server is shutting down.", { status: 503 });
  }
  if (route === answerFile && !context.assets.has(url.pathname)) return answerNothing();
  if (request.method !== "GET" && request.method !== "HEAD") {
    return text("Only GET and HEAD.", { status: 405, headers: { allow: "GET, HEAD" } });
  }
  return route({ request, url, from }, context);
}

/**
 * Answers a request. One that is wrong gets 400; a fault of ours gets 500 and is logged; neither
 * ends the server.
 */
function handle(request: Request, from: Address, context: Context): Response {
  try {
    return answer(request, from, context);
  } catch (error) {
    if (error instanceof ProtocolError) {
      context.hub.counters.refuse(error.code);
      return text(error.message, { status: 400 });
    }
    context.hub.log(
      "error",
      () => `Request of ${formatAddress(from)} failed: ${quoteError(error)}`,
    );
    return text("Internal error", { status: 500 });
  }
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
function open(hub: Hub, options: ServeOptions): ChatServer {
  const { hostname, port, tcpPort, tls, trustProxy = false } = options;
  const { log, clock, counters } = hub;
  const intake = new Intake();
  const admission = new Admission(options);
  const openTcp: Open = (connection) =>
    intake.pace(new Session(hub, connection, { dialect: textDialect }));
  const tcp = tcpPort === undefined ? undefined : listen(
    { hostname, port: tcpPort },
    (address) => serveTcp({ ...address, open: openTcp, log, admission, counters }),
  );
  const { allowedOrigins = new Set<string>() } = options;
  const context = { hub, intake, admission, assets: loadAssets(), allowedOrigins };
  const answer: Deno.ServeHandler<Deno.NetAddr> = (request, { remoteAddr }) =>
    handle(request, trustProxy ? forwardedFor(request, remoteAddr) : remoteAddr, context);
  let http: HttpServer;
  try {
    http = serveHttp({ hostname, port, tls, answer, clock, log });
  } catch (error) {
    tcp?.shutdown();
    throw error;
  }
  const endPulse = takePulse(clock, counters.delay);
  log("info", () => `Server running on ${formatAddress(http.addr)}`);
  if (tcp) log("info", () => `TCP running on ${formatAddress(tcp.addr)}`);

  const { promise: finished, resolve } = Promise.withResolvers<void>();
  let stopping: Promise<void> | undefined;
  return {
    addr: http.addr,
    tcpAddr: tcp?.addr,
    finished,
    useTokens: (tokens) => hub.useTokens(tokens),
    shutdown: () =>
      stopping ??= shutDown({ ...context, http, tcp }).finally(endPulse).finally(resolve),
  };
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
 * Gives up the permission to write files, for the database is open, and to read them, unless the
 * tokens may have to be read again, or it has to be seen whether the database is still there.
 */
function giveUpFiles({ tokenFile, db }: ServerFlags): void {
  Deno.permissions.revokeSync({ name: "write" });
  if (tokenFile === undefined && db === undefined) Deno.permissions.revokeSync({ name: "read" });
}

/** What the files have that the flags name. */
interface Files {
  readonly tokenFile: TokenFile | undefined;
  readonly tls: TlsFiles | undefined;
}

/**
 * Reads the files that the flags name.
 *
 * @throws {FileError} If one cannot be used.
 */
function readFiles({ tokenFile, cert, key }: ServerFlags): Files {
  return {
    tokenFile: tokenFile === undefined
      ? undefined
      : readTokens(tokenFile, (text) => new TokenFile(text)),
    tls: cert === undefined || key === undefined
      ? undefined
      : { cert: readFile("cert", cert), key: readFile("key", key) },
  };
}

/** Returns how many clients there may be, and warns if that is less than was wanted. */
function limitClients({ maxClients }: ServerFlags, log: Log): number {
  const limit = capClients(maxClients);
  if (limit < maxClients) {
    log("warn", () =>
      `This process may not open enough files for --max-clients=${maxClients}: ` +
      `${limit} clients can come in. Raise its limit (ulimit -n, LimitNOFILE=).`);
  }
  return limit;
}

/** What {@linkcode reload} needs. */
interface Running {
  readonly server: ChatServer;
  readonly tokenFile: TokenFile | undefined;
  readonly log: Log;
}

/** Reads again what can be read again: the tokens. */
function reload({ tokenFile: path, cert }: ServerFlags, { server, tokenFile, log }: Running): void {
  if (cert !== undefined) {
    log("warn", () => "The certificate is read only at the start: restart for a new one");
  }
  if (path === undefined || !tokenFile) return;
  try {
    const doubt = readTokens(path, (text) => tokenFile.update(text));
    if (doubt !== undefined) {
      return log(
        "warn",
        () =>
          `--token-file=${path} may be half-written: ${doubt}. The tokens from before stay valid. ` +
          "If it is meant, send SIGHUP again.",
      );
    }
    server.useTokens(tokenFile.tokens);
    log("info", () => "The token file was read again");
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    log("error", () => `${error.message} The tokens from before stay valid.`);
  }
}

/** Runs the server as its flags say until it is told to stop. Returns the exit code. */
async function run(flags: ServerFlags): Promise<number> {
  const writer = new LogWriter(Deno.stdout, flags.logLevel, flags.logFormat);
  const { log } = writer;
  let running: Running | undefined;
  const reloadAll = (): void => {
    // Before it serves, the files are only just being read.
    if (running) reload(flags, running);
  };
  const isReloading = flags.tokenFile !== undefined || flags.cert !== undefined;
  const ignoreReload = isReloading ? onReload(reloadAll) : () => {};
  let ignoreSignals = (): void => {};
  try {
    const { tokenFile, tls } = readFiles(flags);
    const { tokens } = tokenFile ?? {};
    const server = serve({ ...flags, tokens, tls, maxClients: limitClients(flags, log), log });
    running = { server, tokenFile, log };
    giveUpFiles(flags);
    surviveFaults(log);
    ignoreSignals = onSignals(() => server.shutdown(), () => Deno.exit(130));
    await server.finished;
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return error instanceof FileError ? 2 : 1;
  } finally {
    ignoreSignals();
    ignoreReload();
    await atMost(FLUSH_TIMEOUT, writer.flush());
  }
}

/** Does what the command line says. Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const flags = parseServerFlags(args);
    if (flags !== "help" && flags !== "version") return await run(flags);
    console.log(flags === "help" ? USAGE : config.version);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    return 2;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
