/**
 * Makes the README's pictures of the terminal client: people talk in a real session, and what the
 * terminal then shows becomes an SVG, for dark and for light pages. Needs `tmux`.
 *
 * Run with `deno task pictures`.
 *
 * @module
 */

import { TmuxPane } from "./tmux.ts";
import { clientCommand, Program, startServer } from "./program.ts";
import { widthOf } from "../client/width.ts";
import { channelsOf } from "../tests/palette.ts";

const DOCS = new URL("../docs/", import.meta.url);

/** The size of the window in characters, and of a character in pixels. */
const [COLUMNS, ROWS] = [84, 20];
const [CELL_WIDTH, CELL_HEIGHT] = [8.4, 20];
const [MARGIN, TITLE_HEIGHT] = [16, 36];

/** What the two kinds of terminals look like where a program does not say. */
interface Theme {
  readonly name: string;
  readonly background: string;
  readonly foreground: string;
  readonly frame: string;
  readonly red: string;
  readonly magenta: string;
}

const THEMES: readonly Theme[] = [
  {
    name: "dark",
    background: "#1e1e1e",
    foreground: "#dcdcdc",
    frame: "#3c3c3c",
    red: "#f2777a",
    magenta: "#d08ad0",
  },
  {
    name: "light",
    background: "#ffffff",
    foreground: "#24292f",
    frame: "#d0d7de",
    red: "#b3261e",
    magenta: "#8f3f9e",
  },
];

/** How a piece of a row looks. */
interface Look {
  readonly isBold: boolean;
  readonly isDim: boolean;
  readonly isInverse: boolean;
  /** Undefined for the theme's own; a number for one of the 256. */
  readonly color: "red" | "magenta" | number | undefined;
}

const NO_LOOK: Look = { isBold: false, isDim: false, isInverse: false, color: undefined };

/** A piece of a row in one look. */
interface Piece {
  readonly column: number;
  readonly text: string;
  readonly look: Look;
}

/** What a terminal shows: its rows with their control sequences, and the cursor. */
interface Capture {
  readonly rows: readonly string[];
  readonly cursor: { readonly column: number; readonly row: number };
}

/** Applies the parameters of one SGR sequence (ECMA-48, section 8.3.117). */
function applyParameters(look: Look, parameters: readonly number[]): Look {
  let next = look;
  for (let i = 0; i < Math.max(1, parameters.length); i++) {
    const parameter = parameters[i] ?? 0;
    if (parameter === 0) next = NO_LOOK;
    else if (parameter === 1) next = { ...next, isBold: true };
    else if (parameter === 2) next = { ...next, isDim: true };
    else if (parameter === 22) next = { ...next, isBold: false, isDim: false };
    else if (parameter === 7) next = { ...next, isInverse: true };
    else if (parameter === 27) next = { ...next, isInverse: false };
    else if (parameter === 31) next = { ...next, color: "red" };
    else if (parameter === 35) next = { ...next, color: "magenta" };
    else if (parameter === 39) next = { ...next, color: undefined };
    else if (parameter === 38) next = { ...next, color: parameters[i += 2] };
  }
  return next;
}

/** Parses a row. A look goes on into the next row, and so it is returned too. */
function parseRow(row: string, begin: Look): { pieces: Piece[]; look: Look } {
  let [look, column] = [begin, 0];
  const pieces: Piece[] = [];
  for (const [part, parameters] of row.matchAll(/\p{Cc}\[([\d;]*)m|\P{Cc}+/gu)) {
    if (parameters !== undefined) {
      look = applyParameters(look, parameters.split(";").map(Number));
    } else {
      pieces.push({ column, text: part, look });
      column += widthOf(part);
    }
  }
  return { pieces, look };
}

function colorOf({ color, isInverse }: Look, theme: Theme): string {
  if (isInverse) return theme.background;
  if (color === "red" || color === "magenta") return theme[color];
  if (color === undefined) return theme.foreground;
  return `rgb(${channelsOf(color).join(" ")})`;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function rectangle(at: { x: number; y: number; columns: number }, fill: string): string {
  const width = (at.columns * CELL_WIDTH).toFixed(1);
  return `<rect x="${
    at.x.toFixed(1)
  }" y="${at.y}" width="${width}" height="${CELL_HEIGHT}" fill="${fill}"/>`;
}

function drawPiece(piece: Piece, top: number, theme: Theme): string {
  const { look } = piece;
  // Programs that show SVG disagree about spaces at the ends.
  const text = piece.text.trim();
  if (text === "") return "";
  const column = piece.column + piece.text.length - piece.text.trimStart().length;
  const x = MARGIN + column * CELL_WIDTH;
  const columns = widthOf(text);
  const behind = look.isInverse ? rectangle({ x, y: top, columns }, theme.foreground) : "";
  const attributes = [
    `x="${x.toFixed(1)}" y="${top + 15}" textLength="${(columns * CELL_WIDTH).toFixed(1)}"`,
    `fill="${colorOf(look, theme)}"`,
    ...(look.isBold ? ['font-weight="bold"'] : []),
    ...(look.isDim ? ['opacity="0.62"'] : []),
  ];
  return `${behind}<text ${attributes.join(" ")}>${escapeXml(text)}</text>`;
}

/** Draws what a terminal shows as an SVG. */
function draw({ rows, cursor }: Capture, title: string, theme: Theme): string {
  const width = Math.ceil(COLUMNS * CELL_WIDTH + 2 * MARGIN);
  const height = rows.length * CELL_HEIGHT + TITLE_HEIGHT + MARGIN;
  const topOf = (row: number): number => TITLE_HEIGHT + row * CELL_HEIGHT;
  const at = { x: MARGIN + cursor.column * CELL_WIDTH, y: topOf(cursor.row), columns: 1 };
  const parts = [rectangle(at, theme.foreground)];
  let look = NO_LOOK;
  for (const [i, row] of rows.entries()) {
    const parsed = parseRow(row, look);
    look = parsed.look;
    parts.push(...parsed.pieces.map((piece) => drawPiece(piece, topOf(i), theme)));
  }
  const font = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="${font}" font-size="14" style="white-space:pre">`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${
      height - 1
    }" rx="8" fill="${theme.background}" stroke="${theme.frame}"/>`,
    `<text x="${
      width / 2
    }" y="22" text-anchor="middle" fill="${theme.foreground}" opacity="0.62" font-size="12">${title}</text>`,
    ...parts.filter((part) => part !== ""),
    "</svg>",
    "",
  ].join("\n");
}

async function save(name: string, capture: Capture): Promise<void> {
  for (const theme of THEMES) {
    const svg = draw(capture, "deno task client alice", theme);
    await Deno.writeTextFile(new URL(`${name}-${theme.name}.svg`, DOCS), svg);
  }
}

async function capture(pane: TmuxPane): Promise<Capture> {
  const count = (await pane.screen()).length;
  return { rows: (await pane.looks()).slice(0, count), cursor: await pane.cursor() };
}

/** A person who types into a client of their own, and is heard by alice before the next word. */
class Person {
  readonly program: Program;
  readonly #pane: TmuxPane;

  constructor(name: string, port: string, pane: TmuxPane) {
    this.program = Program.role("client", name, `--port=${port}`);
    this.#pane = pane;
  }

  /** Says it, and waits until alice's terminal shows its last word. */
  async says(text: string): Promise<void> {
    await this.program.type(`${text}\n`);
    await this.#pane.shows(text.split(" ").at(-1) ?? "");
  }
}

async function enter(pane: TmuxPane, text: string): Promise<void> {
  await pane.type(text);
  await pane.press("Enter");
}

async function main(): Promise<void> {
  const { program: server, port } = await startServer();
  await using pane = await TmuxPane.open(
    `env -u NO_COLOR ${clientCommand("alice", `--port=${port}`)}`,
    COLUMNS,
    ROWS,
  );
  await pane.endsWith("lobby>");
  const bob = new Person("bob", port, pane);
  await pane.shows("bob joined");
  const carol = new Person("carol", port, pane);
  await pane.shows("carol joined");
  const dave = new Person("dave", port, pane);
  await pane.shows("dave joined");
  await bob.says("Good morning! The build is green again.");
  await enter(pane, "Thank you, that was quick");
  await pane.shows("quick");
  await carol.says("/me opens a window");
  await bob.says("alice: can you read https://example.com/notes/2026/11/21?from=lobby today?");
  await bob.says("It is about the new room for everyone who wants to read only, 漢字 and 👋 too.");
  await bob.says("/msg alice Shall we tell the others?");
  await enter(pane, "/reply at ten");
  await pane.shows("at ten");
  await pane.paste("for await (const batch of room) {\n  send(batch);\n}\n");
  await pane.press("Enter");
  await pane.shows("(you): for await");
  await pane.type("and this line is not fin");
  await pane.shows("fin");
  await save("terminal", await capture(pane));

  await pane.press("C-c");
  await enter(pane, "/clear");
  await pane.until((rows) => rows.length === 1 && rows[0] === "lobby>");
  await bob.says("Now I stop the server for a minute.");
  await carol.says("Then I write that down until it is back.");
  await dave.says("/me gets coffee");
  server.child.kill("SIGTERM");
  await server.finish();
  await pane.endsWith("lobby (offline)>");
  await enter(pane, "See you soon");
  await enter(pane, "/me makes tea");
  await pane.type("still typing");
  await pane.endsWith("lobby (offline, 2 waiting)> still typing");
  await save("offline", await capture(pane));
  for (const { program } of [bob, carol, dave]) await program[Symbol.asyncDispose]();
}

await main();
