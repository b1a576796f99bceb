/**
 * The shutdown: everyone hears the last word, and then nobody is there.
 *
 * @module
 */

import type { Admission } from "./admission.ts";
import type { HttpServer } from "./http.ts";
import type { Hub } from "./hub.ts";
import type { Intake } from "./intake.ts";
import type { TcpServer } from "./tcp.ts";

/**
 * How long a shutdown may take, in milliseconds: a client that does not read could hold it up for
 * ever.
 */
export const SHUTDOWN_TIMEOUT = 4_500;

/** For so long nothing comes or goes before everyone is sent away, in milliseconds. */
const QUIET_TIME = 50;

/** How long that may take to come about. */
const MAX_QUIETING = 1_000;

/** What is shut down. */
export interface Parts {
  readonly hub: Hub;
  readonly intake: Intake;
  readonly admission: Admission;
  readonly http: HttpServer;
  readonly tcp: TcpServer | undefined;
}

/**
 * Stops a server, in this order, so that what was accepted is delivered before anyone is sent away.
 */
export async function shutDown({ hub, intake, admission, http, tcp }: Parts): Promise<void> {
  hub.log("info", () => "Shutting down");
  // 1. Nobody comes in by TCP any more.
  tcp?.shutdown();
  // 2. What was received is taken, and nothing more. From now on HTTP answers 503, so that a load
  // balancer sees it.
  intake.flush();
  hub.isClosing = true;
  const deadline = hub.clock.elapsed() + SHUTDOWN_TIMEOUT;
  // 3. Everyone gets what was published, and then Close 1001.
  if (admission.size > 0) await untilQuiet(hub);
  hub.closeAll();
  // 4. Wait for the last bytes, but not for ever.
  const gone = Promise.all([admission.emptied(), tcp?.finished]);
  await atMost(deadline - hub.clock.elapsed(), gone);
  // 5. Nobody comes in by HTTP any more; a WebSocket that was just being opened gets Close 1001
  // too.
  await atMost(deadline - hub.clock.elapsed(), http.shutdown());
  // 6. Nothing happens any more that would have to be stored.
  hub.close();
}

/**
 * Waits until nothing comes in and nothing goes out any more, but no longer than {@linkcode
 * MAX_QUIETING}: a peer that is still talking when its WebSocket is closed is dropped by the runtime,
 * with what was on its way to it.
 */
async function untilQuiet({ counters, clock }: Hub): Promise<void> {
  const deadline = clock.elapsed() + MAX_QUIETING;
  const traffic = (): number => counters.received + counters.sent;
  for (let before = -1; before !== traffic() && clock.elapsed() < deadline;) {
    before = traffic();
    await new Promise((resolve) => setTimeout(resolve, QUIET_TIME));
  }
}

/** Waits for `work`, but at most `ms` milliseconds. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, promise]).finally(() => clearTimeout(timer));
}
