/**
 * How the client ends: its exit codes.
 *
 * @module
 */

import type { ConnectFailure } from "./failure.ts";

/** Exit codes of the client. */
export const ExitCode = {
  left: 0,
  unreachable: 1,
  usage: 2,
  unauthorized: 3,
  kicked: 4,
  unknownHost: 5,
  untrusted: 6,
  notChat: 7,
  full: 8,
  refused: 9,
  unwritten: 10,
} as const;

/** One of the exit codes. */
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];

/** What each exit code means, as `--help` lists them. */
export const EXIT_CODES: readonly (readonly [ExitCode, string])[] = [
  [ExitCode.left, "left; nothing that was said is lost, and in a pipe all was accepted"],
  [ExitCode.unreachable, "no server there, or the connection has ended for good"],
  [ExitCode.usage, "wrong arguments"],
  [ExitCode.unauthorized, "not let in, such as for a wrong token"],
  [ExitCode.kicked, "sent away or banned by an operator"],
  [ExitCode.unknownHost, "no such host"],
  [ExitCode.untrusted, "the server's TLS certificate is not trusted"],
  [ExitCode.notChat, "something else than a chat server is there"],
  [ExitCode.full, "the server is full"],
  [
    ExitCode.refused,
    "something that was said is lost or may be, or in a pipe was refused or not UTF-8",
  ],
  [ExitCode.unwritten, "standard output cannot be written to any more"],
];

/** The exit code of a client that could not connect, or was sent away. */
export const FAILURE_CODES: Readonly<Record<ConnectFailure, ExitCode>> = {
  "unreachable": ExitCode.unreachable,
  "unauthorized": ExitCode.unauthorized,
  "kicked": ExitCode.kicked,
  "unknown host": ExitCode.unknownHost,
  "untrusted": ExitCode.untrusted,
  "not a chat": ExitCode.notChat,
  "full": ExitCode.full,
};
