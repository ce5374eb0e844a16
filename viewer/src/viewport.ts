/** Where a picture stands in its box, and how tall the box is. */

import type { Point, View } from "./scene";

/** The least height of letters that can be read, on the screen. */
const LEGIBLE = 9;
/** Letters may be smaller by so much where then nothing is cut off. */
const NEARLY = 1.2;
/** Larger ones say no more. */
const LARGE = 18;
const CLOSEST = 3;
/** What is closer to the edge of the room than this is not in sight. */
const EDGE = 20;
const LEAST_TALL = 200;
/** In narrower rooms a part of a picture says less than all of it. */
const ROOMY = 560;

/** A picture: its size, and that of its letters. */
export interface Extent {
  size: Point;
  letters: number;
}

/**
 * As a reader is to meet it: whole, unless its letters would be too small and there is room for
 * more. Then it begins at its left and upper end, where its heads are, or has the place that it is
 * opened for in its middle.
 * `most` is how tall it may get.
 */
export function opened({ size: [long, tall], letters }: Extent, wide: number, most: number, at?: Point): { view: View; height: number } {
  const whole = Math.min(wide / long, most / tall, LARGE / letters, CLOSEST);
  const legible = Math.min(LEGIBLE / letters, CLOSEST);
  const scale = wide < ROOMY || whole * NEARLY >= legible ? whole : legible;
  const height = Math.round(Math.min(Math.max(tall * scale, LEAST_TALL), most));
  const x = along(wide, long * scale, at ? at[0] * scale : 0);
  const y = along(height, tall * scale, (at ? at[1] : 0) * scale);
  return { view: { scale, x, y }, height };
}

/** All of it, however small. */
export function whole({ size: [long, tall] }: Extent, wide: number, height: number): View {
  const scale = Math.min(wide / long, height / tall, CLOSEST);
  return { scale, x: (wide - long * scale) / 2, y: (height - tall * scale) / 2 };
}

/** A view moved so that a place is in sight: into the middle, as far as the picture reaches. */
export function revealed(view: View, { size: [long, tall] }: Extent, wide: number, high: number, [x, y]: Point): View {
  const { scale } = view;
  const axis = (start: number, room: number, whole: number, at: number) =>
    start + at >= EDGE && start + at <= room - EDGE ? start : along(room, whole, at);
  return { scale, x: axis(view.x, wide, long * scale, x * scale), y: axis(view.y, high, tall * scale, y * scale) };
}

/** Its start, so that it fills the room, and `at` is as close to the middle as that allows. */
function along(room: number, long: number, at: number): number {
  return long <= room ? (room - long) / 2 : Math.min(Math.max(room / 2 - at, room - long), 0);
}
