/** Beneath the nodes of a grid: the stream, the layers' boxes and their numbers. */

import type { Box, Row } from "./rows";
import type { Shape } from "./scene";
import { theme } from "./theme";
import { count } from "./text";

/** A picture this many times as wide as its letters still has legible ones on a screen. */
const WIDTHS = 60;
const LEAST = 9;
/** How wide two digits are, and a little space. */
const NUMBER = 1.25;

/** How large letters may be, so that no layer's number meets the next one or lies on another box. */
export function sizeOf(width: number, boxes: Box[], gap: number): number {
  const room = boxes.flatMap((box, place) => {
    const next = boxes.slice(place + 1).find((own) => own.upper === box.upper);
    return [box.width + 2 * gap, ...(next && next.x > box.x ? [middle(next) - middle(box)] : [])];
  });
  return Math.max(Math.min(width / WIDTHS, Math.min(...room) / NUMBER), LEAST);
}

function middle(box: Box): number {
  return box.x + box.width / 2;
}

/** The stream, the blocks, and a bundle from each to the stream, as wide as what it keeps. */
export function beneath(rows: Row[], start: number, width: number, size: number): Shape[] {
  const { muted, rule, paper } = theme();
  const shapes: Shape[] = [];
  for (const { boxes, line } of rows) {
    shapes.push({ is: "rect", x: 17, y: line - 2.5, w: width - 34, h: 5, rx: 2.5, fill: rule });
    for (const [upper, words] of [[true, "attn"], [false, "MLP"]] as const) {
      if (!boxes.some((box) => box.upper === upper)) continue;
      const y = upper ? line - 12 : line + 10 + 0.75 * size;
      shapes.push({ is: "text", x: start - 10, y, words, size, anchor: "end", fill: muted, stroke: paper });
    }
    for (const box of boxes) shapes.push(...block(box, line, size));
  }
  return shapes;
}

function block(box: Box, line: number, size: number): Shape[] {
  const { muted, faint, rule, paper } = theme();
  const kept = box.columns.reduce((sum, column) => sum + column.spots.length, 0);
  const total = box.columns.reduce((sum, column) => sum + column.total, 0);
  const height = Math.max(box.height, 8);
  const y = box.upper ? line - 20 - height : line + 20;
  const center = middle(box);
  const what = box.upper ? (box.columns.some((own) => own.site === "embed") ? "embedding and attention" : "attention") : "MLP";
  const title = `layer ${box.layer}, ${what}: ${count(kept)} of ${count(total)} nodes`;
  const shapes: Shape[] = [{ is: "rect", x: box.x, y, w: box.width, h: height, rx: 4, fill: faint, opacity: 0.7, title }];
  if (kept) {
    const wide = Math.max(Math.sqrt(kept / total) * (box.width - 6), 2);
    const edge = box.upper ? line - 20 : line + 20;
    const d: [number, number][] = [[center - wide / 2, edge], [center + wide / 2, edge], [center + wide / 3, line], [center - wide / 3, line]];
    shapes.push({ is: "area", d, fill: rule, title });
  }
  const label = box.upper ? y - 5 : y + height + 3 + 0.8 * size;
  shapes.push({ is: "text", x: center, y: label, words: String(box.layer), size, anchor: "middle", fill: muted, stroke: paper });
  return shapes;
}
