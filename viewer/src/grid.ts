/** Layers from left to right; attention above the residual stream, MLPs below it. */

import type { Graph, GraphEdge, GraphNode } from "./graph";
import { nodeName } from "./model";
import type { EdgeCircuit, NodeCircuit, Place } from "./model";
import type { Shape } from "./scene";
import { theme } from "./theme";
import { count } from "./text";

const SITES = [
  "embed", "layer", "attn.act_in", "attn.q", "attn.k", "attn.v", "attn.z", "attn.resid_delta",
  "mlp.act_in", "mlp.post_act", "mlp.resid_delta",
];
const PITCH: Record<string, number> = { channel: 8, head: 17, block: 20 };
const SIDE = 26;
const GAP = 22;
const MARGIN = 34;
const HEIGHTS = [6, 12, 24, 48, 96, 192];
const ASPECT = 1.7;

interface Spot extends Place {
  id: number | null;
  name: string;
}

interface Column {
  site: string;
  granularity: string;
  total: number;
  spots: Spot[];
}

interface Box {
  layer: number;
  upper: boolean;
  x: number;
  width: number;
  height: number;
  columns: Column[];
}

/** The nodes with these numbers, in the order in which they are to stand. */
export function nodeGrid(circuit: NodeCircuit, shown: number[]): Graph {
  const columns = new Map<string, Column>();
  for (const [layer, site, granularity, , total] of circuit.universe.groups) {
    columns.set(`${layer}.${site}.${granularity}`, { site, granularity, total, spots: [] });
  }
  for (const id of shown) {
    const place = circuit.universe.place(id);
    const spot = { ...place, id, name: nodeName(place) };
    columns.get(`${place.layer}.${place.site}.${place.granularity}`)?.spots.push(spot);
  }
  const layers: Column[][] = Array.from({ length: circuit.universe.layers }, () => []);
  for (const [key, column] of columns) layers[Number.parseInt(key, 10)]?.push(column);
  return arranged(layers, [], []);
}

/** Heads and MLPs with their strongest edges. */
export function edgeGrid(circuit: EdgeCircuit): Graph {
  const { writers, readers } = circuit.tree;
  const used = new Set<string>();
  const owner = (reader: string) => reader.replace(/<[qkv]>$/, "");
  circuit.source.forEach((place) => used.add(writers[place]!));
  circuit.target.forEach((place) => used.add(owner(readers[place]!)));
  const layers: Column[][] = [];
  for (const name of writers) {
    const match = /^(?:a(\d+)\.h(\d+)|m(\d+))$/.exec(name);
    if (!match) continue;
    const layer = Number(match[1] ?? match[3]);
    const row = (layers[layer] ??= []);
    const site = match[3] === undefined ? "attn.z" : "mlp.resid_delta";
    const granularity = match[3] === undefined ? "head" : "block";
    let column = row.find((own) => own.site === site);
    if (!column) row.push((column = { site, granularity, total: 0, spots: [] }));
    column.total += 1;
    const place = { layer, site, granularity, index: Number(match[2] ?? 0) };
    if (used.has(name)) column.spots.push({ ...place, id: null, name });
  }
  const graph = stretched(arranged(layers, ["input"], ["logits"]));
  const at = new Map(graph.nodes.map((node, place) => [node.name, place]));
  const edges: GraphEdge[] = [];
  circuit.source.forEach((from, place) => {
    const reader = readers[circuit.target[place]!]!;
    const source = at.get(writers[from]!);
    const target = at.get(owner(reader));
    if (source === undefined || target === undefined) return;
    const value = circuit.values?.[place] ?? 1;
    edges.push({ source, target, value, size: Math.abs(value), name: circuit.edgeName(place) });
  });
  return { ...graph, edges };
}

/** Of the ways to stack channels, the one whose picture is closest to a screen's shape. */
function arranged(layers: Column[][], first: string[], last: string[]): Graph {
  const tries = HEIGHTS.map((tall) => stacked(layers, first, last, tall));
  const off = ({ width, height }: Stack) => Math.abs(Math.log(width / height / ASPECT));
  return tries.reduce((best, own) => (off(own) < off(best) ? own : best)).graph();
}

/** Heads are few, so they stand apart as far as a screen's shape allows. */
function stretched(graph: Graph): Graph {
  const by = Math.min(Math.max(graph.width / ASPECT / graph.height, 1), 4);
  const under = () => graph.under().map((own) => lengthened(own, by));
  return { ...graph, height: graph.height * by, nodes: graph.nodes.map((node) => ({ ...node, y: node.y * by })), under };
}

function lengthened(own: Shape, by: number): Shape {
  if (own.is === "rect") return { ...own, y: own.y * by, h: own.h * by };
  if (own.is === "area" || own.is === "path") return { ...own, d: own.d.map(([x, y]) => [x, y * by]) };
  return { ...own, y: own.y * by };
}

/** How large it gets, and how it looks. */
interface Stack {
  width: number;
  height: number;
  graph: () => Graph;
}

function stacked(layers: Column[][], first: string[], last: string[], tall: number): Stack {
  const boxes: Box[] = [];
  let x = MARGIN + (first.length ? SIDE : 0);
  for (let layer = 0; layer < layers.length; layer++) {
    const own = [...(layers[layer] ?? [])].sort((a, b) => SITES.indexOf(a.site) - SITES.indexOf(b.site));
    const widths = [true, false].map((upper) => {
      const columns = own.filter((column) => isUpper(column.site) === upper);
      const box = { layer, upper, x, columns, ...size(columns, tall) };
      if (columns.length) boxes.push(box);
      return columns.length ? box.width : 0;
    });
    x += Math.max(...widths, SIDE) + GAP;
  }
  const above = Math.max(0, ...boxes.filter((box) => box.upper).map((box) => box.height));
  const below = Math.max(0, ...boxes.filter((box) => !box.upper).map((box) => box.height));
  const line = MARGIN + above + 30;
  const width = x + MARGIN + (last.length ? SIDE : 0);
  const height = line + below + 30 + MARGIN;
  const graph = (): Graph => {
    const nodes = boxes.flatMap((box) => placed(box, line, tall));
    for (const name of first) nodes.push(end(name, MARGIN, line));
    for (const name of last) nodes.push(end(name, width - MARGIN, line));
    return { width, height, nodes, edges: [], under: () => beneath(boxes, line, width), over: () => [] };
  };
  return { width, height, graph };
}

function isUpper(site: string): boolean {
  return !site.startsWith("mlp.");
}

function end(name: string, x: number, y: number): GraphNode {
  return { id: null, name, x, y, r: 9, half: 22, label: name, round: true };
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
      const away = 26 + (Math.floor(place / across) + 0.5) * pitch;
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

/** The stream, the blocks, and a bundle from each to the stream, as wide as what it keeps. */
function beneath(boxes: Box[], line: number, width: number): Shape[] {
  const { muted, faint, rule, paper } = theme();
  const size = Math.max(9, width / 130);
  const shapes: Shape[] = [
    { is: "rect", x: MARGIN / 2, y: line - 2.5, w: width - MARGIN, h: 5, rx: 2.5, fill: rule },
  ];
  for (const box of boxes) {
    const kept = box.columns.reduce((sum, column) => sum + column.spots.length, 0);
    const total = box.columns.reduce((sum, column) => sum + column.total, 0);
    const height = Math.max(box.height, 8);
    const y = box.upper ? line - 20 - height : line + 20;
    const title = `layer ${box.layer}, ${box.upper ? "attention" : "MLP"}: ${count(kept)} of ${count(total)} nodes`;
    shapes.push({ is: "rect", x: box.x, y, w: box.width, h: height, rx: 4, fill: faint, opacity: 0.7, title });
    if (kept) {
      const wide = Math.max(Math.sqrt(kept / total) * (box.width - 6), 2);
      const edge = box.upper ? line - 20 : line + 20;
      const middle = box.x + box.width / 2;
      shapes.push({
        is: "area",
        d: [[middle - wide / 2, edge], [middle + wide / 2, edge], [middle + wide / 3, line], [middle - wide / 3, line]],
        fill: rule,
        title,
      });
    }
    const name = `${box.upper ? (box.columns.some((c) => c.site === "embed") ? "embed " : "attn ") : "MLP "}${box.layer}`;
    const label = box.upper ? line - 26 - height : line + 25 + size + height;
    shapes.push({
      is: "text", x: box.x + box.width / 2, y: label, words: name, size, anchor: "middle", fill: muted, stroke: paper,
    });
  }
  return shapes;
}
