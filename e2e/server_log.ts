/**
 * The log of a server whose clients write what they want: a line for each thing that happens, in
 * which all that is anybody's text is quoted.
 *
 * @module
 */

import type { Program } from "./program.ts";

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
const ADDRESS = String.raw`(?:\d+\.\d+\.\d+\.\d+|\[[\da-f:]+\]):\d+`;
const QUOTED = String.raw`"(?:[^"\\\0-\x1f\x7f-\x9f\u2028\u2029]|\\.)*"`;
const OPENED = `INFO New connection from ${ADDRESS}`;
const ENDED = String.raw`INFO Disconnected ${ADDRESS}(?: \(\d+\))?`;
const LEFT_OUT = String.raw`WARN \d+ log lines left out`;

/** Longer than any line need be: a message of 4,096 bytes, each of which is escaped. */
const MAX_LENGTH = 10_000;

/** Each line that may be there. */
const LINE = lineOf(
  OPENED,
  ENDED,
  LEFT_OUT,
  `INFO From client ${ADDRESS} ${QUOTED}`,
  `INFO Refused a page of ${QUOTED}: see --allow-origin`,
  `INFO Refused ${ADDRESS}: an? (?:HTTP request|TLS hello|SSH banner) came to the port of lines`,
  "INFO Shutting down",
);

function lineOf(...texts: readonly string[]): RegExp {
  return new RegExp(`^${TIME} (?:${texts.join("|")})$`);
}

/** What a server has logged since it said where it is. */
export class ServerLog {
  readonly #lines: string[] = [];
  readonly #read: Promise<void>;

  constructor(server: Program) {
    this.#read = this.#readAll(server);
  }

  /** Resolves when there is no more of it. */
  get ended(): Promise<void> {
    return this.#read;
  }

  /** Returns the lines that are not as they must be. */
  get wrongLines(): string[] {
    return this.#lines.filter((line) => !LINE.test(line) || line.length > MAX_LENGTH)
      .map((line) => line.slice(0, MAX_LENGTH));
  }

  /** Returns how many connections were opened and how many have ended, if no line was left out. */
  get connections(): readonly [opened: number, ended: number] | undefined {
    if (this.#count(LEFT_OUT) > 0) return undefined;
    return [this.#count(OPENED), this.#count(ENDED)];
  }

  #count(text: string): number {
    const expression = lineOf(text);
    return this.#lines.filter((line) => expression.test(line)).length;
  }

  async #readAll(server: Program): Promise<void> {
    for (let line; (line = await server.line()) !== "(end)";) this.#lines.push(line);
  }
}
