/**
 * Two machines and a cable, as Linux has them: network namespaces. Needs `ip`, and root.
 *
 * @module
 */

import { Program } from "./program.ts";

/** The address of the machine `here`. */
export const HERE = "10.0.0.1";

const THERE = "10.0.0.2";

/** Runs a command; whatever goes wrong is an error with its words. */
async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) {
    throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }
}

/** Two machines and the cable between them. */
export class Network implements AsyncDisposable {
  readonly here = `chat-here-${Deno.pid}`;
  readonly there = `chat-there-${Deno.pid}`;

  /**
   * Makes them.
   *
   * @throws {Error} If that is not permitted here.
   */
  static async make(): Promise<Network> {
    const network = new Network();
    const { here, there } = network;
    await run("ip", "netns", "add", here);
    try {
      await run("ip", "netns", "add", there);
      const [cable, other] = [["-n", here, "link"], ["-n", there, "link"]];
      await run("ip", ...cable, "add", "cable", "type", "veth", "peer", "cable", "netns", there);
      for (const [name, address] of [[here, HERE], [there, THERE]] as const) {
        await run("ip", "-n", name, "address", "add", `${address}/24`, "dev", "cable");
      }
      await run("ip", ...cable, "set", "lo", "up");
      for (const end of [cable, other]) await run("ip", ...end, "set", "cable", "up");
      return network;
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Returns whether they can be made here. */
  static async canBeMade(): Promise<boolean> {
    try {
      await using _network = await Network.make();
      return true;
    } catch {
      return false;
    }
  }

  /** Has a machine read settings of its kernel from a file. */
  async configure(machine: string, file: string): Promise<void> {
    await run("ip", "netns", "exec", machine, "sysctl", "-q", "-p", file);
  }

  /** Runs a program on a machine. */
  start(machine: string, command: string, ...args: string[]): Program {
    return new Program("ip", ["netns", "exec", machine, command, ...args]);
  }

  /** Pulls the cable. */
  async cut(): Promise<void> {
    await run("ip", "-n", this.there, "link", "set", "cable", "down");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [this.here, this.there]) {
      await run("ip", "netns", "delete", name).catch(() => {});
    }
  }
}
