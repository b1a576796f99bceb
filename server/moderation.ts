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
  /** The key of their token, if it is known. */
  readonly token: string | undefined;
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
  const token = hub.tokenOf(name);
  const done = ACTS[messageType]({ hub, operator, name, person, token, seconds });
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
    const { hub, operator, name, person, token, seconds } = target;
    refuseOwnToken(target);
    const sanction = { kind: "ban", name, token } as const;
    if (seconds === 0) return lift(target, sanction);
    const problem = hub.sanctions.impose(sanction, seconds);
    const others = othersWithToken(target);
    person?.sendAway(CloseCode.kicked, `${operator.name} has banned you for ${seconds} seconds`);
    for (const each of others) {
      each.sendAway(
        CloseCode.kicked,
        `${operator.name} has banned your token for ${seconds} seconds`,
      );
    }
    return word(target, { what: "banned", problem, others: others.length });
  },

  mute: (target) => {
    const { hub, operator, name, token, seconds, person } = target;
    refuseOwnToken(target);
    const sanction = { kind: "mute", name, token } as const;
    const others = othersWithToken(target);
    const all = person ? [person, ...others] : others;
    if (seconds === 0) {
      for (const each of all) each.notify(`${operator.name} lets you speak again.`);
      return lift(target, sanction);
    }
    const problem = hub.sanctions.impose(sanction, seconds);
    const text = `${operator.name} has muted you for ${seconds} seconds: you can only read.`;
    for (const each of all) each.notify(text);
    return word(target, { what: "muted", problem, others: others.length });
  },
};

/** @throws {ProtocolError} If it would hold for the operator, too. */
function refuseOwnToken({ operator, name, token }: Case): void {
  if (token === undefined || token !== operator.identity?.key) return;
  throw new ProtocolError("forbidden", `${name} has the same token as you.`);
}

/** Returns all others who are here with the same token: maybe the same person. */
function othersWithToken({ hub, person, token }: Case): Participant[] {
  if (token === undefined) return [];
  return [...hub.connected].filter((each) => each !== person && each.identity?.key === token);
}

function lift({ hub, name }: Case, sanction: Target): string {
  const { count, problem } = hub.sanctions.lift(sanction);
  const what = sanction.kind === "ban" ? "banned" : "muted";
  if (count === 0) return `${name} was not ${what}.`;
  const doubt = problem === undefined ? "" : ` Until a restart, for it was not stored: ${problem}.`;
  return `${name} is not ${what} any more.${doubt}`;
}

/** What became of a sanction besides that it was imposed. */
interface Outcome {
  readonly what: string;
  readonly problem: string | undefined;
  /** For how many more who are here it holds. */
  readonly others: number;
}

function word({ name, person, seconds }: Case, { what, problem, others }: Outcome): string {
  const absence = person ? "" : " Nobody here has that name now.";
  const more = others === 0 ? "" : ` So is everyone else with the same token: ${others}.`;
  const doubt = problem === undefined
    ? ""
    : ` A restart ends it, for it was not stored: ${problem}.`;
  return `${name} is ${what} for ${seconds} seconds.${absence}${more}${doubt}`;
}
