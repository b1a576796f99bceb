/**
 * Attacks that send right things, but too many of them.
 *
 * @module
 */

import { type Attack, ROOM, type Target, together, VICTIM } from "./attack.ts";
import { FIN, frame, Opcode, textFrame } from "../../tests/frame.ts";
import { RawWebSocket } from "../../tests/raw_websocket.ts";
import { lastLine } from "./lines.ts";
import { join, RawConnection } from "../../tests/raw.ts";

/** How many flood the server at a time. */
const FLOODERS = 10;

/** How many say how much: each no more than the server's --burst, and all more than it can hold. */
const BURSTERS = 10;
const BURST = 98;

/** Bytes that a flooder who does not stop sends at most. */
const ENDLESS = 8_000_000;

/** Longer than it takes to be sent away, if a frame's worth of requests is too much. */
const FRAME = 60_000;

/** Returns as many messages as a frame may hold. */
function fill(message: (number: number) => object): string {
  const lines: string[] = [];
  for (let size = 0; size < FRAME; size += (lines.at(-1)?.length ?? 0) + 1) {
    lines.push(JSON.stringify(message(lines.length)));
  }
  return lines.join("\n");
}

/** Comes in, sends a frame full of messages, and waits for the end. */
async function floodOnce(
  target: Target,
  number: number,
  message: (number: number) => object,
): Promise<string> {
  using socket = await RawWebSocket.enter(target, `flooder-${number}`);
  await socket.send(fill(message));
  return await socket.outcome();
}

function flood(name: string, what: string, message: (number: number) => object): Attack {
  return {
    name,
    what,
    expected: "rate_limited, then 4429",
    run: (target) => together(FLOODERS, (number) => floodOnce(target, number, message)),
  };
}

/** Sends the same for as long as it is let. */
async function floodEndlessly(target: Target): Promise<string> {
  using socket = await RawWebSocket.enter(target, "endless");
  const flood = textFrame(fill((i) => ({ messageType: "message", data: `endless ${i}` })));
  const outcome = socket.outcome();
  let sent = 0;
  while (sent < ENDLESS && await socket.raw.write(flood)) sent += flood.length;
  // Who is still sending when it is closed may be cut off before it has read why.
  return (await outcome).replace(/(4429|cut off)$/, "sent away");
}

/** Asks for help by TCP, which takes the longest answer, and leaves once all is answered. */
async function askForHelp(target: Target): Promise<string> {
  using connection = await RawConnection.open({ port: target.tcpPort });
  await connection.write(`${"/help\n".repeat(1_500)}/nope\n/quit\n`);
  return await lastLine(connection);
}

/** Joins and leaves rooms by coming and going. */
async function comeAndGo(target: Target, number: number): Promise<string> {
  for (let i = 0; i < 20; i++) {
    using socket = await RawWebSocket.enter(target, `storm-${number}`, `storm-${i % 3}`);
    await socket.send({ messageType: "join", data: ROOM });
    const welcome = await socket.find(({ room }) => room === ROOM);
    if (!welcome) return "no welcome";
  }
  return "let in each time";
}

/** Sends frames that only the runtime sees. */
async function pingBelow(target: Target): Promise<string> {
  using socket = await RawWebSocket.enter(target, "pinger");
  const ping = frame(FIN | Opcode.ping, "x");
  await socket.raw.write(join(...Array<Uint8Array>(5_000).fill(ping)));
  return await socket.isIn() ? "pongs, and stays" : "thrown out";
}

/** Sends frames of text with nothing in them, which are no message, and then one that is. */
async function sendBlanks(target: Target): Promise<string> {
  using socket = await RawWebSocket.open(target, { path: "/text?name=blank", protocol: "" });
  const blanks = join(...Array<Uint8Array>(5_000).fill(textFrame(" ")));
  let lasts = true;
  for (let i = 0; i < 100 && lasts; i++) lasts = await socket.raw.write(blanks);
  await socket.send("still here");
  for (let line; (line = await socket.line()) !== undefined;) {
    if (line === "blank: still here") return "never sent away";
  }
  return "sent away";
}

/** Says as much at once as a client may. */
async function burst(target: Target, number: number): Promise<string> {
  using socket = await RawWebSocket.enter(target, `burst-${number}`);
  const data = `${number} `.padEnd(4_096, "!");
  const message = JSON.stringify({ messageType: "message", data });
  for (let said = 0; said < BURST; said += 14) {
    await socket.send(...Array<string>(Math.min(14, BURST - said)).fill(message));
  }
  return await socket.isIn() ? "stays" : "sent away";
}

/** Floods. */
export const FLOODS: readonly Attack[] = [
  flood(
    "flood of messages",
    `${FLOODERS} clients say 1,300 things each, all at once, in everyone's room.`,
    (i) => ({ messageType: "message", data: `flood ${i}` }),
  ),
  {
    name: "flood without end",
    what: "A client goes on saying things without reading what the server thinks of it.",
    expected: "rate_limited, then sent away",
    run: floodEndlessly,
  },
  flood(
    "private flood at one person",
    `${FLOODERS} clients write to the same person, all at once.`,
    (i) => ({ messageType: "message", to: VICTIM, data: `psst ${i}` }),
  ),
  flood("flood of pings", "Pings of the wire's own, all at once.", () => ({ messageType: "ping" })),
  flood("flood of lists", "Who is here, and which rooms are there? All at once.", (i) => ({
    messageType: i % 2 === 0 ? "users" : "rooms",
  })),
  {
    name: "burst of the longest texts",
    what:
      `${BURSTERS} clients say ${BURST} texts of 4,096 bytes each, all at once, which --burst lets them.`,
    expected: "stays",
    run: (target) => together(BURSTERS, (number) => burst(target, number)),
  },
  {
    name: "blank frames",
    what: "500,000 frames with nothing but a space in them, at /text.",
    expected: "sent away",
    run: sendBlanks,
  },
  {
    name: "flood of help",
    what: "/help by TCP, 1,500 times at once.",
    expected: "* There is no command /nope. /help lists them., and the end",
    run: (target) => together(FLOODERS, () => askForHelp(target)),
  },
  flood("storm of names", "Another name 1,300 times, all at once.", (i) => ({
    messageType: "register",
    data: `storm-${i}`,
  })),
  flood("storm of rooms", "From room to room 1,300 times, all at once.", (i) => ({
    messageType: "join",
    data: i % 2 === 0 ? "storm-a" : "storm-b",
  })),
  {
    name: "storm of people",
    what: `${FLOODERS} clients come, change the room, and are gone, 20 times each.`,
    expected: "let in each time",
    run: (target) => together(FLOODERS, (number) => comeAndGo(target, number)),
  },
  {
    name: "flood of Ping frames",
    what: "5,000 Ping frames at once, which the runtime answers.",
    expected: "pongs, and stays",
    run: (target) => together(FLOODERS, () => pingBelow(target)),
  },
];
