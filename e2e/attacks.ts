/**
 * A hostile client: does to a server all that is listed in `attacks/`, and says what it got.
 *
 * `deno run --allow-net e2e/attacks.ts PORT TCP_PORT` attacks the server on this machine that was
 * started with `--trust-proxy` and the limits of `attacks/crowds.ts`. It prints a line of JSON for
 * each attack: its `name`, what the attacker `got`, and how many milliseconds that took, `ms`.
 *
 * @module
 */

import type { Attack } from "./attacks/attack.ts";
import { CROWDS } from "./attacks/crowds.ts";
import { FLOODS } from "./attacks/floods.ts";
import { FORGERIES } from "./attacks/forgeries.ts";
import { LINES } from "./attacks/lines.ts";
import { MALFORMED } from "./attacks/malformed.ts";
import { NONSENSE } from "./attacks/nonsense.ts";
import { REQUESTS } from "./attacks/requests.ts";
import { SILENCES } from "./attacks/silences.ts";

/** Attacks that follow each other, so that what one does is not taken for another's. */
const LOUD: readonly Attack[] = [
  ...FLOODS,
  ...NONSENSE,
  ...MALFORMED,
  ...LINES,
  ...REQUESTS,
  ...FORGERIES,
  ...CROWDS,
];

/** All attacks. Those that take long come first: they begin together, and the others meanwhile. */
export const ATTACKS: readonly Attack[] = [...SILENCES, ...LOUD];

/** What came of an attack. */
export interface Result {
  readonly name: string;
  readonly got: string;
  readonly ms: number;
}

/** Returns the address of the attack with that number, of those for documentation (RFC 5737). */
function addressOf(attack: Attack): string {
  return `203.0.113.${ATTACKS.indexOf(attack) + 1}`;
}

/** Does what an attack does, and prints what came of it. */
async function carryOut(attack: Attack, port: number, tcpPort: number): Promise<void> {
  const begun = performance.now();
  const got = await attack.run({ port, tcpPort, from: addressOf(attack) })
    .catch((error) => `it failed: ${error instanceof Error ? error.message : error}`);
  const result: Result = { name: attack.name, got, ms: Math.round(performance.now() - begun) };
  console.log(JSON.stringify(result));
}

/** Attacks a server with all there is. */
async function main([port, tcpPort]: readonly string[]): Promise<void> {
  const go = (attack: Attack): Promise<void> => carryOut(attack, Number(port), Number(tcpPort));
  const silences = Promise.all(SILENCES.map(go));
  for (const attack of LOUD) await go(attack);
  await silences;
}

if (import.meta.main) await main(Deno.args);
