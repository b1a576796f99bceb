import assert from "node:assert/strict";
import { Hub } from "../server/hub.ts";
import type { Log } from "../server/log.ts";
import { PRESENCE_INTERVAL } from "../server/room.ts";
import { RESUME_TIME } from "../server/hub.ts";
import { FakeClock, joinChat, Peer, say, TcpPeer, TestServer, turn } from "./peer.ts";

/** A log that fails on what has that text in it, as code of ours may that nobody has foreseen. */
function faultyLog(text: string, lines: string[]): Log {
  return (level, word) => {
    const line = word();
    if (line.includes(text) && !line.includes("failed")) throw new Error(`No ${text}`);
    lines.push(`${level} ${line}`);
  };
}

Deno.test("a throw while a message is handled costs its sender the connection, and nobody else anything", async () => {
  const lines: string[] = [];
  await using server = new TestServer({ log: faultyLog("boom", lines) });
  await using alice = await server.register("alice");
  await using eve = await server.register("eve");
  await using tcp = await TcpPeer.open(server);
  eve.send({ messageType: "message", data: "boom" });
  assert.equal((await eve.closed).code, 1011);
  await tcp.send("boom\n");
  while (await tcp.line() !== null);
  alice.send({ messageType: "message", data: "and on" });
  await alice.jsonWhere(({ data }) => data === "and on");
  const failed = lines.filter((line) => line.startsWith("error"));
  assert.equal(failed.length, 2);
  for (const line of failed) {
    assert.match(line, /^error Session of 127\.0\.0\.1:\d+ failed: "Error: No boom\\n /);
  }
});

Deno.test("a throw while somebody comes in costs them the connection, and leaves nothing behind", async () => {
  const lines: string[] = [];
  await using server = new TestServer({ log: faultyLog("New connection", lines) });
  await using eve = await Peer.open(server.url("ws", "/text"));
  assert.equal((await eve.closed).code, 1011);
  const tcp = await TcpPeer.open(server);
  await tcp.end();
  tcp.conn.close();
  assert.deepEqual(lines.map((line) => line.split(" ")[0]).slice(-2), ["error", "info"]);
  const response = await fetch(server.url("http", "/healthz"));
  assert.deepEqual(await response.json(), { status: "ok", connections: 0 });
  const metrics = async (): Promise<string> =>
    await (await fetch(server.url("http", "/metrics"))).text();
  while (!(await metrics()).includes("\nchat_sockets 0\n"));
});

Deno.test("a throw while something is sent costs whom it was for, and nobody else anything", async () => {
  const hub = new Hub();
  const alice = joinChat(hub, "alice");
  const eve = joinChat(hub, "eve");
  await turn();
  eve.connection.onSend = () => {
    throw new Error("No");
  };
  say(alice.session, "hello");
  await turn();
  assert.equal(eve.connection.closeCode, 1011);
  assert.ok(alice.connection.frames.some((frame) => frame.includes("hello")));
  assert.equal(hub.find("eve"), undefined);
});

Deno.test("the clock of the day is set back: ids go on, waits do not get longer, sessions stay", async () => {
  const clock = new FakeClock();
  const hub = new Hub({ clock, rate: 10, burst: 1 });
  const alice = joinChat(hub, "alice");
  const { session: secret, epoch } = JSON.parse(alice.connection.frames[0]?.split("\n")[0] ?? "");
  const times = (): [number, number][] =>
    alice.connection.frames.flatMap((frame) => frame.split("\n")).map((line) => JSON.parse(line))
      .filter(({ messageType }) => messageType === "message").map(({ id, time }) => [id, time]);
  say(alice.session, "one");
  await turn();
  clock.setBack(24 * 3_600_000);
  clock.advance(100);
  say(alice.session, "two");
  await turn();
  const [[first = 0, before = 0] = [], [second = 0, after = 0] = []] = times();
  assert.equal(second, first + 1);
  assert.equal(before - after, 24 * 3_600_000 - 100);
  alice.session.end();
  clock.advance(RESUME_TIME - 1);
  const back = joinChat(hub, "someone", { session: secret, epoch, after: second });
  assert.match(back.connection.frames[0] ?? "", /"name":"alice"/);
  const unlimited = new Hub({ clock, rate: 0 });
  const crowd = Array.from({ length: 101 }, (_, i) => joinChat(unlimited, `n${i}`));
  clock.setBack(3_600_000);
  clock.advance(PRESENCE_INTERVAL);
  await turn();
  assert.ok(crowd[0]?.connection.frames.some((frame) => frame.includes('"presence"')));
  for (const { session } of [back, ...crowd]) session.end();
});
