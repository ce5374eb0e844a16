/** Rows of layers: what stands in each layer's two boxes, and where. */

import { beneath, sizeOf } from "./beneath";
import type { Graph, GraphNode } from "./graph";
import type { Place } from "./model";

const SITES = [
  "embed", "layer", "attn.act_in", "attn.q", "attn.k", "attn.v", "attn.z", "attn.resid_delta",
  "mlp.act_in", "mlp.post_act", "mlp.resid_delta",
];
const PITCH: Record<string, number> = { channel: 8, head: 17, block: 20 };
const SIDE = 26;
const GAP = 22;
const MARGIN = 34;
const EDGE = 12;
/** Half as wide as what stands at either end, in letters. */
const ENDS = 1.9;
/** From the stream to the nodes next to it. */
const NEAR = 26;

interface Spot extends Place {
  id: number | null;
  name: string;
}

/** The nodes of one site in one layer. */
export interface Column {
  site: string;
  granularity: string;
  total: number;
  spots: Spot[];
}

/** The attention of a layer, or its MLP. */
export interface Box {
  layer: number;
  upper: boolean;
  x: number;
  width: number;
  height: number;
  columns: Column[];
}

export interface Row {
  boxes: Box[];
  width: number;
  above: number;
  below: number;
  /** Where its stretch of the stream lies. */
  line: number;
}

/** How large it gets, and how it looks. */
interface Stack {
  width: number;
  height: number;
  graph: () => Graph;
}

export function stacked(layers: Column[][], first: string[], last: string[], tall: number, many: number): Stack {
  const each = Math.max(Math.ceil(layers.length / many), 1);
  const starts = Array.from({ length: Math.max(Math.ceil(layers.length / each), 1) }, (_, place) => place * each);
  const rows = starts.map((from) => row(layers, from, Math.min(from + each, layers.length), tall));
  const longest = Math.max(...rows.map((own) => own.width));
  const letters = Math.min(...rows.map((own) => sizeOf(longest, own.boxes, GAP)));
  const side = (names: string[]) => (names.length ? 2 * ENDS * letters + EDGE : MARGIN);
  const start = side(first) + 2.4 * letters;
  const width = start + longest + side(last);
  let height = 0;
  for (const own of rows) {
    own.boxes.forEach((box) => (box.x += start));
    own.line = height + letters + 12 + own.above + NEAR;
    height = own.line + NEAR + own.below + letters + 12;
  }
  const graph = (): Graph => {
    const nodes = rows.flatMap((own) => own.boxes.flatMap((box) => placed(box, own.line, tall)));
    for (const name of first) nodes.push(end(name, EDGE + ENDS * letters, rows[0]!.line, letters));
    for (const name of last) nodes.push(end(name, width - EDGE - ENDS * letters, rows.at(-1)!.line, letters));
    return { width, height, letters, rows: rows.length, nodes, edges: [], under: () => beneath(rows, start, width, letters), over: () => [] };
  };
  return { width, height, graph };
}

function row(layers: Column[][], from: number, to: number, tall: number): Row {
  const boxes: Box[] = [];
  let x = 0;
  for (let layer = from; layer < to; layer++) {
    const own = [...(layers[layer] ?? [])].sort((a, b) => SITES.indexOf(a.site) - SITES.indexOf(b.site));
    const widths = [true, false].map((upper) => {
      const columns = own.filter((column) => isUpper(column.site) === upper);
      const box = { layer, upper, x, columns, ...size(columns, tall) };
      if (columns.length) boxes.push(box);
      return columns.length ? box.width : 0;
    });
    x += Math.max(...widths, SIDE) + GAP;
  }
  const most = (upper: boolean) => Math.max(0, ...boxes.filter((box) => box.upper === upper).map((box) => box.height));
  return { boxes, width: x, above: most(true), below: most(false), line: 0 };
}

function isUpper(site: string): boolean {
  return !site.startsWith("mlp.");
}

function end(name: string, x: number, y: number, letters: number): GraphNode {
  return { id: null, name, x, y, r: Math.max(0.8 * letters, 9), half: ENDS * letters, label: name, round: true };
}

function shape(column: Column, tall: number): { across: number; down: number; pitch: number } {
  const pitch = PITCH[column.granularity] ?? 8;
  const across = Math.max(1, Math.ceil(Math.sqrt(column.spots.length / tall) * 2));
  return { across, down: Math.ceil(column.spots.length / across), pitch };
}

function size(columns: Column[], tall: number): { width: number; height: number } {
  let width = 6;
  let height = 0;
  for (const column of columns) {
    if (!column.spots.length) continue;
    const { across, down, pitch } = shape(column, tall);
    width += across * pitch + 6;
    height = Math.max(height, down * pitch + 12);
  }
  return { width: Math.max(width, SIDE), height };
}

function placed(box: Box, line: number, tall: number): GraphNode[] {
  const nodes: GraphNode[] = [];
  let left = box.x + 6;
  for (const column of box.columns) {
    if (!column.spots.length) continue;
    const { across, pitch } = shape(column, tall);
    column.spots.forEach((spot, place) => {
      const away = NEAR + (Math.floor(place / across) + 0.5) * pitch;
      const x = left + ((place % across) + 0.5) * pitch;
      const label = spot.granularity === "channel" ? undefined : short(spot);
      nodes.push({
        id: spot.id,
        name: spot.name,
        x,
        y: box.upper ? line - away : line + away,
        r: pitch / 2 - 1,
        ...(label ? { label } : {}),
      });
    });
    left += across * pitch + 6;
  }
  return nodes;
}

function short(spot: Spot): string {
  return spot.granularity === "head" ? String(spot.index) : spot.site === "layer" ? "L" : isUpper(spot.site) ? "A" : "M";
}
