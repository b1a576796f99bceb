/**
 * The chart for the README: bars in an SVG, readable on light and dark.
 *
 * @module
 */

/** One group of bars that can be compared. */
export interface Panel {
  readonly title: string;
  /** What the numbers are, and whether less or more is better. */
  readonly unit: string;
  readonly bars: readonly { readonly name: string; readonly value: number }[];
}

const WIDTH = 760;
const MARGIN = 24;
const NAME_WIDTH = 170;
const VALUE_WIDTH = 70;
const BAR_HEIGHT = 18;
const ROW_HEIGHT = 26;
const HEAD_HEIGHT = 52;
const BAR_WIDTH = WIDTH - 2 * MARGIN - NAME_WIDTH - VALUE_WIDTH;

/** The colours: bars of this server stand out. */
const STYLE = `
  text { font: 14px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; } .unit { fill: #57606a; font-size: 12px; }
  .page { fill: #ffffff; } .bar { fill: #afb8c1; } .own { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .unit { fill: #9198a1; }
    .page { fill: #0d1117; } .bar { fill: #59636e; } .own { fill: #4493f8; }
  }`;

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** Formats a number with three significant digits. */
export function formatNumber(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString("en-US");
  return value === 0 ? "0" : String(Number(value.toPrecision(3)));
}

function drawPanel(
  { title, unit, bars }: Panel,
  top: number,
  isOwn: (name: string) => boolean,
): string {
  const longest = Math.max(...bars.map(({ value }) => value));
  const rows = bars.map(({ name, value }, index) => {
    const y = top + HEAD_HEIGHT + index * ROW_HEIGHT;
    const width = Math.max(2, BAR_WIDTH * value / longest).toFixed(1);
    const x = MARGIN + NAME_WIDTH;
    return [
      `<text x="${MARGIN}" y="${y + 14}">${escape(name)}</text>`,
      `<rect class="${isOwn(name) ? "own" : "bar"}" x="${x}" y="${y}" rx="3" ` +
      `width="${width}" height="${BAR_HEIGHT}"/>`,
      `<text x="${x + Number(width) + 8}" y="${y + 14}">${formatNumber(value)}</text>`,
    ].join("\n");
  });
  return [
    `<text class="title" x="${MARGIN}" y="${top + 18}">${escape(title)}</text>`,
    `<text class="unit" x="${MARGIN}" y="${top + 38}">${escape(unit)}</text>`,
    ...rows,
  ].join("\n");
}

/** Returns an SVG of all panels, one below the other. */
export function drawChart(panels: readonly Panel[], isOwn: (name: string) => boolean): string {
  let top = MARGIN;
  const drawn = panels.map((panel) => {
    const drawing = drawPanel(panel, top, isOwn);
    top += HEAD_HEIGHT + panel.bars.length * ROW_HEIGHT + MARGIN;
    return drawing;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" ` +
    `viewBox="0 0 ${WIDTH} ${top}" role="img" aria-label="Benchmark results">`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${WIDTH}" height="${top}" rx="8"/>`,
    ...drawn,
    "</svg>\n",
  ].join("\n");
}
