/** Labels beside the points of a chart, where there is room. */

import type { Point, Shape } from "./scene";

export type Box = [left: number, top: number, right: number, bottom: number];

const LETTER = 6.2;
const DROPS = [-6, 14, -19, 27, -32, 40, -45, 53];
/** A label this far from its point is joined to it by a line. */
const FAR = 20;

/** Where a label may be: within these bounds, and on nothing that is taken. */
export interface Room {
  bounds: Box;
  taken: Box[];
}

/** A point, and the ends of its whisker. */
export interface Spot {
  x: number;
  y: number;
  top: number;
  bottom: number;
}

/** Beside its point, as close to it as can be, or at an end of its whisker; nothing where there is no room. */
export function placed(spot: Spot, words: string, { bounds, taken }: Room, ink: Ink): Shape[] {
  const long = words.length * LETTER;
  const { x, y } = spot;
  const free = (box: Box) => within(box, bounds) && !taken.some((own) => meet(box, own));
  const sides = x < (bounds[0] + bounds[2]) / 2 ? [true, false] : [false, true];
  const beside = DROPS.flatMap((drop) => sides.map((after) => ({ from: after ? x + 8 : x - 8 - long, base: y + drop, after })));
  const from = Math.min(Math.max(x - long / 2, bounds[0]), bounds[2] - long);
  const ends = [spot.top - 8, spot.bottom + 16].map((base) => ({ from, base, after: null }));
  const near = (one: { base: number }) => Math.abs(one.base + 4 - y) <= FAR;
  const all = [...beside.filter(near), ...ends, ...beside.filter((one) => !near(one))];
  const found = all.find((one) => free([one.from, one.base - 10, one.from + long, one.base + 3]));
  if (!found) return [];
  taken.push([found.from, found.base - 10, found.from + long, found.base + 3]);
  const anchor = found.after === null ? "middle" : found.after ? "start" : "end";
  const at = found.from + { start: 0, middle: long / 2, end: long }[anchor];
  const text: Shape = { is: "text", x: at, y: found.base, words, anchor, size: 11, fill: ink.ink, stroke: ink.paper };
  if (near(found) || found.after === null) return [text];
  const end = found.after ? found.from - 1 : found.from + long + 1;
  return [{ is: "path", d: [[x, y], [end, found.base - 4]], stroke: ink.muted, width: 0.75 }, text];
}

type Ink = { ink: string; paper: string; muted: string };

function within(box: Box, [left, top, right, bottom]: Box): boolean {
  return box[0] >= left && box[1] >= top && box[2] <= right && box[3] <= bottom;
}

function meet(a: Box, b: Box): boolean {
  return a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
}

/** What lines cover that go level or straight up; slanted ones leave room beside them. */
export function covered(shapes: Shape[]): Box[] {
  return shapes.flatMap((own) => {
    if (own.is !== "path") return [];
    return own.d.slice(1).flatMap(([x, y], place): Box[] => {
      const [a, b] = own.d[place] as Point;
      if (Math.abs(x - a) > 1 && Math.abs(y - b) > 1) return [];
      return [[Math.min(a, x) - 2, Math.min(b, y) - 2, Math.max(a, x) + 2, Math.max(b, y) + 2]];
    });
  });
}
