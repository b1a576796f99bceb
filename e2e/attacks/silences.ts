/**
 * Attacks that do little or nothing, and so take long. They go on while all others do.
 *
 * @module
 */

import { type Attack, each, sumUp, type Target, together } from "./attack.ts";
import { FIN, frame, Opcode, textFrame } from "../../tests/frame.ts";
import { handshake, RawWebSocket } from "../../tests/raw_websocket.ts";
import { RawConnection } from "../../tests/raw.ts";

/**
 * How long a silent attacker waits for the server to lose patience, in milliseconds: 30 s is the
 * longest that the server has.
 */
const PATIENCE = 40_000;

/** How many do nothing at a time. */
const SILENT = 20;

/** Connects and never registers. */
async function neverRegister(target: Target, protocol: string): Promise<string> {
  using socket = await RawWebSocket.open(target, { protocol });
  return await socket.outcome(PATIENCE);
}

/** Comes in and then answers no Ping. */
async function neverAnswer(target: Target, number: number): Promise<string> {
  using socket = await RawWebSocket.enter(target, `mute-${number}`, "silence");
  return await socket.outcome(PATIENCE);
}

/** Begins a frame and does not end it. */
async function neverEnd(target: Target, number: number): Promise<string> {
  using socket = await RawWebSocket.enter(target, `half-${number}`, "silence");
  await socket.raw.write(frame(FIN | Opcode.text, "{", { length: 60n * 1_048_576n }));
  return await socket.outcome(PATIENCE);
}

/** Says much, quickly, and leaves. */
async function shout(target: Target, number: number): Promise<void> {
  using socket = await RawWebSocket.enter(target, `loud-${number}`, "noise");
  const data = `${number} `.padEnd(4_096, "!");
  const message = JSON.stringify({ messageType: "message", data });
  for (let said = 0; said < 100; said += 10) {
    await socket.send(...Array<string>(10).fill(message));
  }
  await socket.isIn();
}

async function shoutTogether(target: Target): Promise<void> {
  await Promise.all(Array.from({ length: 20 }, (_, number) => shout(target, number)));
}

/** Waits until all of those have left a room. Returns whether they have. */
async function haveLeft(observer: RawWebSocket, names: ReadonlySet<string>): Promise<boolean> {
  const deadline = performance.now() + PATIENCE;
  while (performance.now() < deadline) {
    // Of so many who come and go, not each leave is told.
    await observer.send({ messageType: "users" });
    const list = await observer.find(({ messageType }) => messageType === "users");
    const here = list?.["dataArray"];
    if (!Array.isArray(here)) return false;
    if (here.every((name) => !names.has(String(name)))) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL));
  }
  return false;
}

/** How often it is looked at whether somebody has left, in milliseconds. */
const LOOK_INTERVAL = 500;

/** Who does not read: they come in, do something, and read only when they have been sent away. */
async function beDeaf(
  target: Target,
  room: string,
  provoke: (deaf: readonly RawWebSocket[]) => Promise<void>,
): Promise<string> {
  using all = new DisposableStack();
  const observer = all.use(await RawWebSocket.enter(target, `${room}-observer`, room));
  observer.answersPings = true;
  const names = Array.from({ length: 5 }, (_, i) => `${room}-deaf-${i}`);
  const deaf = await Promise.all(
    names.map(async (name) => all.use(await RawWebSocket.enter(target, name, room))),
  );
  const provoking = provoke(deaf);
  const areAway = await haveLeft(observer, new Set(names));
  const outcomes = areAway
    ? await Promise.all(deaf.map((each) => each.outcome()))
    : ["still there"];
  all.dispose();
  await provoking;
  return sumUp(outcomes);
}

/** Asks for large answers. */
async function ask(deaf: RawWebSocket): Promise<void> {
  const ping = textFrame({ messageType: "ping", data: "x".repeat(60_000) });
  for (let i = 0; i < 500 && await deaf.raw.write(ping); i++);
}

/** Is closed, and does not close. */
async function neverClose(target: Target, number: number): Promise<string> {
  const name = `stubborn-${number}`;
  using socket = await RawWebSocket.enter(target, name, "silence");
  await socket.send("x".repeat(65_537));
  const code = await socket.outcome();
  using next = await RawWebSocket.open(target);
  await next.send({ messageType: "register", data: name, room: "silence" });
  const welcome = await next.find(({ messageType }) => messageType === "welcome");
  const isForgotten = welcome?.["name"] === name;
  await socket.raw.rest(PATIENCE);
  const ending = socket.raw.hasEnded ? "cut off" : "left open";
  return `${code}; ${isForgotten ? "forgotten at once" : "still there"}, ${ending}`;
}

/** Sends the head of a request slowly, and never all of it. */
async function neverAsk(target: Target): Promise<string> {
  using connection = await RawConnection.open(target);
  await connection.write(handshake(target).slice(0, -2));
  const answer = await connection.rest(PATIENCE);
  return `${answer === "" ? "nothing" : answer.slice(0, 12)}, ${
    connection.hasEnded ? "cut off" : "left open"
  }`;
}

/** Silences. */
export const SILENCES: readonly Attack[] = [
  {
    name: "never registering",
    what: `${SILENT} clients, in each of the two dialects that need it.`,
    expected: "4408",
    run: (target) =>
      each(["chat.v1", ""], (protocol) => together(SILENT, () => neverRegister(target, protocol))),
  },
  {
    name: "silence to pings",
    what: `${SILENT} clients that come in and answer no Ping.`,
    expected: "1001",
    run: (target) => together(SILENT, (number) => neverAnswer(target, number)),
  },
  {
    name: "frame that does not end",
    what: `${SILENT} clients that claim 60 MiB, and send a byte.`,
    expected: "1001",
    run: (target) => together(SILENT, (number) => neverEnd(target, number)),
  },
  {
    name: "never reading",
    what: "5 clients in a room where 20 others say 8 MB, of which they read nothing.",
    expected: "1013",
    run: (target) => beDeaf(target, "noise", () => shoutTogether(target)),
  },
  {
    name: "asking and not reading",
    what: "5 clients that ask for 30 MB of answers, and read none.",
    expected: "sent away",
    run: async (target) => {
      const outcome = await beDeaf(
        target,
        "greed",
        async (deaf) => void await Promise.all(deaf.map(ask)),
      );
      // Who still sends may be cut off before it has read why.
      return outcome.replaceAll(/4429|cut off/g, "sent away").replace(/(; sent away)+$/, "");
    },
  },
  {
    name: "never closing",
    what: `${SILENT} clients that get a Close, and answer none.`,
    expected: "1009; forgotten at once, left open",
    run: (target) => together(SILENT, (number) => neverClose(target, number)),
  },
  {
    name: "slow head",
    what: "100 connections that never end their request's head.",
    expected: "nothing, left open",
    run: (target) => together(100, () => neverAsk(target)),
  },
];
