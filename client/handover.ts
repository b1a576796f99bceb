/**
 * What a client hands over to the one that takes its place, such as a page that is loaded again: who
 * it was, where it was, and what it had still to say.
 *
 * @module
 */

import {
  formatChat,
  parseChat,
  parseServerMessage,
  type SendMessage,
  type Welcome,
} from "../protocol.ts";

/** Something that is not accepted yet. */
export interface Unsaid {
  readonly message: SendMessage;
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
}

/** Formats a handover as JSON. */
export function formatHandover({ welcome, seen, unsaid }: Handover): string {
  return JSON.stringify({
    welcome: formatChat(welcome),
    seen,
    unsaid: unsaid.map(({ message, sent }) => [sent, formatChat(message)]),
  });
}

function parseUnsaid(value: unknown): Unsaid[] {
  const [sent, line]: unknown[] = Array.isArray(value) ? value : [];
  const message = parseChat(String(line));
  return message.messageType === "message" ? [{ message, sent: Number(sent) || 0 }] : [];
}

/** Parses what {@linkcode formatHandover} wrote. Returns undefined for anything else. */
export function parseHandover(json: string): Handover | undefined {
  try {
    const { welcome: line, seen, unsaid }: Record<string, unknown> = JSON.parse(json);
    const welcome = parseServerMessage(String(line));
    if (welcome?.messageType !== "welcome" || !Array.isArray(unsaid)) return undefined;
    return { welcome, seen: Number(seen) || 0, unsaid: unsaid.flatMap(parseUnsaid) };
  } catch {
    return undefined;
  }
}
