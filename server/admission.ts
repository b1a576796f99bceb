/**
 * The admission: how many connections there may be, in all and from one address.
 *
 * It counts sockets, not sessions: one that was sent away and does not go still takes a place.
 *
 * @module
 */

/** Default of `--max-clients`. */
export const DEFAULT_MAX_CLIENTS = 10_000;

/** Settings of an {@linkcode Admission}. */
export interface AdmissionOptions {
  /** Default {@linkcode DEFAULT_MAX_CLIENTS}. */
  readonly maxClients?: number | undefined;
  /** From one IPv4 address, or one /64 of IPv6. Default: no limit but the other. */
  readonly maxClientsPerIp?: number | undefined;
}

/** Why nobody more can come in. Its message is for whoever wanted to. */
export class FullError extends Error {
  override readonly name = "FullError";
}

/** Returns the four hextets of an IPv6 address that name its network of 64 bits. */
function networkOf(address: string): string {
  const [head = "", tail] = address.split("::");
  const split = (part: string): string[] => part === "" ? [] : part.split(":");
  const before = split(head);
  const after = split(tail ?? "");
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<string>(Math.max(0, zeros)).fill("0"), ...after].slice(0, 4)
    .map((hextet) => parseInt(hextet, 16).toString(16)).join(":");
}

/**
 * Returns what addresses of one owner have in common: an IPv4 address, also one that is written as
 * IPv6 (RFC 4291, section 2.5.5.2), or the first 64 bits of an IPv6 address (section 2.5.4).
 */
export function ownerOf(ip: string): string {
  if (!ip.includes(":")) return ip;
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip) ?? [];
  if (mapped !== undefined) return mapped;
  const [, high, low] = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/i.exec(ip) ?? [];
  if (high === undefined || low === undefined) return `${networkOf(ip)}::/64`;
  const [a, b] = [parseInt(high, 16), parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join(".");
}

/** Who is in, by where they come from. */
export class Admission {
  readonly #maxClients: number;
  readonly #maxPerOwner: number;
  readonly #counts = new Map<string, number>();
  #size = 0;
  #emptied: PromiseWithResolvers<void> | undefined;

  /** Creates one that nobody has come through. */
  constructor({ maxClients, maxClientsPerIp }: AdmissionOptions = {}) {
    this.#maxClients = maxClients ?? DEFAULT_MAX_CLIENTS;
    this.#maxPerOwner = maxClientsPerIp ?? Infinity;
  }

  /** How many sockets are open. */
  get size(): number {
    return this.#size;
  }

  /**
   * Takes a place for a socket that comes from `ip`.
   *
   * @returns Gives the place back, the first time that it is called.
   * @throws {FullError} If there is none.
   */
  admit(ip: string): () => void {
    const owner = ownerOf(ip);
    const count = this.#counts.get(owner) ?? 0;
    if (this.#size >= this.#maxClients) throw new FullError("The server is full.");
    if (count >= this.#maxPerOwner) {
      throw new FullError("There are too many connections from your address.");
    }
    this.#size++;
    this.#counts.set(owner, count + 1);
    let isIn = true;
    return () => {
      if (isIn) this.#release(owner);
      isIn = false;
    };
  }

  /** Resolves as soon as no socket is open. */
  async emptied(): Promise<void> {
    if (this.#size === 0) return;
    this.#emptied ??= Promise.withResolvers();
    await this.#emptied.promise;
  }

  #release(owner: string): void {
    this.#size--;
    const count = (this.#counts.get(owner) ?? 0) - 1;
    if (count > 0) this.#counts.set(owner, count);
    else this.#counts.delete(owner);
    if (this.#size === 0) this.#emptied?.resolve();
  }
}
