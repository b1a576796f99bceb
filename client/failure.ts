/**
 * Why a client is not in a chat.
 *
 * @module
 */

/** Why there is no connection, or none any more. */
export type ConnectFailure =
  | "unreachable"
  | "unknown host"
  | "untrusted"
  | "not a chat"
  | "full"
  | "unauthorized"
  | "kicked";

/** There is no connection. Its message is one line: what is wrong and what to do. */
export class ConnectError extends Error {
  override readonly name = "ConnectError";
  readonly failure: ConnectFailure;

  /** Creates an error with `failure` for programs and `message` for people. */
  constructor(failure: ConnectFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}
