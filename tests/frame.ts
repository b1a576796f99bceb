/**
 * Frames of a WebSocket (RFC 6455, section 5.2), right and wrong.
 *
 * @module
 */

import { join } from "./raw.ts";

/** Marks the last frame of a message, in a frame's first byte. */
export const FIN = 0x80;

/** What a frame is: the rest of its first byte. */
export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** What may be wrong with a frame. */
export interface FrameOptions {
  /** Default: it is masked, with a key of zeros, which no server can tell from another. */
  readonly isMasked?: boolean;
  /** The length that it claims. Default: that of its payload. */
  readonly length?: bigint;
  /** How many bytes its length is written in. Default: as few as can be. */
  readonly lengthSize?: 1 | 2 | 8;
}

/** Returns the bytes of a client's frame. */
export function frame(
  first: number,
  payload: string | Uint8Array,
  { isMasked = true, ...options }: FrameOptions = {},
): Uint8Array<ArrayBuffer> {
  const data = join(payload);
  const { length = BigInt(data.length) } = options;
  const { lengthSize = length < 126n ? 1 : length < 65_536n ? 2 : 8 } = options;
  const head = new DataView(new ArrayBuffer(lengthSize === 1 ? 2 : 2 + lengthSize));
  head.setUint8(0, first);
  const short = lengthSize === 8 ? 127 : lengthSize === 2 ? 126 : Number(length);
  head.setUint8(1, isMasked ? 0x80 | short : short);
  if (lengthSize === 2) head.setUint16(2, Number(length));
  if (lengthSize === 8) head.setBigUint64(2, length);
  return join(new Uint8Array(head.buffer), new Uint8Array(isMasked ? 4 : 0), data);
}

/** Returns a whole frame of text: a message, or several as `chat.v1` has them. */
export function textFrame(...messages: readonly (string | object)[]): Uint8Array<ArrayBuffer> {
  const lines = messages.map((message) =>
    typeof message === "string" ? message : JSON.stringify(message)
  );
  return frame(FIN | Opcode.text, lines.join("\n"));
}
