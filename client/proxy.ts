/**
 * The proxy that the runtime's WebSocket goes through, as the environment names it: the runtime uses
 * it without a word, and does not say so when it fails.
 *
 * @module
 */

/** Names of variables that can name a proxy, those first that the runtime asks first. */
const [ALL, SECURE, PLAIN] = [
  ["ALL_PROXY", "all_proxy"],
  ["HTTPS_PROXY", "https_proxy"],
  ["HTTP_PROXY", "http_proxy"],
] as const;

const EXCEPTIONS = ["NO_PROXY", "no_proxy"] as const;

/** All variables of the environment that decide about proxies. */
export const PROXY_VARIABLES: readonly string[] = [...ALL, ...SECURE, ...PLAIN, ...EXCEPTIONS];

/** A proxy, and where it is named. */
export interface Proxy {
  /** The variable that names it. */
  readonly variable: string;
  /** Where it is, without what may be secret in it. */
  readonly address: string;
}

/** Returns a variable of the environment, if it is set and may be read. */
export type Environment = (variable: string) => string | undefined;

function parseProxy(value: string): string | undefined {
  const url = URL.parse(value.includes("://") ? value : `http://${value}`);
  return url && /^(https?|socks\w*):$/.test(url.protocol) && url.host !== ""
    ? `${url.protocol}//${url.host}`
    : undefined;
}

/** Tells whether `list`, such as `localhost,.example.com`, names a host. */
function isNamed(hostname: string, list: string): boolean {
  return list.split(",").map((entry) => entry.trim().toLowerCase()).some((entry) => {
    const name = entry.replace(/^\*?\./, "");
    return entry === "*" || (name !== "" && (hostname === name || hostname.endsWith(`.${name}`)));
  });
}

/** Returns the proxy on the way to a server; undefined if there is none. */
export function findProxy(
  { protocol, hostname }: URL,
  environment: Environment,
): Proxy | undefined {
  const exceptions = EXCEPTIONS.map(environment).find((value) => value !== undefined) ?? "";
  if (isNamed(hostname.replace(/^\[|\]$/g, ""), exceptions)) return undefined;
  for (const variable of [...ALL, ...(protocol === "wss:" ? SECURE : PLAIN)]) {
    const address = parseProxy(environment(variable) ?? "");
    if (address !== undefined) return { variable, address };
  }
  return undefined;
}
