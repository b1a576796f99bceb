/**
 * A server that says what the test wants, for clients.
 *
 * @module
 */

import { CHAT_V1 } from "../protocol.ts";
import { answerAsset, loadAssets } from "../server/assets.ts";

/** One connection to a server that says what the test wants. */
export class ScriptedPeer {
  readonly socket: WebSocket;
  readonly got: Record<string, unknown>[] = [];
  #wake: (() => void) | undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      for (const line of data.split("\n")) this.got.push(JSON.parse(line));
      this.#wake?.();
    };
  }

  /** Waits for the next message of that type. */
  async take(messageType: string): Promise<Record<string, unknown>> {
    for (;;) {
      const index = this.got.findIndex((message) => message["messageType"] === messageType);
      if (index >= 0) return this.got.splice(index, 1)[0] ?? {};
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  send(...messages: object[]): void {
    this.socket.send(messages.map((message) => JSON.stringify(message)).join("\n"));
  }

  /** Answers the registration, with these events between the welcome and the pong. */
  async welcome(fields: object, ...events: object[]): Promise<Record<string, unknown>> {
    const registration = await this.take("register");
    const { data } = await this.take("ping");
    const welcome = {
      messageType: "welcome",
      data: "Hi",
      name: "al",
      address: "x",
      room: "lobby",
      epoch: "e",
      session: "s",
      id: 0,
    };
    this.send({ ...welcome, ...fields }, ...events, { messageType: "pong", data });
    return registration;
  }
}

/** A server whose every connection is scripted, and whose page is the real one. */
export class ScriptedServer implements AsyncDisposable {
  readonly #peers: ScriptedPeer[] = [];
  #wake: (() => void) | undefined;
  readonly #server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const asset = loadAssets().get(new URL(request.url).pathname);
    if (!request.headers.has("upgrade")) {
      return asset ? answerAsset(asset, request) : new Response(null, { status: 404 });
    }
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: CHAT_V1 });
    this.#peers.push(new ScriptedPeer(socket));
    this.#wake?.();
    return response;
  });

  get port(): number {
    return this.#server.addr.port;
  }

  async accept(): Promise<ScriptedPeer> {
    while (this.#peers.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#peers.shift() ?? await this.accept();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Returns a message of bob's. */
export function said(id: number, data: string, more: object = {}): object {
  return { messageType: "message", id, time: 1, from: "bob", address: "x", data, ...more };
}
