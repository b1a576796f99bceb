import assert from "node:assert/strict";
import { loadAssets } from "../server/assets.ts";

const decoder = new TextDecoder();

/** Returns the text of a file of the page. */
function textOf(path: string): string {
  const asset = loadAssets().get(path);
  assert.ok(asset, `${path} is not there`);
  return decoder.decode(asset.body);
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
  for (const [path, { headers }] of loadAssets()) {
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
