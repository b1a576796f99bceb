/**
 * A conversation of well-behaved clients, each of which writes down all that it hears, and how long
 * that took.
 *
 * @module
 */

import assert from "node:assert/strict";
import { CHAT_V1 } from "../protocol.ts";
import { lookUntil } from "../tests/metrics.ts";
import { openFrom } from "../tests/peer.ts";

/** How long what was said last may take to arrive, in milliseconds. */
const ARRIVAL_TIME = 30_000;

/** What people say: of every length, in every script, and what has to be escaped. */
const PHRASES = [
  "ok",
  "Good morning, has anyone tried the new build?",
  'She said "no" \\ and left; 100 % of it.',
  "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich",
  "いろはにほへと ちりぬるを",
  "👩‍👩‍👧‍👦 👍🏽 e\u0301 ﷽",
  "two\nlines\n\tand a tab",
  "* looks like a notice",
  "/looks like a command",
  '{"messageType":"message","data":"looks like JSON"}',
  "a long text ".repeat(80),
  "ü".repeat(2_000),
];

/**
 * What is read of what comes: not what the attackers say, which would take as long as the server
 * takes to tell it.
 */
const OURS = /^\{(?:"id":\d+,)?"messageType":"(?:welcome|missed|error)|"from":"honest-\d+"/;

/** Returns what is said as the message with that number. */
export function textOf(number: number): string {
  return `${number} ${PHRASES[number % PHRASES.length]}`.trimEnd();
}

/** A message, as a client heard it. */
interface Heard {
  readonly id: number;
  readonly from: string;
  readonly text: string;
}

/** One of the clients. */
class Talker {
  readonly name: string;
  readonly heard: Heard[] = [];
  /** What should not have happened. */
  readonly problems: string[] = [];
  readonly isIn: Promise<void>;
  readonly isOut: Promise<void>;
  readonly #socket: WebSocket;
  readonly #talk: Talk;
  readonly #entered = Promise.withResolvers<void>();
  #isLeaving = false;

  constructor(talk: Talk, name: string, port: string) {
    this.name = name;
    this.#talk = talk;
    // Behind a proxy each of them has an address of their own.
    const address = `198.51.100.${name.replace(/\D/g, "")}`;
    this.#socket = openFrom(address, `ws://127.0.0.1:${port}`, [CHAT_V1]);
    const gone = Promise.withResolvers<void>();
    this.isIn = this.#entered.promise;
    this.isOut = gone.promise;
    this.#socket.onopen = () => this.#send({ messageType: "register", data: name });
    this.#socket.onmessage = ({ data }) => this.#take(String(data));
    this.#socket.onclose = ({ code }) => {
      if (!this.#isLeaving) this.problems.push(`closed with ${code}`);
      this.#entered.resolve();
      gone.resolve();
    };
  }

  say(text: string): void {
    this.#send({ messageType: "message", data: text, ref: crypto.randomUUID() });
  }

  leave(): void {
    this.#isLeaving = true;
    this.#socket.close();
  }

  #send(message: object): void {
    this.#socket.send(JSON.stringify(message));
  }

  #take(frame: string): void {
    const now = performance.now();
    for (const line of frame.split("\n").filter((line) => OURS.test(line))) {
      const { messageType, id, from, data, name } = JSON.parse(line);
      if (messageType === "message" && this.#talk.isOfUs(from)) {
        this.heard.push({ id, from, text: data });
        this.#talk.hear(from, data, now);
      } else if (messageType === "missed" || messageType === "error") {
        this.problems.push(line);
      } else if (messageType === "welcome") {
        if (name !== this.name) this.problems.push(`is called ${name}`);
        this.#entered.resolve();
      }
    }
  }
}

/** How much is said. */
export interface Speech {
  /** At least so many messages. */
  readonly count: number;
  /** Of all clients together. */
  readonly perSecond: number;
  /** And as many more as can be said before that. */
  readonly until?: Promise<unknown>;
}

/** Clients that talk, until they are disposed of. */
export class Talk implements AsyncDisposable {
  readonly #talkers: readonly Talker[];
  readonly #names: ReadonlySet<string>;
  /** What was said, and when, until it was heard by all. */
  readonly #said = new Map<string, { at: number; missing: number }>();
  #count = 0;
  #latencies: number[] = [];
  #longest = 0;

  private constructor(port: string, size: number) {
    const names = Array.from({ length: size }, (_, i) => `honest-${i + 1}`);
    this.#names = new Set(names);
    this.#talkers = names.map((name) => new Talker(this, name, port));
  }

  /** Has so many clients come in. */
  static async begin(port: string, size: number): Promise<Talk> {
    const talk = new Talk(port, size);
    await Promise.all(talk.#talkers.map(({ isIn }) => isIn));
    return talk;
  }

  /** Returns the latencies of all deliveries so far, the shortest first, and forgets them. */
  takeLatencies(): number[] {
    const latencies = this.#latencies.sort((a, b) => a - b);
    this.#latencies = [];
    return latencies;
  }

  /** Returns the longest latency since it was last asked for. */
  takeLongest(): number {
    const longest = this.#longest;
    this.#longest = 0;
    return longest;
  }

  /** Has each in turn say something. Resolves when everyone has heard it, with how much it was. */
  async speak({ count, perSecond, until = Promise.resolve() }: Speech): Promise<number> {
    let isOver = false;
    until.finally(() => isOver = true);
    const begun = performance.now();
    let said = 0;
    for (; said < count || !isOver; said++) {
      const wait = begun + said * 1000 / perSecond - performance.now();
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
      this.#say();
    }
    await lookUntil(() => this.#said.size, (missing) => missing === 0, ARRIVAL_TIME);
    return said;
  }

  /** Tells whether that is the name of one of these. */
  isOfUs(name: string): boolean {
    return this.#names.has(name);
  }

  /** Takes note that one of these has heard what was said. */
  hear(from: string, text: string, now: number): void {
    const said = this.#said.get(`${from} ${text}`);
    if (!said) return;
    const latency = now - said.at;
    this.#latencies.push(latency);
    this.#longest = Math.max(this.#longest, latency);
    if (--said.missing === 0) this.#said.delete(`${from} ${text}`);
  }

  /**
   * Checks that everyone has heard all that was said, once, in the same order, as it was said.
   */
  check(): void {
    for (const { name, problems } of this.#talkers) assert.deepEqual(problems, [], name);
    const [first] = this.#talkers;
    const heard = first?.heard ?? [];
    for (const talker of this.#talkers) assert.deepEqual(talker.heard, heard, talker.name);
    heard.forEach(({ id }, i) => assert.ok(i === 0 || id > (heard[i - 1]?.id ?? 0), `id ${id}`));
    const said = Array.from(
      { length: this.#count },
      (_, i) => `${this.#speaker(i)?.name} ${textOf(i)}`,
    );
    assert.deepEqual(heard.map(({ from, text }) => `${from} ${text}`).sort(), said.sort());
    // And each has been heard in the order in which they have spoken.
    for (const { name } of this.#talkers) {
      const numbers = heard.filter(({ from }) => from === name).map(({ text }) => parseInt(text));
      assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b), name);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const talker of this.#talkers) talker.leave();
    await Promise.all(this.#talkers.map(({ isOut }) => isOut));
  }

  #speaker(number: number): Talker | undefined {
    return this.#talkers[number % this.#talkers.length];
  }

  #say(): void {
    const number = this.#count++;
    const speaker = this.#speaker(number);
    const text = textOf(number);
    const missing = this.#talkers.length;
    this.#said.set(`${speaker?.name} ${text}`, { at: performance.now(), missing });
    speaker?.say(text);
  }
}
