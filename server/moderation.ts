/**
 * What operators do to people: kick, ban and mute.
 *
 * @module
 */

import { cleanName, CloseCode, type Moderate, ProtocolError } from "../protocol.ts";
import type { Hub, Participant } from "./hub.ts";
import { quote } from "./log.ts";
import { DEFAULT_SECONDS, type Target } from "./sanctions.ts";

/** Whom something is done to: by name, whether they are here or not. */
interface Case {
  readonly hub: Hub;
  readonly operator: Participant;
  readonly name: string;
  /** The person, if they are here. */
  readonly person: Participant | undefined;
  readonly seconds: number;
}

/**
 * Does what an operator asks for.
 *
 * @returns What was done, in a sentence for the operator.
 * @throws {ProtocolError} If this is no operator, or it cannot be done to that person.
 */
export function moderate(hub: Hub, operator: Participant, request: Moderate): string {
  const { messageType, data, seconds = DEFAULT_SECONDS } = request;
  if (!operator.identity?.isOperator) {
    throw new ProtocolError("forbidden", `Only an operator may ${messageType}.`);
  }
  const person = hub.find(data);
  // A name that is none any more, such as an address, may still be banned.
  const isKnown = hub.sanctions.secondsLeft({ kind: "ban", name: data }) > 0;
  const name = person?.name ?? (isKnown ? data : cleanName(data));
  if (name === undefined) throw new ProtocolError("bad_message", "That is no name.");
  if (name === operator.name) {
    throw new ProtocolError("forbidden", `You cannot ${messageType} yourself.`);
  }
  const done = ACTS[messageType]({ hub, operator, name, person, seconds });
  hub.log("info", () => `Operator ${operator.name}: ${done}`);
  return done;
}

const ACTS: Readonly<Record<Moderate["messageType"], (target: Case) => string>> = {
  kick: ({ operator, name, person }) => {
    if (!person) throw new ProtocolError("unknown_user", `Nobody here is called ${quote(name)}.`);
    person.sendAway(CloseCode.kicked, `${operator.name} has kicked you`);
    return `${name} is kicked.`;
  },

  ban: (target) => {
    const { hub, operator, name, person, seconds } = target;
    const token = person?.identity ?? hub.tokens?.ownerOf(name);
    if (token && token.key === operator.identity?.key) {
      throw new ProtocolError("forbidden", `${name} has the same token as you.`);
    }
    const sanction = { kind: "ban", name, token: token?.key } as const;
    if (seconds === 0) return lift(target, sanction);
    const problem = hub.sanctions.impose(sanction, seconds);
    person?.sendAway(CloseCode.kicked, `${operator.name} has banned you for ${seconds} seconds`);
    return word(target, "banned", problem);
  },

  mute: (target) => {
    const { hub, operator, name, person, seconds } = target;
    const sanction = { kind: "mute", name } as const;
    if (seconds === 0) {
      person?.notify(`${operator.name} lets you speak again.`);
      return lift(target, sanction);
    }
    const problem = hub.sanctions.impose(sanction, seconds);
    person?.notify(`${operator.name} has muted you for ${seconds} seconds: you can only read.`);
    return word(target, "muted", problem);
  },
};

function lift({ hub, name }: Case, sanction: Target): string {
  const { count, problem } = hub.sanctions.lift(sanction);
  const what = sanction.kind === "ban" ? "banned" : "muted";
  if (count === 0) return `${name} was not ${what}.`;
  const doubt = problem === undefined ? "" : ` Until a restart, for it was not stored: ${problem}.`;
  return `${name} is not ${what} any more.${doubt}`;
}

function word({ name, person, seconds }: Case, what: string, problem: string | undefined): string {
  const absence = person ? "" : " Nobody here has that name now.";
  const doubt = problem === undefined
    ? ""
    : ` A restart ends it, for it was not stored: ${problem}.`;
  return `${name} is ${what} for ${seconds} seconds.${absence}${doubt}`;
}
