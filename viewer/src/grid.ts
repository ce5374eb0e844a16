/** Layers from left to right; attention above the residual stream, MLPs below it. */

import type { Graph, GraphEdge } from "./graph";
import { nodeName } from "./model";
import type { EdgeCircuit, NodeCircuit } from "./model";
import { stacked } from "./rows";
import type { Column } from "./rows";
import type { Shape } from "./scene";

const HEIGHTS = [6, 12, 24, 48, 96, 192];
const ROWS = [1, 2, 3, 4];
/** How much flatter one row may be before its layers are told in two. */
const WORTH = 0.4;
const ASPECT = 1.7;

/** The nodes with these numbers, in the order in which they are to stand. */
export function nodeGrid(circuit: NodeCircuit, shown: number[], rows = ROWS): Graph {
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
  return arranged(layers, rows);
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
  const graph = stretched(arranged(layers, [1], ["input"], ["logits"]));
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

/** Of the ways to stack channels and to break rows, the one whose picture is closest to a screen's shape. */
function arranged(layers: Column[][], rows: number[], first: string[] = [], last: string[] = []): Graph {
  const tries = rows.filter((many) => many === 1 || many < layers.length).flatMap((many) =>
    HEIGHTS.map((tall) => ({ many, ...stacked(layers, first, last, tall, many) })));
  const off = ({ width, height, many }: (typeof tries)[number]) => Math.abs(Math.log(width / height / ASPECT)) + WORTH * (many - 1);
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
