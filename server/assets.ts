/**
 * The chat page's files, as they are sent: its TypeScript without types, so that a browser runs the
 * modules that are in this project, the wire's and the client's among them. There is no build: a
 * file is sent under its own path, and imports find their files as they do here.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { stripTypeScriptTypes } from "node:module";
import { gzipSync } from "node:zlib";
import backoff from "../client/backoff.ts" with { type: "text" };
import completion from "../client/completion.ts" with { type: "text" };
import connect from "../client/connect.ts" with { type: "text" };
import conversation from "../client/conversation.ts" with { type: "text" };
import exit from "../client/exit.ts" with { type: "text" };
import failure from "../client/failure.ts" with { type: "text" };
import fold from "../client/fold.ts" with { type: "text" };
import handover from "../client/handover.ts" with { type: "text" };
import hue from "../client/hue.ts" with { type: "text" };
import link from "../client/link.ts" with { type: "text" };
import mention from "../client/mention.ts" with { type: "text" };
import outbox from "../client/outbox.ts" with { type: "text" };
import sender from "../client/sender.ts" with { type: "text" };
import people from "../client/people.ts" with { type: "text" };
import place from "../client/place.ts" with { type: "text" };
import roster from "../client/roster.ts" with { type: "text" };
import words from "../client/words.ts" with { type: "text" };
import protocol from "../protocol.ts" with { type: "text" };
import address from "../web/address.ts" with { type: "text" };
import attention from "../web/attention.ts" with { type: "text" };
import composer from "../web/composer.ts" with { type: "text" };
import dialogs from "../web/dialogs.ts" with { type: "text" };
import elements from "../web/elements.ts" with { type: "text" };
import emoji from "../web/emoji.ts" with { type: "text" };
import entry from "../web/entry.ts" with { type: "text" };
import excerpt from "../web/excerpt.ts" with { type: "text" };
import hints from "../web/hints.ts" with { type: "text" };
import icon from "../web/icon.svg" with { type: "text" };
import page from "../web/index.html" with { type: "text" };
import lists from "../web/lists.ts" with { type: "text" };
import log from "../web/log.ts" with { type: "text" };
import main from "../web/main.ts" with { type: "text" };
import memory from "../web/memory.ts" with { type: "text" };
import pageModule from "../web/page.ts" with { type: "text" };
import pending from "../web/pending.ts" with { type: "text" };
import sidebar from "../web/sidebar.ts" with { type: "text" };
import status from "../web/status.ts" with { type: "text" };
import style from "../web/style.css" with { type: "text" };
import tab from "../web/tab.ts" with { type: "text" };
import textModule from "../web/text.ts" with { type: "text" };
import transcript from "../web/transcript.ts" with { type: "text" };
import unread from "../web/unread.ts" with { type: "text" };

/** Every file's text, by its path. */
const FILES: Readonly<Record<string, string>> = {
  "/": page,
  "/web/style.css": style,
  "/web/icon.svg": icon,
  "/web/address.ts": address,
  "/web/attention.ts": attention,
  "/web/composer.ts": composer,
  "/web/dialogs.ts": dialogs,
  "/web/elements.ts": elements,
  "/web/emoji.ts": emoji,
  "/web/entry.ts": entry,
  "/web/excerpt.ts": excerpt,
  "/web/hints.ts": hints,
  "/web/lists.ts": lists,
  "/web/log.ts": log,
  "/web/main.ts": main,
  "/web/memory.ts": memory,
  "/web/page.ts": pageModule,
  "/web/pending.ts": pending,
  "/web/sidebar.ts": sidebar,
  "/web/status.ts": status,
  "/web/tab.ts": tab,
  "/web/text.ts": textModule,
  "/web/transcript.ts": transcript,
  "/web/unread.ts": unread,
  "/client/backoff.ts": backoff,
  "/client/completion.ts": completion,
  "/client/connect.ts": connect,
  "/client/conversation.ts": conversation,
  "/client/exit.ts": exit,
  "/client/failure.ts": failure,
  "/client/fold.ts": fold,
  "/client/handover.ts": handover,
  "/client/hue.ts": hue,
  "/client/link.ts": link,
  "/client/mention.ts": mention,
  "/client/outbox.ts": outbox,
  "/client/sender.ts": sender,
  "/client/people.ts": people,
  "/client/place.ts": place,
  "/client/roster.ts": roster,
  "/client/words.ts": words,
  "/protocol.ts": protocol,
};

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  ts: "text/javascript; charset=utf-8",
};

const HTML_TYPE = "text/html; charset=utf-8";

/**
 * What the page may do (Content Security Policy, level 3): run and show this server's files, and
 * connect to this server. Where the browser knows Trusted Types, not even its own modules can make
 * HTML of text.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
};

/** A file of the page, in one coding, ready to be sent. */
interface Representation {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

/** A file of the page. */
export interface Asset {
  readonly identity: Representation;
  readonly gzip: Representation;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

/** Tells the browser of all modules at once, which else it would find one level after the other. */
function preload(html: string): string {
  const modules = Object.keys(FILES).filter((path) => path.endsWith(".ts"));
  const links = modules.map((path) => `<link rel="modulepreload" href="${path.slice(1)}">`);
  return html.replace("</head>", `${links.join("\n")}\n</head>`);
}

function prepare(path: string, text: string): Asset {
  const isModule = path.endsWith(".ts");
  const sent = isModule ? stripTypeScriptTypes(text) : path === "/" ? preload(text) : text;
  const type = path === "/" ? HTML_TYPE : TYPES[path.split(".").at(-1) ?? ""] ?? "text/plain";
  const hash = hashOf(sent);
  const headers = {
    ...SECURITY_HEADERS,
    "content-type": type,
    // The paths do not change when the files do: a browser asks each time whether they have.
    "cache-control": "no-cache",
    "vary": "accept-encoding",
  };
  const body = new TextEncoder().encode(sent);
  return {
    identity: { body, headers: { ...headers, etag: `"${hash}"` } },
    gzip: {
      body: new Uint8Array(gzipSync(body)),
      headers: { ...headers, "etag": `"${hash}-gzip"`, "content-encoding": "gzip" },
    },
  };
}

let assets: ReadonlyMap<string, Asset> | undefined;

/** Returns the page's files by their paths. They are prepared once. */
export function loadAssets(): ReadonlyMap<string, Asset> {
  return assets ??= new Map(
    Object.entries(FILES).map(([path, text]) => [path, prepare(path, text)]),
  );
}

/** Tells whether a header that lists something, some of it with a weight, lists that. */
function hasItem(header: string | null, item: RegExp): boolean {
  return (header ?? "").split(",").some((each) => item.test(each.trim()));
}

/**
 * Answers a request for a file; with 304 to who has it already (RFC 9110, section 13.1.2).
 */
export function answerAsset({ identity, gzip }: Asset, { headers }: Request): Response {
  const isGzip = hasItem(headers.get("accept-encoding"), /^gzip(?!\s*;\s*q=0(?:\.0*)?$)/i);
  const chosen = isGzip ? gzip : identity;
  const known = (headers.get("if-none-match") ?? "").split(",").map((tag) => tag.trim());
  const isKnown = known.some((tag) =>
    tag === "*" || tag.replace(/^W\//, "") === chosen.headers["etag"]
  );
  return isKnown
    ? new Response(null, { status: 304, headers: chosen.headers })
    : new Response(chosen.body, { headers: chosen.headers });
}
