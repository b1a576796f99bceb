/**
 * This project's server as another program runs it: on a free port, and with nobody reading a log,
 * since the servers it is compared with write none.
 *
 * @module
 */

import { serve } from "../../server.ts";

const [capacity] = Deno.args;
const server = serve({
  hostname: "127.0.0.1",
  port: 0,
  capacity: capacity === undefined ? undefined : Number(capacity),
});

console.log(`port ${server.addr.port}`);
