/** What the Circuit view draws: placed nodes, edges between them, and what lies beneath. */

import { curve } from "./scene";
import type { Point, Shape } from "./scene";

export interface GraphNode {
  /** Of the circuit's universe; null where that has no such node. */
  id: number | null;
  name: string;
  x: number;
  y: number;
  /** Half its height; half its width where that differs. */
  r: number;
  half?: number;
  label?: string;
  round?: boolean;
}

export interface GraphEdge {
  source: number;
  target: number;
  /** With its sign. */
  value: number;
  /** What it is ranked and drawn by; not negative. */
  size: number;
  name: string;
}

export interface Graph {
  width: number;
  height: number;
  /** How large the letters are that say what stands where. */
  letters: number;
  /** How many rows its layers stand in; one if it does not say. */
  rows?: number;
  nodes: GraphNode[];
  /** The largest first. */
  edges: GraphEdge[];
  under: () => Shape[];
  over: () => Shape[];
}

export const EMPTY: Graph = { width: 1, height: 1, letters: 1, nodes: [], edges: [], under: () => [], over: () => [] };

export function ends(graph: Graph, edge: GraphEdge): [Point, Point] {
  const from = graph.nodes[edge.source]!;
  const to = graph.nodes[edge.target]!;
  return [
    [from.x + (from.half ?? from.r), from.y],
    [to.x - (to.half ?? to.r), to.y],
  ];
}

/** The nodes that pass, and the edges between them. */
export function keeping(graph: Graph, pass: (node: GraphNode) => boolean): Graph {
  const places = new Map<number, number>();
  graph.nodes.forEach((node, place) => pass(node) && places.set(place, places.size));
  const edges = graph.edges.flatMap((edge) => {
    const [source, target] = [places.get(edge.source), places.get(edge.target)];
    return source === undefined || target === undefined ? [] : [{ ...edge, source, target }];
  });
  return { ...graph, nodes: graph.nodes.filter((_, place) => places.has(place)), edges };
}

export function edgeWidth(size: number, largest: number): number {
  return 0.7 + 3.3 * Math.sqrt(largest > 0 ? size / largest : 0);
}

/** The node or edge at a point, no farther than `reach` away; nodes come first. */
export function hit(
  graph: Graph,
  [x, y]: Point,
  reach: number,
  edges: GraphEdge[],
): { node: number } | { edge: GraphEdge } | null {
  let best = reach;
  let node = -1;
  graph.nodes.forEach((own, place) => {
    const aside = Math.max(Math.abs(own.x - x) - (own.half ?? own.r), 0);
    const away = Math.max(Math.abs(own.y - y) - own.r, 0);
    const distance = Math.hypot(aside, away);
    if (distance < best || (distance === 0 && best === 0)) {
      best = distance;
      node = place;
    }
  });
  if (node >= 0) return { node };
  let nearest: GraphEdge | null = null;
  best = reach;
  for (const edge of edges) {
    const distance = toCurve(ends(graph, edge), [x, y]);
    if (distance < best) {
      best = distance;
      nearest = edge;
    }
  }
  return nearest && { edge: nearest };
}

const STEPS = 16;

function toCurve([start, end]: [Point, Point], [x, y]: Point): number {
  const [low, high] = [Math.min(start[1], end[1]), Math.max(start[1], end[1])];
  if (y < low - 20 || y > high + 20) return Infinity;
  const [from, to] = curve(start, end);
  let best = Infinity;
  let before = start;
  for (let step = 1; step <= STEPS; step++) {
    const t = step / STEPS;
    const u = 1 - t;
    const mix = (axis: 0 | 1) =>
      u ** 3 * start[axis] + 3 * u * u * t * from[axis] + 3 * u * t * t * to[axis] + t ** 3 * end[axis];
    const here: Point = [mix(0), mix(1)];
    best = Math.min(best, toSegment(before, here, [x, y]));
    before = here;
  }
  return best;
}

function toSegment([a, b]: Point, [c, d]: Point, [x, y]: Point): number {
  const length = (c - a) ** 2 + (d - b) ** 2;
  const part = length ? Math.min(Math.max(((x - a) * (c - a) + (y - b) * (d - b)) / length, 0), 1) : 0;
  return Math.hypot(x - a - part * (c - a), y - b - part * (d - b));
}
