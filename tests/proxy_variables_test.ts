import assert from "node:assert/strict";
import { type Environment, findProxy } from "../client/proxy.ts";

const WS = new URL("ws://chat.example.com:8080");

function environment(variables: Record<string, string>): Environment {
  return (variable) => variables[variable];
}

Deno.test("findProxy: the variable that the runtime asks first, for the protocol, without a password", () => {
  const all = { ALL_PROXY: "a:1", all_proxy: "b:1", HTTP_PROXY: "c:1", http_proxy: "d:1" };
  const find = (variables: Record<string, string>, url = WS): string | undefined => {
    const { variable, address } = findProxy(url, environment(variables)) ?? {};
    return variable && `${variable} ${address}`;
  };
  assert.equal(find(all), "ALL_PROXY http://a:1");
  assert.equal(find({ ...all, ALL_PROXY: "" }), "all_proxy http://b:1");
  assert.equal(find({ http_proxy: "http://al:secret@d:1/x?y" }), "http_proxy http://d:1");
  assert.equal(find({ all_proxy: "socks5://d:1" }), "all_proxy socks5://d:1");
  assert.equal(find({ all_proxy: "nonsense://d:1", http_proxy: "d" }), "http_proxy http://d");
  assert.equal(find({ https_proxy: "d:1" }), undefined);
  assert.equal(find({ https_proxy: "d:1" }, new URL("wss://x")), "https_proxy http://d:1");
  assert.equal(find({ http_proxy: "d:1" }, new URL("wss://x")), undefined);
});

Deno.test("findProxy: none for what no_proxy names, as a host or the end of one", () => {
  const named = ["*", "chat.example.com", "x, .example.com", "example.com", "*.example.com", "COM"];
  const others = ["", "hat.example.com", "ample.com", "a.chat.example.com", "127.0.0.1", ","];
  const isFound = (list: string, variable: string): boolean =>
    findProxy(WS, environment({ all_proxy: "d:1", [variable]: list })) !== undefined;
  for (const variable of ["NO_PROXY", "no_proxy"]) {
    for (const list of named) assert.ok(!isFound(list, variable), list);
    for (const list of others) assert.ok(isFound(list, variable), list);
  }
});
