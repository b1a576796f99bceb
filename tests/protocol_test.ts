import assert from "node:assert/strict";
import {
  cleanName,
  cleanText,
  COMMANDS,
  type DirectMessage,
  formatChat,
  formatChatEvent,
  formatEnvelopeMessage,
  formatEnvelopeUsers,
  formatHelp,
  formatText,
  isLongerThan,
  nameKey,
  parseChat,
  parseEnvelope,
  parsePersonInput,
  parseRoom,
  parseServerMessage,
  parseText,
  PERSON_COMMANDS,
  ProtocolError,
  type RoomEvent,
  splitChat,
} from "../protocol.ts";
import { random } from "./random.ts";

/** Returns the code of the ProtocolError that `parse` throws. */
function codeOf(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
  return "no error";
}

/** Drops the fields that are undefined, as JSON does. */
function plain(message: unknown): unknown {
  return JSON.parse(JSON.stringify(message));
}

Deno.test("cleanName: returns the nearest valid name", () => {
  const expected: [string, string | undefined][] = [
    ["alice", "alice"],
    ["al ice", "al_ice"],
    ["  al\tice\n", "al_ice"],
    ["Zoë_1.x-y", "Zoë_1.x-y"],
    ["名前", "名前"],
    ["नमस्ते", "नमस्ते"],
    ["e\u0301", "é"],
    ["127.0.0.1:80", "127.0.0.1_80"],
    ["<b>\u001b[2J", "_b_2J"],
    ["\u{1F600}", "_"],
    ["\ud800", "_"],
    ["é".repeat(40), "é".repeat(32)],
    ["𝒜".repeat(40), "𝒜".repeat(32)],
    ["al\u200bi\u034fce\ufe0f", "alice"],
    ["\u3164\u115f", undefined],
    [" ", undefined],
    ["", undefined],
  ];
  for (const [raw, name] of expected) assert.equal(cleanName(raw), name, raw);
});

Deno.test("nameKey: names that differ only in case or compatibility form are the same", () => {
  const same = [["Alice", "aLICE"], ["ｂｏｂ", "bob"], ["ΑΣ", "ας"], ["ﬁn", "FIN"], [
    "e\u0301",
    "É",
  ]];
  for (const [one = "", other = ""] of same) assert.equal(nameKey(one), nameKey(other));
  assert.notEqual(nameKey("alice"), nameKey("alíce"));
});

Deno.test("parseRoom: 1 to 32 of a-z, 0-9, _ and -", () => {
  for (const room of ["lobby", "a", "room_2-b", "x".repeat(32)]) {
    assert.equal(parseRoom(room), room);
  }
  for (const room of ["", "Lobby", "a b", "é", "x".repeat(33), "a\n"]) {
    assert.equal(codeOf(() => parseRoom(room)), "bad_message", room);
  }
});

Deno.test("cleanText: removes what could write to a terminal or turn text around, keeps all else", () => {
  const controls = Array.from({ length: 0xa0 }, (_, code) => String.fromCharCode(code))
    .filter((c) => c < " " || c > "~").join("");
  assert.equal(cleanText(controls), "\t\n");
  assert.equal(cleanText("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"), "");
  assert.equal(
    cleanText("é\u{1F468}\u200d\u{1F469} שלום\u200f \ud800."),
    "é\u{1F468}\u200d\u{1F469} שלום\u200f \ufffd.",
  );
});

Deno.test("isLongerThan: counts bytes of UTF-8", () => {
  for (const text of ["", "abcd", "éé", "€a", "\u{1F600}"]) {
    assert.equal(isLongerThan(text, 4), false, text);
    assert.equal(isLongerThan(`${text}abcde`, 4), true, text);
    assert.equal(isLongerThan(`x${text}`, new TextEncoder().encode(text).length), true, text);
  }
});

Deno.test("parseChat: reads every type, unknown fields ignored and nulls absent", () => {
  const expected: [string, object][] = [
    ['{"messageType":"register","data":null,"x":1}', { messageType: "register" }],
    [
      '{"messageType":"register","data":"a b","room":"dev","session":"s","epoch":"e","after":7}',
      { messageType: "register", data: "a_b", room: "dev", session: "s", epoch: "e", after: 7 },
    ],
    [
      '{"messageType":"message","data":"hi","ref":"r","to":"bob","action":true}',
      { messageType: "message", data: "hi", ref: "r", to: "bob", action: true },
    ],
    ['{"messageType":"message","data":"a\\nb\\n\\n"}', { messageType: "message", data: "a\nb" }],
    ['{"messageType":"message","data":"hi","action":false}', {
      messageType: "message",
      data: "hi",
    }],
    ['{"messageType":"join","data":"dev"}', { messageType: "join", data: "dev" }],
    ['{"messageType":"users"}', { messageType: "users" }],
    ['{"messageType":"rooms"}', { messageType: "rooms" }],
    ['{"messageType":"ping","data":"p"}', { messageType: "ping", data: "p" }],
    ['{"messageType":"ban","data":"bob","seconds":9}', {
      messageType: "ban",
      data: "bob",
      seconds: 9,
    }],
  ];
  for (const [line, message] of expected) assert.deepEqual(plain(parseChat(line)), message);
});

Deno.test("parseChat: a plain message is read as JSON reads it", () => {
  // A space behind the line is nothing to JSON, but makes it none of the plain ones.
  const lines = ["hi", " hi", "a b", "{}", "~", "x".repeat(3900)].flatMap((data) => [
    JSON.stringify({ messageType: "message", data }),
    JSON.stringify({ messageType: "message", data, ref: "r 1" }),
  ]);
  for (const line of lines) {
    assert.deepEqual(parseChat(line), parseChat(`${line} `));
  }
  const refused = [
    JSON.stringify({ messageType: "message", data: "  " }),
    JSON.stringify({ messageType: "message", data: "x".repeat(4097) }),
    JSON.stringify({ messageType: "message", data: "hi", ref: "" }),
    JSON.stringify({ messageType: "message", data: "hi", ref: "r".repeat(129) }),
    '{"messageType":"message","data":"a\\qb"}',
  ];
  for (const line of refused) {
    assert.equal(codeOf(() => parseChat(line)), codeOf(() => parseChat(`${line} `)), line);
  }
});

Deno.test("formatChatEvent: writes a message as JSON does, whatever is in it", () => {
  const texts = [
    "plain",
    'quo"te',
    "back\\slash",
    "two\nlines",
    "ü",
    "漢字",
    "😀",
    "\ud800",
    "\u0000",
  ];
  for (const text of texts) {
    const message = {
      messageType: "message" as const,
      time: 1,
      from: text,
      address: "[::1]:9",
      data: text,
      ref: text,
      action: true as const,
    };
    assert.equal(formatChatEvent(7, message), JSON.stringify({ id: 7, ...message }));
    const least = { ...message, ref: undefined, action: undefined };
    assert.equal(formatChatEvent(8, least), JSON.stringify({ id: 8, ...least }));
  }
});

Deno.test("parseChat: refuses fields of the wrong type or size", () => {
  const wrong = [
    '{"messageType":"register","data":1}',
    '{"messageType":"register","room":"No"}',
    '{"messageType":"register","after":1.5}',
    '{"messageType":"register","session":{}}',
    '{"messageType":"message","data":"hi","action":"yes"}',
    '{"messageType":"message","data":"hi","ref":""}',
    `{"messageType":"message","data":"hi","ref":"${"r".repeat(129)}"}`,
    // A store could not tell these from others.
    '{"messageType":"message","data":"hi","ref":"r\\u0000x"}',
    '{"messageType":"message","data":"hi","ref":"r\\ud800"}',
    '{"messageType":"message","data":["hi"]}',
    '{"messageType":"join"}',
    '{"messageType":"ping","data":0}',
    '{"messageType":"mute","data":"bob","seconds":-1}',
    '{"messageType":7}',
    "null",
    '"message"',
  ];
  for (const line of wrong) assert.equal(codeOf(() => parseChat(line)), "bad_message", line);
});

Deno.test("splitChat: a line an object, blank ones skipped, and a blank frame is one blank line", () => {
  assert.deepEqual(splitChat("{}"), ["{}"]);
  assert.deepEqual(splitChat("{}\n\n{}\r\n"), ["{}", "{}\r"]);
  assert.deepEqual(splitChat(""), [""]);
  assert.deepEqual(splitChat("\n\n"), [""]);
});

const origin = { time: 5, from: "alice", address: "127.0.0.1:9" } as const;

Deno.test("parseServerMessage: reads every message that formatChat and formatChatEvent write", () => {
  const events: RoomEvent[] = [
    { messageType: "message", ...origin, data: 'a\n"b"\\' },
    { messageType: "message", ...origin, data: "waves", ref: "r", action: true },
    { messageType: "join", ...origin },
    { messageType: "leave", ...origin },
    { messageType: "rename", ...origin, data: "bob" },
    { messageType: "presence", time: 5, count: 120 },
  ];
  for (const event of events) {
    assert.deepEqual(plain(parseServerMessage(formatChatEvent(7, event))), { id: 7, ...event });
  }
  const direct: DirectMessage[] = [
    {
      messageType: "welcome",
      data: "Hi",
      name: "alice",
      address: "127.0.0.1:9",
      room: "lobby",
      epoch: "e",
      session: "s",
      id: 3,
    },
    { messageType: "users", dataArray: ["alice"], count: 1, room: "lobby" },
    { messageType: "rooms", dataArray: ["lobby"], counts: [1], count: 1 },
    { messageType: "private", time: 5, from: "alice", to: "bob", data: "psst", ref: "r" },
    { messageType: "missed", count: 3, data: "3 events missed" },
    { messageType: "ack", ref: "r", id: 3 },
    { messageType: "pong", data: "p" },
    { messageType: "error", code: "too_long", data: "Too long", ref: "r" },
  ];
  for (const message of direct) {
    assert.deepEqual(plain(parseServerMessage(formatChat(message))), plain(message));
  }
});

Deno.test("parseServerMessage: trusts no server with the terminal, and skips what it does not know", () => {
  const line = formatChatEvent(1, { messageType: "message", ...origin, data: "\u001b[2J" });
  assert.deepEqual(plain(parseServerMessage(line)), {
    id: 1,
    messageType: "message",
    ...origin,
    data: "[2J",
  });
  assert.equal(parseServerMessage('{"messageType":"news"}'), undefined);
  assert.equal(
    codeOf(() => parseServerMessage('{"messageType":"message","id":"1"}')),
    "bad_message",
  );
  assert.equal(
    codeOf(() => parseServerMessage('{"messageType":"users","dataArray":[1]}')),
    "bad_message",
  );
});

Deno.test("parseEnvelope: register and message, with explicit nulls, and nothing else", () => {
  assert.deepEqual(
    plain(parseEnvelope('{"messageType":"register","dataArray":null,"data":"alice"}')),
    { messageType: "register", data: "alice" },
  );
  assert.deepEqual(
    plain(parseEnvelope('{"messageType":"message","dataArray":null,"data":"hi","to":"bob"}')),
    { messageType: "message", data: "hi" },
  );
  const wrong: [string, string][] = [
    ['{"messageType":"users"}', "bad_message"],
    ['{"messageType":"message","data":null}', "bad_message"],
    ['{"messageType":"message","data":""}', "bad_message"],
    [`{"messageType":"message","data":"${"x".repeat(4097)}"}`, "too_long"],
    ["hi", "bad_json"],
  ];
  for (const [frame, code] of wrong) assert.equal(codeOf(() => parseEnvelope(frame)), code);
});

Deno.test("formatEnvelope...: exactly the fields that those clients read", () => {
  assert.equal(
    formatEnvelopeUsers(["alice", "bob"]),
    '{"messageType":"users","dataArray":["alice","bob"]}',
  );
  assert.equal(
    formatEnvelopeMessage("alice", 'say "hi"', 1_640_000_000_000),
    '{"messageType":"message","data":"{\\"from\\":\\"alice\\",\\"message\\":\\"say \\\\\\"hi\\\\\\"\\",\\"time\\":1640000000000}"}',
  );
});

Deno.test("parseText: messages and every command", () => {
  const expected: [string, object | undefined][] = [
    ["hello", { messageType: "message", data: "hello" }],
    ["  hello ", { messageType: "message", data: "  hello " }],
    ["hello\r\n", { messageType: "message", data: "hello" }],
    ["", undefined],
    [" \t", undefined],
    ["//nick", { messageType: "message", data: "/nick" }],
    ["/nick  a b ", { messageType: "register", data: "a_b" }],
    ["/join dev", { messageType: "join", data: "dev" }],
    ["/users", { messageType: "users" }],
    ["/ROOMS now", { messageType: "rooms" }],
    ["/msg bob hi there", { messageType: "message", data: "hi there", to: "bob" }],
    ["/msg bob  two\nlines", { messageType: "message", data: "two\nlines", to: "bob" }],
    ["/me waves", { messageType: "message", data: "waves", action: true }],
    ["/help", { messageType: "help" }],
    ["/quit", { messageType: "quit" }],
  ];
  for (const [line, input] of expected) {
    const parsed = parseText(line);
    assert.deepEqual(parsed && plain(parsed), input, line);
  }
});

Deno.test("parseText: refuses what lacks something, is too long or is no command", () => {
  const usage = ["/nick", "/join", "/join A!", "/msg", "/msg bob", "/me", "/me ", "/", "/dance"];
  for (const line of usage) assert.equal(codeOf(() => parseText(line)), "bad_message", line);
  assert.equal(codeOf(() => parseText("é".repeat(2049))), "too_long");
});

Deno.test("parse...: what consists of removed characters alone is refused, a blank line is ignored", () => {
  for (const removed of ["\u0007", " \u202E ", "\0\0", "\x1b\n", "\u2066\u2069", "\x9b"]) {
    assert.equal(codeOf(() => parseText(removed)), "bad_message");
    assert.equal(codeOf(() => parsePersonInput(removed)), "bad_message");
  }
  for (const blank of ["", " ", "\n", "\r\n", "\t", "\v\f", "\u00A0", "\uFEFF"]) {
    assert.equal(parseText(blank), undefined);
    assert.equal(parsePersonInput(blank), undefined);
  }
});

Deno.test("parsePersonInput: what parseText knows, and every command of our own clients", () => {
  const expected: [string, object | undefined][] = [
    ["hello", { messageType: "message", data: "hello" }],
    ["//reply", { messageType: "message", data: "/reply" }],
    ["/nick al", { messageType: "register", data: "al" }],
    ["/reply two words", { messageType: "reply", data: "two words" }],
    ["/ignore bob", { messageType: "ignore", data: "bob" }],
    ["/ignore", { messageType: "ignore" }],
    ["/clear", { messageType: "clear" }],
    ["/more", { messageType: "more" }],
    ["/kick bob", { messageType: "kick", data: "bob" }],
    ["/ban bob", { messageType: "ban", data: "bob" }],
    ["/mute bob 60", { messageType: "mute", data: "bob", seconds: 60 }],
    ["", undefined],
  ];
  for (const [line, input] of expected) {
    const parsed = parsePersonInput(line);
    assert.deepEqual(parsed && plain(parsed), input, line);
  }
  const block = "/etc/passwd\nnext";
  for (const text of [block, "//\nx", "/quit\nx", "/nick a\nb"]) {
    assert.deepEqual(plain(parsePersonInput(text) ?? {}), { messageType: "message", data: text });
  }
  const action = { messageType: "message", data: "one\ntwo", action: true };
  assert.deepEqual(plain(parsePersonInput("/ME one\ntwo") ?? {}), action);
  assert.deepEqual(plain(parsePersonInput("/me one\ntwo") ?? {}), action);
  assert.deepEqual(parsePersonInput("/quit\n"), { messageType: "quit" });
  const wrong = ["/reply", "/ignore a b", "/kick", "/kick bob 60", "/ban bob soon", "/mute b 1 2"];
  for (const line of wrong) assert.equal(codeOf(() => parsePersonInput(line)), "bad_message", line);
});

Deno.test("parseText, parsePersonInput: an unknown command names the nearest one", () => {
  const texts: [string, string][] = [
    ["/jion dev", "There is no command /jion. Did you mean /join?"],
    ["/user", "There is no command /user. Did you mean /users?"],
    ["/HELP!", "There is no command /help!. Did you mean /help?"],
    ["/q", "There is no command /q. Did you mean /quit?"],
    ["/em waves", "There is no command /em. Did you mean /me?"],
    ["/n bob", "There is no command /n. Did you mean /nick?"],
    ["/mag bob hi", "There is no command /mag. Did you mean /msg?"],
    ["/dance", "There is no command /dance. /help lists them."],
    ["/", "There is no command /. /help lists them."],
    ["/xy", "There is no command /xy. /help lists them."],
    [`/${"x".repeat(4000)}`, `There is no command /${"x".repeat(32)}. /help lists them.`],
  ];
  for (const [line, message] of texts) {
    assert.throws(() => parseText(line), { message }, line);
    assert.throws(() => parsePersonInput(line), { message }, line);
  }
  assert.throws(() => parseText("/reply hi"), {
    message: "There is no command /reply. /help lists them.",
  });
  assert.throws(() => parsePersonInput("/rpely hi"), {
    message: "There is no command /rpely. Did you mean /reply?",
  });
});

Deno.test("formatHelp: a line for each command of the table, and the slash", () => {
  for (const commands of [COMMANDS, PERSON_COMMANDS]) {
    const lines = formatHelp(commands);
    assert.equal(lines.length, commands.length + 1);
    for (const [i, { name, help }] of commands.entries()) {
      assert.match(lines[i] ?? "", new RegExp(`^/${name} .* ${help.replaceAll(/\W/g, ".")}$`));
    }
    assert.match(lines.at(-1) ?? "", /^\/\/TEXT +say something that begins with a slash$/);
  }
  assert.ok(formatHelp(PERSON_COMMANDS).length <= 20, "one screen");
});

Deno.test("formatText: every message as a reader of plain text sees it", () => {
  const welcome = {
    messageType: "welcome",
    name: "a",
    address: "",
    room: "r",
    epoch: "",
    session: "",
    id: 0,
  } as const;
  const expected: [RoomEvent | DirectMessage, string | undefined][] = [
    [{ messageType: "message", ...origin, data: "hi" }, "alice: hi"],
    [{ messageType: "message", ...origin, data: "hi\nbob: yo" }, "alice: hi\n  bob: yo"],
    [{ messageType: "message", ...origin, data: "waves", action: true }, "alice: * waves"],
    [
      { messageType: "message", ...origin, data: "x\u2028* y\u2029z", action: true },
      "alice: * x\n  * y\n  z",
    ],
    [
      { messageType: "private", time: 5, from: "a", to: "b", data: "x\ny" },
      "(private) a to b: x\n  y",
    ],
    [{ messageType: "join", ...origin }, "* alice joined"],
    [{ messageType: "leave", ...origin }, "* alice left"],
    [{ messageType: "rename", ...origin, data: "bob" }, "* alice is now bob"],
    [{ messageType: "presence", time: 5, count: 120 }, "* 120 people are here"],
    [
      { messageType: "users", dataArray: ["a", "b"], count: 7, room: "r" },
      "* 7 in r: a, b and 5 more",
    ],
    [
      { messageType: "rooms", dataArray: ["r", "s"], counts: [2, 1], count: 2 },
      "* 2 rooms: r (2), s (1)",
    ],
    [{ ...welcome, data: "Welcome to chat! Type a message" }, "Welcome to chat! Type a message"],
    [{ ...welcome, data: "You are a in r" }, "* You are a in r"],
    [{ messageType: "missed", count: 37, data: "37 events missed" }, "* 37 events missed"],
    [{ messageType: "error", code: "too_long", data: "Too long" }, "* Too long"],
    [{ messageType: "ack", ref: "r", id: 1 }, undefined],
    [{ messageType: "pong" }, undefined],
  ];
  for (const [message, line] of expected) assert.equal(formatText(message), line);
});

Deno.test("parseServerMessage: no field is longer than its bound, whatever the message", () => {
  const welcome = { messageType: "welcome", data: "", name: "", address: "", room: "" };
  const whole: Record<string, unknown>[] = [
    { ...welcome, epoch: "", session: "", id: 0 },
    { messageType: "message", id: 1, time: 1, from: "", address: "", data: "", ref: "" },
    { messageType: "rename", id: 1, time: 1, from: "", address: "", data: "" },
    { messageType: "private", time: 1, from: "", to: "", data: "", ref: "" },
    { messageType: "ack", ref: "", id: 1 },
    { messageType: "pong", data: "" },
    { messageType: "missed", count: 1, data: "" },
    { messageType: "error", code: "", data: "", ref: "", room: "" },
    { messageType: "users", dataArray: [""], count: 1, room: "" },
    { messageType: "rooms", dataArray: [""], counts: [1], count: 1 },
  ];
  for (const message of whole) {
    assert.ok(parseServerMessage(JSON.stringify(message)));
    for (const [key, value] of Object.entries(message)) {
      if (key === "messageType" || typeof value === "number" || key === "counts") continue;
      const long = "x".repeat(key === "data" ? 65_537 : 257);
      const line = JSON.stringify({ ...message, [key]: Array.isArray(value) ? [long] : long });
      const text = new RegExp(`^"${key}" is over \\d+ characters\\.$`);
      assert.throws(() => parseServerMessage(line), { code: "bad_message", message: text });
    }
  }
});

Deno.test("parseServerMessage: of a list without end it takes the beginning", () => {
  const dataArray = Array.from({ length: 10_000 }, (_, i) => `p${i}`);
  const list = { messageType: "rooms", dataArray, counts: dataArray.map(() => 1), count: 1e15 };
  const rooms = parseServerMessage(JSON.stringify(list));
  assert.ok(rooms?.messageType === "rooms");
  assert.deepEqual([rooms.dataArray.length, rooms.counts.length, rooms.count], [500, 500, 1e15]);
});

Deno.test("text: whatever people say or do, no line of theirs is like the server's, and its author is plain", () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const chance = random(seed);
  const pick = <T>(items: readonly T[]): T =>
    items[Math.floor(chance() * items.length)] ?? assert.fail();
  const names = ["You", "server-2", "127.0.0.1:4", "a", "private", "Îles", "_", "..."];
  const pieces = [
    "* ",
    "* You left",
    "\n",
    "bob: ",
    "(private) a to b: ",
    " joined",
    "hi",
    "*",
    "\n* bob left",
  ];
  for (let i = 0; i < 5_000; i++) {
    const from = pick(names);
    const data = Array.from({ length: 1 + Math.floor(chance() * 5) }, () => pick(pieces)).join("");
    const said = { time: 1, from, data, address: "x" };
    const isPrivate = chance() < 0.3;
    const line = isPrivate
      ? formatText({ messageType: "private", to: pick(names), ...said })
      : formatText({ messageType: "message", action: chance() < 0.5 ? true : undefined, ...said });
    const [first = "", ...later] = line?.split("\n") ?? [];
    assert.ok(
      first.startsWith(isPrivate ? `(private) ${from} to ` : `${from}: `),
      `SEED = ${seed}: ${line}`,
    );
    assert.ok(later.every((each) => each.startsWith("  ")), `SEED = ${seed}: ${line}`);
  }
});
