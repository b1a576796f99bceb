/**
 * Clients come and go, and leave no timer behind: neither of the server's clock, which is counted
 * here, nor any other, which the test runner counts.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Clock, systemClock } from "../server/clock.ts";
import { lookUntil, readMetrics } from "./metrics.ts";
import { TestServer } from "./peer.ts";
import { random } from "./random.ts";
import { Visitors } from "./visitors.ts";

/** How many come, and how many are there at a time. */
const CONNECTIONS = 2_000;
const AT_A_TIME = 32;

/** How long it may take until the last one's timers are gone, in milliseconds. */
const LEAVE_TIME = 10_000;

/** The machine's clock, with a count of what it still has to call. */
class CountingClock implements Clock {
  readonly now = systemClock.now;
  readonly elapsed = systemClock.elapsed;
  pending = 0;
  /** The most that there was to call at a time. */
  most = 0;

  after(ms: number, callback: () => void): () => void {
    let isPending = true;
    const settle = (): void => {
      if (isPending) this.pending--;
      isPending = false;
    };
    this.most = Math.max(this.most, ++this.pending);
    const cancel = systemClock.after(ms, () => {
      settle();
      callback();
    });
    return () => {
      settle();
      cancel();
    };
  }
}

Deno.test("2,000 connections come and go, and no timer of theirs is left", async () => {
  const clock = new CountingClock();
  await using server = new TestServer({ clock });
  const { pending } = clock;
  const visitors = new Visitors({
    port: server.port,
    tcpPort: server.server.tcpAddr?.port ?? 0,
    chance: random(1),
  });
  await visitors.come(CONNECTIONS, AT_A_TIME);
  const { value } = await lookUntil(() => clock.pending, (now) => now === pending, LEAVE_TIME);
  assert.equal(value, pending);
  assert.ok(clock.most > pending + AT_A_TIME / 4, `there were only ${clock.most}`);
  const metrics = await readMetrics(String(server.port));
  for (const name of ["chat_connections", "chat_sockets", "chat_rooms"]) {
    assert.equal(metrics.get(name), 0, name);
  }
});
