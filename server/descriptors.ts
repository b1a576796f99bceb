/**
 * File descriptors: each connection takes one, and an operating system lets a process have so many.
 * When they are used up nobody comes in any more, nor can anything else be opened.
 *
 * @module
 */

/** What is always there and costs nothing but the descriptor. */
const NOTHING = "/dev/null";

/**
 * What is left for everything else, such as HTTP requests and the database: a quarter, but no more
 * than this.
 */
const MAX_RESERVE = 256;

/**
 * Returns how many more descriptors this process can have, up to `wanted`; undefined if it may not
 * try. Needs `--allow-read=/dev/null`: the runtime does not tell the limit, so they are opened.
 */
export function countDescriptors(wanted: number): number | undefined {
  const files: Deno.FsFile[] = [];
  try {
    while (files.length < wanted) files.push(Deno.openSync(NOTHING));
  } catch (error) {
    const isUnknown = error instanceof Deno.errors.NotCapable ||
      error instanceof Deno.errors.NotFound;
    if (isUnknown) return undefined;
  } finally {
    for (const file of files) file.close();
  }
  return files.length;
}

/**
 * Returns how many of `maxClients` connections this process can have, with enough left for
 * everything else.
 */
export function capClients(maxClients: number): number {
  const available = countDescriptors(maxClients + MAX_RESERVE);
  if (available === undefined) return maxClients;
  const reserve = Math.min(MAX_RESERVE, Math.floor(available / 4));
  return Math.max(1, Math.min(maxClients, available - reserve));
}
