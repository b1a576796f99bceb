/**
 * This project's server as another program runs it: on a free port, with nobody reading a log and
 * nobody too fast, since the servers it is compared with write no log and have no limits. `--db=FILE` has it keep its history there;
 * `--new` removes first what is there.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { serve } from "../../server.ts";

const { db, new: isNew } = parseArgs(Deno.args, { string: ["db"], boolean: ["new"] });
if (db !== undefined && isNew) {
  for (const file of [db, `${db}-wal`]) {
    // The first run finds none.
    await Deno.remove(file).catch(() => {});
  }
}
const server = serve({ hostname: "127.0.0.1", port: 0, db, rate: 0 });

console.log(`port ${server.addr.port}`);
