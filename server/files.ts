/**
 * The files that the operator names: read at the start, and some again at SIGHUP.
 *
 * @module
 */

import { TokenError } from "./tokens.ts";

/** A file that cannot be used. Its message is one line: which, what is wrong, and what to do. */
export class FileError extends Error {
  override readonly name = "FileError";
}

function adviseOn(error: Error): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file. Check its path.";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "there is no permission to read it. Check who owns it.";
  }
  if (error instanceof Deno.errors.NotCapable) {
    return "Deno was given no permission for it. Add --allow-read for it.";
  }
  if (error instanceof Deno.errors.IsADirectory) return "it is a directory. Name a file.";
  return `${error.message}. Choose another.`;
}

/**
 * Reads the text file that `flag` names.
 *
 * @throws {FileError} If it cannot be read.
 */
export function readFile(flag: string, path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new FileError(`Cannot read --${flag}=${path}: ${adviseOn(error)}`);
  }
}

/**
 * Reads a token file, and has `use` take its text.
 *
 * @throws {FileError} If it cannot be read, or makes no sense.
 */
export function readTokens<T>(path: string, use: (text: string) => T): T {
  try {
    return use(readFile("token-file", path));
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    throw new FileError(`Cannot use --token-file=${path}: ${error.message}`);
  }
}
