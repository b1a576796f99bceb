/**
 * A corpus: valid inputs of each parser, to begin mutations with.
 *
 * @module
 */

/** Texts such as people write, names and rooms, and what is as long as it may be. */
export const TEXTS = [
  ...["hello", "  hello ", "two\nlines\n\n", "a\tb", "x".repeat(80), "漢字".repeat(20), "שלום"],
  ...["alice", "al ice", "Zoë_1.x-y", "नमस्ते", "Straße", "STRAẞE", "ΑΣ", "e\u0301", "127.0.0.1:80"],
  ...[
    "lobby",
    "room_2-b",
    "\u202eevil\u202c",
    "\u001b[2Jx",
    "a\u0000b",
    "\ud800x",
    "é\u{1f468}\u200d",
  ],
  ...["é".repeat(2_048), `a${"\u{1d49c}".repeat(40)}`, "y".repeat(32)],
];

/** Every command of the text dialect and of our own clients. */
export const LINES = [
  ...TEXTS,
  ...["/nick al ice", "/join dev", "/users", "/rooms", "/msg bob hi there", "/me waves", "/help"],
  ...[
    "/quit",
    "/ban bob 999999999",
    "/mute bob",
    "/kick bob",
    "//nick",
    "/ME  two\n words",
    "/nick Zoë",
  ],
];

/** What clients send: a line of each type. */
export const CLIENT_LINES = [
  '{"messageType":"register","data":null,"x":1}',
  '{"messageType":"register","data":"a b","room":"dev","session":"s","epoch":"e","after":7}',
  '{"messageType":"register","data":"Zoë","token":"secret"}',
  '{"messageType":"message","data":"hi"}',
  '{"messageType":"message","data":"hi","ref":"5c3d-1"}',
  '{"messageType":"message","data":"a\\nb\\n","ref":"r","to":"bob","action":true}',
  `{"messageType":"message","data":"hi","ref":"${"r".repeat(128)}"}`,
  '{"messageType":"join","data":"dev"}',
  '{"messageType":"users"}',
  '{"messageType":"rooms","ref":"r"}',
  '{"messageType":"ping","data":"p"}',
  '{"messageType":"ban","data":"bob","seconds":999999999,"ref":"r"}',
  '{"messageType":"kick","data":"bob"}',
];

/** The members that most events of a room share. */
export const EVENT = '"time":5,"from":"alice","address":"127.0.0.1:9"';

/** Events of a room, without their ids. */
export const EVENTS = [
  `{"messageType":"message",${EVENT},"data":"hi\\nbob: \\"yo\\"","ref":"r"}`,
  `{"messageType":"message",${EVENT},"data":"waves","action":true}`,
  `{"messageType":"join",${EVENT}}`,
  `{"messageType":"leave",${EVENT}}`,
  `{"messageType":"rename",${EVENT},"data":"bob"}`,
  '{"messageType":"presence","time":8640000000000000,"count":120}',
];

const WELCOME =
  '{"messageType":"welcome","data":"Hi","name":"al","address":"[::1]:9","room":"lobby","epoch":"e","session":"s","id":3}';

/** What servers send: a line of each type. */
export const SERVER_LINES = [
  ...EVENTS.map((event) => `{"id":7,${event.slice(1)}`),
  WELCOME,
  '{"messageType":"users","dataArray":["alice","bob"],"count":7,"room":"lobby"}',
  '{"messageType":"rooms","dataArray":["lobby","dev"],"counts":[1,2],"count":2}',
  '{"messageType":"private","time":5,"from":"alice","to":"bob","data":"psst\\nthere","ref":"r"}',
  '{"messageType":"private","time":5,"from":"server","to":"bob","data":"bob is muted."}',
  '{"messageType":"missed","count":3,"data":"3 events missed"}',
  '{"messageType":"ack","ref":"r","id":3}',
  '{"messageType":"pong","data":"p"}',
  '{"messageType":"error","code":"rate_limited","data":"Slowly","ref":"r","retryAfter":100}',
  '{"messageType":"news","data":"later"}',
];

/** What clients of the envelope dialect send. */
export const ENVELOPE_FRAMES = [
  '{"messageType":"register","dataArray":null,"data":"alice"}',
  '{"messageType":"register","data":"Zoë","token":"t"}',
  '{"messageType":"message","dataArray":null,"data":"hi"}',
  '{"messageType":"message","data":"two\\nlines"}',
];

/** What one page leaves to the next. */
export const HANDOVERS = ["", "[0,MESSAGE]", "[2,MESSAGE],[1,JOIN]"].map((unsaid) =>
  `{"welcome":${JSON.stringify(WELCOME)},"seen":3,"unsaid":[${unsaid}],"ignored":["bob","eve"]}`
    .replace("MESSAGE", () => JSON.stringify('{"messageType":"message","data":"hi","ref":"r"}'))
    .replace("JOIN", () => JSON.stringify('{"messageType":"join","data":"dev"}'))
);

/** Files of tokens, as editors write them. */
export const TOKEN_FILES = [
  "4f2c9e7a0b alice operator\n8d1b3c5e7f bob\n",
  "# who may come in\r\n\r\n4f2c9e7a0b alice # she runs it\r\n8d1b3c5e7f * operator\r\n",
  "\ufeff4f2c9e7a0b Zoë\n\t8d1b3c5e7f\tnobody.else-1\n6a6a6a6a6a *",
];

/** Origins as browsers write them, and one as people do. */
export const ORIGINS = [
  ...["https://chat.example", "http://chat.example:8080", "http://localhost:8080", "https://a.b.c"],
  ...["http://127.0.0.1:3000", "http://[::1]:8080", "http://192.168.1.7", "https://other.example/"],
];

/** What has an origin, or looks like one, and is none. */
export const OTHER_URLS = [
  ...[
    "ws://chat.example:8080",
    "ftp://localhost",
    "blob:http://localhost:8080/x",
    "null",
    "file:///",
  ],
  ...["https://chat.example/path", "http://al@localhost:8080", "http://127.0.0.1:3000/?q#f"],
];
