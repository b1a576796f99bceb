/// <reference lib="dom" />
/**
 * Chromium as a person uses it, driven over WebDriver (W3C, level 2) with `fetch`, and in it our
 * page. Needs `chromium` and `chromedriver`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { outputLines } from "./lines.ts";

/** How long a page may take to become what a test waits for, in milliseconds. */
const PATIENCE = 20_000;

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--hide-scrollbars",
  "--lang=en-GB",
];

/** Keys that are not letters (WebDriver, section 17.4.2). */
export const Key = {
  tab: "\uE004",
  enter: "\uE007",
  shift: "\uE008",
  control: "\uE009",
  escape: "\uE00C",
  space: "\uE00D",
  end: "\uE010",
  home: "\uE011",
  down: "\uE015",
} as const;

/** The key under which WebDriver names an element. */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

/** A node of the accessibility tree, as a screen reader is told of it. */
export interface AccessibleNode {
  readonly role: string;
  readonly name: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** The program that drives browsers. */
class Driver implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly url: string;

  private constructor(child: Deno.ChildProcess, port: string) {
    this.#child = child;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<Driver> {
    const child = new Deno.Command("chromedriver", {
      args: ["--port=0"],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    for await (const line of outputLines(child.stdout)) {
      const port = /successfully on port (\d+)/.exec(line)?.[1];
      if (port !== undefined) return new Driver(child, port);
    }
    throw new Error("chromedriver has not started");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
  }
}

/** How a browser begins. */
export interface BrowserOptions {
  readonly width?: number;
  readonly height?: number;
  /** What the system wishes. Default: light. */
  readonly scheme?: "light" | "dark";
  /** Pixels of the screen for each of the page. Default: 1. */
  readonly scale?: number;
}

/** A browser with a page, of a person of their own. */
export class Browser implements AsyncDisposable {
  readonly #driver: Driver;
  readonly #session: string;

  private constructor(driver: Driver, session: string) {
    this.#driver = driver;
    this.#session = `${driver.url}/session/${session}`;
  }

  /** Starts a browser, and opens a page. */
  static async open(url: string, options: BrowserOptions = {}): Promise<Browser> {
    const driver = await Driver.start();
    const alwaysMatch = {
      "goog:chromeOptions": { args: FLAGS },
      "goog:loggingPrefs": { browser: "ALL", performance: "ALL" },
      timeouts: { script: PATIENCE },
      unhandledPromptBehavior: "accept",
    };
    const body = JSON.stringify({ capabilities: { alwaysMatch } });
    const response = await fetch(`${driver.url}/session`, { method: "POST", body });
    const { value } = await response.json();
    if (!response.ok) await driver[Symbol.asyncDispose]();
    assert.ok(response.ok, JSON.stringify(value));
    const browser = new Browser(driver, value.sessionId);
    const { width = 1280, height = 800, scheme = "light", scale = 1 } = options;
    await browser.resize(width, height, scale);
    await browser.cdp("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
    await browser.go(url);
    return browser;
  }

  /** Sends a command to the session. Returns its value. */
  async #command(method: string, path: string, body?: object): Promise<unknown> {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await fetch(`${this.#session}${path}`, init);
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
    return value;
  }

  /** Sends a command of Chromium's own protocol. */
  async cdp(cmd: string, params: object = {}): Promise<Record<string, unknown>> {
    const value = await this.#command("POST", "/goog/cdp/execute", { cmd, params });
    return value as Record<string, unknown>;
  }

  async go(url: string): Promise<void> {
    await this.#command("POST", "/url", { url });
  }

  /** Opens a page in another tab, and turns to it. */
  async openTab(url: string): Promise<void> {
    await this.#command("POST", "/window/new", { type: "tab" });
    await this.turnToTab(-1);
    await this.go(url);
  }

  /** Turns to a tab, by its number in the order in which they were opened; -1 is the last one. */
  async turnToTab(index: number): Promise<void> {
    const handles = await this.#command("GET", "/window/handles") as string[];
    await this.#command("POST", "/window", { handle: handles.at(index) });
  }

  async reload(): Promise<void> {
    await this.#command("POST", "/refresh", {});
  }

  async back(): Promise<void> {
    await this.#command("POST", "/back", {});
  }

  /** Gives the page so many pixels of its own, each of `scale` pixels of the screen. */
  async resize(width: number, height: number, scale = 1): Promise<void> {
    const metrics = { width, height, deviceScaleFactor: scale, mobile: false };
    await this.cdp("Emulation.setDeviceMetricsOverride", metrics);
    // Two frames later the page has taken note of it.
    await this.run(() => {
      return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    });
  }

  /** Runs a function in the page, which sees nothing but its arguments. */
  async run<Args extends unknown[], Result>(
    act: (...args: Args) => Result,
    ...args: Args
  ): Promise<Awaited<Result>> {
    const script = `return (${act}).apply(null, arguments)`;
    return await this.#command("POST", "/execute/sync", { script, args }) as Awaited<Result>;
  }

  /** Waits until a function returns true in the page. */
  async until<Args extends unknown[]>(
    isSo: (...args: Args) => boolean,
    ...args: Args
  ): Promise<void> {
    const script = `
      const done = arguments[arguments.length - 1];
      const args = Array.prototype.slice.call(arguments, 0, -1);
      const check = () => {
        if (!(${isSo}).apply(null, args)) return;
        clearInterval(timer);
        done();
      };
      const timer = setInterval(check, 10);
      check();`;
    try {
      await this.#command("POST", "/execute/async", { script, args });
    } catch (error) {
      const text = await this.run(() => document.body.innerText);
      throw new Error(`Never: ${isSo} ${JSON.stringify(args)}; ${error}. The page:\n${text}`);
    }
  }

  /** Waits until the page shows a text. */
  async shows(text: string): Promise<void> {
    await this.until((text) => document.body.innerText.includes(text), text);
  }

  /** Clicks on an element that a person can click on. */
  async click(selector: string): Promise<void> {
    await this.until((selector) => document.querySelector(selector) !== null, selector);
    const using = { using: "css selector", value: selector };
    const found = await this.#command("POST", "/element", using) as Record<string, string>;
    await this.#command("POST", `/element/${found[ELEMENT]}/click`, {});
  }

  /** Presses keys, one after the other, wherever the focus is. */
  async press(...keys: string[]): Promise<void> {
    const actions = keys.flatMap((value) => [{ type: "keyDown", value }, { type: "keyUp", value }]);
    await this.#act(actions);
  }

  /** Presses a key while another is held. */
  async chord(held: string, key: string): Promise<void> {
    await this.#act([
      { type: "keyDown", value: held },
      { type: "keyDown", value: key },
      { type: "keyUp", value: key },
      { type: "keyUp", value: held },
    ]);
  }

  async #act(actions: object[]): Promise<void> {
    await this.#command("POST", "/actions", { actions: [{ type: "key", id: "keys", actions }] });
  }

  /** Types a text wherever the focus is, as a keyboard or an input method does. */
  async type(text: string): Promise<void> {
    await this.cdp("Input.insertText", { text });
  }

  /** Returns the page as a PNG. */
  async screenshot(): Promise<Uint8Array<ArrayBuffer>> {
    const base64 = String(await this.#command("GET", "/screenshot"));
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  }

  /** Returns the accessibility tree, but for what is ignored, in the order in which it is read. */
  async accessibility(): Promise<AccessibleNode[]> {
    const { nodes } = await this.cdp("Accessibility.getFullAXTree") as { nodes: RawNode[] };
    const byId = new Map(nodes.map((node) => [node.nodeId, node]));
    const read = (
      { ignored, role, name, properties = [], childIds = [] }: RawNode,
    ): AccessibleNode[] => {
      const children = childIds.flatMap((id) => {
        const child = byId.get(id);
        return child ? read(child) : [];
      });
      if (ignored) return children;
      const known = properties.map(({ name, value }) => [name, value.value]);
      return [{
        role: String(role?.value ?? ""),
        name: String(name?.value ?? ""),
        properties: Object.fromEntries(known),
      }, ...children];
    };
    const [root] = nodes;
    return root ? read(root) : [];
  }

  /** Returns what the console got since the last time: errors and warnings. */
  async complaints(): Promise<string[]> {
    const entries = await this.#log("browser");
    return entries.filter(({ level }) => level === "SEVERE" || level === "WARNING")
      .map(({ message }) => message);
  }

  /** Returns the URLs of all requests since the last time. */
  async requests(): Promise<string[]> {
    const entries = await this.#log("performance");
    return entries.map(({ message }) => JSON.parse(message).message).flatMap(
      ({ method, params }: { method: string; params: RequestParams }) => {
        if (method === "Network.requestWillBeSent") return [params.request?.url ?? ""];
        return method === "Network.webSocketCreated" ? [params.url ?? ""] : [];
      },
    );
  }

  async #log(type: string): Promise<{ level: string; message: string }[]> {
    const entries = await this.#command("POST", "/se/log", { type });
    return entries as { level: string; message: string }[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _driver = this.#driver;
    await this.#command("DELETE", "");
  }
}

interface RawNode {
  readonly nodeId: string;
  readonly childIds?: readonly string[];
  readonly ignored: boolean;
  readonly role?: { readonly value: unknown };
  readonly name?: { readonly value: unknown };
  readonly properties?: readonly { readonly name: string; readonly value: { value: unknown } }[];
}

interface RequestParams {
  readonly request?: { readonly url: string };
  readonly url?: string;
}
