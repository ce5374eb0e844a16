/** Values at tokens, and between tokens, as coloured cells. */

import type { Scene, Shape } from "./scene";
import { inkOn, series, theme } from "./theme";
import { isolated, number, short } from "./text";

const PAD = 3;
const LINE = 22;
const LETTER = 6.2;
const WIDE_LETTER = 12;
const LONGEST = 14;
const LABEL = 9;
const SMALLEST_LABEL = 6;
/** Below this part of the largest a cell is left blank. */
const BLANK = 1 / 255;

/** A token in a row of them: its spaces can be seen. */
export function visible(token: string): string {
  return token.replace(/ /g, "␣").replace(/\u00a0/g, "⍽") || "∅";
}

export function largest(values: Iterable<number>): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}

function extent(words: string): number {
  let wide = 0;
  for (const letter of words) wide += letter > "\u2e80" ? WIDE_LETTER : LETTER;
  return wide;
}

/** Tokens one after the other in lines, each in a colour as strong as its value; `most` is in full colour. */
export function tokenStrip(width: number, tokens: string[], values: ArrayLike<number>, most: number): Scene {
  const { faint } = theme();
  const shapes: Shape[] = [];
  let [x, y] = [0, 0];
  tokens.forEach((token, place) => {
    const words = short(visible(token), LONGEST);
    const wide = Math.min(extent(words) + 2 * PAD, width);
    if (x + wide > width && x > 0) [x, y] = [0, y + LINE];
    const value = values[place] ?? 0;
    const dark = most > 0 ? Math.min(Math.abs(value) / most, 1) : 0;
    const box = { x, y: y + 1, w: wide - 1, h: LINE - 3, rx: 2 };
    const title = `${isolated(visible(token))}: ${number(value)}`;
    shapes.push({ is: "rect", ...box, fill: faint, title });
    if (dark >= BLANK) shapes.push({ is: "rect", ...box, fill: series(value < 0 ? 1 : 0), opacity: dark, title });
    const fill = inkOn(dark);
    shapes.push({ is: "text", x: x + wide / 2, y: y + 14, words: isolated(words), anchor: "middle", size: 10.5, fill, title });
    x += wide;
  });
  return { width, height: y + LINE, shapes };
}

/** From each token (rows) to itself and those before it (columns); `most` is in full colour. */
export function tokenMap(
  width: number,
  tokens: string[],
  value: (row: number, column: number) => number,
  most: number,
): Scene {
  const { muted, faint } = theme();
  const size = tokens.length;
  const labels = tokens.map((token) => short(visible(token), LABEL));
  const margin = Math.min(Math.max(...labels.map((own) => extent(own)), 0) + 6, 64);
  const cell = Math.min(Math.max((width - margin) / Math.max(size, 1), 2), 26);
  const font = Math.min(Math.max(cell * 0.8, SMALLEST_LABEL), 10);
  const every = Math.ceil(SMALLEST_LABEL / cell);
  const at = (place: number) => margin + place * cell;
  const shapes: Shape[] = [];
  labels.forEach((label, place) => {
    if (place % every) return;
    const words = { is: "text", words: isolated(label), size: font, fill: muted } as const;
    shapes.push({ ...words, x: margin - 4, y: at(place) + cell / 2 + font * 0.35, anchor: "end" });
    shapes.push({ ...words, x: at(place) + cell / 2 + font * 0.35, y: margin - 4, upright: true });
  });
  for (let row = 0; row < size; row++) {
    shapes.push({ is: "rect", x: margin, y: at(row), w: (row + 1) * cell, h: cell - 0.5, fill: faint });
    for (let column = 0; column <= row; column++) {
      const found = value(row, column);
      const dark = most > 0 ? Math.min(Math.abs(found) / most, 1) : 0;
      if (dark < BLANK) continue;
      const title = `${isolated(visible(tokens[row]!))} to ${isolated(visible(tokens[column]!))}: ${number(found)}`;
      const box = { x: at(column), y: at(row), w: cell - 0.5, h: cell - 0.5 };
      shapes.push({ is: "rect", ...box, fill: series(found < 0 ? 1 : 0), opacity: dark, title });
    }
  }
  return { width: margin + size * cell, height: margin + size * cell, shapes };
}
