/**
 * A TCP proxy that a test puts between a client and a server, to spoil their connections.
 *
 * @module
 */

/** One client's connection, and the one to the server that was made for it. */
interface Pair {
  readonly client: Deno.TcpConn;
  readonly server: Deno.TcpConn;
  isMuted: boolean;
}

/** Passes on bytes both ways until it is told not to. */
export class Proxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #port: number;
  readonly #pairs = new Set<Pair>();
  readonly #pumps = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  readonly #delay: () => number;

  /**
   * Begins to pass on what connects to the server at `port`, each part of it after `delay`
   * milliseconds. Default: at once.
   */
  constructor(port: number, delay: () => number = () => 0) {
    this.#port = port;
    this.#delay = delay;
    this.#accepting = this.#accept();
  }

  /** Where clients connect. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** How many connections there are. */
  get size(): number {
    return this.#pairs.size;
  }

  /** From now on, what the server sends to those who are connected now does not arrive. */
  mute(): void {
    for (const pair of this.#pairs) pair.isMuted = true;
  }

  /**
   * Cuts connections, both halves at once: all, or the one with that number. Returns how many were
   * there to be cut.
   */
  cut(index?: number): number {
    const all = [...this.#pairs];
    const pairs = index === undefined ? all : all.slice(index, index + 1);
    for (const pair of pairs) this.#close(pair);
    return pairs.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    this.cut();
    await Promise.all(this.#pumps);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#port })
        .catch(() => undefined);
      if (!server) {
        client.close();
        continue;
      }
      const pair = { client, server, isMuted: false };
      this.#pairs.add(pair);
      this.#pump(pair, client, server);
      this.#pump(pair, server, client);
    }
  }

  #pump(pair: Pair, from: Deno.TcpConn, to: Deno.TcpConn): void {
    const pump = this.#pass(pair, from, to)
      // A connection that was cut ends in whatever error its reader gets.
      .catch(() => {})
      .finally(() => {
        this.#close(pair);
        this.#pumps.delete(pump);
      });
    this.#pumps.add(pump);
  }

  async #pass(pair: Pair, from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    for (;;) {
      const size = await from.read(buffer);
      if (size === null) return;
      if (pair.isMuted && from === pair.server) continue;
      const delay = this.#delay();
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
      for (let sent = 0; sent < size;) sent += await to.write(buffer.subarray(sent, size));
    }
  }

  #close(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    pair.client.close();
    pair.server.close();
  }
}
