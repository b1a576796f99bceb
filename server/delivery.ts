/**
 * The delivery: passes on to one client what happens in its room, and what is for it alone, as fast
 * as it reads.
 *
 * While a client does not read (its connection is congested), nothing is sent to it: what happens
 * in the room waits in the room's queue. A client that stays congested for {@linkcode PATIENCE} is
 * let go.
 *
 * @module
 */

import { type DirectMessage, type RoomEvent, wordMissed } from "../protocol.ts";
import type { Connection } from "./connection.ts";
import type { Dialect } from "./dialects.ts";
import type { Hub } from "./hub.ts";
import type { Subscription, Turn } from "./queue.ts";

/** How long a client may stay congested before it is let go, in milliseconds. */
export const PATIENCE = 30_000;

/** Whose client it is. */
export interface Recipient {
  /** Is told that the client did not read for too long, and is to be sent away. */
  letGo(): void;
  /** Is told of a fault of ours. */
  fail(error: unknown): void;
}

/** Settings of a {@linkcode Delivery}. */
export interface DeliveryOptions {
  readonly recipient: Recipient;
  readonly hub: Pick<Hub, "clock" | "counters">;
}

/** One client's side of what is sent. */
export class Delivery {
  readonly #connection: Connection;
  readonly #dialect: Dialect;
  readonly #recipient: Recipient;
  readonly #hub: DeliveryOptions["hub"];
  #subscription: Subscription<RoomEvent> | undefined;
  /** The wait for a congested client to read, while there is one, and what ends its patience. */
  #draining: Promise<void> | undefined;
  #cancelLetGo: (() => void) | undefined;
  #isOver = false;

  /** Begins with nothing to deliver. */
  constructor(dialect: Dialect, { recipient, hub }: DeliveryOptions) {
    this.#connection = dialect.connection;
    this.#dialect = dialect;
    this.#recipient = recipient;
    this.#hub = hub;
  }

  /** Takes what comes from now on from `subscription`; {@linkcode follow} begins to pass it on. */
  subscribe(subscription: Subscription<RoomEvent>): void {
    this.#subscription = subscription;
  }

  /** Passes on what is published, as fast as the client reads, until it is unsubscribed. */
  follow(): void {
    const subscription = this.#subscription;
    if (!subscription) return;
    const goOn = (): void => {
      if (subscription.isClosed) return;
      try {
        this.#deliverPublished();
        if (this.#connection.congested) this.drained().then(goOn);
        else subscription.whenReady(goOn);
      } catch (error) {
        this.#recipient.fail(error);
      }
    };
    subscription.whenReady(goOn);
  }

  /** Delivers nothing more of what happens in the room. */
  unsubscribe(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
  }

  /** Delivers at once what has happened and was not yet delivered, as far as the client reads. */
  deliverRest(): void {
    this.#deliverPublished();
  }

  /**
   * Sends a message for this client alone, after what happened before it, if the client reads.
   * Returns whether it went out.
   */
  send(message: DirectMessage): boolean {
    this.deliverRest();
    if (this.#connection.congested) return false;
    this.#dialect.send(message);
    this.watch();
    return true;
  }

  /** Looks, after something was sent, whether that was more than the client reads. */
  watch(): void {
    if (this.#connection.congested) this.drained();
  }

  /** Resolves once the client has read, or is gone: if need be because it was let go. */
  drained(): Promise<void> {
    return this.#draining ??= this.#waitPatiently();
  }

  /** Ends it, with the connection. */
  end(): void {
    this.#isOver = true;
    this.#cancelLetGo?.();
    this.unsubscribe();
  }

  #deliverPublished(): void {
    while (!this.#connection.congested) {
      const turn = this.#subscription?.take();
      if (!turn) return;
      this.#deliver(turn);
    }
  }

  #deliver({ missed, batch }: Turn<RoomEvent>): void {
    if (missed > 0) this.#dialect.send(wordMissed(missed));
    this.#dialect.deliver(batch);
    this.#hub.counters.missed += missed;
    this.#hub.counters.delivered += batch.events.length;
    this.watch();
  }

  async #waitPatiently(): Promise<void> {
    this.#cancelLetGo = this.#hub.clock.after(PATIENCE, () => this.#recipient.letGo());
    await this.#connection.drained();
    this.#cancelLetGo();
    this.#draining = undefined;
    // It may have been filled again before this was resumed.
    if (!this.#isOver) this.watch();
  }
}
