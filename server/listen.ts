/**
 * Starting to listen, and what to do if that fails.
 *
 * @module
 */

import { formatAddress } from "../protocol.ts";

/** Where to listen. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Starts a listener; an error that this throws has a message for the person who started the server.
 */
export function listen<T>(address: Address, start: (address: Address) => T): T {
  try {
    return start(address);
  } catch (error) {
    if (error instanceof Error) {
      error.message = `Cannot listen on ${formatAddress(address)}: ${adviseOn(error)}`;
    }
    throw error;
  }
}

function adviseOn(error: Error): string {
  if (error instanceof Deno.errors.AddrInUse) return "the port is in use. Choose another.";
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return "this machine has no such address. Choose another with --host.";
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return "it is not permitted. Choose a port from 1024 up.";
  }
  if (error instanceof Deno.errors.NotCapable) {
    return "Deno was given no permission for it. Add --allow-net.";
  }
  if (error instanceof Deno.errors.InvalidData) {
    return `${error.message}. Check that --cert and --key are PEM files, in that order.`;
  }
  if (error.message.includes("KeyMismatch")) return "--key is not the key of --cert.";
  return `${error.message}. Check --host.`;
}
