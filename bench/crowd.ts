/**
 * The load: many clients of one server, on raw sockets.
 *
 * @module
 */

import type { ServerProcess } from "./process.ts";
import { RawSocket } from "./socket.ts";
import type { Receiver, Wire } from "./wire.ts";

/** How many connect at a time. */
const CONNECTING = 64;

/**
 * How long a room may take after the last one came in until nothing happens there any more, in
 * milliseconds: `presence` comes up to a second later.
 */
const SETTLE_TIME = 1_500;

/** One client. */
export interface Client {
  readonly socket: RawSocket;
  readonly receiver: Receiver;
}

/** Where a crowd connects. */
export interface CrowdOptions {
  readonly server: ServerProcess;
  readonly wire: Wire;
  readonly size: number;
  /** The number of its first client. Default 0. */
  readonly first?: number;
}

/** Clients that are connected until they are disposed of. */
export class Crowd implements Disposable {
  readonly clients: readonly Client[];
  #failure: unknown;

  private constructor(clients: readonly Client[]) {
    this.clients = clients;
  }

  /** Connects a crowd, waits until the room is quiet, and begins to count messages. */
  static async gather(options: CrowdOptions): Promise<Crowd> {
    const crowd = await Crowd.connect(options);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_TIME));
    crowd.beginCounting();
    return crowd;
  }

  /** Connects a crowd, and reads. */
  static async connect({ server, wire, size, first = 0 }: CrowdOptions): Promise<Crowd> {
    const clients: Client[] = [];
    const crowd = new Crowd(clients);
    const connectOne = async (number: number): Promise<void> => {
      const { protocol } = wire;
      const { port } = server;
      const socket = await RawSocket.connect({ port, path: wire.path(number), protocol });
      const receiver = wire.receiver();
      clients[number - first] = { socket, receiver };
      const { promise: isIn, resolve } = Promise.withResolvers<void>();
      socket.read((bytes, start, end) => {
        resolve();
        receiver.take(bytes, start, end);
      }).catch((error) => {
        crowd.#failure ??= error;
        resolve();
      });
      const hello = wire.hello(number);
      if (!hello) return;
      await socket.write(hello);
      await isIn;
    };
    for (let next = 0; next < size; next += CONNECTING) {
      const numbers = Array.from({ length: Math.min(CONNECTING, size - next) }, (_, i) => next + i);
      await Promise.all(numbers.map((number) => connectOne(first + number)));
    }
    return crowd;
  }

  /** From now on all that happens in the room is messages, and they count. */
  beginCounting(): void {
    for (const { receiver } of this.clients) receiver.isCounting = true;
  }

  /** How many messages have come, and how many are known to be missed, of all clients together. */
  get total(): { messages: number; missed: number } {
    let messages = 0;
    let missed = 0;
    for (const { receiver } of this.clients) {
      messages += receiver.messages;
      missed += receiver.missed;
    }
    return { messages, missed };
  }

  /**
   * Waits until each client has received `count` messages, or was told how many of them it missed.
   *
   * @throws {Error} If that takes longer than `timeout` milliseconds, or what came was wrong.
   */
  async received(count: number, timeout: number): Promise<void> {
    const end = performance.now() + timeout;
    const isShort = ({ receiver }: Client): boolean => receiver.messages + receiver.missed < count;
    while (this.clients.some(isShort)) {
      this.check();
      if (performance.now() > end) throw new Error(this.#describeShortage(count));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    this.check();
    if (this.clients.some(({ receiver }) => receiver.messages + receiver.missed > count)) {
      throw new Error(`More than ${count} messages came`);
    }
  }

  /** @throws {Error} If anything that came was wrong. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  [Symbol.dispose](): void {
    for (const { socket } of this.clients) socket.close();
  }

  #describeShortage(count: number): string {
    const { messages, missed } = this.total;
    return `Of ${count * this.clients.length} deliveries ${messages} came, ${missed} were missed`;
  }
}
