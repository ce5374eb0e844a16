import { describe, expect, test } from "vitest";
import type { EdgeCircuitTree, UniverseTree } from "../src/data";
import type { Graph } from "../src/graph";
import { edgeGrid, nodeGrid } from "../src/grid";
import { EdgeCircuit } from "../src/model";
import { Packer, circuitOf } from "./helpers";

// the page's colours are read from its style, of which there is none here
globalThis.getComputedStyle = (() => ({ getPropertyValue: () => "#123456" })) as never;
globalThis.document = { documentElement: {} } as never;

const LAYERS = 30;
const DEEP: UniverseTree = {
  spec: "attn.z:head,mlp.post_act:channel",
  size: LAYERS * 110,
  groups: [
    ...Array.from({ length: LAYERS }, (_, layer): UniverseTree["groups"][number] => [layer, "attn.z", "head", 10 * layer, 10]),
    ...Array.from({ length: LAYERS }, (_, layer): UniverseTree["groups"][number] => [layer, "mlp.post_act", "channel", 10 * LAYERS + 100 * layer, 100]),
  ],
};
const FEW = [80, 95, 96, 97, 190, 1600, 1601, 1800];
const SOME = Array.from({ length: 700 }, (_, place) => (place * 37) % DEEP.size);

type Box = [left: number, top: number, right: number, bottom: number];

function labels(graph: Graph): Box[] {
  return graph.under().flatMap((own) => {
    if (own.is !== "text") return [];
    const size = own.size ?? 12;
    const long = own.words.length * size * 0.58;
    const left = own.anchor === "end" ? own.x - long : own.x - long / 2;
    return [[left, own.y - 0.75 * size, left + long, own.y]] as Box[];
  });
}

function blocks(graph: Graph): Box[] {
  return graph.under().flatMap((own) => (own.is === "rect" && own.title ? [[own.x, own.y, own.x + own.w, own.y + own.h]] as Box[] : []));
}

const meet = (a: Box, b: Box) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];

async function edges(): Promise<EdgeCircuit> {
  const packer = new Packer();
  const writers = ["input", ...Array.from({ length: LAYERS }, (_, layer) => [`a${layer}.h0`, `a${layer}.h1`, `m${layer}`]).flat()];
  const readers = [...Array.from({ length: LAYERS }, (_, layer) => [`a${layer}.h0<q>`, `m${layer}`]).flat(), "logits"];
  const tree = {
    of: "edges", name: "e", size: 2, share: 0.1, method: "", writers, readers,
    source: packer.array("u2", [0, 3]), target: packer.array("u2", [3, 60]), values: null,
  } as EdgeCircuitTree;
  return new EdgeCircuit(tree, await packer.arrays());
}

describe("numbers of thirty layers", () => {
  test.each([["few", FEW], ["some", SOME], ["all", [...Array(DEEP.size).keys()]]])("meet neither each other nor a box: %s nodes", async (_, nodes) => {
    const circuit = await circuitOf(nodes, DEEP);
    const graph = nodeGrid(circuit, circuit.ranked);
    const found = labels(graph);
    expect(found.length).toBeGreaterThanOrEqual(2 * LAYERS);
    for (const [place, own] of found.entries()) {
      expect(found.slice(place + 1).filter((other) => meet(own, other))).toEqual([]);
      expect(blocks(graph).filter((box) => meet(own, box))).toEqual([]);
      expect(own[0]).toBeGreaterThanOrEqual(0);
      expect(own[1]).toBeGreaterThanOrEqual(0);
      expect(own[3]).toBeLessThanOrEqual(graph.height);
    }
  });

  test("stay legible in a picture as wide as half a screen", async () => {
    for (const nodes of [FEW, SOME]) {
      const graph = nodeGrid(await circuitOf(nodes, DEEP), nodes);
      expect((graph.letters * 830) / graph.width).toBeGreaterThan(9);
    }
    const graph = edgeGrid(await edges());
    expect((graph.letters * 830) / graph.width).toBeGreaterThan(9);
  });
});

test("a flat picture is told in rows, from layer to layer", async () => {
  const circuit = await circuitOf(FEW, DEEP);
  const graph = nodeGrid(circuit, circuit.ranked);
  expect(graph.width / graph.height).toBeLessThan(3);
  const y = (own: Graph, layer: number) => own.nodes.find((node) => node.name === `${layer}.attn.z.head0`)!.y;
  expect(y(graph, 19)).toBeGreaterThan(y(graph, 8) + 50);
  const one = nodeGrid(circuit, circuit.ranked, [1]);
  expect(y(one, 19)).toBe(y(one, 8));
});

test("edges have all layers in one row, between input and logits", async () => {
  const graph = edgeGrid(await edges());
  const x = (name: string) => graph.nodes.find((node) => node.name === name)!;
  const [input, logits] = [x("input"), x("logits")];
  expect(input.x - input.half!).toBeGreaterThanOrEqual(0);
  expect(logits.x + logits.half!).toBeLessThanOrEqual(graph.width);
  expect(input.x + input.half!).toBeLessThan(x("m0").x);
  expect(graph.edges.map((edge) => edge.name)).toEqual(["input->m1", "m0->logits"]);
});
