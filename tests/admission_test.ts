import assert from "node:assert/strict";
import { Admission, FullError, ownerOf } from "../server/admission.ts";
import { forwardedFor } from "../server/proxy.ts";

Deno.test("admission: so many in all; a place that is given back is free again, once", () => {
  const admission = new Admission({ maxClients: 2 });
  const release = admission.admit("192.0.2.1");
  admission.admit("192.0.2.2");
  assert.throws(() => admission.admit("192.0.2.3"), new FullError("The server is full."));
  release();
  release();
  admission.admit("192.0.2.3");
  assert.equal(admission.size, 2);
  assert.throws(() => admission.admit("192.0.2.4"), FullError);
});

Deno.test("admission: so many from one address; of IPv6, from one network of 64 bits", () => {
  const admission = new Admission({ maxClientsPerIp: 1 });
  const release = admission.admit("2001:db8::1");
  const message = "There are too many connections from your address.";
  assert.throws(() => admission.admit("2001:db8:0:0:ffff::2"), new FullError(message));
  admission.admit("2001:db8:0:1::1");
  admission.admit("192.0.2.1");
  assert.throws(() => admission.admit("::ffff:192.0.2.1"), FullError);
  release();
  admission.admit("2001:db8::3");
});

Deno.test("ownerOf: the same for all ways to write an address", () => {
  const owners: [string, string][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:DB8:0:0:1:2:3:4", "2001:db8:0:0::/64"],
    ["2001:0db8::", "2001:db8:0:0::/64"],
    ["1:2:3:4:5:6:7::", "1:2:3:4::/64"],
    ["1::8", "1:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ];
  for (const [ip, owner] of owners) assert.equal(ownerOf(ip), owner, ip);
});

Deno.test("admission: emptied when the last place is given back", async () => {
  const admission = new Admission();
  await admission.emptied();
  const releases = ["192.0.2.1", "192.0.2.1"].map((ip) => admission.admit(ip));
  let isEmpty = false;
  const emptied = admission.emptied().then(() => isEmpty = true);
  releases[0]?.();
  await undefined;
  assert.equal(isEmpty, false);
  releases[1]?.();
  await emptied;
});

Deno.test("forwardedFor: the last hop, if it is an address; else the proxy's", () => {
  const proxy = { hostname: "127.0.0.1", port: 7 };
  const hops: [string | undefined, string][] = [
    [undefined, "127.0.0.1"],
    ["", "127.0.0.1"],
    ["192.0.2.1", "192.0.2.1"],
    ["10.0.0.1, 192.0.2.1", "192.0.2.1"],
    ["10.0.0.1,2001:db8::1", "2001:db8::1"],
    ["192.0.2.1, unknown", "127.0.0.1"],
    ["192.0.2.1:80", "192.0.2.1"],
    ["[2001:db8::1]", "2001:db8::1"],
    ["[2001:db8::1]:80", "2001:db8::1"],
    ["fe80::1%eth0", "127.0.0.1"],
    ["192.0.2.1,", "127.0.0.1"],
  ];
  for (const [header, hostname] of hops) {
    const headers = header === undefined ? {} : { "x-forwarded-for": header };
    const request = new Request("http://x/", { headers });
    assert.deepEqual(forwardedFor(request, proxy), { hostname, port: 7 }, header);
  }
});
