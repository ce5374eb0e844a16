/** A weight-sparse circuit: stream channels as lines, nodes, and the weights between them. */

import type { StreamTree, WiringTree } from "./data";
import type { Graph, GraphEdge, GraphNode } from "./graph";
import { nodeGrid } from "./grid";
import type { NodeCircuit } from "./model";
import type { Shape } from "./scene";
import { theme } from "./theme";
import { isolated, number, short } from "./text";
import type { Arrays } from "./unpack";

const PILL = 15;
const TOKENS = 2;
const LETTERS = 11;

/** Null where no heights were found for it: then its nodes stand in the grid. */
export function wiringGraph(tree: WiringTree, arrays: Arrays): Graph | null {
  const { layout } = tree;
  if (!layout) return null;
  const [xs, ys, ids] = [arrays.get(layout.x), arrays.get(layout.y), arrays.get(tree.nodes)];
  const nodes = tree.names.map((name, place): GraphNode => {
    const id = ids[place] ?? -1;
    const channel = name.slice(name.lastIndexOf(".") + 1);
    const inner = !onStream(name);
    return {
      id: id < 0 ? null : id,
      name,
      x: xs[place] ?? 0,
      y: ys[place] ?? 0,
      r: inner ? 6.5 : 4,
      ...(inner ? { half: PILL, label: `${letter(name)}${channel}`, round: true } : { round: true }),
    };
  });
  return {
    width: layout.width,
    height: layout.height,
    letters: LETTERS,
    nodes,
    edges: wiringEdges(tree, arrays),
    under: () => beneath(tree, arrays, nodes),
    over: () => labels(layout.streams, nodes, layout.left, layout.right),
  };
}

/** The grid's places with the edges of the wiring. */
export function wiredGrid(circuit: NodeCircuit, tree: WiringTree, arrays: Arrays, shown: number[]): Graph {
  const graph = nodeGrid(circuit, shown, [1]);
  const at = new Map(graph.nodes.map((node, place) => [node.name, place]));
  const edges = wiringEdges(tree, arrays).flatMap((edge) => {
    const source = at.get(tree.names[edge.source]!);
    const target = at.get(tree.names[edge.target]!);
    return source === undefined || target === undefined ? [] : [{ ...edge, source, target }];
  });
  return { ...graph, edges };
}

function wiringEdges(tree: WiringTree, arrays: Arrays): GraphEdge[] {
  const [source, target] = [arrays.get(tree.source), arrays.get(tree.target)];
  const [weight, flow] = [arrays.get(tree.weight), arrays.get(tree.flow)];
  const edges = Array.from(source, (from, place): GraphEdge => {
    const to = target[place]!;
    const name = `${tree.names[from]} → ${tree.names[to]}`;
    return { source: from, target: to, value: weight[place] ?? 0, size: flow[place] ?? 0, name };
  });
  return edges.sort((a, b) => b.size - a.size);
}

function onStream(name: string): boolean {
  return /\.(act_in|resid_delta)\./.test(name);
}

function letter(name: string): string {
  return /\.attn\.([qkv])\./.exec(name)?.[1] ?? "";
}

function beneath(tree: WiringTree, arrays: Arrays, nodes: GraphNode[]): Shape[] {
  const layout = tree.layout!;
  const { faint, muted, rule, paper } = theme();
  const shapes: Shape[] = [];
  for (const [layer, kind, read, , write] of layout.blocks) {
    const around = { x: read - 10, y: 22, w: write - read + 20, h: layout.height - 22 };
    shapes.push({ is: "rect", ...around, rx: 6, fill: faint, opacity: 0.55 });
    const words = `${{ attn: "attention", mlp: "MLP" }[kind] ?? kind} ${layer}`;
    shapes.push({ is: "text", x: (read + write) / 2, y: 14, words, anchor: "middle", size: LETTERS, fill: muted });
  }
  for (const stream of layout.streams) {
    const [start, end] = reach(stream, nodes, layout.left, layout.right);
    shapes.push({ is: "path", d: [[start, stream.y], [end, stream.y]], stroke: muted, width: 0.75, opacity: 0.5 });
  }
  const heads = new Map<string, GraphNode[]>();
  const owner = arrays.get(tree.heads);
  nodes.forEach((node, place) => {
    const head = owner[place] ?? -1;
    if (head < 0) return;
    const key = `${node.name.slice(0, node.name.indexOf("."))}.${head}`;
    heads.set(key, [...(heads.get(key) ?? []), node]);
  });
  for (const [key, own] of heads) {
    const top = Math.min(...own.map((node) => node.y)) - 9.5;
    const bottom = Math.max(...own.map((node) => node.y)) + 9.5;
    const x = own[0]!.x;
    const around = { x: x - PILL - 4, y: top, w: 2 * PILL + 8, h: bottom - top };
    shapes.push({ is: "rect", ...around, rx: 8, fill: paper, stroke: rule });
    const words = `head ${key.slice(key.indexOf(".") + 1)}`;
    shapes.push({ is: "text", x, y: top - 2, words, size: 8, anchor: "middle", fill: muted });
    meets(own, shapes, muted);
  }
  return shapes;
}

/** A query meets the key of the same channel of its head. */
function meets(own: GraphNode[], shapes: Shape[], stroke: string): void {
  for (const query of own) {
    const channel = /\.attn\.q\.(\d+)$/.exec(query.name)?.[1];
    const key = own.find((node) => channel !== undefined && node.name.endsWith(`.attn.k.${channel}`));
    if (!key) continue;
    const x = query.x - PILL - 2;
    shapes.push({ is: "path", d: [[x, query.y], [x, key.y]], stroke, width: 1.5, dash: [1.5, 2] });
  }
}

function reach(stream: StreamTree, nodes: GraphNode[], left: number, right: number): [number, number] {
  const own = nodes.filter((node) => onStream(node.name) && node.name.endsWith(`.${stream.channel}`));
  const at = own.map((node) => node.x);
  const start = stream.read.length ? left : Math.min(...at, right) - 8;
  const end = stream.written.length ? right : Math.max(...at, left) + 8;
  return [start, end];
}

function labels(streams: StreamTree[], nodes: GraphNode[], left: number, right: number): Shape[] {
  const { ink, paper, muted } = theme();
  const shapes: Shape[] = [
    { is: "text", x: left - 6, y: 14, words: "prompt tokens", anchor: "end", size: LETTERS, fill: muted },
    { is: "text", x: right + 6, y: 14, words: "answer tokens", size: LETTERS, fill: muted },
  ];
  for (const stream of streams) {
    const [start, end] = reach(stream, nodes, left, right);
    const all = (tokens: StreamTree["read"]) =>
      tokens.map(([text, weight]) => `${isolated(text)} (${number(weight)})`).join(", ");
    const some = (tokens: StreamTree["read"]) =>
      tokens.slice(0, TOKENS).map(([text, weight]) => `${weight < 0 ? "−" : "+"}${isolated(short(text, 7))}`);
    const words = String(stream.channel);
    const base = { is: "text", y: stream.y + 4, size: LETTERS, fill: ink } as const;
    if (stream.read.length) {
      const told = `channel ${words} is written by ${all(stream.read)}`;
      const line = [...some(stream.read).reverse(), words].join("  ");
      shapes.push({ ...base, x: start - 6, words: line, anchor: "end", title: told });
    } else if (!stream.written.length) {
      shapes.push({ ...base, x: start - 2, y: stream.y - 3, words, anchor: "end", stroke: paper, size: 9 });
    }
    if (stream.written.length) {
      const told = `channel ${words} writes ${all(stream.written)}`;
      shapes.push({ ...base, x: end + 6, words: [words, ...some(stream.written)].join("  "), title: told });
    }
  }
  return shapes;
}
