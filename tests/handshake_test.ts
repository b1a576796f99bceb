import assert from "node:assert/strict";
import { textFrame } from "./frame.ts";
import { TestServer } from "./peer.ts";
import { RawConnection } from "./raw.ts";
import { handshake } from "./raw_websocket.ts";

/**
 * Connects with those lines in its request. Returns the status of the answer, the subprotocol that
 * it names, and what answers a `register`: a `welcome` in chat.v1, and in the envelope dialect `users`.
 */
async function shakeHands({ port }: TestServer, ...headers: string[]): Promise<string> {
  using raw = await RawConnection.open({ port });
  await raw.write(handshake({ port }, { protocol: "", headers }));
  const head = await raw.takeTo("\r\n\r\n") ?? "";
  const [, agreed = "none"] = /^sec-websocket-protocol: (.*)$/im.exec(head) ?? [];
  const status = head.slice(9, 12);
  if (status !== "101") return status;
  await raw.write(textFrame({ messageType: "register", data: "ann" }));
  const [, messageType = ""] = /"messageType":"(\w+)$/.exec(await raw.takeTo('",') ?? "") ?? [];
  return `${status} ${agreed}, ${messageType}`;
}

const OFFERS = [
  "chat.v1",
  "x, chat.v1",
  "x,chat.v1",
  "chat.v1,x",
  "x ,chat.v1",
  "x\t,\tchat.v1",
  "x,,chat.v1",
  ",chat.v1",
  "chat.v1,",
  " , chat.v1 , ",
  "chat.v1,chat.v1",
  "chat.v1, chat.v1",
];

Deno.test("handshake: chat.v1 is agreed on however the list of subprotocols is written", async () => {
  await using server = new TestServer();
  for (const offer of OFFERS) {
    const answer = await shakeHands(server, `Sec-WebSocket-Protocol: ${offer}`);
    assert.equal(answer, "101 chat.v1, welcome", JSON.stringify(offer));
  }
});

Deno.test("handshake: a list of subprotocols may be spread over several lines, and their name be in any case", async () => {
  await using server = new TestServer();
  for (
    const name of ["Sec-WebSocket-Protocol", "sec-websocket-protocol", "SEC-WEBSOCKET-PROTOCOL"]
  ) {
    for (const lines of [["x", "chat.v1"], ["chat.v1", "x"], ["", "x,chat.v1"], ["chat.v1", ""]]) {
      const answer = await shakeHands(server, ...lines.map((line) => `${name}: ${line}`));
      assert.equal(answer, "101 chat.v1, welcome", `${name}: ${lines}`);
    }
  }
});

Deno.test("handshake: what is not exactly chat.v1 is another subprotocol, and none is agreed on", async () => {
  await using server = new TestServer();
  for (
    const offer of [
      "Chat.V1",
      "chat.v10",
      '"chat.v1"',
      "x chat.v1",
      "chat.v1;q=1",
      ",",
      "",
      "\u00a0chat.v1",
    ]
  ) {
    const answer = await shakeHands(server, `Sec-WebSocket-Protocol: ${offer}`);
    assert.equal(answer, "101 none, users", JSON.stringify(offer));
  }
});

Deno.test("handshake: Connection and Upgrade are lists too, in any case", async () => {
  await using server = new TestServer();
  const wanted = "Sec-WebSocket-Protocol: chat.v1";
  for (const value of ["keep-alive,Upgrade", "keep-alive, upgrade", ",UPGRADE,", "Upgrade\t,x"]) {
    const answer = await shakeHands(server, wanted, `Connection: ${value}`);
    assert.equal(answer, "101 chat.v1, welcome", value);
  }
  for (const value of ["WebSocket", "h2c,websocket", "WEBSOCKET, h2c", ",websocket"]) {
    const answer = await shakeHands(server, wanted, `Upgrade: ${value}`);
    assert.equal(answer, "101 chat.v1, welcome", value);
  }
});
