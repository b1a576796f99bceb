/**
 * What `telnet` puts between the characters of a line (RFC 854). Its commands begin with a byte that
 * does not occur in UTF-8, so they can be told from text without being asked for.
 *
 * Every option is refused, and once only, so nobody has to wait for an answer or can collect them.
 * The exception is the timing mark (RFC 860): after an interrupt, `telnet` shows nothing until it has come.
 *
 * @module
 */

/** Interpret as command. */
const IAC = 0xff;

/** The commands that something follows: an option or, behind `sb`, anything up to `se`. */
const Command = { se: 240, sb: 250, will: 251, wont: 252, do: 253, dont: 254 } as const;

/** The first byte behind {@linkcode IAC} that is a command: end of file (RFC 1184). */
const FIRST_COMMAND = 236;

const TIMING_MARK = 6;

const [NUL, LF, CR] = [0x00, 0x0a, 0x0d];

/** What came in with some bytes. */
export interface TelnetInput {
  /** The bytes of text. */
  readonly text: Uint8Array;
  /** How many commands there were. */
  readonly commands: number;
  /** The bytes with which they are to be answered. */
  readonly answers: readonly number[];
}

/** What the next byte belongs to. */
type State = "text" | "command" | "option" | "parameters" | "parameters' command";

/** Takes the commands of telnet out of a stream of bytes. */
export class TelnetDecoder {
  #state: State = "text";
  /** The command whose option is to follow. */
  #verb = 0;
  /** The last byte of the text. */
  #last = 0;
  #hasBegun = false;
  #skipped = 0;
  /** The answers that were given, each in one number; undefined before the first. */
  #given: Set<number> | undefined;
  #text: number[] = [];
  #commands = 0;
  #answers: number[] = [];

  /** How many bytes of the parameters that have not ended yet were skipped. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Takes bytes that came in. */
  push(chunk: Uint8Array): TelnetInput {
    const isText = this.#state === "text" && !chunk.includes(IAC) && !chunk.includes(NUL);
    if (isText) return this.#passOn(chunk);
    for (const byte of chunk) this.#take(byte);
    return this.#handOver();
  }

  /** Takes the end of the stream: a command that was cut off is text. */
  end(): TelnetInput {
    if (this.#state === "command") this.#write(IAC);
    if (this.#state === "option") this.#write(IAC, this.#verb);
    this.#state = "text";
    return this.#handOver();
  }

  #passOn(text: Uint8Array): TelnetInput {
    this.#hasBegun ||= text.length > 0;
    this.#last = text.at(-1) ?? this.#last;
    return { text, commands: 0, answers: [] };
  }

  #handOver(): TelnetInput {
    const input = {
      text: new Uint8Array(this.#text),
      commands: this.#commands,
      answers: this.#answers,
    };
    this.#text = [];
    this.#commands = 0;
    this.#answers = [];
    return input;
  }

  #take(byte: number): void {
    switch (this.#state) {
      case "text":
        if (byte === IAC) this.#state = "command";
        // The end of a line in character mode. A carriage return alone is no end of one.
        else this.#write(byte === NUL && this.#last === CR ? LF : byte);
        return;
      case "command":
        return this.#takeCommand(byte);
      case "option":
        return this.#takeOption(byte);
      case "parameters":
        this.#skipped++;
        if (byte === IAC) this.#state = "parameters' command";
        return;
      case "parameters' command":
        this.#skipped++;
        this.#state = byte === Command.se ? "text" : "parameters";
        if (byte === Command.se) this.#skipped = 0;
    }
  }

  #takeCommand(byte: number): void {
    // Either the byte itself, which is no text here, or what is left of a Data Mark: it is sent as
    // urgent data, which the system takes out of the stream.
    if (byte === IAC) return;
    const isText = byte < FIRST_COMMAND || this.#isByteOrderMark(byte);
    if (isText) {
      this.#state = "text";
      return this.#write(IAC, byte);
    }
    this.#verb = byte;
    this.#state = byte > Command.sb ? "option" : byte === Command.sb ? "parameters" : "text";
    if (this.#state !== "option") this.#count();
  }

  /** Whether this is how UTF-16 begins, rather than a connection with `telnet`. */
  #isByteOrderMark(byte: number): boolean {
    return byte === Command.dont && !this.#hasBegun;
  }

  #takeOption(option: number): void {
    const verb = this.#verb;
    this.#state = "text";
    // Nothing is on that could be put off: in front of a line's end it is rather Latin-1.
    if ((verb === Command.wont || verb === Command.dont) && (option === LF || option === CR)) {
      return this.#write(IAC, verb, option);
    }
    this.#count();
    if (verb === Command.do && option === TIMING_MARK) {
      this.#answers.push(IAC, Command.will, option);
    } else if (verb === Command.do) {
      this.#answerOnce(Command.wont, option);
    } else if (verb === Command.will) {
      this.#answerOnce(Command.dont, option);
    }
  }

  #answerOnce(verb: number, option: number): void {
    this.#given ??= new Set();
    const answer = 256 * verb + option;
    if (!this.#given.has(answer)) this.#answers.push(IAC, verb, option);
    this.#given.add(answer);
  }

  #count(): void {
    this.#commands++;
    this.#hasBegun = true;
  }

  #write(...bytes: readonly number[]): void {
    this.#hasBegun = true;
    this.#text.push(...bytes);
    this.#last = bytes.at(-1) ?? this.#last;
  }
}
