/**
 * The wire: every message that travels, its limits, and parse and format for the three dialects
 * `chat.v1` (JSON lines), envelope (the `register`/`users`/`message` JSON of other chat programs)
 * and text (plain lines). Pure: no sockets, no clock, no state, so the server, the terminal client
 * and a page can all import it.
 *
 * Each dialect has one parse function for each direction that this project reads. It returns a
 * typed message or throws a {@linkcode ProtocolError}; nothing unparsed goes further in.
 *
 * @module
 */

/** The WebSocket subprotocol of our own clients (RFC 6455, section 1.9). */
export const CHAT_V1 = "chat.v1";

/** The port that server and client use unless `--port` says otherwise. */
export const DEFAULT_PORT = 8080;

/** The address that server and client use unless `--host` says otherwise. */
export const DEFAULT_HOST = "127.0.0.1";

/** The room of everyone who asks for no other. */
export const DEFAULT_ROOM = "lobby";

/** The first thing that everyone is told. */
export const GREETING = "Welcome to chat! Type a message";

/** The name under which the server itself speaks to one client; nobody else gets it. */
export const SERVER_NAME = "server";

/** Longest name, in code points. */
export const MAX_NAME_LENGTH = 32;

/**
 * How much of what should be a name is looked at, in UTF-16 units: putting marks in order takes the
 * square of their number. The longest compatibility form of one character has 18.
 */
const MAX_RAW_NAME = 20 * MAX_NAME_LENGTH;

/** Longest text of one message, in bytes of UTF-8; see {@linkcode MAX_FRAME_BYTES}. */
export const MAX_TEXT_BYTES = 4096;

/**
 * Longest frame (or TCP line) from a client, in bytes of UTF-8: enough for fifteen of the longest
 * messages with their fields, if nothing in them needs escaping.
 */
export const MAX_FRAME_BYTES = 65_536;

/** The longest that a ban or a mute can last, in seconds: some 30 years. */
export const MAX_SECONDS = 999_999_999;

/** Longest `ref`, in UTF-16 units: a UUID is 36. */
export const MAX_REF_LENGTH = 128;

/** The most names in one `users` or `rooms` list; its `count` is always the true number. */
export const MAX_LISTED = 500;

/**
 * Longest frame that a client takes from a server, in UTF-16 units: several times what our server
 * sends in one. Who sends more is no chat server.
 */
export const MAX_SERVER_FRAME = 4 * MAX_FRAME_BYTES;

/** Longest name, room, address, code or secret that a client takes from a server, in UTF-16 units. */
export const MAX_LABEL_LENGTH = 256;

/** WebSocket close codes (RFC 6455, section 7.4.1). */
export const CloseCode = {
  /** The person left. */
  normal: 1000,
  /** The server is shutting down. */
  shuttingDown: 1001,
  /** The first frame at `/` was not the JSON that this path speaks. */
  notJson: 1003,
  /** A frame, or a message of several frames, was over {@linkcode MAX_FRAME_BYTES}. */
  tooBig: 1009,
  /** The server failed while handling this connection. */
  internalError: 1011,
  /** The server is full, or too much was unread for so long that the client was let go. */
  tryAgainLater: 1013,
  /** The client may not come in: it has no valid token. */
  unauthorized: 4401,
  /** An operator sent the person away, or keeps them out. */
  kicked: 4403,
  /** The client did not register in time. */
  notRegistered: 4408,
  /** The client asks for more and more without reading the answers, or what it sends is refused
   * again and again. */
  abuse: 4429,
} as const;

/** What an `error` message can be about. It concerns one message alone; the connection stays. */
export type ErrorCode =
  | "bad_json"
  | "bad_message"
  | "not_registered"
  | "too_long"
  | "rate_limited"
  | "unknown_user"
  | "unauthorized"
  | "forbidden"
  | "muted"
  | "full"
  | "not_stored";

/** A message that cannot be accepted. Its text is for the person who sent it. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  /** The code of the `error` message that answers it. */
  readonly code: ErrorCode;
  /** The refused message's own `ref`, if it had one. */
  readonly ref: string | undefined;
  /** After how many milliseconds it could be accepted, for `rate_limited`. */
  readonly retryAfter: number | undefined;

  /**
   * Creates an error with `code` for machines, `message` for people, the refused message's `ref`, and
   * when to send it again.
   */
  constructor(code: ErrorCode, message: string, ref?: string, retryAfter?: number) {
    super(message);
    this.code = code;
    this.ref = ref;
    this.retryAfter = retryAfter;
  }
}

/** Come in; from someone who is in already, take another name. */
export interface Register {
  messageType: "register";
  /** The wanted name, already made valid; the server may still have to number it. */
  data?: string | undefined;
  room?: string | undefined;
  /** The secret that lets this person in, where one is needed. */
  token?: string | undefined;
  /**
   * With `epoch` and `after`: the secret of an earlier `welcome`, to go on where its connection
   * ended.
   */
  session?: string | undefined;
  epoch?: string | undefined;
  /** The last event id that this client saw. */
  after?: number | undefined;
}

/** Say something to the room, or with `to` to one person. */
export interface SendMessage {
  messageType: "message";
  data: string;
  /** The room that it is meant for: it is refused if its sender is not there. Default: their room. */
  room?: string | undefined;
  /** The sender's own id for this message, that nobody else uses (a UUID). */
  ref?: string | undefined;
  to?: string | undefined;
  /** True for `/me`: what the sender does rather than says. */
  action?: true | undefined;
}

/** What only an operator may do to a person, by name. */
export interface Moderate {
  messageType: "kick" | "ban" | "mute";
  data: string;
  /** How long a ban or a mute lasts, at most {@linkcode MAX_SECONDS}; 0 lifts it. */
  seconds?: number | undefined;
}

/** Everything that a client can ask for. */
export type ClientMessage =
  | Register
  | SendMessage
  | Moderate
  | { messageType: "join"; data: string }
  | { messageType: "users" }
  | { messageType: "rooms" }
  | { messageType: "ping"; data?: string | undefined };

/**
 * What a line of the text dialect can mean: a {@linkcode ClientMessage}, the token with which its
 * sender comes in, or something for the program that read it.
 */
export type TextInput = PublicInput | { messageType: "token"; data: string };

/** What the text dialect and our own clients have in common. */
type PublicInput = ClientMessage | { messageType: "help" } | { messageType: "quit" };

/** What a person can ask of our own clients: more, which no server hears of. */
export type PersonInput =
  | PublicInput
  /** Say it to who was last in a private conversation. */
  | { messageType: "reply"; data: string }
  /** Hide what a person says, or show it again; without a name, list who is hidden. */
  | { messageType: "ignore"; data?: string | undefined }
  /** Show whole what was cut short. */
  | { messageType: "more" }
  | { messageType: "clear" };

/** Something said in a room. `time` is in milliseconds since 1970, `address` is `IP:PORT`. */
export interface RoomMessage {
  messageType: "message";
  time: number;
  from: string;
  address: string;
  data: string;
  ref?: string | undefined;
  action?: true | undefined;
}

/** A change of who is in a room. `data` is the new name, for `rename` alone. */
export interface Membership {
  messageType: "join" | "leave" | "rename";
  time: number;
  from: string;
  address: string;
  data?: string | undefined;
}

/** How many people are in a room that is too full to tell each coming and going. */
export interface Presence {
  messageType: "presence";
  time: number;
  count: number;
}

/** What a room's queue holds: an event without its id, which the queue gives. */
export type RoomEvent = RoomMessage | Membership | Presence;

/** The answer to `register` and `join`. */
export interface Welcome {
  messageType: "welcome";
  data: string;
  name: string;
  address: string;
  room: string;
  /** Names the history that ids belong to: this run of the server, or the file of `--db`. */
  epoch: string;
  /** A secret that lets its owner, and nobody else, resume. */
  session: string;
  /** The newest event of the room at this moment; 0 when there is none. */
  id: number;
}

/** Who is in a room: at most {@linkcode MAX_LISTED} names, and how many people there are. */
export interface Users {
  messageType: "users";
  dataArray: readonly string[];
  count: number;
  room: string;
}

/** Which rooms there are, with `counts[i]` people in `dataArray[i]`. */
export interface Rooms {
  messageType: "rooms";
  dataArray: readonly string[];
  counts: readonly number[];
  count: number;
}

/** A message to one person, sent to both ends. */
export interface Private {
  messageType: "private";
  time: number;
  from: string;
  to: string;
  data: string;
  ref?: string | undefined;
}

/** A message that concerns one connection and is in no queue. */
export type DirectMessage =
  | Welcome
  | Users
  | Rooms
  | Private
  | Missed
  | { messageType: "ack"; ref: string; id: number }
  | { messageType: "pong"; data?: string | undefined }
  | Failure;

/** What was refused, and why. */
export interface Failure {
  messageType: "error";
  /** An {@linkcode ErrorCode}, or one of a later version. */
  code: string;
  data: string;
  ref?: string | undefined;
  /** The room that the refused `join` or `message` named. */
  room?: string | undefined;
  /** After how many milliseconds it could be accepted. */
  retryAfter?: number | undefined;
}

/** How many events a client did not get, because they are gone. */
export interface Missed {
  messageType: "missed";
  count: number;
  data: string;
}

/** Everything that a server can tell. */
export type ServerMessage = (RoomEvent & { id: number }) | DirectMessage;

// ---------------------------------------------------------------------------------------------
// Names, rooms, text

const NOT_IN_NAMES = /[^\p{L}\p{M}\p{Nd}_.-]+/gu;
const INVISIBLE = /\p{Default_Ignorable_Code_Point}+/gu;

/** The most marks above, below and on a letter of a name (UTS 39, section 5.4). */
const MAX_MARKS = 4;
const MARKS_ON_NOTHING = /(?<![\p{L}\p{M}\p{Nd}])\p{M}+/gu;
const STACKED_MARK = /[\p{Mn}\p{Me}]/gu;
const REPEATED_MARK = /([\p{Mn}\p{Me}])\1+/gu;
const MANY_MARKS = new RegExp(`[^\\p{M}]\\p{M}{${MAX_MARKS + 1},}`, "gu");

const ROOM_NAME = /^[a-z0-9_-]{1,32}$/;
const NOT_IN_TEXT = /[^\P{Cc}\n\t]|[\u202A-\u202E\u2066-\u2069]/gu;

const CONTROL = /\p{Cc}/u;

const ASCII = /^[\0-\x7F]*$/;
const ASCII_NAME = /^[A-Za-z0-9_.-]{0,32}$/;
const PLAIN = /^[ !#-[\]-~]*$/;

const encoder = new TextEncoder();

/** Formats an address as `IP:PORT`, with an IPv6 address in brackets (RFC 3986, section 3.2.2). */
export function formatAddress(
  { hostname, port }: { hostname: string; port: number | string },
): string {
  const isBare = hostname.includes(":") && !hostname.startsWith("[");
  return isBare ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/**
 * Tells whether `text` takes more than `limit` bytes of UTF-8, without encoding what is surely
 * short enough.
 */
export function isLongerThan(text: string, limit: number): boolean {
  // A UTF-16 unit takes at most 3 bytes of UTF-8.
  return text.length * 3 > limit && (text.length > limit || encoder.encode(text).length > limit);
}

/** Returns the valid name nearest to `raw`, or undefined if nothing of it is left. */
export function cleanName(raw: string): string | undefined {
  if (ASCII_NAME.test(raw)) return raw || undefined;
  const visible = raw.replace(INVISIBLE, "").trim().slice(0, MAX_RAW_NAME);
  const valid = visible.normalize("NFD").replace(NOT_IN_NAMES, "_").replace(MARKS_ON_NOTHING, "")
    .replace(REPEATED_MARK, "$1").replace(MANY_MARKS, limitMarks).normalize("NFC");
  return Array.from(valid).slice(0, MAX_NAME_LENGTH).join("") || undefined;
}

/** Returns a letter without those of its marks that are too many. */
function limitMarks(letter: string): string {
  let count = 0;
  return letter.replace(STACKED_MARK, (mark) => ++count > MAX_MARKS ? "" : mark);
}

/**
 * Returns the key under which names that differ only in case or compatibility form (UAX 15) are the
 * same.
 */
export function nameKey(name: string): string {
  if (ASCII.test(name)) return name.toLowerCase();
  const form = name.slice(0, MAX_RAW_NAME).normalize("NFKC");
  // Upper case joins letters that lower case keeps apart, such as the two small sigmas; but of the
  // two kinds of sharp s it joins only the small one with "ss".
  return form.toLowerCase().toUpperCase().toLowerCase().normalize("NFKC");
}

/**
 * Returns `raw` without what could write to a reader's terminal or turn its text around: control
 * characters other than newline and tab, and bidirectional embeddings, overrides and isolates (UAX
 * 9).
 */
export function cleanText(raw: string): string {
  return raw.toWellFormed().replace(NOT_IN_TEXT, "");
}

/**
 * Returns `raw` if it is a valid room name.
 *
 * @throws {ProtocolError} If it is not. The error has that `ref`.
 */
export function parseRoom(raw: string, ref?: string): string {
  if (ROOM_NAME.test(raw)) return raw;
  throw new ProtocolError("bad_message", "A room's name is 1 to 32 of a-z, 0-9, _ and -.", ref);
}

function withoutLastNewlines(text: string): string {
  let end = text.length;
  while (text[end - 1] === "\n") end--;
  return end === text.length ? text : detach(text.slice(0, end));
}

/**
 * Returns a copy of a part of some text: the part itself would hold the whole in memory for as long
 * as it is held.
 */
function detach(part: string): string {
  return ` ${part}`.slice(1);
}

/**
 * Returns `raw` as a message can have it: without what {@linkcode cleanText} removes, and without
 * newlines at its end. `maxBytes` is how much it may be.
 *
 * @throws {ProtocolError} If it is empty or too long. The error has that `ref`.
 */
export function parseMessageText(
  raw: string,
  { maxBytes = MAX_TEXT_BYTES, ref }: { maxBytes?: number; ref?: string | undefined } = {},
): string {
  const data = withoutLastNewlines(cleanText(raw));
  if (data.trim() === "") throw new ProtocolError("bad_message", "The message is empty.", ref);
  if (isLongerThan(data, maxBytes)) {
    const text = `The message is over ${maxBytes} bytes. Send it in parts.`;
    throw new ProtocolError("too_long", text, ref);
  }
  return data;
}

// ---------------------------------------------------------------------------------------------
// JSON, for chat.v1 and envelope

type Fields = Record<string, unknown>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new ProtocolError("bad_json", "That is not JSON. Send one object a line.");
  }
}

function parseFields(json: string): Fields {
  const value = parseJson(json);
  if (isFields(value)) return value;
  throw new ProtocolError("bad_message", 'Send a JSON object: {"messageType": ...}.');
}

function refOf(fields: Fields): string | undefined {
  const ref = fields["ref"];
  return typeof ref === "string" && ref.length <= MAX_REF_LENGTH ? ref : undefined;
}

/** Tells whether a store can tell `ref` from every other: it must not be cut short or replaced. */
function isRef(ref: string): boolean {
  return ref !== "" && ref.length <= MAX_REF_LENGTH && ref.isWellFormed() && !CONTROL.test(ref);
}

function badMessage(fields: Fields, text: string): ProtocolError {
  return new ProtocolError("bad_message", text, refOf(fields));
}

function optionalString(fields: Fields, key: string): string | undefined {
  const value = fields[key] ?? undefined;
  if (value === undefined || typeof value === "string") return value;
  throw badMessage(fields, `"${key}" must be a string.`);
}

function requiredString(fields: Fields, key: string): string {
  const value = optionalString(fields, key);
  if (value !== undefined) return value;
  throw badMessage(fields, `"${String(fields["messageType"])}" needs "${key}", a string.`);
}

function optionalWholeNumber(fields: Fields, key: string): number | undefined {
  const value = fields[key] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw badMessage(fields, `"${key}" must be a whole number, 0 or more.`);
}

function optionalSeconds(fields: Fields): number | undefined {
  const seconds = optionalWholeNumber(fields, "seconds");
  if (seconds === undefined || seconds <= MAX_SECONDS) return seconds;
  throw badMessage(fields, `"seconds" must be ${MAX_SECONDS} or less.`);
}

function requiredWholeNumber(fields: Fields, key: string): number {
  const value = optionalWholeNumber(fields, key);
  if (value !== undefined) return value;
  throw badMessage(fields, `"${String(fields["messageType"])}" needs "${key}", a number.`);
}

function parseRegister(fields: Fields): Register {
  const name = optionalString(fields, "data");
  const room = optionalString(fields, "room");
  return {
    messageType: "register",
    data: name === undefined ? undefined : cleanName(name),
    room: room === undefined ? undefined : parseRoom(room),
    token: optionalString(fields, "token"),
    session: optionalString(fields, "session"),
    epoch: optionalString(fields, "epoch"),
    after: optionalWholeNumber(fields, "after"),
  };
}

function parseMessage(fields: Fields, maxText: number): SendMessage {
  const ref = optionalString(fields, "ref");
  if (ref !== undefined && !isRef(ref)) {
    const text = `"ref" must be 1 to ${MAX_REF_LENGTH} characters without control characters.`;
    throw badMessage(fields, text);
  }
  const action = fields["action"] ?? false;
  if (typeof action !== "boolean") throw badMessage(fields, `"action" must be true or false.`);
  const room = optionalString(fields, "room");
  return {
    messageType: "message",
    data: parseMessageText(requiredString(fields, "data"), { maxBytes: maxText, ref }),
    room: room === undefined ? undefined : parseRoom(room, ref),
    ref,
    to: optionalString(fields, "to"),
    action: action || undefined,
  };
}

/** A message as most are: written by `JSON.stringify`, of plain text, for a room. */
const PLAIN_MESSAGE =
  /^\{"messageType":"message","data":"([ !#-[\]-~]*[!#-[\]-~])"(?:,"room":"([a-z0-9_-]{1,32})")?(?:,"ref":"([ !#-[\]-~]{1,128})")?\}$/;

/** Parses what {@linkcode PLAIN_MESSAGE} describes, in less time than JSON takes. */
function parsePlainMessage(line: string, maxText: number): SendMessage | undefined {
  const match = line.length <= maxText ? PLAIN_MESSAGE.exec(line) : null;
  const data = match?.[1];
  if (data === undefined) return undefined;
  const room = match?.[2] === undefined ? undefined : detach(match[2]);
  const ref = match?.[3] === undefined ? undefined : detach(match[3]);
  return {
    messageType: "message",
    data: detach(data),
    room,
    ref,
    to: undefined,
    action: undefined,
  };
}

/**
 * Parses one line of a `chat.v1` frame. `maxText` is how many bytes a message may have.
 *
 * @throws {ProtocolError} If it is no valid message.
 */
export function parseChat(line: string, maxText = MAX_TEXT_BYTES): ClientMessage {
  const plain = parsePlainMessage(line, maxText);
  if (plain) return plain;
  const fields = parseFields(line);
  const messageType = fields["messageType"];
  switch (messageType) {
    case "register":
      return parseRegister(fields);
    case "message":
      return parseMessage(fields, maxText);
    case "join":
      return { messageType, data: parseRoom(requiredString(fields, "data")) };
    case "users":
    case "rooms":
      return { messageType };
    case "ping":
      return { messageType, data: optionalString(fields, "data") };
    case "kick":
    case "ban":
    case "mute":
      return {
        messageType,
        data: requiredString(fields, "data"),
        seconds: optionalSeconds(fields),
      };
    case undefined:
      throw badMessage(fields, '"messageType" is missing.');
    default: {
      // Only a string is quoted: what is deep may be too deep to be written.
      if (typeof messageType !== "string") {
        throw badMessage(fields, '"messageType" must be a string.');
      }
      const quoted = JSON.stringify(messageType).slice(0, 80);
      throw badMessage(fields, `There is no messageType ${quoted}.`);
    }
  }
}

/**
 * Returns the lines of a `chat.v1` frame that hold something; a blank frame is one blank line,
 * which no parser accepts.
 */
export function splitChat(frame: string): string[] {
  if (!frame.includes("\n")) return [frame];
  const lines = frame.split("\n").filter((line) => line.trim() !== "");
  if (lines.length === 0) return [""];
  const length = lines.reduce((sum, line) => sum + line.length, 0);
  return length < frame.length / 2 ? lines.map(detach) : lines;
}

/** Words a `missed`. */
export function wordMissed(count: number): Missed {
  const data = `${count} ${count === 1 ? "event" : "events"} missed`;
  return { messageType: "missed", count, data };
}

/** Formats any message as one line of a `chat.v1` frame. */
export function formatChat(message: ClientMessage | ServerMessage): string {
  return JSON.stringify(message);
}

/** Tells whether JSON has the text as it is, between quotes, with a byte for each character. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

function quoteJson(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** Formats a room's event, with the id that its queue gave it, as one line of a `chat.v1` frame. */
export function formatChatEvent(id: number, event: RoomEvent): string {
  if (event.messageType !== "message") return `{"id":${id},${JSON.stringify(event).slice(1)}`;
  // Piece by piece in half the time of JSON.stringify: this is done for every message.
  const { time, from, address, data, ref, action } = event;
  const origin = `"from":${quoteJson(from)},"address":${quoteJson(address)}`;
  const more = (ref === undefined ? "" : `,"ref":${quoteJson(ref)}`) +
    (action ? ',"action":true' : "");
  return `{"id":${id},"messageType":"message","time":${time},${origin},"data":${
    quoteJson(data)
  }${more}}`;
}

/** The latest time that a date can have, in milliseconds since 1970 (ECMA-262, section 21.4.1.1). */
const MAX_TIME = 8.64e15;

function requiredTime(fields: Fields): number {
  const time = requiredWholeNumber(fields, "time");
  if (time <= MAX_TIME) return time;
  throw badMessage(fields, `"time" must be ${MAX_TIME} or less.`);
}

/** The members that `join`, `leave`, `rename` and `message` share, as a reader takes them. */
function parseOrigin(fields: Fields): { time: number; from: string; address: string } {
  return {
    time: requiredTime(fields),
    from: requiredLabel(fields, "from"),
    address: requiredLabel(fields, "address"),
  };
}

function parseList<T>(fields: Fields, key: string, is: (item: unknown) => item is T): T[] {
  const list = fields[key];
  if (Array.isArray(list) && list.every(is)) return list.slice(0, MAX_LISTED);
  throw badMessage(fields, `"${String(fields["messageType"])}" needs "${key}", a list.`);
}

const isString = (item: unknown): item is string => typeof item === "string";
const isCount = (item: unknown): item is number => Number.isSafeInteger(item) && Number(item) >= 0;

/** Returns `text` if it is at most `limit` UTF-16 units long. */
function withinLimit(fields: Fields, key: string, text: string, limit: number): string {
  if (text.length <= limit) return text;
  throw badMessage(fields, `"${key}" is over ${limit} characters.`);
}

function cleanString(fields: Fields, key: string): string {
  return cleanText(withinLimit(fields, key, requiredString(fields, key), MAX_FRAME_BYTES));
}

function requiredTag(fields: Fields, key: string): string {
  return withinLimit(fields, key, requiredString(fields, key), MAX_LABEL_LENGTH);
}

/** Returns a text that is compared, and not shown to people: it is as it was sent. */
function optionalTag(fields: Fields, key: string, limit = MAX_LABEL_LENGTH): string | undefined {
  const text = optionalString(fields, key);
  return text === undefined ? undefined : withinLimit(fields, key, text, limit);
}

/** Cleans what is shown within a line: a name, a room, an address. */
function cleanLabel(raw: string): string {
  return cleanText(raw).replaceAll(/[\n\t\u2028\u2029]/g, " ");
}

function requiredLabel(fields: Fields, key: string): string {
  return cleanLabel(withinLimit(fields, key, requiredString(fields, key), MAX_LABEL_LENGTH));
}

function parseWelcome(fields: Fields): Welcome {
  return {
    messageType: "welcome",
    data: cleanString(fields, "data"),
    name: requiredLabel(fields, "name"),
    address: requiredLabel(fields, "address"),
    room: requiredLabel(fields, "room"),
    epoch: requiredLabel(fields, "epoch"),
    session: requiredLabel(fields, "session"),
    id: requiredWholeNumber(fields, "id"),
  };
}

function parseNames(fields: Fields): string[] {
  return parseList(fields, "dataArray", isString).map((name) =>
    cleanLabel(withinLimit(fields, "dataArray", name, MAX_LABEL_LENGTH))
  );
}

function parseUsers(fields: Fields): Users {
  return {
    messageType: "users",
    dataArray: parseNames(fields),
    count: requiredWholeNumber(fields, "count"),
    room: requiredLabel(fields, "room"),
  };
}

function parseRooms(fields: Fields): Rooms {
  return {
    messageType: "rooms",
    dataArray: parseNames(fields),
    counts: parseList(fields, "counts", isCount),
    count: requiredWholeNumber(fields, "count"),
  };
}

/** Parses what happened in a room, or returns undefined for what did not. */
function parseEvent(fields: Fields): RoomEvent | undefined {
  const messageType = fields["messageType"];
  switch (messageType) {
    case "message":
      return {
        messageType,
        ...parseOrigin(fields),
        data: cleanString(fields, "data"),
        ref: optionalTag(fields, "ref"),
        action: fields["action"] === true ? true : undefined,
      };
    case "join":
    case "leave":
      return { messageType, ...parseOrigin(fields) };
    case "rename":
      return { messageType, ...parseOrigin(fields), data: requiredLabel(fields, "data") };
    case "presence":
      return {
        messageType,
        time: requiredTime(fields),
        count: requiredWholeNumber(fields, "count"),
      };
    default:
      return undefined;
  }
}

/**
 * Parses events of a room without their ids, as `JSON.stringify` has written them in an array.
 *
 * @throws {ProtocolError} If that is not what it is.
 */
export function parseRoomEvents(json: string): RoomEvent[] {
  const values = parseJson(json);
  if (!Array.isArray(values)) throw new ProtocolError("bad_message", "That is no array.");
  return values.map((value) => {
    const event = isFields(value) ? parseEvent(value) : undefined;
    if (event) return event;
    throw new ProtocolError("bad_message", "That is no event of a room.");
  });
}

function parsePrivate(fields: Fields): Private {
  return {
    messageType: "private",
    time: requiredTime(fields),
    from: requiredLabel(fields, "from"),
    to: requiredLabel(fields, "to"),
    data: cleanString(fields, "data"),
    ref: optionalTag(fields, "ref"),
  };
}

/**
 * Parses one line of a `chat.v1` frame from a server. Text is cleaned again, and each field has a
 * bound: a client trusts no server. Of a longer list it takes the first {@linkcode MAX_LISTED}.
 *
 * @returns The message, or undefined for a messageType that this version does not know.
 * @throws {ProtocolError} If it is not JSON or a field is missing, of the wrong type or too long.
 */
export function parseServerMessage(line: string): ServerMessage | undefined {
  const fields = parseFields(line);
  const messageType = fields["messageType"];
  const data = (): string => cleanString(fields, "data");
  const number = (key: string): number => requiredWholeNumber(fields, key);
  const event = parseEvent(fields);
  if (event) return { ...event, id: number("id") };
  switch (messageType) {
    case "welcome":
      return parseWelcome(fields);
    case "users":
      return parseUsers(fields);
    case "rooms":
      return parseRooms(fields);
    case "private":
      return parsePrivate(fields);
    case "missed":
      return { messageType, count: number("count"), data: data() };
    case "ack":
      return { messageType, ref: requiredTag(fields, "ref"), id: number("id") };
    case "pong":
      return { messageType, data: optionalTag(fields, "data", MAX_FRAME_BYTES) };
    case "error": {
      const code = requiredLabel(fields, "code");
      const ref = optionalTag(fields, "ref");
      const room = fields["room"] === undefined ? undefined : requiredLabel(fields, "room");
      const retryAfter = optionalWholeNumber(fields, "retryAfter");
      return { messageType, code, data: data(), ref, room, retryAfter };
    }
    default:
      return undefined;
  }
}

// ---------------------------------------------------------------------------------------------
// Envelope

/** What a client that does not speak envelope is told before it is let go. */
export const ENVELOPE_HINT =
  'This path speaks JSON: {"messageType":"register","data":"NAME"}. For plain text, connect to /text.';

/** Tells whether `frame` is a JSON object at all, and so may come from an envelope client. */
export function isJsonObject(frame: string): boolean {
  try {
    return isFields(JSON.parse(frame));
  } catch {
    return false;
  }
}

/** Tells whether a frame that is JSON is a message with nothing in it, as a blank line of text is. */
export function isBlankEnvelope(frame: string): boolean {
  const { messageType, data } = parseFields(frame);
  return messageType === "message" && typeof data === "string" && data.trim() === "";
}

/**
 * Parses an envelope frame; explicit nulls count as absent. `maxText` is how many bytes a message
 * may have.
 *
 * @throws {ProtocolError} If it is no `register` or `message`.
 */
export function parseEnvelope(frame: string, maxText = MAX_TEXT_BYTES): Register | SendMessage {
  const fields = parseFields(frame);
  switch (fields["messageType"]) {
    case "register": {
      const name = optionalString(fields, "data");
      return {
        messageType: "register",
        data: name === undefined ? undefined : cleanName(name),
        token: optionalString(fields, "token"),
      };
    }
    case "message": {
      const data = parseMessageText(requiredString(fields, "data"), { maxBytes: maxText });
      return { messageType: "message", data };
    }
    default:
      throw badMessage(fields, '"messageType" must be "register" or "message".');
  }
}

/** Formats the list of everyone in a room as an envelope frame. */
export function formatEnvelopeUsers(names: readonly string[]): string {
  return JSON.stringify({ messageType: "users", dataArray: names });
}

/**
 * Formats something said as an envelope frame: a JSON string inside JSON. `time` is in milliseconds
 * since 1970.
 */
export function formatEnvelopeMessage(from: string, message: string, time: number): string {
  return JSON.stringify({
    messageType: "message",
    data: JSON.stringify({ from, message, time }),
  });
}

// ---------------------------------------------------------------------------------------------
// Text

/** One slash command: `/name usage`, what it does, and what its argument means. */
export interface Command<Input> {
  readonly name: string;
  readonly usage: string;
  readonly help: string;
  /** What its first argument names, of what a client can complete. */
  readonly names?: "person" | "room";
  /** Whether its last argument is something to say, which can have several lines. */
  readonly takesText?: true;
  /**
   * Parses what follows the command's name; a message may have `maxText` bytes. Returns undefined if
   * something is missing.
   */
  readonly parse: (rest: string, maxText: number) => Input | undefined;
}

function parseNick(rest: string): PublicInput | undefined {
  const data = cleanName(rest);
  return data === undefined ? undefined : { messageType: "register", data };
}

function parseMsg(rest: string, maxText: number): PublicInput | undefined {
  const [, to, text] = /^(\S+)\s+(\S.*)$/s.exec(rest) ?? [];
  if (to === undefined || text === undefined) return undefined;
  return { messageType: "message", data: parseMessageText(text, { maxBytes: maxText }), to };
}

function parseAction(rest: string, maxText: number): PublicInput | undefined {
  if (rest === "") return undefined;
  return {
    messageType: "message",
    data: parseMessageText(rest, { maxBytes: maxText }),
    action: true,
  };
}

function parseReply(rest: string, maxText: number): PersonInput | undefined {
  return rest === ""
    ? undefined
    : { messageType: "reply", data: parseMessageText(rest, { maxBytes: maxText }) };
}

function parseIgnore(rest: string): PersonInput | undefined {
  return /\s/.test(rest) ? undefined : { messageType: "ignore", data: rest || undefined };
}

/** Returns a parser of what an operator does to a person. */
function moderate(messageType: Moderate["messageType"]): Command<PublicInput>["parse"] {
  return (rest) => {
    const [, data, seconds] = /^(\S+)(?:\s+(\d{1,9}))?$/.exec(rest) ?? [];
    if (data === undefined || (seconds !== undefined && messageType === "kick")) return undefined;
    return { messageType, data, seconds: seconds === undefined ? undefined : Number(seconds) };
  };
}

const TALK: readonly Command<PublicInput>[] = [
  { name: "nick", usage: "NAME", help: "take another name", parse: parseNick },
  {
    name: "join",
    usage: "ROOM",
    help: "leave this room for that one",
    names: "room",
    parse: (rest) => rest === "" ? undefined : { messageType: "join", data: parseRoom(rest) },
  },
  { name: "users", usage: "", help: "who is here", parse: () => ({ messageType: "users" }) },
  {
    name: "rooms",
    usage: "",
    help: "which rooms there are",
    parse: () => ({ messageType: "rooms" }),
  },
  {
    name: "msg",
    usage: "NAME TEXT",
    help: "say it to one person",
    names: "person",
    takesText: true,
    parse: parseMsg,
  },
  { name: "me", usage: "TEXT", help: "say what you do", takesText: true, parse: parseAction },
];

const MODERATE: readonly Command<PublicInput>[] = [
  {
    name: "kick",
    usage: "NAME",
    help: "operators: send away",
    names: "person",
    parse: moderate("kick"),
  },
  {
    name: "ban",
    usage: "NAME [SECONDS]",
    help: "operators: send away and keep out",
    names: "person",
    parse: moderate("ban"),
  },
  {
    name: "mute",
    usage: "NAME [SECONDS]",
    help: "operators: let only read",
    names: "person",
    parse: moderate("mute"),
  },
];

const LAST: readonly Command<PublicInput>[] = [
  { name: "help", usage: "", help: "show these commands", parse: () => ({ messageType: "help" }) },
  { name: "quit", usage: "", help: "leave", parse: () => ({ messageType: "quit" }) },
];

/** The slash commands of the text dialect, in the order in which `/help` lists them. */
export const COMMANDS: readonly Command<TextInput>[] = [
  ...TALK,
  {
    name: "token",
    usage: "TOKEN",
    help: "come in, where a token is needed: the first line",
    parse: (rest) => /^\S+$/.test(rest) ? { messageType: "token", data: rest } : undefined,
  },
  ...MODERATE,
  ...LAST,
];

/** The slash commands of our own clients. */
export const PERSON_COMMANDS: readonly Command<PersonInput>[] = [
  ...TALK,
  {
    name: "reply",
    usage: "TEXT",
    help: "answer the last private message",
    takesText: true,
    parse: parseReply,
  },
  {
    name: "ignore",
    usage: "[NAME]",
    help: "hide a person; again: show",
    names: "person",
    parse: parseIgnore,
  },
  {
    name: "more",
    usage: "",
    help: "show whole what was cut short",
    parse: () => ({ messageType: "more" }),
  },
  {
    name: "clear",
    usage: "",
    help: "clear the screen",
    parse: () => ({ messageType: "clear" }),
  },
  ...MODERATE,
  ...LAST,
];

/** Returns what `/help` shows, a line per command. */
export function formatHelp(commands: readonly Command<unknown>[] = COMMANDS): string[] {
  const all = [
    ...commands.map(({ name, usage, help }) => [`/${name} ${usage}`, help]),
    ["//TEXT", "say something that begins with a slash"],
  ];
  const width = Math.max(...all.map(([usage = ""]) => usage.length)) + 2;
  return all.map(([usage = "", help = ""]) => usage.padEnd(width) + help);
}

/**
 * Returns how many letters must be put in, left out, replaced or swapped with the next one to make
 * `b` of `a` (optimal string alignment).
 */
function editDistance(a: string, b: string): number {
  let [beforeLast, last]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        (last?.[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last?.[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
        swapped ? (beforeLast?.[j - 2] ?? 0) + 1 : Infinity,
      );
    }
    [beforeLast, last] = [last, row];
  }
  return last?.[b.length] ?? 0;
}

/** Returns the command that was most likely meant, if one is near enough. */
function findNearest(name: string, commands: readonly Command<unknown>[]): string | undefined {
  const begun = commands.find((command) => name !== "" && command.name.startsWith(name));
  if (begun) return begun.name;
  const near = commands.map((command) => ({
    name: command.name,
    distance: editDistance(name, command.name),
  })).sort((a, b) => a.distance - b.distance)[0];
  return near && near.distance <= 2 && near.distance < name.length ? near.name : undefined;
}

/** A line that begins with a slash, taken apart. */
interface CommandLine<Input> {
  /** What stands behind the slash, in lower case. */
  readonly name: string;
  readonly rest: string;
  /** The command of that name; undefined if there is none. */
  readonly command: Command<Input> | undefined;
}

/** Takes a command apart. Returns undefined for a text that is none. */
function splitCommand<Input>(
  text: string,
  commands: readonly Command<Input>[],
): CommandLine<Input> | undefined {
  const [, word, rest = ""] = /^\/(?!\/)(\S*)\s*(.*)$/s.exec(text) ?? [];
  if (word === undefined) return undefined;
  const name = word.toLowerCase();
  return { name, rest: rest.trim(), command: commands.find((command) => command.name === name) };
}

function parseLine<Input>(
  line: string,
  commands: readonly Command<Input>[],
  maxText: number,
): Input | SendMessage | undefined {
  if (line.trim() === "") return undefined;
  const text = cleanText(line);
  const asked = text.startsWith("/") ? splitCommand(text, commands) : undefined;
  if (!asked) {
    const said = text.startsWith("//") ? text.slice(1) : text;
    return { messageType: "message", data: parseMessageText(said, { maxBytes: maxText }) };
  }
  const { rest, command } = asked;
  if (!command) {
    const name = asked.name.slice(0, MAX_NAME_LENGTH);
    const nearest = findNearest(name, commands);
    const advice = nearest === undefined ? "/help lists them." : `Did you mean /${nearest}?`;
    throw new ProtocolError("bad_message", `There is no command /${name}. ${advice}`);
  }
  const input = command.parse(rest, maxText);
  if (input) return input;
  throw new ProtocolError("bad_message", `Usage: /${command.name} ${command.usage}`);
}

/**
 * Parses a line of the text dialect: a message, or a command that begins with a slash. `maxText` is
 * how many bytes a message may have.
 *
 * @returns What it means, or undefined for a line with nothing in it.
 * @throws {ProtocolError} If it is too long, or a command that does not exist or lacks something.
 */
export function parseText(line: string, maxText = MAX_TEXT_BYTES): TextInput | undefined {
  return parseLine(line, COMMANDS, maxText);
}

/**
 * Tells whether what a person typed into one of our own clients is a command, though it may be a
 * wrong one. Of several lines only what begins with a command that takes text is one.
 */
export function isCommand(line: string): boolean {
  const text = cleanText(line);
  // A path or a comment that was pasted is no command.
  const isBlock = text.trim().includes("\n");
  const asked = splitCommand(text, PERSON_COMMANDS);
  return asked !== undefined && (!isBlock || asked.command?.takesText === true);
}

/**
 * Parses what a person typed into one of our own clients: as {@linkcode parseText}, with more
 * commands; several lines can be text where a single one could not ({@linkcode isCommand}).
 *
 * @returns What it means, or undefined for a line with nothing in it.
 * @throws {ProtocolError} If it is too long, or a command that does not exist or lacks something.
 */
export function parsePersonInput(line: string): PersonInput | undefined {
  const isBlock = cleanText(line).trim().includes("\n");
  if (!isBlock || isCommand(line)) return parseLine(line, PERSON_COMMANDS, MAX_TEXT_BYTES);
  return { messageType: "message", data: parseMessageText(line) };
}

/** Tells whether a private message is the server's word about something that was done. */
export function isNotice({ from }: Private): boolean {
  return from === SERVER_NAME;
}

/** What ends a line for some of those who read it. */
const LINE_END = /[\n\u2028\u2029]/g;

/** Indents all lines but the first, so that no line of a message can look like another's. */
function indent(text: string): string {
  return text.replaceAll(LINE_END, "\n  ");
}

function formatList(message: Users | Rooms): string {
  const more = message.count - message.dataArray.length;
  const names = message.messageType === "users"
    ? message.dataArray
    : message.dataArray.map((room, i) => `${room} (${message.counts[i] ?? 0})`);
  const what = message.messageType === "users"
    ? `in ${message.room}`
    : message.count === 1
    ? "room"
    : "rooms";
  return `* ${message.count} ${what}: ${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/**
 * Formats a message as a reader of the text dialect sees it: `NAME: TEXT`, or a notice that begins
 * with `* `.
 *
 * @returns The text without a newline at its end, or undefined if there is nothing to show.
 */
export function formatText(message: RoomEvent | DirectMessage): string | undefined {
  switch (message.messageType) {
    case "message":
      // Whatever a person says or does begins with the name: only the server's words begin with a star.
      return `${message.from}: ${message.action ? "* " : ""}${indent(message.data)}`;
    case "private":
      if (isNotice(message)) return `* ${indent(message.data)}`;
      return `(private) ${message.from} to ${message.to}: ${indent(message.data)}`;
    case "join":
      return `* ${message.from} joined`;
    case "leave":
      return `* ${message.from} left`;
    case "rename":
      return `* ${message.from} is now ${message.data}`;
    case "presence":
      return `* ${message.count} people are here`;
    case "users":
    case "rooms":
      return formatList(message);
    case "welcome":
      return message.data === GREETING ? GREETING : `* ${indent(message.data)}`;
    case "missed":
    case "error":
      return `* ${indent(message.data)}`;
    case "ack":
    case "pong":
      return undefined;
  }
}
