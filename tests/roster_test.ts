import assert from "node:assert/strict";
import { Roster } from "../client/roster.ts";
import type { ServerMessage } from "../protocol.ts";

const NEWS = { isPast: false };

function event(messageType: "join" | "leave", from: string): ServerMessage {
  return { messageType, id: 1, time: 1, from, address: `at ${from}` };
}

function listOf(dataArray: string[], count = dataArray.length): ServerMessage {
  return { messageType: "users", dataArray, count, room: "lobby" };
}

Deno.test("roster: follows who comes, goes and takes another name", () => {
  const roster = new Roster();
  roster.take(listOf(["bob", "Carol"]), NEWS);
  roster.take(event("join", "alice"), NEWS);
  roster.take(event("join", "alice"), NEWS);
  assert.deepEqual([roster.names, roster.count], [["alice", "bob", "Carol"], 3]);
  const rename = { messageType: "rename" as const, id: 1, time: 1, from: "bob", data: "rob" };
  roster.take({ ...rename, address: "at bob" }, NEWS);
  roster.take(event("leave", "alice"), NEWS);
  roster.take(event("leave", "alice"), NEWS);
  assert.deepEqual([roster.names, roster.count], [["Carol", "rob"], 2]);
  assert.deepEqual([roster.addressOf("rob"), roster.addressOf("Carol")], ["at bob", undefined]);
});

Deno.test("roster: what is past is in the list already", () => {
  const roster = new Roster();
  roster.take(listOf(["bob"]), NEWS);
  for (const message of [event("join", "eve"), event("leave", "bob")]) {
    roster.take(message, { isPast: true });
  }
  roster.take({ messageType: "presence", id: 2, time: 1, count: 500 }, { isPast: true });
  assert.deepEqual([roster.names, roster.count, roster.isOutdated], [["bob"], 1, false]);
});

Deno.test("roster: of a crowd it knows the number, until it is asked for again", () => {
  const roster = new Roster();
  roster.take(listOf(["a", "b"], 700), NEWS);
  roster.take(event("leave", "unlisted"), NEWS);
  assert.equal(roster.count, 699);
  roster.take({ messageType: "presence", id: 2, time: 1, count: 650 }, NEWS);
  assert.deepEqual([roster.names, roster.count, roster.isOutdated], [["a", "b"], 650, true]);
  roster.take(listOf(["a"]), NEWS);
  assert.deepEqual([roster.names, roster.count, roster.isOutdated], [["a"], 1, false]);
});

Deno.test("roster: who speaks is known by their address", () => {
  const roster = new Roster();
  roster.take(listOf(["bob"]), NEWS);
  const said = { messageType: "message" as const, id: 3, time: 1, data: "hi" };
  roster.take({ ...said, from: "bob", address: "1.2.3.4:5" }, NEWS);
  roster.take({ ...said, from: "bob", address: "of another bob" }, { isPast: true });
  roster.take({ ...said, from: "gone", address: "1.2.3.4:6" }, NEWS);
  roster.take(listOf(["bob", "carol"]), NEWS);
  assert.deepEqual([roster.addressOf("bob"), roster.names], ["1.2.3.4:5", ["bob", "carol"]]);
});

Deno.test("roster: of people without end it keeps some, and counts all", () => {
  const roster = new Roster();
  for (let i = 0; i < 5_000; i++) roster.take(event("join", `p${i}`), NEWS);
  assert.deepEqual([roster.names.length, roster.count, roster.isOutdated], [1_000, 5_000, true]);
});
