/**
 * What is done with a token file that is read again. Who writes it should write another file and
 * rename that, for one that is read half-written is one with fewer tokens, and everybody else would
 * be sent away for good. So what looks like a part of a file is asked for twice.
 *
 * @module
 */

import { parseTokens, type Tokens } from "./tokens.ts";

/** The token file of a server. */
export class TokenFile {
  #text: string;
  #tokens: Tokens;
  /** The text that was asked about last. */
  #asked: string | undefined;

  /**
   * Begins with the text that the file has at the start.
   *
   * @throws {TokenError} If that makes no sense.
   */
  constructor(text: string) {
    this.#text = text;
    this.#tokens = parseTokens(text);
  }

  /** The tokens that are valid. */
  get tokens(): Tokens {
    return this.#tokens;
  }

  /**
   * Takes the text that the file has now.
   *
   * @returns What is strange about it, without a full stop: then the tokens from before stay valid until
   * it is given again. Undefined if its tokens are valid now.
   * @throws {TokenError} If it makes no sense: then too.
   */
  update(text: string): string | undefined {
    const asked = this.#asked;
    this.#asked = undefined;
    const tokens = parseTokens(text);
    const doubt = this.#doubt(text, tokens);
    if (doubt !== undefined && asked !== text) {
      this.#asked = text;
      return doubt;
    }
    this.#text = text;
    this.#tokens = tokens;
    return undefined;
  }

  #doubt(text: string, { size }: Tokens): string | undefined {
    const before = this.#tokens.size;
    if (size * 2 < before) return `it has ${size} of ${before} tokens`;
    const isCut = this.#text.endsWith("\n") && !text.endsWith("\n");
    return isCut ? "its last line has no end" : undefined;
  }
}
