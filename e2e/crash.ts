/**
 * A program that takes over its terminal as the client does, and then fails in a way that nobody
 * has foreseen. For the tests.
 *
 * @module
 */

import { OwnTty } from "../client/tty.ts";

const tty = new OwnTty((text) => void Deno.stdout.writeSync(new TextEncoder().encode(text)));
tty.open({ resize: () => {}, resume: () => {}, end: () => {} });

function fail(): never {
  throw new Error("It has failed");
}

if (Deno.args[0] === "rejection") void Promise.resolve().then(fail);
else setTimeout(fail, 0);
