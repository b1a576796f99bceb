/**
 * Certificates for tests. Needs `openssl`.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Directory } from "./directory.ts";

async function run(cwd: string, command: string): Promise<void> {
  const [program = "", ...args] = command.split(" ");
  const { success, stderr } = await new Deno.Command(program, { args, cwd }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/**
 * Makes a certificate authority, `ca.pem`, and a certificate of it for these host names, `cert.pem`
 * with `key.pem`.
 */
export async function makeCertificates(
  directory: Directory,
  names: readonly string[] = ["localhost"],
): Promise<void> {
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
  const subjects = names.map((name) => `DNS:${name}`).join(",");
  await Deno.writeTextFile(directory.file("names"), `subjectAltName=${subjects}`);
  await run(
    directory.path,
    `openssl req -x509 ${key} -keyout ca.key -out ca.pem -subj /CN=ca -days 2`,
  );
  await run(directory.path, `openssl req ${key} -keyout key.pem -out leaf.csr -subj /CN=leaf`);
  const signed = "-CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile names";
  await run(directory.path, `openssl x509 -req -in leaf.csr ${signed}`);
}
