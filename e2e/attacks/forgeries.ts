/**
 * Attacks that pretend: to be somebody else, or something else than text.
 *
 * @module
 */

import { type Attack, each, ROOM, type Target, VICTIM } from "./attack.ts";
import { RawWebSocket } from "../../tests/raw_websocket.ts";
import { RawConnection } from "../../tests/raw.ts";

/** What would be a line of the log, if it stood on a line of its own. */
const FORGED_LINE = "2026-11-21T10:00:00.000Z INFO Forged by the attackers";

/** What writes to a terminal, or turns its text around. */
const ESCAPES = [
  "\u001b[2Jpwned",
  "\u001b]0;pwned\u0007",
  "\u009b2Jpwned\u0090\u009c",
  "\b\b\b\rpwned",
  "\u202epwned\u2066",
  `\r\n${FORGED_LINE}\r\n`,
  `\u2028${FORGED_LINE}\u2029\u0085${FORGED_LINE}`,
  `"\n${FORGED_LINE}\n"`,
];

// deno-lint-ignore no-control-regex
const HARMFUL = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

function judge(texts: readonly string[]): string {
  if (texts.length === 0) return "nothing";
  return texts.some((text) => HARMFUL.test(text)) ? "written to terminals" : "text";
}

/** Says it, in `chat.v1`. */
async function say(target: Target, text: string): Promise<string> {
  using socket = await RawWebSocket.enter(target, "forger", "forgery");
  await socket.send({ messageType: "message", data: text });
  const message = await socket.find(({ messageType }) => messageType === "message");
  return judge([String(message?.["data"])]);
}

/** Says it by TCP, where a newline begins another message. */
async function sayByTcp(target: Target, text: string): Promise<string> {
  using connection = await RawConnection.open({ port: target.tcpPort });
  await connection.write(`${text}\n`);
  await connection.closeWrite();
  return judge((await connection.rest()).split("\n"));
}

/** Takes it as a name, or as much of it as can be one. */
async function takeName(target: Target, name: string): Promise<string> {
  const path = `/text?name=${encodeURIComponent(name)}`;
  using socket = await RawWebSocket.open(target, { path, protocol: "" });
  await socket.send("I am");
  for (let line; (line = await socket.line()) !== undefined;) {
    if (line.endsWith(": I am")) return judge([line]);
  }
  return "nothing";
}

/** Says it in the headers that the server logs. */
async function sendHeaders(target: Target): Promise<string> {
  const headers = [
    [`Origin: https://x ${FORGED_LINE}`],
    [`Origin: https://x\t\u001b[2J${FORGED_LINE}`.replace("\u001b", "")],
    [`X-Forwarded-For: 192.0.2.1 ${FORGED_LINE}`, "Origin: null"],
  ];
  return await each(headers, async (headers) => {
    try {
      using _socket = await RawWebSocket.open(target, { headers });
      return "let in";
    } catch (error) {
      return error instanceof Error ? error.message : "";
    }
  });
}

/** Says something in lines that look like those of others. */
async function imitate(target: Target): Promise<string> {
  const path = "/text?name=liar&room=forgery";
  using reader = await RawWebSocket.open(target, { path: "/text?room=forgery", protocol: "" });
  await reader.line();
  using liar = await RawWebSocket.open(target, { path, protocol: "" });
  await liar.send(`x\n${VICTIM}: forged\n* ${VICTIM} left\nend`);
  const heard: string[] = [];
  while (!heard.at(-1)?.endsWith("end")) {
    const line = await reader.line();
    if (line === undefined) return "nothing";
    heard.push(line);
  }
  const isForged = heard.some((line) => line.startsWith(VICTIM) || line === `* ${VICTIM} left`);
  return isForged ? "taken for others" : "lines that are indented";
}

/** Guesses a session's secret. */
async function guessSession(target: Target): Promise<string> {
  using first = await RawWebSocket.open(target);
  await first.send({ messageType: "register", data: VICTIM });
  const welcome = await first.find(({ messageType }) => messageType === "welcome");
  const own = String(welcome?.["session"]);
  const guesses = ["", "0".repeat(32), own.slice(1) + "0", own.toUpperCase(), "__proto__"];
  return await each(guesses, async (session) => {
    using thief = await RawWebSocket.open(target);
    await thief.send({
      messageType: "register",
      data: VICTIM,
      session,
      epoch: welcome?.["epoch"],
      after: 0,
    });
    const got = await thief.find(({ messageType }) => messageType === "welcome");
    const name = String(got?.["name"]);
    return /^honest-1-\d+$/.test(name) ? "a name of its own" : name;
  });
}

/** Says something under the `ref` of what somebody else has said. */
async function repeatRef(target: Target): Promise<string> {
  using thief = await RawWebSocket.enter(target, "thief", ROOM);
  const said = await thief.find(({ messageType, ref }) =>
    messageType === "message" && ref !== undefined
  );
  await thief.send({ messageType: "message", data: "forged", ref: said?.["ref"] });
  const answer = await thief.find(({ ref, data }) => ref === said?.["ref"] || data === "forged");
  const isOwn = answer?.["from"] === "thief" && answer?.["id"] !== said?.["id"];
  return isOwn ? "said under their own name" : String(answer?.["data"]);
}

/** Does what only operators may. */
async function moderate(target: Target): Promise<string> {
  using socket = await RawWebSocket.enter(target, "usurper", "forgery");
  const deeds = ["kick", "ban", "mute"] as const;
  return await each(deeds, async (messageType) => {
    await socket.send({ messageType, data: VICTIM });
    const error = await socket.find(({ messageType }) => messageType === "error");
    return String(error?.["code"]);
  });
}

/** Forgeries. */
export const FORGERIES: readonly Attack[] = [
  {
    name: "escape sequences in texts",
    what: "What clears a terminal or turns text around, and lines of the log, in messages.",
    expected: "text",
    run: async (target) =>
      await each(ESCAPES, (text) => say(target, text)) &&
      await each(ESCAPES, (text) => sayByTcp(target, text)),
  },
  {
    name: "escape sequences in names",
    what: "The same, as a name.",
    expected: "text",
    run: (target) => each(ESCAPES, (name) => takeName(target, name)),
  },
  {
    name: "log lines in headers",
    what: "In Origin and X-Forwarded-For.",
    expected: "HTTP 403",
    run: sendHeaders,
  },
  {
    name: "lines of others",
    what: "A message whose later lines look like what somebody else says, or like a notice.",
    expected: "lines that are indented",
    run: imitate,
  },
  {
    name: "guessed session",
    what: "To resume as somebody else.",
    expected: "a name of its own",
    run: guessSession,
  },
  {
    name: "somebody else's ref",
    what: "To say something in the place of what was said.",
    expected: "said under their own name",
    run: repeatRef,
  },
  {
    name: "operator's commands",
    what: "Kick, ban and mute, by somebody who is no operator.",
    expected: "forbidden",
    run: moderate,
  },
];
