import assert from "node:assert/strict";
import { parseHandover } from "../client/handover.ts";
import {
  cleanName,
  cleanText,
  formatChat,
  formatChatEvent,
  isCommand,
  isJsonObject,
  MAX_FRAME_BYTES,
  MAX_TEXT_BYTES,
  parseChat,
  parseEnvelope,
  parseMessageText,
  parsePersonInput,
  parseRoom,
  parseRoomEvents,
  parseServerMessage,
  parseText,
  type PersonInput,
  ProtocolError,
  splitChat,
  type TextInput,
} from "../protocol.ts";
import { isOriginAllowed, parseOrigin } from "../server/origin.ts";
import { LineSplitter } from "../server/lines.ts";
import { parseTokens, type Tokens } from "../server/tokens.ts";
import {
  CLIENT_LINES,
  ENVELOPE_FRAMES,
  EVENTS,
  HANDOVERS,
  LINES,
  ORIGINS,
  OTHER_URLS,
  SERVER_LINES,
  TEXTS,
  TOKEN_FILES,
} from "./corpus.ts";
import {
  checkClean,
  checkEnvelope,
  checkEvent,
  checkHandover,
  checkInput,
  checkLine,
  checkName,
  checkRefusal,
  checkRoom,
  checkSame,
  checkServerMessage,
  checkText,
  checkTokenError,
  checkTokens,
  withoutForbidden,
  withoutLastNewlines,
} from "./invariants.ts";
import { Chance, type Mutate, mutateBytes, mutateJson, mutateText, quoteInput } from "./mutate.ts";

/** Repeats a run that failed: the seed that it has printed. */
const SEED: number | undefined = undefined;

/** How many mutated inputs each parser gets. */
const ROUNDS = 10_000;

/** A limit of texts that short ones reach, too, in bytes of UTF-8. */
const SHORT = 12;

const seed = SEED ?? Math.floor(Math.random() * 2 ** 32);
console.log(`property tests: SEED = ${seed}`);

const encoder = new TextEncoder();

/** Where inputs come from. */
interface Inputs<T> {
  /** Valid ones. */
  readonly corpus: readonly T[];
  readonly mutate: Mutate<T>;
}

/** Words an input for who has to find out what is wrong; the seed gives what is left out. */
function wordInput(input: string | Uint8Array): string {
  const text = typeof input === "string" ? input : Array.from(input).join(" ");
  const rest = text.length > 2_000 ? ` and ${text.length - 2_000} more` : "";
  return quoteInput(text.slice(0, 2_000)) + rest;
}

/**
 * Tests that `check` fails for no input. It returns whether the input was taken: all of the corpus
 * must be, and enough of what was mutated, or else little would be tested but refusals.
 */
function testAll<T extends string | Uint8Array>(
  name: string,
  { corpus, mutate, check }: Inputs<T> & { check: (input: T, chance: Chance) => boolean },
): void {
  Deno.test(`property: ${name}`, () => {
    const chance = new Chance(seed);
    let taken = 0;
    for (let index = -corpus.length; index < ROUNDS; index++) {
      const input = (index < 0 ? corpus.at(index) : undefined) ?? mutate(chance, corpus);
      try {
        const isTaken = check(input, chance);
        assert.ok(isTaken || index >= 0, "a valid input is not taken");
        if (isTaken) taken++;
      } catch (cause) {
        const reason = String(cause).slice(0, 500);
        const where = `SEED = ${seed}, input ${index}: ${wordInput(input)}`;
        throw new Error(`${reason}\n${where}`, { cause });
      }
    }
    assert.ok(taken > ROUNDS / 20, `SEED = ${seed}: only ${taken} inputs were taken`);
  });
}

/** Parses an input and checks the result, or the error. Returns whether the input was taken. */
function attempt<T>(input: string, parse: () => T, check: (value: T) => void): boolean {
  let value: T;
  try {
    value = parse();
  } catch (error) {
    checkRefusal(error, input);
    return false;
  }
  check(value);
  return true;
}

testAll("parseChat takes or refuses 10,000 mutated lines", {
  corpus: CLIENT_LINES,
  mutate: mutateJson,
  check: (line) =>
    attempt(line, () => parseChat(line), (message) => {
      checkInput(message, MAX_TEXT_BYTES);
      const again = formatChat(message);
      checkLine(again);
      checkSame(parseChat(again), message);
      attempt(line, () => parseChat(line, SHORT), (short) => checkInput(short, SHORT));
    }),
});

testAll("parseEnvelope takes or refuses 10,000 mutated frames", {
  corpus: ENVELOPE_FRAMES,
  mutate: mutateJson,
  check: (frame) =>
    attempt(frame, () => parseEnvelope(frame), (message) => {
      checkInput(message, MAX_TEXT_BYTES);
      checkSame(parseEnvelope(formatChat(message)), message);
      if (message.messageType === "message") checkEnvelope(message.data);
      attempt(frame, () => parseEnvelope(frame, SHORT), (short) => checkInput(short, SHORT));
    }),
});

/** Checks what a line means, and that the wire carries it if it is for a server. */
function checkRead(input: TextInput | PersonInput | undefined, line: string): void {
  if (input === undefined) return assert.equal(line.trim(), "");
  const text = withoutForbidden(line);
  checkInput(input, MAX_TEXT_BYTES);
  if (!text.startsWith("/") || text.startsWith("//")) {
    assert.ok(input.messageType === "message" && input.to === undefined && !input.action);
    const said = text.startsWith("//") ? text.slice(1) : text;
    const isBlock = text.trim().includes("\n");
    const expected = [said, isBlock ? text : said].map(withoutLastNewlines);
    assert.ok(expected.includes(input.data), "not the text that was typed");
  }
  switch (input.messageType) {
    case "token":
    case "help":
    case "quit":
    case "reply":
    case "ignore":
    case "clear":
    case "more":
      return;
    default:
      checkSame(parseChat(formatChat(input)), input);
  }
}

testAll("parseText takes or refuses 10,000 mutated lines", {
  corpus: [...LINES, "/token 4f2c9e"],
  mutate: mutateText,
  check: (line) =>
    attempt(line, () => parseText(line), (input) => {
      checkRead(input, line);
      attempt(line, () => parseText(line, SHORT), (short) => short && checkInput(short, SHORT));
    }),
});

testAll("parsePersonInput takes or refuses 10,000 mutated inputs", {
  corpus: [
    ...LINES,
    "/reply yes",
    "/ignore bob",
    "/ignore",
    "/clear",
    "/more",
    "/etc/passwd\nnext",
  ],
  mutate: mutateText,
  check: (line) =>
    attempt(line, () => parsePersonInput(line), (input) => {
      checkRead(input, line);
      if (!isCommand(line)) assert.ok(input === undefined || input.messageType === "message");
    }),
});

testAll("parseServerMessage takes or refuses 10,000 mutated lines", {
  corpus: SERVER_LINES,
  mutate: mutateJson,
  check: (line) =>
    attempt(line, () => parseServerMessage(line), (message) => {
      if (!message) return;
      checkServerMessage(message);
      checkSame(parseServerMessage(formatChat(message)), message);
    }),
});

testAll("parseRoomEvents takes or refuses 10,000 mutated arrays", {
  corpus: [...EVENTS.map((event) => `[${event}]`), `[${EVENTS.join()}]`, "[]"],
  mutate: mutateJson,
  check: (json) =>
    attempt(json, () => parseRoomEvents(json), (events) => {
      events.forEach(checkEvent);
      checkSame(parseRoomEvents(JSON.stringify(events)), events);
      for (const event of events.slice(0, 3)) {
        const line = formatChatEvent(7, event);
        assert.ok(line === JSON.stringify({ id: 7, ...event }), "not formatted as JSON does");
        checkSame(parseServerMessage(line), { ...event, id: 7 });
      }
    }),
});

testAll("parseMessageText takes or refuses 10,000 mutated texts", {
  corpus: TEXTS,
  mutate: mutateText,
  check: (raw, chance) => {
    const maxBytes = chance.pick([SHORT, MAX_TEXT_BYTES, MAX_TEXT_BYTES]);
    const expected = withoutLastNewlines(withoutForbidden(raw));
    try {
      const text = parseMessageText(raw, { maxBytes, ref: "r" });
      checkText(text, maxBytes);
      assert.ok(text === expected, "another text");
      assert.ok(parseMessageText(text, { maxBytes }) === text, "another text the second time");
    } catch (error) {
      checkRefusal(error, '{"ref":"r"}');
      assert.ok(error instanceof ProtocolError && error.ref === "r");
      const isBlank = expected.trim() === "";
      assert.equal(error.code, isBlank ? "bad_message" : "too_long");
      assert.ok(isBlank || encoder.encode(expected).length > maxBytes, "it is not too long");
    }
    return true;
  },
});

testAll("parseRoom takes or refuses 10,000 mutated names", {
  corpus: ["lobby", "a", "room_2-b", "x".repeat(32), "0123456789"],
  mutate: mutateText,
  check: (raw) =>
    attempt(raw, () => parseRoom(raw), (room) => {
      assert.equal(room, raw);
      checkRoom(room);
    }),
});

testAll("cleanName makes a valid name of 10,000 mutated ones, or none", {
  corpus: TEXTS,
  mutate: mutateText,
  check: (raw) => {
    const name = cleanName(raw);
    if (name === undefined) return false;
    checkName(name);
    assert.equal(cleanName(name), name);
    return true;
  },
});

testAll("cleanText leaves out what is forbidden of 10,000 mutated texts, and nothing else", {
  corpus: TEXTS,
  mutate: mutateText,
  check: (raw) => {
    const text = cleanText(raw);
    checkClean(text);
    assert.ok(text === withoutForbidden(raw), "another text");
    return true;
  },
});

testAll("splitChat gives the lines of 10,000 mutated frames that hold something", {
  corpus: CLIENT_LINES.map((line, i) => `${line}\n${CLIENT_LINES[i + 1] ?? ""}\n\n`),
  mutate: mutateText,
  check: (frame) => {
    const lines = splitChat(frame);
    const full = frame.split("\n").filter((line) => line.trim() !== "");
    if (full.length > 0) checkSame(lines, full);
    else assert.ok(lines.length === 1 && lines[0]?.trim() === "", "not one blank line");
    return full.length > 0;
  },
});

testAll("isJsonObject knows an object of 10,000 mutated frames", {
  corpus: [...ENVELOPE_FRAMES, "{}", '{"a":[{}]}', ' {"a":{}}\n'],
  mutate: mutateJson,
  check: (frame) => {
    const isObject = isJsonObject(frame);
    let value: unknown;
    try {
      value = JSON.parse(frame);
    } catch {
      assert.equal(isObject, false);
      return false;
    }
    const tag = Object.prototype.toString.call(value);
    assert.equal(isObject, tag === "[object Object]");
    return isObject;
  },
});

testAll("parseTokens takes or refuses 10,000 mutated files", {
  corpus: TOKEN_FILES,
  mutate: mutateText,
  check: (text) => {
    let tokens: Tokens;
    try {
      tokens = parseTokens(text);
    } catch (error) {
      checkTokenError(error, text);
      return false;
    }
    checkTokens(tokens, text);
    return true;
  },
});

/** Where a server is, and which hosts of pages it may let in then if it allows no origin. */
const SERVERS: readonly [url: string, pages: RegExp][] = [
  ["http://chat.example:8080/", /^$/],
  ["http://127.0.0.1:8080/", /^(localhost|127\.[.\d]+|\[::1\])$/],
  ["https://192.168.1.7/", /^192\.168\.1\.7$/],
];

testAll("parseOrigin and isOriginAllowed let in none of 10,000 mutated origins but the allowed", {
  corpus: ORIGINS,
  mutate: (chance, corpus) => mutateText(chance, [...corpus, ...OTHER_URLS]),
  check: (text) => {
    const origin = parseOrigin(text);
    if (origin !== undefined) {
      assert.match(origin, /^https?:\/\/[^/?#@\s]+$/);
      const { pathname, search, hash, username } = new URL(text);
      assert.deepEqual([pathname, search, hash, username], ["/", "", "", ""]);
      assert.equal(parseOrigin(origin), origin);
      const url = new URL("http://chat.example/");
      assert.ok(isOriginAllowed({ origin, url, allowed: new Set([origin]) }));
    }
    for (const [server, pages] of SERVERS) {
      const url = new URL(server);
      const isAllowed = isOriginAllowed({ origin: text, url, allowed: new Set() });
      const host = origin === undefined ? "" : new URL(origin).hostname;
      assert.ok(!isAllowed || (host !== "" && pages.test(host)), `let in at ${server}`);
    }
    return origin !== undefined;
  },
});

testAll("parseHandover takes 10,000 mutated handovers or gives none", {
  corpus: HANDOVERS,
  mutate: mutateJson,
  check: (json) => {
    const handover = parseHandover(json);
    if (handover) checkHandover(handover);
    return handover !== undefined;
  },
});

const latin1 = new TextDecoder("latin1");

/** Gives a splitter some bytes in pieces, from one buffer, as a socket does. */
function* splitLines(bytes: Uint8Array, nextSize: () => number): Generator<Uint8Array> {
  const splitter = new LineSplitter();
  const buffer = new Uint8Array(16_384);
  let unfinished = 0;
  for (let start = 0, size = 0; start < bytes.length; start += size) {
    size = Math.min(nextSize(), bytes.length - start);
    const chunk = bytes.subarray(start, start + size);
    buffer.set(chunk);
    yield* splitter.push(buffer.subarray(0, size));
    const end = chunk.lastIndexOf(0x0a);
    unfinished = end < 0 ? unfinished + size : size - end - 1;
    assert.equal(splitter.isTooLong, unfinished > MAX_FRAME_BYTES);
  }
  yield splitter.rest();
  assert.equal(splitter.rest().length, 0);
}

testAll("LineSplitter gives the lines of 10,000 mutated streams, however they are cut", {
  corpus: [...LINES, LINES.join("\r\n"), "\n\n"].map((text) => encoder.encode(`${text}\n`)),
  mutate: mutateBytes,
  check: (bytes, chance) => {
    const most = chance.pick([1, 2, 7, 300, 16_384]);
    const least = Math.ceil(bytes.length / 64);
    const lines = splitLines(bytes, () => Math.min(least + chance.below(most), 16_384));
    const split = Array.from(lines, (line) => latin1.decode(line));
    checkSame(split, latin1.decode(bytes).split("\n"));
    return true;
  },
});
