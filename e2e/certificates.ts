/**
 * Certificates for the tests, made by `openssl`.
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
 * Makes a certificate authority, `ca.pem`, and a certificate of it for `name`, `cert.pem` with its
 * key in `key.pem`.
 */
export async function makeCertificates(directory: Directory, name = "localhost"): Promise<void> {
  const key = "-newkey rsa:2048 -nodes";
  await Deno.writeTextFile(directory.file("names"), `subjectAltName=DNS:${name}`);
  await run(
    directory.path,
    `openssl req -x509 ${key} -keyout ca.key -out ca.pem -subj /CN=ca -days 2`,
  );
  await run(directory.path, `openssl req ${key} -keyout key.pem -out leaf.csr -subj /CN=${name}`);
  const signed = "-CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile names";
  await run(directory.path, `openssl x509 -req -in leaf.csr ${signed}`);
}
