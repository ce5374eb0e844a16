import { expect, test } from "vitest";
import { keeping } from "../src/graph";
import { meeting } from "../src/stream";

const NAMES = [
  "0.attn.act_in.3", "0.attn.resid_delta.3", "0.mlp.act_in.3", "0.mlp.resid_delta.3", "0.mlp.resid_delta.4",
  "1.attn.act_in.3", "1.attn.q.5", "1.attn.k.5", "0.attn.k.5",
];

test("a read follows earlier writes of its channel, and no later ones", () => {
  expect(meeting(NAMES, "1.attn.act_in.3").before).toEqual(["0.attn.resid_delta.3", "0.mlp.resid_delta.3"]);
  expect(meeting(NAMES, "0.mlp.act_in.3").before).toEqual(["0.attn.resid_delta.3"]);
  expect(meeting(NAMES, "0.attn.act_in.3").before).toEqual([]);
  expect(meeting(NAMES, "0.attn.resid_delta.3").after).toEqual(["0.mlp.act_in.3", "1.attn.act_in.3"]);
  expect(meeting(NAMES, "0.mlp.resid_delta.4").after).toEqual([]);
});

test("a query meets the key of its channel in its own layer", () => {
  expect(meeting(NAMES, "1.attn.q.5").beside).toEqual(["1.attn.k.5"]);
  expect(meeting(NAMES, "1.attn.k.5").beside).toEqual(["1.attn.q.5"]);
  expect(meeting(NAMES, "odd").beside).toEqual([]);
});

test("a part of a graph keeps the edges whose ends are both there", () => {
  const node = (name: string) => ({ id: null, name, x: 0, y: 0, r: 1 });
  const edge = (source: number, target: number) => ({ source, target, value: 1, size: 1, name: `${source}-${target}` });
  const graph = {
    width: 1, height: 1, letters: 9, under: () => [], over: () => [],
    nodes: ["a", "b", "c"].map(node), edges: [edge(0, 2), edge(0, 1), edge(1, 2)],
  };
  const part = keeping(graph, (one) => one.name !== "b");
  expect(part.nodes.map((one) => one.name)).toEqual(["a", "c"]);
  expect(part.edges.map(({ source, target, name }) => [source, target, name])).toEqual([[0, 1, "0-2"]]);
});
