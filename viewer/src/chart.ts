/** Lines and dots over two axes, as a scene. */

import { scale, tickWords, ticks } from "./axes";
import { covered, placed } from "./labels";
import type { Room } from "./labels";
import type { Scene, Shape } from "./scene";
import { theme } from "./theme";
import { isolated } from "./text";

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
  /** Whether there is nothing between whole numbers, such as steps. */
  whole?: boolean;
  /** A value that the axis is to reach, whatever is drawn. */
  reach?: number;
  /** Whether there are values that a logarithm has no place for. */
  lacks?: boolean;
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

/** Both scales, with what is written beside them. */
function axes(width: number, height: number, points: Series["points"], across: Axis, up: Axis): { frame: Frame; shapes: Shape[] } {
  const { muted, faint, ink } = theme();
  const [left, right, top, bottom] = [62, width - 20, 26, height - 44];
  const pad = 14;
  const xs = scale(points.map((p) => p.x), across.log, left + pad, right - pad);
  const heights = points.flatMap((p) => [p.y, p.low ?? p.y, p.high ?? p.y]);
  if (up.reach !== undefined) heights.push(up.reach);
  const ys = scale(heights, up.log, bottom - pad, top + pad);
  const shapes: Shape[] = [];
  const levels = ticks(ys.low, ys.high, up.log, up.whole);
  tickWords(levels, up.log, up.write).forEach((words, place) => {
    const y = ys.at(levels[place]!);
    shapes.push({ is: "path", d: [[left, y], [right, y]], stroke: faint });
    shapes.push({ is: "text", x: left - 8, y: y + 4, words, anchor: "end", fill: muted });
  });
  const all = ticks(xs.low, xs.high, across.log, across.whole);
  const each = Math.ceil((all.length * 64) / (right - left));
  const marks = all.filter((_, place) => place % each === 0);
  tickWords(marks, across.log, across.write).forEach((words, place) => {
    const x = xs.at(marks[place]!);
    shapes.push({ is: "path", d: [[x, bottom], [x, bottom + 5]], stroke: muted });
    shapes.push({ is: "text", x, y: bottom + 18, words, anchor: "middle", fill: muted });
  });
  shapes.push({ is: "path", d: [[left, bottom], [right, bottom]], stroke: muted });
  shapes.push({ is: "text", x: 0, y: 12, words: titled(up), fill: ink });
  shapes.push({ is: "text", x: (left + right) / 2, y: height - 6, words: titled(across), anchor: "middle", fill: ink });
  return { frame: { x: xs.at, y: ys.at, left, right, top, bottom }, shapes };
}

function titled({ words, log, lacks }: Axis): string {
  return words + (log ? ` (logarithmic${lacks ? ", without what is 0 or less" : ""})` : "");
}

export function chart(
  width: number,
  series: Series[],
  across: Axis,
  up: Axis,
  more: (frame: Frame) => Shape[] = () => [],
): Scene {
  const { paper } = theme();
  const height = Math.round(Math.max(width * 0.48, 260));
  // a logarithm has no place for 0, and at the axis it would be read as the least value
  const has = (own: Series["points"][number]) => (!up.log || own.y > 0) && (!across.log || own.x > 0);
  const drawn = series.map((own) => ({ ...own, points: own.points.filter(has) }));
  const lacks = (axis: "x" | "y") => series.some((own) => own.points.some((point) => point[axis] <= 0));
  const { frame, shapes } = axes(width, height, drawn.flatMap((own) => own.points),
    { ...across, lacks: lacks("x") }, { ...up, lacks: lacks("y") });
  const extra = more(frame);
  shapes.push(...extra);
  const room: Room = { bounds: [frame.left, frame.top - 10, width, frame.bottom - 2], taken: covered(extra) };
  const labels: Shape[] = [];
  const marks = drawn.map((own) => marked(own, frame, paper));
  for (const own of marks) room.taken.push(...own.boxes);
  drawn.forEach((own, place) => {
    shapes.push(...marks[place]!.shapes);
    for (const { x, y, low, high, label } of own.dots ? own.points : []) {
      if (!label) continue;
      const spot = { x: frame.x(x), y: frame.y(y), top: frame.y(high ?? y), bottom: frame.y(low ?? y) };
      labels.push(...placed(spot, label, room, theme()));
    }
  });
  return { width, height, shapes: [...shapes, ...labels] };
}

/** A series' line and dots, and what of the picture its dots and whiskers take. */
function marked(own: Series, frame: Frame, paper: string): { shapes: Shape[]; boxes: Room["taken"] } {
  const shapes: Shape[] = [];
  const boxes: Room["taken"] = [];
  const at = own.points.map((point): [number, number] => [frame.x(point.x), frame.y(point.y)]);
  if (own.line && at.length > 1) {
    const dash = own.dash ? { dash: own.dash } : {};
    shapes.push({ is: "path", d: at, stroke: own.colour, width: 1.75, title: isolated(own.name), ...dash });
  }
  own.points.forEach((point, place) => {
    if (!own.dots) return;
    const [x, y] = at[place]!;
    const title = point.title ?? isolated(own.name);
    boxes.push([x - 5, y - 5, x + 5, y + 5]);
    if (point.low !== undefined && point.high !== undefined) {
      const [low, high] = [frame.y(point.low), frame.y(point.high)];
      shapes.push({ is: "path", d: [[x, low], [x, high]], stroke: own.colour, opacity: 0.7 });
      boxes.push([x - 2, high, x + 2, low]);
    }
    const single = own.line && own.points.length === 1; // a line of one point is not seen
    if (own.dots === "unseen" && !single) shapes.push({ is: "circle", x, y, r: 0, fill: own.colour, title });
    else shapes.push({ is: "circle", x, y, r: 4.5, fill: own.colour, stroke: paper, title });
  });
  return { shapes, boxes };
}
