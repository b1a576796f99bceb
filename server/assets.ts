/**
 * The chat page's files, as they are sent: its TypeScript without types, so that a browser runs the
 * modules that are in this project, the wire's and the client's among them. There is no build: a
 * file is sent under its own path, and imports find their files as they do here.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { stripTypeScriptTypes } from "node:module";
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
import outbox from "../client/outbox.ts" with { type: "text" };
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
import entry from "../web/entry.ts" with { type: "text" };
import icon from "../web/icon.svg" with { type: "text" };
import page from "../web/index.html" with { type: "text" };
import log from "../web/log.ts" with { type: "text" };
import main from "../web/main.ts" with { type: "text" };
import memory from "../web/memory.ts" with { type: "text" };
import pageModule from "../web/page.ts" with { type: "text" };
import pending from "../web/pending.ts" with { type: "text" };
import sidebar from "../web/sidebar.ts" with { type: "text" };
import status from "../web/status.ts" with { type: "text" };
import style from "../web/style.css" with { type: "text" };
import textModule from "../web/text.ts" with { type: "text" };
import transcript from "../web/transcript.ts" with { type: "text" };

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
  "/web/entry.ts": entry,
  "/web/log.ts": log,
  "/web/main.ts": main,
  "/web/memory.ts": memory,
  "/web/page.ts": pageModule,
  "/web/pending.ts": pending,
  "/web/sidebar.ts": sidebar,
  "/web/status.ts": status,
  "/web/text.ts": textModule,
  "/web/transcript.ts": transcript,
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
  "/client/outbox.ts": outbox,
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
 * connect to this server. Not even its own modules can make HTML of text.
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

/** A file of the page, ready to be sent. */
export interface Asset {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

function prepare(path: string, text: string): Asset {
  const type = path === "/" ? HTML_TYPE : TYPES[path.split(".").at(-1) ?? ""] ?? "text/plain";
  const sent = path.endsWith(".ts") ? stripTypeScriptTypes(text) : text;
  const hash = createHash("sha256").update(sent).digest("base64url").slice(0, 22);
  return {
    body: new TextEncoder().encode(sent),
    headers: {
      ...SECURITY_HEADERS,
      "content-type": type,
      etag: `"${hash}"`,
      // The paths do not change when the files do: a browser asks each time whether they have.
      "cache-control": "no-cache",
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

/**
 * Answers a request for a file; with 304 to who has it already (RFC 9110, section 13.1.2).
 */
export function answerAsset({ body, headers }: Asset, request: Request): Response {
  // What was compressed on its way comes back as a weak tag.
  const known = (request.headers.get("if-none-match") ?? "").replaceAll("W/", "").split(/,\s*/);
  if (known.includes(headers["etag"] ?? "")) return new Response(null, { status: 304, headers });
  return new Response(body, { headers });
}
