import assert from "node:assert/strict";
import { isOriginAllowed, isOwnHost, parseOrigin } from "../server/origin.ts";

Deno.test("parseOrigin: as browsers write it, and nothing else", () => {
  assert.equal(parseOrigin("https://Chat.Example:443/"), "https://chat.example");
  assert.equal(parseOrigin("http://[::1]:8080"), "http://[::1]:8080");
  for (const none of ["", "null", "*", "chat.example", "ws://x", "https://x/a", "https://x?q"]) {
    assert.equal(parseOrigin(none), undefined, none);
  }
});

const NAMED = ["https://chat.example", "http://lan:8080"];

const ALLOWED: [origin: string | null, url: string][] = [
  [null, "http://192.0.2.1:8080"],
  [null, "http://whatever.example"],
  ["http://192.0.2.1:8080", "http://192.0.2.1:8080"],
  ["http://[2001:db8::1]:8080", "http://[2001:db8::1]:8080"],
  ["http://localhost:8080", "http://localhost:8080"],
  // Loopback to loopback, from another program's page.
  ["http://localhost:3000", "http://127.0.0.1:8080"],
  ["http://127.0.0.1:3000", "http://[::1]:8080"],
  ["https://localhost", "http://localhost:8080"],
  // A name that was given: its page, and the page that this server sends under it.
  ["https://chat.example", "http://chat.example"],
  ["https://chat.example", "http://127.0.0.1:8080"],
  ["http://lan:8080", "http://lan:8080"],
  // The name behind a proxy that speaks TLS on another port.
  ["https://chat.example:8443", "http://chat.example:8443"],
];

const REFUSED: [origin: string, url: string][] = [
  ["http://evil.example", "http://127.0.0.1:8080"],
  ["http://evil.example", "http://192.0.2.1:8080"],
  ["http://localhost:3000", "http://192.0.2.1:8080"],
  ["http://192.0.2.1:8080", "http://localhost:8080"],
  ["http://192.0.2.1:9000", "http://192.0.2.1:8080"],
  ["http://192.0.2.1", "http://192.0.2.1:8080"],
  // Rebinding: the page's own name leads here.
  ["http://evil.example:8080", "http://evil.example:8080"],
  ["http://localhost.evil.example:8080", "http://localhost.evil.example:8080"],
  ["http://127.0.0.1.evil.example", "http://127.0.0.1.evil.example"],
  ["http://evil.example", "http://chat.example"],
  ["https://chat.example.evil.example", "http://chat.example"],
  ["null", "http://127.0.0.1:8080"],
  ["", "http://127.0.0.1:8080"],
  ["file://", "http://127.0.0.1:8080"],
  ["nonsense", "http://127.0.0.1:8080"],
];

Deno.test("isOriginAllowed: this server's own pages, this machine's, those that were named, and programs", () => {
  const allowed = new Set(NAMED);
  for (const [origin, url] of ALLOWED) {
    assert.ok(isOriginAllowed({ origin, url: new URL(url), allowed }), `${origin} to ${url}`);
  }
  for (const [origin, url] of REFUSED) {
    assert.ok(!isOriginAllowed({ origin, url: new URL(url), allowed }), `${origin} to ${url}`);
  }
});

Deno.test("isOwnHost: addresses, localhost and names that were given", () => {
  const allowed = new Set(NAMED);
  const own = ["127.0.0.1", "[::1]", "192.0.2.1", "localhost", "chat.example", "lan"];
  for (const host of own) assert.ok(isOwnHost(host, allowed), host);
  const foreign = ["evil.example", "x.localhost", "1.2.3.4.example", "chat.example.evil", "host"];
  for (const host of foreign) assert.ok(!isOwnHost(host, allowed), host);
});
