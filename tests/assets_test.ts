import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { answerAsset, loadAssets } from "../server/assets.ts";

const decoder = new TextDecoder();

/** Returns the text of a file of the page. */
function textOf(path: string): string {
  const asset = loadAssets().get(path);
  assert.ok(asset, `${path} is not there`);
  return decoder.decode(asset.identity.body);
}

/** Returns the paths that a module imports. */
function importsOf(path: string): string[] {
  const found = textOf(path).matchAll(
    /^(?:import|export)\b[^;]*?from "([^"]+)"|^import "([^"]+)"/gm,
  );
  return Array.from(
    found,
    ([, from, bare]) => new URL(from ?? bare ?? "", `http://x${path}`).pathname,
  );
}

/** Returns the paths that the page itself names. */
function linksOf(): string[] {
  return Array.from(textOf("/").matchAll(/(?:src|href)="([^"]+)"/g), ([, path]) => `/${path}`);
}

Deno.test("assets: whatever the page loads is there, and nothing else is", () => {
  const reached = new Set(["/"]);
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    if (path.endsWith(".ts")) importsOf(path).forEach(visit);
  };
  linksOf().forEach(visit);
  assert.deepEqual([...reached].sort(), [...loadAssets().keys()].sort());
});

Deno.test("assets: modules are sent without their types, and with the right type of content", () => {
  for (const [path, { identity: { headers } }] of loadAssets()) {
    const expected = path === "/"
      ? "text/html; charset=utf-8"
      : path.endsWith(".css")
      ? "text/css; charset=utf-8"
      : path.endsWith(".svg")
      ? "image/svg+xml"
      : "text/javascript; charset=utf-8";
    assert.equal(headers["content-type"], expected);
    if (!path.endsWith(".ts")) continue;
    assert.doesNotMatch(textOf(path), /^(?:export )?interface |^import type /m, path);
  }
});

Deno.test("assets: the page has no inline script or style, and names no other host", () => {
  assert.doesNotMatch(textOf("/"), /<script(?![^>]* src=)|<style|\son\w+=|\sstyle=|javascript:/i);
  assert.doesNotMatch(textOf("/web/style.css"), /@import|url\(/);
  const links = linksOf();
  assert.ok(links.length > 3 && links.every((path) => loadAssets().has(path)), `${links}`);
});

Deno.test("assets: no module makes HTML, or code, of text", () => {
  const ways =
    /\b(?:innerHTML|outerHTML|insertAdjacentHTML|setHTML\w*|parseHTML\w*|createContextualFragment|srcdoc|document\.write\w*|DOMParser|eval|new Function)\b/;
  for (const path of loadAssets().keys()) {
    if (path.endsWith(".ts")) assert.doesNotMatch(textOf(path), ways, path);
  }
});

Deno.test("assets: each has a tag of its own, which is that of its content and coding", () => {
  const tags = [...loadAssets().values()].flatMap(({ identity, gzip }) => [
    identity.headers["etag"],
    gzip.headers["etag"],
  ]);
  assert.equal(new Set(tags).size, tags.length);
  const { body, headers } = loadAssets().get("/protocol.ts")?.identity ?? assert.fail();
  const hash = createHash("sha256").update(body).digest("base64url").slice(0, 22);
  assert.equal(headers["etag"], `"${hash}"`);
});

Deno.test("assets: who knows a file gets none, and who can unpack it gets it packed", async () => {
  const asset = loadAssets().get("/web/style.css") ?? assert.fail();
  const answer = (headers: Record<string, string>): Response =>
    answerAsset(asset, new Request("http://x/", { headers }));
  const [plain, packed] = [asset.identity.headers["etag"], asset.gzip.headers["etag"]];
  assert.ok(plain !== undefined && packed !== undefined);
  const expected: [headers: Record<string, string>, status: number, coding: string | null][] = [
    [{}, 200, null],
    [{ "accept-encoding": "br, gzip;q=0.8" }, 200, "gzip"],
    [{ "accept-encoding": "gzip;q=0" }, 200, null],
    [{ "if-none-match": plain }, 304, null],
    [{ "if-none-match": `"x", W/${plain}` }, 304, null],
    [{ "if-none-match": "*" }, 304, null],
    [{ "if-none-match": packed }, 200, null],
    [{ "if-none-match": packed, "accept-encoding": "gzip" }, 304, "gzip"],
    [{ "if-none-match": plain, "accept-encoding": "gzip" }, 200, "gzip"],
  ];
  for (const [headers, status, coding] of expected) {
    const response = answer(headers);
    const what = JSON.stringify(headers);
    assert.deepEqual(
      [response.status, response.headers.get("content-encoding")],
      [status, coding],
      what,
    );
    assert.equal(response.headers.get("vary"), "accept-encoding");
    assert.equal((await response.bytes()).length > 0, status === 200);
  }
});
