/**
 * The TCP transport: lines of UTF-8 that end in `\n` or `\r\n`, for `nc`, `telnet` and every
 * program that has a socket.
 *
 * @module
 */

import { CloseCode } from "../protocol.ts";
import { type Admission, FullError } from "./admission.ts";
import type { Open, Receiver } from "./connection.ts";
import { type Log, quote, quoteError } from "./log.ts";
import type { Counters } from "./metrics.ts";
import { TcpConnection } from "./tcp_connection.ts";

/** How long to wait before accepting again after that failed, in milliseconds. */
const ACCEPT_PAUSE = 100;

const encoder = new TextEncoder();

/** Settings of {@linkcode serveTcp}. */
export interface TcpOptions {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly open: Open;
  readonly log: Log;
  readonly admission: Admission;
  readonly counters: Counters;
}

/** A running TCP listener. */
export interface TcpServer {
  readonly addr: Deno.NetAddr;
  /** Stops accepting. Connections that were opened go on until each is closed. */
  shutdown(): void;
  /** Resolves when nobody is accepted any more and all connections have ended. */
  readonly finished: Promise<void>;
}

function isClientsFault(error: unknown): boolean {
  const { NotConnected, ConnectionAborted, ConnectionReset } = Deno.errors;
  return [NotConnected, ConnectionAborted, ConnectionReset].some((type) => error instanceof type);
}

/** What serving one connection takes. */
interface Door extends TcpOptions {
  /** The connections that are not open yet. */
  readonly entering: Set<TcpConnection>;
}

/** Has somebody in, or tells them why not. */
async function handle(conn: Deno.TcpConn, options: Door): Promise<void> {
  try {
    const release = options.admission.admit(conn.remoteAddr.hostname);
    await attend(conn, options).finally(release);
  } catch (error) {
    if (!(error instanceof FullError)) throw error;
    options.counters.refuse("full");
    await turnAway(conn, error.message);
  }
}

/** Says why somebody cannot come in, without waiting for them: they may be many. */
async function turnAway(conn: Deno.TcpConn, reason: string): Promise<void> {
  try {
    await conn.write(encoder.encode(`* ${reason} Try again later.\n`));
  } catch {
    // They are gone already.
  }
  conn.close();
}

async function attend(conn: Deno.TcpConn, options: Door): Promise<void> {
  const { open, log, counters, entering } = options;
  const connection = new TcpConnection(conn, counters);
  let receiver: Receiver | undefined;
  const enter = (): Receiver => {
    entering.delete(connection);
    return receiver = open(connection);
  };
  entering.add(connection);
  try {
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
    const foreign = await connection.read(enter);
    if (foreign !== undefined) {
      counters.refuse("foreign");
      log("info", () => `Refused ${connection.address}: ${foreign} came to the port of lines`);
    }
  } catch (error) {
    // A fault of ours must cost this connection, not the process.
    log("error", () => `Connection of ${connection.address} failed: ${quoteError(error)}`);
    receiver?.end(CloseCode.internalError);
  }
  entering.delete(connection);
  connection.close();
  await connection.flushed();
  connection.release();
}

/**
 * Listens for TCP connections and opens a session for each.
 *
 * @throws {Deno.errors.AddrInUse} If the port is in use.
 */
export function serveTcp(options: TcpOptions): TcpServer {
  const { hostname, port, log } = options;
  const listener = Deno.listen({ hostname, port });
  const connections = new Set<Promise<void>>();
  const door: Door = { ...options, entering: new Set() };
  let isOpen = true;
  /** Whether accepting fails, and that was logged. */
  let isDown = false;

  async function accept(): Promise<void> {
    while (isOpen) {
      try {
        const conn = await listener.accept();
        if (!isOpen) {
          conn.close();
          break;
        }
        if (isDown) log("info", () => "TCP is open again");
        isDown = false;
        const connection = handle(conn, door);
        connections.add(connection);
        connection.finally(() => connections.delete(connection));
      } catch (error) {
        if (!isOpen) break;
        // The client was gone before it was accepted: the next one is not to wait for that.
        if (isClientsFault(error)) continue;
        const text = error instanceof Error ? error.message : String(error);
        if (!isDown) log("error", () => `Nobody can come in by TCP now: ${quote(text)}`);
        isDown = true;
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE));
      }
    }
    await Promise.all(connections);
  }

  const shutdown = (): void => {
    isOpen = false;
    listener.close();
    for (const connection of door.entering) connection.release();
  };
  return { addr: listener.addr, shutdown, finished: accept() };
}
