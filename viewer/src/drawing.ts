/** Edges and nodes of a graph as shapes. */

import { edgeWidth, ends } from "./graph";
import type { Graph, GraphEdge, GraphNode } from "./graph";
import type { AnyCircuit, Run } from "./model";
import type { Measured } from "./panel";
import type { Shape } from "./scene";
import { isolated, number } from "./text";
import { inkOn, theme } from "./theme";

const MANY = 150;

export function edgeShapes(graph: Graph, shown: GraphEdge[], chosen: { node: string; edge: string }): Shape[] {
  const { series, ink } = theme();
  const largest = graph.edges[0]?.size ?? 1;
  const node = graph.nodes.findIndex((own) => own.name === chosen.node);
  const apart = node >= 0 || chosen.edge !== "";
  const plain = shown.length > MANY ? 0.5 : 0.85;
  // the strongest lie on top
  return [...shown].reverse().map((own): Shape => {
    const picked = own.name === chosen.edge;
    const near = picked || own.source === node || own.target === node;
    return {
      is: "path",
      d: ends(graph, own),
      curved: true,
      stroke: picked ? ink : series[own.value < 0 ? 1 : 0]!,
      width: edgeWidth(own.size, largest) + (picked ? 1.5 : 0),
      ...(own.value < 0 ? { dash: [5, 2.5] } : {}),
      opacity: !apart ? plain : near ? 0.9 : 0.12,
      title: `${isolated(own.name)}: ${number(own.value)}`,
    };
  });
}

export function nodeShapes(graph: Graph, shade: Shade, chosen: string): Shape[] {
  const { ink, paper, muted, series } = theme();
  const shapes: Shape[] = [];
  const rings: Shape[] = [];
  // nodes of a large picture are tiny where all of it is in sight, unlike its letters
  const gap = Math.max(2.5, graph.letters * 0.35);
  for (const node of graph.nodes) {
    const half = node.half ?? node.r;
    const box = { x: node.x - half, y: node.y - node.r, w: 2 * half, h: 2 * node.r, rx: node.round ? node.r : 0 };
    const part = shade(node);
    if (node.round) shapes.push({ is: "rect", ...box, fill: paper });
    shapes.push({ is: "rect", ...box, fill: series[0]!, opacity: part, title: isolated(node.name) });
    if (node.round) shapes.push({ is: "rect", ...box, stroke: muted, width: 1 });
    if (node.label) {
      const fill = inkOn(part);
      const size = Math.max(node.r, 9);
      shapes.push({ is: "text", x: node.x, y: node.y + 0.355 * size, words: node.label, size, anchor: "middle", fill });
    }
    if (node.name === chosen) {
      const around = { x: box.x - gap, y: box.y - gap, w: box.w + 2 * gap, h: box.h + 2 * gap, rx: box.rx + 2 };
      rings.push({ is: "rect", ...around, stroke: ink, width: Math.max(2.2, graph.letters * 0.2) });
    }
  }
  return [...shapes, ...rings];
}

/** How dark a node is, from 0 to 1. */
type Shade = (node: GraphNode) => number;

export function shading(run: Run, circuit: AnyCircuit, measured: Measured | null, by: string): Shade {
  if (circuit.of === "edges") return () => 0.12;
  if (by === "effect" && measured?.effects) return byEffect(measured.effects);
  if (by === "shared") {
    const all = run.circuits.filter((own) => own.of === "nodes").length;
    return (node) => run.keepers(node.name).filter((own) => own.kept).length / all;
  }
  if (!circuit.scored) return () => 0.5;
  const last = Math.max(circuit.ranked.length - 1, 1);
  return (node) => {
    const rank = node.id === null ? null : circuit.rank(node.id);
    return rank === null ? 0.08 : 0.2 + 0.8 * (1 - (rank - 1) / last);
  };
}

function byEffect({ rows }: NonNullable<Measured["effects"]>): Shade {
  const most = Math.max(...[...rows.values()].map((row) => row.inCircuit[0]), 1e-9);
  return (node) => {
    const row = node.id === null ? undefined : rows.get(node.id);
    return row ? 0.08 + 0.92 * Math.max(row.inCircuit[0] / most, 0) : 0.04;
  };
}
