/**
 * Why the runtime could not connect, in words for people: it says so only in its error messages, or
 * not at all.
 *
 * @module
 */

import type { Reason } from "./connect.ts";

/** What the runtime says of a certificate that it does not trust, and what to do. */
const CERTIFICATE_ADVICE: readonly (readonly [said: string, text: string])[] = [
  ["expired", "has expired. Ask who runs the server for a new one."],
  ["not valid yet", "is not valid yet. Check the clock of this machine."],
  ["not valid for name", "is for another name. Use the name that it was made for."],
  ["", "is not trusted. If you trust who made it: DENO_CERT=its-maker.pem before the command."],
];

/**
 * Words the runtime's error message about `url`. Returns undefined for one that does not say why.
 */
export function findReason(url: URL, failure: string): Reason | undefined {
  const status = /Invalid status code: (\d+)/.exec(failure)?.[1];
  if (status === "503") return ["full", "the server is full. Try again later."];
  if (status !== undefined) {
    return ["not a chat", `HTTP ${status} is the answer, not a chat. Check the address.`];
  }
  if (failure.includes("dns error")) {
    return ["unknown host", `there is no host ${url.hostname}. Check its name.`];
  }
  if (failure.includes("InvalidContentType")) {
    return ["not a chat", "it does not speak TLS. Try ws:// for wss://."];
  }
  if (failure.includes("invalid HTTP version")) {
    return ["not a chat", "it does not speak HTTP. Try wss:// if it speaks TLS."];
  }
  if (failure.includes("CA file")) {
    return ["untrusted", "the file that DENO_CERT names cannot be read. Check its path."];
  }
  if (failure.includes("certificate")) {
    const [, advice = ""] = CERTIFICATE_ADVICE.find(([said]) => failure.includes(said)) ?? [];
    return ["untrusted", `its certificate ${advice}`];
  }
  return undefined;
}

/**
 * Finds out why there is no connection to `url`, after the runtime has said `failure`. It does not
 * say why a TCP connection failed: that takes another try.
 */
export async function explain(url: URL, failure: string): Promise<Reason> {
  return findReason(url, failure) ?? await probe(url, failure);
}

/** Finds out why a TCP connection failed, by trying another. */
async function probe(url: URL, failure: string): Promise<Reason> {
  const port = Number(url.port || (url.protocol === "wss:" ? 443 : 80));
  try {
    const conn = await Deno.connect({ hostname: url.hostname.replace(/^\[|\]$/g, ""), port });
    conn.close();
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) {
      return ["unreachable", "connection refused. Is the server running on that port?"];
    }
    const text = error instanceof Error ? error.message : String(error);
    return ["unreachable", `${text}. Check the address.`];
  }
  const text = failure.replace(/^NetworkError: (failed to connect to WebSocket: )?/, "");
  return ["not a chat", `it does not answer like a chat (${text}). Check the address.`];
}
