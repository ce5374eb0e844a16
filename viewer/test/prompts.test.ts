import { expect, test } from "vitest";
import type { PromptsTree } from "../src/data";
import { largest, tokenMap, tokenStrip, visible } from "../src/heatmap";
import { Prompts } from "../src/prompts";
import { Packer } from "./helpers";

// the page's colours are read from its style, of which there is none here
globalThis.getComputedStyle = (() => ({ getPropertyValue: () => "#123456" })) as never;
globalThis.document = { documentElement: {} } as never;

async function prompts(): Promise<Prompts> {
  const packer = new Packer();
  const side = (values: number[], attention: number[] | null) => ({
    tokens: ["a", "b", "c"],
    held: { wide: 3, steps: packer.array("f4", [0.5, 2]), values: packer.array("i2", values) },
    attention: attention && packer.array("u1", attention),
  });
  const first = side([1, 2, 3, -4, 5, 6], [255, 51, 204, 0, 0, 255, 255, 0, 255, 85, 85, 85]);
  const tree: PromptsTree = {
    place: packer.array("u4", [7, 3]),
    heads: [[0, 2, 1], [0, 3, 1]],
    head_dim: 4, scale: 0.5, cut: [0],
    pairs: [[first, side([0, 0, 0, 1, 1, 1], null)]],
  };
  return new Prompts(tree, await packer.arrays());
}

test("what a node holds, token by token", async () => {
  const found = await prompts();
  expect([7, 3, 0].map((place) => found.row(place))).toEqual([0, 1, null]);
  expect([...found.pair(0).held(1, 0)]).toEqual([-8, 10, 12]);
  expect([...found.pair(0).held(0, 0)]).toEqual([0.5, 1, 1.5]);
  expect(found.pair(0).tokens[1]).toEqual(["a", "b", "c"]);
});

test("attention of a head, row by row", async () => {
  const pair = (await prompts()).pair(0);
  const square = pair.attention(1, 0)!;
  const rows = [0, 1, 2].map((row) => Array.from({ length: row + 1 }, (_, column) => square(row, column)));
  expect(rows.map((row) => row.map((own) => Math.round(own * 3) / 3))).toEqual([[1], [0, 1], [1 / 3, 1 / 3, 1 / 3]]);
  expect(pair.attention(0, 0)!(1, 1)).toBeCloseTo(0.8);
  expect(pair.attention(0, 1)).toBeNull();
});

test("a node's heads", async () => {
  const found = await prompts();
  const heads = (site: string, granularity: string, index: number, layer = 0) =>
    found.heads({ site, granularity, index, layer }).map(([head]) => head[1]);
  expect(heads("attn.z", "head", 3)).toEqual([3]);
  expect(heads("attn.q", "channel", 9)).toEqual([2]);
  expect(heads("attn.k", "channel", 5)).toEqual([2, 3]);
  expect(heads("attn.v", "head", 0)).toEqual([]);
  expect(heads("attn.act_in", "channel", 1)).toEqual([2, 3]);
  expect(heads("attn.z", "head", 3, 1)).toEqual([]);
  expect(heads("mlp.post_act", "channel", 9)).toEqual([]);
});

test("no token sticks out of its strip, and the darkest is the largest", () => {
  const tokens = [" one", "", "\u4e2d\u6587", "x".repeat(500), ...Array<string>(40).fill("word")];
  const values = tokens.map((_, place) => (place === 3 ? -2 : place / 100));
  const scene = tokenStrip(300, tokens, values, largest(values));
  const boxes = scene.shapes.filter((own) => own.is === "rect");
  for (const box of boxes) {
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.x + box.w).toBeLessThanOrEqual(300);
    expect(box.y + box.h).toBeLessThanOrEqual(scene.height);
  }
  expect(Math.max(...boxes.map((own) => own.opacity ?? 0))).toBe(1);
  expect(boxes.filter((own) => own.title === "\u2068␣one\u2069: 0").length).toBe(1);
  expect(visible("")).toBe("∅");
});

test("a map has a cell for every pair that attends", () => {
  const tokens = ["a", "b", "c", "d"];
  const scene = tokenMap(340, tokens, (row, column) => (row === column ? 1 : column === 0 ? -0.5 : 0), 1);
  const cells = scene.shapes.filter((own) => own.is === "rect" && own.title);
  expect(cells.length).toBe(4 + 3);
  expect(cells.map((own) => own.title)).toContain("\u2068d\u2069 to \u2068a\u2069: −0.500");
  expect(scene.shapes.filter((own) => own.is === "text" && own.upright).length).toBe(4);
  const many = tokenMap(340, Array<string>(400).fill("t"), () => 0, 1);
  expect(many.shapes.filter((own) => own.is === "text").length).toBeLessThan(400);
  expect(many.width).toBeLessThan(1000);
});
