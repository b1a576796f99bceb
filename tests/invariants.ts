/**
 * Invariants: what holds of everything that a parser returns, and of everything that it refuses.
 * They are written down a second time, by other means than in the code that has to keep them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { formatHandover, type Handover, parseHandover } from "../client/handover.ts";
import {
  cleanName,
  type ErrorCode,
  formatChat,
  formatEnvelopeMessage,
  formatText,
  MAX_REF_LENGTH,
  MAX_SECONDS,
  MAX_TEXT_BYTES,
  nameKey,
  type PersonInput,
  ProtocolError,
  type RoomEvent,
  type RoomMessage,
  type SendMessage,
  type ServerMessage,
  type TextInput,
} from "../protocol.ts";
import { TokenError, type Tokens } from "../server/tokens.ts";

/** What reading can be refused with; the other codes are about what is asked for. */
const CODES: readonly ErrorCode[] = ["bad_json", "bad_message", "too_long"];

/** Longest message of an error, in UTF-16 units: a few lines of a terminal. */
const MAX_ADVICE = 300;

const NAME = /^[\p{L}\p{M}\p{Nd}_.-]+$/u;
const ROOM = /^[-_a-z\d]{1,32}$/;

const encoder = new TextEncoder();

/** Tells whether a UTF-16 unit is one that nobody may send to a reader's terminal. */
function isForbidden(unit: number): boolean {
  const isControl = unit < 0x20 || (unit >= 0x7f && unit <= 0x9f);
  const turnsText = (unit >= 0x202a && unit <= 0x202e) || (unit >= 0x2066 && unit <= 0x2069);
  return turnsText || (isControl && unit !== 0x0a && unit !== 0x09);
}

/** Tells whether something in a text may not be sent to a reader's terminal. */
function hasForbidden(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (isForbidden(text.charCodeAt(i))) return true;
  }
  return false;
}

/** Returns a text without what is forbidden in it. */
export function withoutForbidden(text: string): string {
  const whole = text.toWellFormed();
  if (!hasForbidden(whole)) return whole;
  return Array.from(whole).filter((character) => !hasForbidden(character)).join("");
}

/** Returns a text without the newlines at its end. */
export function withoutLastNewlines(text: string): string {
  let end = text.length;
  while (text.charAt(end - 1) === "\n") end--;
  return text.slice(0, end);
}

/** Checks that a text can be written to a reader's terminal. */
export function checkClean(text: string): void {
  assert.ok(text.isWellFormed(), "a lone surrogate in a text");
  assert.ok(!hasForbidden(text), "a forbidden character in a text");
}

/** Checks what is shown within a line. */
function checkLabel(label: string): void {
  checkClean(label);
  assert.ok(!/[\n\t]/.test(label), "a label of several lines");
}

/** Checks the text of a message that may have so many bytes. */
export function checkText(text: string, maxBytes: number): void {
  checkClean(text);
  assert.ok(text.trim() !== "", "an empty text");
  assert.ok(!text.endsWith("\n"), "a newline at the end of a text");
  assert.ok(encoder.encode(text).length <= maxBytes, `a text of more than ${maxBytes} bytes`);
}

/** Checks a name, and that it is the same in another case or form. */
export function checkName(name: string): void {
  assert.match(name, NAME);
  assert.ok(Array.from(name).length <= 32, "a name of more than 32 characters");
  assert.ok(name === name.normalize("NFC"), "a name that is not composed");
  assert.ok(!/\p{Default_Ignorable_Code_Point}/u.test(name), "what is invisible in a name");
  const key = nameKey(name);
  const others = [name.toUpperCase(), name.toLowerCase(), name.normalize("NFKD"), key];
  for (const other of others) {
    assert.equal(nameKey(other), key, `${JSON.stringify(other)} has another key`);
  }
}

/** Checks the name of a room. */
export function checkRoom(room: string): void {
  assert.match(room, ROOM);
}

/** Checks that a value is a whole number, 0 or more, if there is one. */
export function checkWhole(value: number | undefined, max: number = Number.MAX_SAFE_INTEGER): void {
  if (value === undefined) return;
  assert.ok(Number.isInteger(value) && value >= 0 && value <= max, `${value} is no such number`);
}

function checkRef(ref: string | undefined): void {
  if (ref === undefined) return;
  assert.ok(ref.length >= 1 && ref.length <= MAX_REF_LENGTH, `a ref of ${ref.length} characters`);
  assert.ok(ref.isWellFormed() && !/\p{Cc}/u.test(ref), "a ref that cannot be stored");
}

function checkString(value: unknown): void {
  assert.ok(value === undefined || typeof value === "string", "what should be a string is not");
}

function checkAction(value: unknown): void {
  assert.ok(value === undefined || value === true, "what should be true or absent is not");
}

/** Checks that two values are the same on the wire. */
export function checkSame(one: unknown, other: unknown): void {
  const [json, otherJson] = [JSON.stringify(one), JSON.stringify(other)];
  if (json !== otherJson) assert.deepEqual(JSON.parse(json), JSON.parse(otherJson));
}

/** Checks that something is one line, without its newline. */
export function checkLine(line: string): void {
  assert.ok(!/[\n\r]/.test(line), "more than one line");
}

/** Checks that no line of a message can look like another's: all but the first are indented. */
function checkShown(shown: string | undefined): void {
  for (const line of shown?.split(/[\n\u2028\u2029]/).slice(1) ?? []) {
    assert.ok(line.startsWith("  "), "a later line that is not indented");
  }
}

/** Checks that what was said is shown whole, under its sender's name. */
function checkSaid(message: RoomMessage): void {
  const shown = formatText(message) ?? assert.fail("what was said is not shown");
  checkShown(shown);
  const begin = `${message.from}: ${message.action ? "* " : ""}`;
  const data = message.data.replaceAll(/[\u2028\u2029]/g, "\n");
  assert.ok(shown.replaceAll("\n  ", "\n") === begin + data, "shown as something else");
}

/** Checks what a client says, and how a room would show it. */
export function checkSend(message: SendMessage, maxBytes: number): void {
  const { data, ref, to, action } = message;
  checkText(data, maxBytes);
  checkRef(ref);
  checkString(to);
  checkAction(action);
  checkSaid({ messageType: "message", time: 1, from: "al", address: "", data, action });
}

/** Checks what a client or a person asks for; a text may have `maxBytes`. */
export function checkInput(input: TextInput | PersonInput, maxBytes: number): void {
  switch (input.messageType) {
    case "register":
      if (input.data !== undefined) checkName(input.data);
      if (input.room !== undefined) checkRoom(input.room);
      [input.token, input.session, input.epoch].forEach(checkString);
      return checkWhole(input.after);
    case "message":
      return checkSend(input, maxBytes);
    case "reply":
      return checkText(input.data, maxBytes);
    case "join":
      return checkRoom(input.data);
    case "kick":
    case "ban":
    case "mute":
      assert.equal(typeof input.data, "string");
      return checkWhole(input.seconds, MAX_SECONDS);
    case "ping":
      return checkString(input.data);
    case "token":
      return assert.match(input.data, /^\S+$/);
    case "ignore":
      if (input.data !== undefined) assert.match(input.data, /^\S+$/);
  }
}

/** Checks what happened in a room. */
export function checkEvent(event: RoomEvent): void {
  checkWhole(event.time, 8.64e15);
  if (event.messageType === "presence") {
    checkWhole(event.count);
    return checkShown(formatText(event));
  }
  checkLabel(event.from);
  checkLabel(event.address);
  if (event.messageType !== "message") {
    if (event.messageType === "rename") checkLabel(event.data ?? assert.fail("no new name"));
    return checkShown(formatText(event));
  }
  checkClean(event.data);
  checkString(event.ref);
  checkAction(event.action);
  checkSaid(event);
}

/** Checks what a server tells one client. */
function checkDirect(message: Exclude<ServerMessage, RoomEvent>): void {
  checkShown(formatText(message));
  switch (message.messageType) {
    case "welcome":
      [message.name, message.address, message.room].forEach(checkLabel);
      [message.data, message.epoch, message.session].forEach(checkClean);
      return checkWhole(message.id);
    case "users":
      [message.room, ...message.dataArray].forEach(checkLabel);
      return checkWhole(message.count);
    case "rooms":
      message.dataArray.forEach(checkLabel);
      return [...message.counts, message.count].forEach((count) => checkWhole(count));
    case "private":
      [message.from, message.to].forEach(checkLabel);
      checkClean(message.data);
      checkString(message.ref);
      return checkWhole(message.time, 8.64e15);
    case "missed":
      checkClean(message.data);
      return checkWhole(message.count);
    case "error":
      [message.code, message.data].forEach(checkClean);
      checkString(message.ref);
      return checkWhole(message.retryAfter);
    case "ack":
      checkString(message.ref);
      return checkWhole(message.id);
    case "pong":
      return checkString(message.data);
  }
}

/** Checks what a server tells, and that it can be told again. */
export function checkServerMessage(message: ServerMessage): void {
  checkLine(formatChat(message));
  switch (message.messageType) {
    case "message":
    case "join":
    case "leave":
    case "rename":
    case "presence":
      checkWhole(message.id);
      return checkEvent(message);
    default:
      return checkDirect(message);
  }
}

/** Returns the refs of what some JSON holds: one message, or an array of them. */
function refsOf(json: string): unknown[] {
  const value: unknown = JSON.parse(json);
  const messages: (Record<string, unknown> | null)[] = Array.isArray(value) ? value : [value];
  return messages.map((message) => message?.["ref"]);
}

/** Checks that a parser threw what it documents: an error for the person who sent `input`. */
export function checkRefusal(error: unknown, input: string): void {
  if (!(error instanceof ProtocolError)) throw error;
  assert.ok(CODES.includes(error.code), `the code ${error.code}`);
  checkAdvice(error.message);
  if (error.ref === undefined) return;
  assert.ok(error.ref.length <= MAX_REF_LENGTH, "an error with too long a ref");
  assert.ok(refsOf(input).includes(error.ref), "an error with another's ref");
}

/** Checks the message of an error: one line that fits a terminal. */
export function checkAdvice(message: string): void {
  checkLine(message);
  assert.ok(message !== "" && message.length <= MAX_ADVICE, `${message.length} characters`);
}

/** Checks that a client of the envelope dialect reads a text as it was said. */
export function checkEnvelope(text: string): void {
  const frame = formatEnvelopeMessage("al", text, 1);
  checkLine(frame);
  const { data }: { data: string } = JSON.parse(frame);
  assert.ok(data === JSON.stringify({ from: "al", message: text, time: 1 }), "another text");
}

/** Checks that a token file lets in who is in it, and under no other name. */
export function checkTokens(tokens: Tokens, text: string): void {
  assert.equal(tokens.find("nobody's"), undefined);
  for (const line of text.replace(/^\ufeff/, "").split("\n").slice(0, 20)) {
    const [token, word, role] = line.replace(/(^|\s)#.*/s, "").split(/\s+/).filter(Boolean);
    if (token === undefined) continue;
    const identity = tokens.find(token) ?? assert.fail("a token of the file is not found");
    assert.equal(identity.isOperator, role === "operator");
    assert.equal(identity.name ?? "*", word);
    assert.equal(tokens.get(identity.key), identity);
    assert.notEqual(identity.key, token);
    if (identity.name === undefined) continue;
    checkName(identity.name);
    assert.equal(tokens.ownerOf(identity.name), identity);
  }
}

/** Checks that an error names a line of a token file, and tells no token. */
export function checkTokenError(error: unknown, text: string): void {
  if (!(error instanceof TokenError)) throw error;
  checkAdvice(error.message);
  const number = Number(/^line (\d+): /.exec(error.message)?.[1]);
  const line = text.split("\n")[number - 1] ?? assert.fail("there is no such line");
  const [token = "", name = ""] = line.split(/\s+/).filter(Boolean);
  // Other words than those of the corpus may stand in the message for another reason.
  const isSecret = /^[\da-f]{8,}$/.test(token) && !`${name} ${cleanName(name)}`.includes(token);
  assert.ok(!isSecret || !error.message.includes(token), "a token is told");
}

/** Checks that what was handed over can be gone on with. */
export function checkHandover(handover: Handover): void {
  checkServerMessage(handover.welcome);
  checkWhole(handover.seen);
  for (const { message, sent } of handover.unsaid) {
    checkWhole(sent);
    if (message.messageType === "join") checkRoom(message.data);
    else checkSend(message, MAX_TEXT_BYTES);
  }
  for (const name of handover.ignored) assert.equal(typeof name, "string");
  checkSame(parseHandover(formatHandover(handover)), handover);
}
