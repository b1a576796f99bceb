/// <reference lib="dom" />
/**
 * The dialogs: about a person, about one's own name, and help.
 *
 * @module
 */

import { cleanName, PERSON_COMMANDS, type PersonInput } from "../protocol.ts";
import { element, part, setText } from "./elements.ts";
import { avatarOf } from "./transcript.ts";

/** What a person can do in the dialog about another. */
export interface PersonActions {
  /** Write to them alone. */
  readonly write: (name: string) => void;
  /** Name them in the room. */
  readonly mention: (name: string) => void;
  /** Do what a command does, such as `/ignore`. */
  readonly act: (input: PersonInput) => void;
}

/** Someone whom the dialog is about. */
export interface ChosenPerson {
  readonly name: string;
  /** `IP:PORT`, if it is known. */
  readonly address: string | undefined;
  readonly isIgnored: boolean;
}

/** The dialog about a person. */
export class PersonDialog {
  readonly #dialog = part("person", HTMLDialogElement);
  #name = "";

  /** Creates one that is closed. */
  constructor({ write, mention, act }: PersonActions) {
    const seconds = part("person-seconds", HTMLSelectElement);
    this.#on("person-write", write);
    this.#on("person-mention", mention);
    this.#on("person-ignore", (data) => act({ messageType: "ignore", data }));
    this.#on("person-kick", (data) => act({ messageType: "kick", data }));
    this.#on("person-ban", (data) => {
      act({ messageType: "ban", data, seconds: Number(seconds.value) });
    });
    this.#on("person-mute", (data) => {
      act({ messageType: "mute", data, seconds: Number(seconds.value) });
    });
  }

  /** Opens it. */
  open({ name, address, isIgnored }: ChosenPerson): void {
    this.#name = name;
    part("person-name", HTMLElement).textContent = name;
    part("person-avatar", HTMLElement).replaceChildren(avatarOf(name));
    part("person-address", HTMLElement).textContent = address === undefined
      ? ""
      : `Connected from ${address}`;
    part("person-moderate", HTMLDetailsElement).open = false;
    part("person-ignore", HTMLElement).textContent = isIgnored ? "Stop ignoring" : "Ignore";
    this.#dialog.showModal();
  }

  #on(id: string, act: (name: string) => void): void {
    part(id, HTMLButtonElement).addEventListener("click", () => {
      this.#dialog.close();
      act(this.#name);
    });
  }
}

/** The dialog in which a person takes another name. */
export class RenameDialog {
  readonly #dialog = part("rename-dialog", HTMLDialogElement);
  readonly #input = part("rename-name", HTMLInputElement);

  /** Creates one that is closed, and passes on what is chosen. */
  constructor(act: (input: PersonInput) => void) {
    this.#dialog.addEventListener("close", () => {
      const data = cleanName(this.#input.value);
      if (this.#dialog.returnValue !== "rename" || data === undefined) return;
      act({ messageType: "register", data });
    });
  }

  /** Opens it. */
  open(name: string): void {
    this.#input.value = name;
    // What Escape leaves behind is no answer.
    this.#dialog.returnValue = "";
    this.#dialog.showModal();
    this.#input.select();
  }
}

/** Fills the help, and lets the person open it. */
export function prepareHelp(): void {
  const dialog = part("help", HTMLDialogElement);
  const commands = part("help-commands", HTMLElement);
  for (const { name, usage, help } of PERSON_COMMANDS) {
    commands.append(element("dt", {}, `/${name} ${usage}`.trim()), element("dd", {}, help));
  }
  commands.append(element("dt", {}, "//TEXT"), element("dd", {}, "say what begins with a slash"));
  part("help-open", HTMLButtonElement).addEventListener("click", () => dialog.showModal());
}

/** Lets the person give the room's address to others. */
export function prepareInvitation(): void {
  const dialog = part("invitation", HTMLDialogElement);
  const input = part("invitation-address", HTMLInputElement);
  const copy = part("invitation-copy", HTMLButtonElement);
  part("invite", HTMLButtonElement).addEventListener("click", () => {
    input.value = location.href;
    setText(copy, "Copy");
    dialog.showModal();
    input.select();
  });
  // Where the page's address is not secure, only the person can copy it.
  copy.hidden = !isSecureContext;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(input.value);
    setText(copy, "Copied");
  });
}
