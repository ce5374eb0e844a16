/** A table of numbers as a picture: colour and number in every cell. */

import type { Scene, Shape } from "./scene";
import { inkOn, series, theme } from "./theme";
import { isolated, short, wrapped } from "./text";

export interface HeatCell {
  /** From 0 to 1. */
  part: number;
  /** Lines of text in it. */
  words: string[];
  title: string;
  marked?: boolean;
}

const ROW = 40;
const LETTER = 6;
const MOST_LABEL = 26;
/** Of a column's name: how tall, and how many. */
const LINE = 14;
const MOST_LINES = 3;

/** `cell` gives null where there is nothing; rows have their names on the left, columns above. */
export function heat(
  width: number,
  rows: string[],
  columns: string[],
  cell: (row: string, column: string) => HeatCell | null,
  row = ROW,
): Scene {
  const { ink, muted, faint } = theme();
  const longest = Math.max(...rows.map((own) => Math.min(own.length, MOST_LABEL)), 4);
  const left = Math.min(longest * LETTER + 14, width * 0.36);
  const wide = Math.min((width - left) / Math.max(columns.length, 1), 150);
  const room = Math.max(Math.floor(wide / LETTER), 3);
  const heads = columns.map((own) => (own.length < room ? [own] : wrapped(own, room - 1).slice(0, MOST_LINES)));
  const top = 12 + LINE * Math.max(...heads.map((own) => own.length), 1);
  const shapes: Shape[] = heads.flatMap((lines, place) => lines.map((words, line): Shape => ({
    is: "text", x: left + (place + 0.5) * wide, y: top - 10 - (lines.length - 1 - line) * LINE, words: isolated(words), size: 11, anchor: "middle", fill: muted,
  })));
  rows.forEach((own, down) => {
    const y = top + down * row;
    const words = isolated(short(own, Math.max(Math.floor((left - 8) / LETTER), 3)));
    shapes.push({ is: "text", x: left - 8, y: y + row / 2 + 4, words, size: 11, anchor: "end", fill: muted });
    columns.forEach((column, across) => {
      const x = left + across * wide;
      const box = { x: x + 1, y: y + 1, w: wide - 2, h: row - 2 };
      const found = cell(own, column);
      if (!found) {
        shapes.push({ is: "rect", ...box, fill: faint, opacity: 0.5 });
        return;
      }
      const part = Math.min(Math.max(found.part, 0), 1);
      shapes.push({ is: "rect", ...box, fill: faint });
      shapes.push({ is: "rect", ...box, fill: series(0), opacity: part, title: found.title });
      if (found.marked) shapes.push({ is: "rect", x: box.x + 1, y: box.y + 1, w: box.w - 2, h: box.h - 2, stroke: ink, width: 2 });
      const lines = found.words.filter((line, place) => place === 0 || line.length * LETTER * 0.85 < wide);
      lines.forEach((line, place) => {
        const middle = y + row / 2 + 4.5 + (place - (lines.length - 1) / 2) * 14;
        const size = place ? 10 : row < 30 ? 11 : 13;
        shapes.push({ is: "text", x: x + wide / 2, y: middle, words: line, size, anchor: "middle", fill: inkOn(part) });
      });
    });
  });
  return { width, height: top + rows.length * row + 2, shapes };
}
