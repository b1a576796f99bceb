/**
 * What a client hands over to the one that takes its place, such as a page that is loaded again: who
 * it was, where it was, and what it had still to say.
 *
 * @module
 */

import {
  type ClientMessage,
  formatChat,
  parseChat,
  parseServerMessage,
  ProtocolError,
  type SendMessage,
  type Welcome,
} from "../protocol.ts";

/** Something that is not accepted yet; a room that was to be joined between two messages, too. */
export interface Unsaid {
  readonly message: SendMessage | (ClientMessage & { messageType: "join" });
  /** On how many connections it went out. */
  readonly sent: number;
}

/** What one client hands over to the next. */
export interface Handover {
  /** The last welcome, in which its session is: a secret. */
  readonly welcome: Welcome;
  /** The id of the last event that it saw; 0 if it saw none. */
  readonly seen: number;
  /** What was said and is not accepted yet, the oldest first. */
  readonly unsaid: readonly Unsaid[];
  /** Names of people who are not shown. */
  readonly ignored: readonly string[];
}

/** Formats a handover as JSON. */
export function formatHandover({ welcome, seen, unsaid, ignored }: Handover): string {
  return JSON.stringify({
    welcome: formatChat(welcome),
    seen,
    unsaid: unsaid.map(({ message, sent }) => [sent, formatChat(message)]),
    ignored,
  });
}

function stringOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function wholeNumberOf(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

function parseUnsaid(value: unknown): Unsaid[] {
  const [sent, line]: unknown[] = Array.isArray(value) ? value : [];
  const message = parseChat(stringOf(line));
  return message.messageType === "message" || message.messageType === "join"
    ? [{ message, sent: wholeNumberOf(sent) }]
    : [];
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Parses what {@linkcode formatHandover} wrote. Returns undefined for anything else. */
export function parseHandover(json: string): Handover | undefined {
  try {
    const value: Record<string, unknown> | null = JSON.parse(json);
    const welcome = parseServerMessage(stringOf(value?.["welcome"]));
    if (welcome?.messageType !== "welcome") return undefined;
    return {
      welcome,
      seen: wholeNumberOf(value?.["seen"]),
      unsaid: listOf(value?.["unsaid"]).flatMap(parseUnsaid),
      ignored: listOf(value?.["ignored"]).map(stringOf),
    };
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
