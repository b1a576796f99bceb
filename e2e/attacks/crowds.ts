/**
 * Attacks by very many: connections, names, rooms.
 *
 * @module
 */

import { type Attack, each, sumUp, type Target, VICTIM } from "./attack.ts";
import { handshake, RawWebSocket, Refusal } from "../../tests/raw_websocket.ts";
import { RawConnection } from "../../tests/raw.ts";

/** The server's `--max-clients-per-ip`. */
export const MAX_PER_IP = 100;

/** The server's `--max-rooms`. */
export const MAX_ROOMS = 200;

/** The server's `--max-clients`. */
export const MAX_CLIENTS = 500;

/** Returns who attacks from another address: the one with that number. */
function elsewhere(target: Target, number: number): Target {
  return { ...target, from: `198.51.100.${number}` };
}

/** Opens so many WebSockets, and closes them. Returns how many got what. */
async function openMany(
  count: number,
  open: (number: number) => Promise<RawWebSocket>,
): Promise<ReadonlyMap<string, number>> {
  using all = new DisposableStack();
  const counts = new Map<string, number>();
  await Promise.all(Array.from({ length: count }, async (_, i) => {
    const got = await open(i).then((socket) => {
      all.use(socket);
      return "let in";
    }, (error) => error instanceof Refusal ? error.message : "no connection");
    counts.set(got, (counts.get(got) ?? 0) + 1);
  }));
  return counts;
}

function wordCounts(counts: ReadonlyMap<string, number>): string {
  return Array.from(counts, ([got, count]) => `${count} ${got}`).sort().join(", ");
}

/** Takes all places that there are. Returns what those get who come too late. */
async function takeAllPlaces(target: Target): Promise<string> {
  const open = (i: number): Promise<RawWebSocket> =>
    RawWebSocket.open(elsewhere(target, Math.floor(i / (MAX_PER_IP - 1))));
  const counts = await openMany(MAX_CLIENTS + 50, open);
  const others = Array.from(counts.keys()).filter((got) => got !== "let in");
  return `${sumUp(others)} once all places are taken`;
}

async function openManyByTcp(target: Target): Promise<string> {
  using all = new DisposableStack();
  const greetings = await Promise.all(Array.from({ length: MAX_PER_IP + 50 }, async () => {
    const connection = await RawConnection.open({ port: target.tcpPort });
    all.use(connection);
    return await connection.takeTo("\n");
  }));
  const refused = greetings.filter((greeting) => greeting !== "Welcome to chat! Type a message");
  return refused.length < 50 ? "let in" : sumUp(refused.map(String));
}

/** Has very many want the same name. */
async function squat(target: Target): Promise<string> {
  using all = new DisposableStack();
  const names = await Promise.all(Array.from({ length: MAX_PER_IP }, async () => {
    const socket = all.use(await RawWebSocket.open(target));
    await socket.send({ messageType: "register", data: VICTIM });
    const welcome = await socket.find(({ messageType }) => messageType === "welcome");
    return String(welcome?.["name"]);
  }));
  const isNumbered = names.every((name) => /^honest-1-\d+$/.test(name));
  return isNumbered && new Set(names).size === names.length ? "numbers behind it" : sumUp(names);
}

async function takeLookalike(target: Target, name: string): Promise<string> {
  using socket = await RawWebSocket.open(target);
  await socket.send({ messageType: "register", data: name });
  const welcome = await socket.find(({ messageType }) => messageType === "welcome");
  return /-2$/.test(String(welcome?.["name"])) ? "a number behind it" : String(welcome?.["name"]);
}

/** Opens rooms until there are too many, and then asks for one more in each way there is. */
async function openRooms(target: Target): Promise<string> {
  using all = new DisposableStack();
  await Promise.all(Array.from({ length: MAX_ROOMS }, async (_, i) => {
    const from = elsewhere(target, 100 + Math.floor(i / (MAX_PER_IP - 1)));
    all.use(await RawWebSocket.enter(from, `opener-${i}`, `opened-${i}`));
  }));
  using late = await RawWebSocket.open(target);
  await late.send({ messageType: "register", room: "one-more" });
  using mover = await RawWebSocket.enter(target, "mover");
  await mover.send({ messageType: "join", data: "one-more" });
  const error = await mover.find(({ messageType }) => messageType === "error");
  const stays = await mover.isIn() ? "stays" : "is out";
  const more = await openMany(1, () => RawWebSocket.open(target, { path: "/text?room=one-more" }));
  return [
    `to come in: ${await late.outcome()}`,
    `to join: ${error?.["code"]}, and ${stays}`,
    `in the address: ${Array.from(more.keys())}`,
  ].join("; ");
}

/** Fills one room's memory with the longest texts, and leaves it. */
async function fillRoom(target: Target, number: number): Promise<void> {
  const from = elsewhere(target, 120 + number);
  const room = `filled-${number}`;
  using all = new DisposableStack();
  await Promise.all(Array.from({ length: 11 }, async (_, i) => {
    const socket = all.use(await RawWebSocket.enter(from, `filler-${i}`, room));
    const data = `${number}-${i} `.padEnd(4_096, "x");
    const message = JSON.stringify({ messageType: "message", data });
    for (let said = 0; said < 100; said += 10) {
      await socket.send(...Array<string>(10).fill(message));
    }
    await socket.isIn();
  }));
}

/** Fills the most rooms that are remembered when they are empty. */
async function fillRooms(target: Target): Promise<string> {
  await each(Array.from({ length: 16 }, (_, i) => i), async (i) => {
    await fillRoom(target, i);
    return "";
  });
  return "told";
}

/** Connects, writes something, and is gone, with something unread or without. */
async function vanish(port: number, text: string, isRude: boolean): Promise<void> {
  using connection = await RawConnection.open({ port });
  await connection.write(text);
  if (isRude) await connection.take(1);
}

async function vanishMany(target: Target): Promise<string> {
  const upgrade = handshake(target);
  for (let i = 0; i < 10; i++) {
    await Promise.all([
      ...Array.from({ length: 20 }, () => vanish(target.port, "", false)),
      ...Array.from({ length: 20 }, () => vanish(target.port, upgrade.slice(0, 40), false)),
      ...Array.from({ length: 20 }, () => vanish(target.port, upgrade, false)),
      ...Array.from({ length: 20 }, () => vanish(target.port, upgrade, true)),
      ...Array.from({ length: 20 }, () => vanish(target.tcpPort, "", true)),
      ...Array.from({ length: 20 }, () => vanish(target.tcpPort, "hello\nbye", false)),
    ]);
  }
  return "nothing";
}

/** Crowds. */
export const CROWDS: readonly Attack[] = [
  {
    name: "300 connections from one address",
    what: `The server was started with --max-clients-per-ip=${MAX_PER_IP}.`,
    expected: "100 let in, 200 HTTP 503",
    run: async (target) => wordCounts(await openMany(300, () => RawWebSocket.open(target))),
  },
  {
    name: "forged X-Forwarded-For",
    what: "The same, each with another address before the one that the proxy has added.",
    expected: "100 let in, 200 HTTP 503",
    run: async (target) =>
      wordCounts(
        await openMany(300, (i) => {
          const headers = [`X-Forwarded-For: 192.0.2.${i % 256}, ${target.from}`];
          return RawWebSocket.open(target, { headers });
        }),
      ),
  },
  {
    name: "150 connections by TCP",
    what: "They come from one address too.",
    expected: "* There are too many connections from your address. Try again later.",
    run: openManyByTcp,
  },
  {
    name: "all places",
    what: `From many addresses, more connections than --max-clients=${MAX_CLIENTS}.`,
    expected: "HTTP 503 once all places are taken",
    run: takeAllPlaces,
  },
  {
    name: "name squatting",
    what: "A hundred who want the name of somebody who is there.",
    expected: "numbers behind it",
    run: squat,
  },
  {
    name: "lookalike names",
    what: "That name, or the server's, in capitals, in wide letters, with something invisible.",
    expected: "a number behind it",
    run: (target) =>
      each(
        ["HONEST-1", "ｈonest-1", "hon\u200best-1", " honest-1 ", "honest-1\u2060", "SerVer"],
        (name) => takeLookalike(target, name),
      ),
  },
  {
    name: "rooms without end",
    what: `As many rooms as there may be, --max-rooms=${MAX_ROOMS}, and then one more.`,
    expected: "to come in: full, then 1013; to join: full, and stays; in the address: HTTP 503",
    run: openRooms,
  },
  {
    name: "filled rooms",
    what: "16 rooms, in each of which 1,100 of the longest texts are said; then nobody is there.",
    expected: "told",
    run: fillRooms,
  },
  {
    name: "gone at once",
    what: "1,200 connections that are closed or reset as soon as they are open, or a little later.",
    expected: "nothing",
    run: vanishMany,
  },
];
