/**
 * The rules: who may come in, and who may speak.
 *
 * @module
 */

import { CloseCode, type ErrorCode, ProtocolError } from "../protocol.ts";
import type { Sanctions } from "./sanctions.ts";
import type { Identity, Tokens } from "./tokens.ts";

/** Somebody cannot come in, and their connection is closed. */
export class EntryError extends ProtocolError {
  readonly closeCode: number;

  /** Creates an error that closes a connection with `closeCode`. */
  constructor(code: ErrorCode, message: string, closeCode: number) {
    super(code, message);
    this.closeCode = closeCode;
  }
}

/**
 * Returns who has that token; undefined if everybody may come in.
 *
 * @throws {EntryError} If a token is needed, and this is none.
 */
export function identify(
  tokens: Tokens | undefined,
  token: string | undefined,
): Identity | undefined {
  if (!tokens) return undefined;
  const identity = token === undefined ? undefined : tokens.find(token);
  if (identity) return identity;
  const text = token === undefined ? "A token is needed here." : "That token is not valid.";
  throw new EntryError("unauthorized", text, CloseCode.unauthorized);
}

/**
 * Checks that neither the name that somebody wants to come in with, if any, nor their token is
 * banned.
 *
 * @throws {EntryError} If one is.
 */
export function checkBan(
  sanctions: Sanctions,
  { name = "", token }: { name?: string | undefined; token?: string | undefined },
): void {
  const seconds = sanctions.secondsLeft({ kind: "ban", name, token });
  if (seconds === 0) return;
  const text = `You are banned for another ${seconds} seconds.`;
  throw new EntryError("forbidden", text, CloseCode.kicked);
}

/** Somebody who has a name, and a token if one is needed. */
interface Person {
  readonly name: string;
  readonly identity: Identity | undefined;
}

/**
 * Checks that a person may speak: that neither their name nor their token is muted. The error has the
 * message's own `ref`.
 *
 * @throws {ProtocolError} If they may only read.
 */
export function checkMute(sanctions: Sanctions, { name, identity }: Person, ref?: string): void {
  const seconds = sanctions.secondsLeft({ kind: "mute", name, token: identity?.key });
  if (seconds === 0) return;
  throw new ProtocolError("muted", `You can only read for another ${seconds} seconds.`, ref);
}

/** Returns the error that refuses what came too fast, with its own `ref`: it may come again in `wait` ms. */
export function tooFast(wait: number, ref?: string): ProtocolError {
  const seconds = (wait / 1000).toFixed(wait < 1000 ? 2 : 0);
  const text = `Too fast: this was not taken. Send it again in ${seconds} s.`;
  return new ProtocolError("rate_limited", text, ref, wait);
}
