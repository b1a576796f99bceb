/**
 * Who may come in: whoever has a valid token, if there are tokens, and is not banned.
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
