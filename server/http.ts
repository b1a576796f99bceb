/**
 * The HTTP listener, which comes back: when a process has no file descriptor left the runtime gives
 * its listener up, while all who are connected stay. So another one is opened.
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import { listen } from "./listen.ts";
import { type Log, quote } from "./log.ts";

/** How long to wait before listening again, in milliseconds. */
const LISTEN_PAUSE = 1_000;

/** A certificate and its key, in PEM (RFC 7468). */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** Settings of {@linkcode serveHttp}. */
export interface HttpOptions {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Speaks TLS with these. Default: none. */
  readonly tls?: TlsFiles | undefined;
  readonly answer: Deno.ServeHandler<Deno.NetAddr>;
  readonly clock: Clock;
  readonly log: Log;
}

/** A running HTTP listener. */
export interface HttpServer {
  readonly addr: Deno.NetAddr;
  /**
   * Accepts nobody more, and sends Close 1001 to every WebSocket (RFC 6455). Resolves when all
   * connections have ended.
   */
  shutdown(): Promise<void>;
}

class HttpListener implements HttpServer {
  readonly addr: Deno.NetAddr;
  readonly #options: HttpOptions;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #isStopping = false;
  /** Whether it is not listening, and that was logged. */
  #isDown = false;
  #cancelAgain: (() => void) | undefined;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.#server = listen(options, (options) => this.#serve(options));
    this.addr = this.#server.addr;
  }

  async shutdown(): Promise<void> {
    this.#isStopping = true;
    this.#cancelAgain?.();
    await this.#server.shutdown();
  }

  #serve({ hostname, port }: { hostname: string; port: number }): Deno.HttpServer<Deno.NetAddr> {
    const { tls, answer } = this.#options;
    const server = Deno.serve({ hostname, port, ...tls, onListen() {} }, answer);
    server.finished.catch((error) => this.#comeBack(error));
    return server;
  }

  #comeBack(error: unknown): void {
    if (this.#isStopping) return;
    const { clock, log } = this.#options;
    const text = error instanceof Error ? error.message : String(error);
    if (!this.#isDown) log("error", () => `Nobody can come in by HTTP now: ${quote(text)}`);
    this.#isDown = true;
    this.#cancelAgain = clock.after(LISTEN_PAUSE, () => this.#listenAgain());
  }

  #listenAgain(): void {
    try {
      this.#server = this.#serve(this.addr);
      this.#isDown = false;
      this.#options.log("info", () => "HTTP is open again");
    } catch (error) {
      this.#comeBack(error);
    }
  }
}

/**
 * Listens for HTTP, and comes back if the runtime gives the listener up.
 *
 * @throws {Deno.errors.AddrInUse} If the port is in use.
 */
export function serveHttp(options: HttpOptions): HttpServer {
  return new HttpListener(options);
}
