/** Lines and dots over two axes, as a scene. */

import type { Scene, Shape } from "./scene";
import { theme } from "./theme";
import { isolated, number } from "./text";

export interface Series {
  name: string;
  colour: string;
  points: { x: number; y: number; low?: number; high?: number; title?: string; label?: string }[];
  line: boolean;
  /** `unseen` ones are only pointed at. */
  dots: boolean | "unseen";
  dash?: number[];
}

export interface Axis {
  words: string;
  log: boolean;
  write?: (value: number) => string;
}

export interface Frame {
  x: (value: number) => number;
  y: (value: number) => number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const MOST_WIDE = 860;
const LEAST_WIDE = 300;

/** How wide a chart in this element is to be, so that its text stays readable on a phone. */
export function widthIn(element: HTMLElement): number {
  return Math.min(Math.max(element.clientWidth || MOST_WIDE, LEAST_WIDE), MOST_WIDE);
}

/** Round numbers that cover a range; on a logarithmic axis powers of ten, or parts of one. */
export function ticks(low: number, high: number, log: boolean): number[] {
  if (log && high / low >= 4) {
    const found: number[] = [];
    const decades = Math.log10(high / low);
    const steps = decades < 1.2 ? [1, 2, 3, 5] : decades < 3 ? [1, 3] : [1];
    for (let decade = Math.floor(Math.log10(low)); decade <= Math.ceil(Math.log10(high)); decade++) {
      for (const step of steps) found.push(step * 10 ** decade);
    }
    const inside = found.filter((value) => value >= low * 0.999 && value <= high * 1.001);
    return inside.filter((_, place) => place % Math.ceil(inside.length / 9 || 1) === 0);
  }
  const rough = (high - low) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((own) => own * power).find((own) => own >= rough) ?? rough;
  const found: number[] = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-6; place++) found.push(place * step);
  return found;
}

/** Where values lie on an axis; those that a logarithm has no place for lie at its lower end. */
export function scale(values: number[], log: boolean, from: number, to: number): { at: (value: number) => number; low: number; high: number } {
  const known = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  let low = known.reduce((a, b) => Math.min(a, b), Infinity);
  let high = known.reduce((a, b) => Math.max(a, b), -Infinity);
  if (low > high) [low, high] = log ? [0.1, 1] : [0, 1];
  if (low === high) [low, high] = log ? [low / 2, high * 2] : [low - Math.abs(low) * 0.1 - 0.5, high + Math.abs(high) * 0.1 + 0.5];
  const way = (value: number) => (log ? Math.log(Math.max(value, low)) : value);
  const span = way(high) - way(low);
  return { at: (value) => from + ((way(value) - way(low)) / span) * (to - from), low, high };
}

type Box = [left: number, top: number, right: number, bottom: number];
const LETTER = 6.2;

/** Beside its point, where it is closest to it and meets no other label. */
function placed(x: number, y: number, words: string, taken: Box[], width: number): Extract<Shape, { is: "text" }> {
  const long = words.length * LETTER;
  const right = x + 8 + long < width;
  const sides = right && x < width / 2 ? [true, false] : [false, right];
  for (const drop of [-6, 14, -19, 27, -32, 40]) {
    for (const after of sides) {
      const from = after ? x + 8 : x - 8 - long;
      const box: Box = [from, y + drop - 10, from + long, y + drop + 3];
      if (taken.some((own) => box[0] < own[2] && box[2] > own[0] && box[1] < own[3] && box[3] > own[1])) continue;
      taken.push(box);
      return { is: "text", x: after ? x + 8 : x - 8, y: y + drop, words, anchor: after ? "start" : "end", size: 11 };
    }
  }
  return { is: "text", x: x + 8, y: y - 6, words, size: 11 };
}

export function chart(
  width: number,
  series: Series[],
  across: Axis,
  up: Axis,
  more: (frame: Frame) => Shape[] = () => [],
): Scene {
  const { muted, faint, paper, ink } = theme();
  const height = Math.round(Math.max(width * 0.48, 260));
  const [left, right, top, bottom] = [62, width - 20, 26, height - 44];
  const points = series.flatMap((own) => own.points);
  const pad = 14;
  const xs = scale(points.map((p) => p.x), across.log, left + pad, right - pad);
  const heights = points.flatMap((p) => [p.y, p.low ?? p.y, p.high ?? p.y]);
  const ys = scale(heights, up.log, bottom - pad, top + pad);
  const shapes: Shape[] = [];
  for (const value of ticks(ys.low, ys.high, up.log)) {
    const y = ys.at(value);
    shapes.push({ is: "path", d: [[left, y], [right, y]], stroke: faint });
    shapes.push({ is: "text", x: left - 8, y: y + 4, words: (up.write ?? number)(value), anchor: "end", fill: muted });
  }
  const marks = ticks(xs.low, xs.high, across.log);
  const each = Math.ceil((marks.length * 64) / (right - left));
  for (const value of marks.filter((_, place) => place % each === 0)) {
    const x = xs.at(value);
    shapes.push({ is: "path", d: [[x, bottom], [x, bottom + 5]], stroke: muted });
    shapes.push({ is: "text", x, y: bottom + 18, words: (across.write ?? number)(value), anchor: "middle", fill: muted });
  }
  shapes.push({ is: "path", d: [[left, bottom], [right, bottom]], stroke: muted });
  shapes.push({ is: "text", x: 0, y: 12, words: up.words + (up.log ? " (logarithmic)" : ""), fill: ink });
  shapes.push({ is: "text", x: (left + right) / 2, y: height - 6, words: across.words + (across.log ? " (logarithmic)" : ""), anchor: "middle", fill: ink });
  shapes.push(...more({ x: xs.at, y: ys.at, left, right, top, bottom }));
  const taken: Box[] = [];
  for (const own of series) {
    const at = own.points.map((point): [number, number] => [xs.at(point.x), ys.at(point.y)]);
    if (own.line && at.length > 1) {
      const dash = own.dash ? { dash: own.dash } : {};
      shapes.push({ is: "path", d: at, stroke: own.colour, width: 1.75, title: isolated(own.name), ...dash });
    }
    if (!own.dots) continue;
    own.points.forEach((point, place) => {
      const [x, y] = at[place]!;
      const title = point.title ?? isolated(own.name);
      if (point.low !== undefined && point.high !== undefined) {
        shapes.push({ is: "path", d: [[x, ys.at(point.low)], [x, ys.at(point.high)]], stroke: own.colour, opacity: 0.7 });
      }
      if (own.dots === "unseen") shapes.push({ is: "circle", x, y, r: 0, fill: own.colour, title });
      else shapes.push({ is: "circle", x, y, r: 4.5, fill: own.colour, stroke: paper, title });
      if (point.label) shapes.push({ ...placed(x, y, point.label, taken, width), fill: ink, stroke: paper });
    });
  }
  return { width, height, shapes };
}
