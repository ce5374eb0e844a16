/** Values with their intervals, one below the other. */

import type { Point, Scene, Shape } from "./scene";
import { scale, tickWords, ticks } from "./axes";
import { series, theme } from "./theme";
import { isolated, short } from "./text";

export interface Dot {
  name: string;
  value: number;
  low: number | null;
  high: number | null;
  title: string;
  /** Which colour; 0 for a baseline, which is hollow. */
  series: number;
}

const ROW = 30;
const LETTER = 6.3;
const NARROW = 520;
/** A name’s foot over its dot, and how much room it takes above its foot. */
const ABOVE = 13;
const TALL = 16;

/** `at` is a line through all rows, such as the baseline or no change. */
export function dots(width: number, rows: Dot[], at: number, words: string, write: (value: number) => string): Scene {
  const { ink, muted, faint, paper } = theme();
  const stacked = width < NARROW;
  const longest = Math.max(...rows.map((row) => row.name.length), 4);
  const left = stacked ? 8 : Math.min(longest * LETTER + 16, width * 0.42);
  const step = stacked ? ROW + 14 : ROW;
  const room = Math.floor((stacked ? width : left) / LETTER) - 2;
  const top = 8;
  const bottom = top + rows.length * step + 4;
  const xs = scale([at, ...rows.flatMap((row) => [row.value, row.low ?? row.value, row.high ?? row.value])], false, left + 10, width - 44);
  const middle = (place: number) => top + (place + 0.5) * step + (stacked ? 7 : 0);
  /** A line through all rows, but not through names that stand above them. */
  const upright = (x: number): Point[][] => {
    const found: Point[][] = [];
    let from = top;
    rows.forEach((row, place) => {
      if (!stacked || Math.min(row.name.length, room) * LETTER < x - 4) return;
      const name = middle(place) - ABOVE;
      if (name - TALL > from) found.push([[x, from], [x, name - TALL]]);
      from = name + 4;
    });
    return [...found, [[x, from], [x, bottom]]];
  };
  const shapes: Shape[] = [];
  const marks = ticks(xs.low, xs.high, false);
  const each = Math.ceil((marks.length * 56) / (width - left)) || 1;
  const shown = marks.filter((_, place) => place % each === 0);
  tickWords(shown, false, write).forEach((own, place) => {
    const x = xs.at(shown[place]!);
    shapes.push(...upright(x).map((d): Shape => ({ is: "path", d, stroke: faint })));
    shapes.push({ is: "text", x, y: bottom + 16, words: own, anchor: "middle", fill: muted, size: 11 });
  });
  shapes.push(...upright(xs.at(at)).map((d): Shape => ({ is: "path", d, stroke: muted, dash: [5, 4] })));
  shapes.push({ is: "text", x: (left + width) / 2, y: bottom + 34, words, anchor: "middle", fill: ink });
  rows.forEach((row, place) => {
    const y = middle(place);
    const label = isolated(short(row.name, room));
    if (stacked) shapes.push({ is: "text", x: 0, y: y - ABOVE, words: label, size: 11, fill: ink, stroke: paper });
    else shapes.push({ is: "text", x: left - 4, y: y + 4, words: label, anchor: "end", fill: ink });
    if (row.low !== null && row.high !== null) {
      shapes.push({ is: "path", d: [[xs.at(row.low), y], [xs.at(row.high), y]], stroke: series(row.series), width: 2, opacity: 0.7 });
    }
    const hollow = row.series === 0;
    shapes.push({
      is: "circle", x: xs.at(row.value), y, r: 5, title: row.title, width: 1.5,
      fill: hollow ? paper : series(row.series), stroke: hollow ? series(0) : paper,
    });
  });
  return { width, height: bottom + 42, shapes };
}
