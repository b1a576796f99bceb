import assert from "node:assert/strict";
import { People } from "../client/people.ts";
import type { ServerMessage } from "../protocol.ts";

function users(...dataArray: string[]): ServerMessage {
  return { messageType: "users", dataArray, count: dataArray.length, room: "lobby" };
}

function event(
  messageType: "join" | "leave" | "message" | "rename",
  from: string,
  data = "",
): ServerMessage {
  return { messageType, id: 1, time: 1, from, address: "x", data };
}

/** Returns the names that are known after all this. */
function namesAfter(...messages: ServerMessage[]): string[] {
  const people = new People();
  for (const message of messages) people.take(message);
  return people.names;
}

Deno.test("people: a list in its order, and then who spoke or came last first", () => {
  assert.deepEqual(namesAfter(users("a", "b", "c")), ["a", "b", "c"]);
  assert.deepEqual(namesAfter(users("a", "b"), event("message", "b")), ["b", "a"]);
  assert.deepEqual(namesAfter(users("a"), event("join", "b")), ["b", "a"]);
  const psst: ServerMessage = { messageType: "private", time: 1, from: "b", to: "a", data: "x" };
  assert.deepEqual(namesAfter(users("a", "b"), psst), ["b", "a"]);
});

Deno.test("people: a new list takes away who is not in it, and keeps the order of who spoke", () => {
  const spoken = [event("message", "b"), event("message", "c")];
  assert.deepEqual(namesAfter(users("a", "b", "c"), ...spoken, users("a", "b", "d")), [
    "b",
    "a",
    "d",
  ]);
});

Deno.test("people: who leaves is gone, and who takes another name has that", () => {
  assert.deepEqual(namesAfter(users("a", "b"), event("leave", "A")), ["b"]);
  assert.deepEqual(namesAfter(users("a", "b"), event("rename", "b", "B2")), ["B2", "a"]);
});

Deno.test("people: of very many those are kept who spoke last", () => {
  const many = Array.from({ length: 1_100 }, (_, i) => event("message", `p${i}`));
  const names = namesAfter(...many);
  assert.equal(names.length, 1_000);
  assert.equal(names[0], "p1099");
});
