import { expect, test } from "vitest";
import { nodeGrid } from "../src/grid";
import { hit } from "../src/graph";
import { drawnOf } from "../src/list";
import { Universe } from "../src/model";
import { UNIVERSE, circuitOf } from "./helpers";

// the page's colours are read from its style, of which there is none here
globalThis.getComputedStyle = (() => ({ getPropertyValue: () => "#123456" })) as never;
globalThis.document = { documentElement: {} } as never;

test("every node has a name that finds it", () => {
  const universe = new Universe(UNIVERSE);
  const names = Array.from({ length: universe.size }, (_, node) => universe.name(node));
  expect(new Set(names).size).toBe(universe.size);
  expect(names.map((name) => universe.find(name))).toEqual([...names.keys()]);
  expect(names.slice(0, 5)).toEqual(["0.attn.z.head0", "0.attn.z.head1", "1.attn.z.head0", "1.attn.z.head1", "0.mlp.post_act.0"]);
  for (const wrong of ["", "0.attn.z.head2", "2.attn.z.head0", "0.attn.z.0", "0.__proto__.0", "x"]) {
    expect(universe.find(wrong)).toBeNull();
  }
});

test("nodes are ranked by score, then by number", async () => {
  const circuit = await circuitOf([9, 4, 0]);
  expect(circuit.ranked).toEqual([9, 4, 0]);
  expect([9, 4, 0, 1].map((node) => circuit.rank(node))).toEqual([1, 2, 3, null]);
  expect(circuit.score(9)).toBe(5);
  const plain = await circuitOf([9, 4, 0], UNIVERSE, false);
  expect(plain.ranked).toEqual([0, 4, 9]);
  expect(plain.rank(0)).toBeNull();
});

test("in the grid nothing overlaps, and a click finds what it hits", async () => {
  const nodes = Array.from({ length: UNIVERSE.size }, (_, node) => node);
  const circuit = await circuitOf(nodes);
  const graph = nodeGrid(circuit, circuit.ranked);
  expect(graph.nodes.map((node) => node.id).sort((a, b) => a! - b!)).toEqual(nodes);
  for (const [place, node] of graph.nodes.entries()) {
    expect(node.x).toBeGreaterThan(0);
    expect(node.x).toBeLessThan(graph.width);
    expect(node.y).toBeLessThan(graph.height);
    for (const other of graph.nodes.slice(place + 1)) {
      const apart = Math.max(Math.abs(node.x - other.x), Math.abs(node.y - other.y));
      expect(apart).toBeGreaterThan(node.r + other.r - 1e-9);
    }
    expect(hit(graph, [node.x, node.y], 1, [])).toEqual({ node: place });
  }
  expect(hit(graph, [-50, -50], 5, [])).toBeNull();
  expect(graph.under().length).toBeGreaterThan(4);
});

test("an edge is hit along its curve", () => {
  const base = { id: null, r: 2 };
  const graph = {
    width: 100, height: 100, letters: 9, under: () => [], over: () => [],
    nodes: [{ ...base, name: "a", x: 0, y: 0 }, { ...base, name: "b", x: 100, y: 80 }],
    edges: [{ source: 0, target: 1, value: -1, size: 1, name: "a → b" }],
  };
  expect(hit(graph, [50, 40], 3, graph.edges)).toEqual({ edge: graph.edges[0] });
  expect(hit(graph, [50, 70], 3, graph.edges)).toBeNull();
  expect(hit(graph, [50, 40], 3, [])).toBeNull();
});

test("a table of nodes tells how many are left out", async () => {
  const circuit = await circuitOf([0, 4, 5]);
  expect(drawnOf(circuit, 2)).toBe(": the 2 that are drawn of 3");
  expect(drawnOf(circuit, 3)).toBe("");
});
