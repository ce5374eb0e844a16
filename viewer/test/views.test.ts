import { describe, expect, test } from "vitest";
import { basesOf, how, wayOf } from "../src/amplify";
import { frontierScene, linesOf } from "../src/conditioning";
import { Known, ratio, tensorWords } from "../src/decompose";
import { dots } from "../src/dots";
import { heat } from "../src/heat";
import { BY_ROW, nearest, next, spots } from "../src/probe";
import type { ArmTree, ComparedTree, FrontierTree, LearnedTree, PairTree, TensorTree } from "../src/results";
import { ordered, readOrder, writeOrder } from "../src/sortable";
import { imageOf, imageScene, levelOf } from "../src/tensors";
import { shortNames } from "../src/text";
import { stroke, theme } from "../src/theme";
import { line, seen, sides } from "../src/trace";
import { lines, positive } from "../src/train";
import { Packer } from "./helpers";

// the page's colours are read from its style, of which there is none here
globalThis.getComputedStyle = (() => ({ getPropertyValue: () => "#123456" })) as never;
globalThis.document = { documentElement: {} } as never;

describe("pointing at pictures", () => {
  const scene = {
    width: 100, height: 100,
    shapes: [
      { is: "circle", x: 10, y: 10, r: 4, title: "a" }, { is: "rect", x: 40, y: 0, w: 20, h: 20, title: "b" },
      { is: "circle", x: 12, y: 60, r: 4, title: "c" }, { is: "text", x: 0, y: 0, words: "no mark" },
      { is: "rect", x: 12, y: 60, w: 4, h: 4, title: "c" },
    ],
  } as Parameters<typeof spots>[0];
  const all = spots(scene);

  test("what has a title is a mark", () => expect(all.map((spot) => [spot.x, spot.y, spot.words])).toEqual(
    [[10, 10, "a"], [50, 10, "b"], [12, 60, "c"]]));
  test("the nearest one is meant, unless it is far", () => {
    expect(nearest(all, 14, 12)?.words).toBe("a");
    expect(nearest(all, 100, 100)).toBeNull();
  });
  test("keys go along a line, also where another is nearer", () => {
    const dot = (x: number, y: number, colour: string) => ({ x, y, words: "", colour });
    const [from, other, own] = [dot(0, 0, "red"), dot(10, 5, "blue"), dot(10, 60, "red")] as const;
    expect(next([from, other, own], from, [1, 0])).toBe(own);
  });
  test("keys go ahead rather than aside, and stay at the end", () => {
    const [a, b, c] = all as [typeof all[0], typeof all[0], typeof all[0]];
    expect(next(all, a, [1, 0])).toBe(b);
    expect(next(all, a, [0, 1])).toBe(c);
    expect(next(all, a, [-1, 0])).toBe(a);
    expect(next(all, b, [-1, 0])).toBe(a);
  });
});

test("a heat map has a mark for every cell that there is", () => {
  const scene = heat(500, ["r", "s"], ["x", "y"], (row, column) =>
    row === "s" && column === "y" ? null : { part: 2, words: [`${row}${column}`, "much too long a line for a cell of a table"], title: row + column, marked: row === "r" });
  expect(spots(scene).map((spot) => spot.words)).toEqual(["rx", "ry", "sx"]);
  const strong = scene.shapes.filter((shape) => shape.is === "rect" && shape.title);
  expect(strong.map((shape) => shape.opacity)).toEqual([1, 1, 1]);
  const words = scene.shapes.flatMap((shape) => (shape.is === "text" ? [shape.words] : []));
  expect(words.some((own) => own.startsWith("much"))).toBe(false);
  expect(words).toContain("rx");
});

test("heads of columns keep apart: long ones go on in a line below", () => {
  const columns = ["query heads", "key heads", "value heads", "MLP channels"];
  const heads = (width: number) => heat(width, ["layer 0"], columns, () => null).shapes.flatMap((own) =>
    (own.is === "text" && own.anchor === "middle" ? [own] : []));
  expect(heads(800).map((own) => own.words.slice(1, -1))).toEqual(columns);
  const narrow = heads(340);
  expect(narrow.map((own) => own.words.slice(1, -1))).toContain("channels");
  for (const [place, own] of narrow.entries()) for (const other of narrow.slice(place + 1)) {
    const apart = Math.abs(own.x - other.x) - 3 * (own.words.length + other.words.length - 4);
    expect(own.y !== other.y || apart >= 5).toBe(true);
  }
});

test("no line of a chart of dots goes through a name", () => {
  const row = { value: 0.4, low: 0.2, high: 0.9, title: "t", series: 1 };
  const scene = dots(340, ["a", "a name as long as this one", "b"].map((name) => ({ ...row, name })), 0.25, "share", String);
  const names = scene.shapes.flatMap((own) => (own.is === "text" && own.x === 0 ? [own] : []));
  const lines = scene.shapes.flatMap((own) => (own.is === "path" && own.d[0]![0] === own.d[1]![0] ? [own.d] : []));
  expect(names).toHaveLength(3);
  expect(lines.length).toBeGreaterThan(5);
  for (const { y, words } of names) for (const [[x, from], [, to]] of lines as [[number, number], [number, number]][]) {
    expect(x > 6 * (words.length - 2) || to <= y - 9 || from >= y + 2).toBe(true);
  }
});

test("values lie between the ends of their intervals, at any width", () => {
  for (const width of [320, 860]) {
    const row = { name: "a", value: 0.4, low: 0.2, high: 0.9, title: "t", series: 1 };
    const scene = dots(width, [row, { ...row, title: "u", low: null, high: null }], 0.1, "share", String);
    expect(spots(scene)).toHaveLength(2);
    const whisker = scene.shapes.find((shape) => shape.is === "path" && shape.width === 2);
    const [from, to] = whisker?.is === "path" ? whisker.d : [];
    const x = spots(scene)[0]!.x;
    const far = [{ x: 0, y: 0, words: "" }, { x: 300, y: 30, words: "" }, { x: 5, y: 60, words: "" }];
    expect(next(far, far[0]!, [0, 1], BY_ROW)).toBe(far[1]);
    expect(from![0]).toBeLessThan(x);
    expect(to![0]).toBeGreaterThan(x);
    expect(to![0]).toBeLessThan(width);
  }
});

describe("sorting", () => {
  test("what has no value comes last either way", () => {
    expect(ordered([2, null, 3, 2], false)).toEqual([2, 0, 3, 1]);
    expect(ordered([2, null, 3, 2], true)).toEqual([0, 3, 2, 1]);
  });
  test("the address holds column and way", () => {
    for (const order of [{ column: 2, rising: true }, { column: 0, rising: false }, { column: 0, rising: true }]) {
      expect(readOrder(writeOrder(order), 3, 1)).toEqual(order);
    }
    for (const wrong of ["", "9", "x", "-"]) expect(readOrder(wrong, 3, 1)).toEqual({ column: 1, rising: false });
  });
});

test("names lose what all of them share", () => {
  expect(shortNames(["m.1.mlp.up.weight", "m.1.mlp.down.weight"])).toEqual(["up", "down"]);
  expect(shortNames(["a.weight", "a.weight.b"])).toEqual(["weight", "weight.b"]);
  expect(shortNames(["a.b"])).toEqual(["a.b"]);
  expect(["7", "up"].map(tensorWords)).toEqual(["layer 7", "up"]);
});

test("an image has its values back, with its largest at full colour", async () => {
  const packer = new Packer();
  const tensor: TensorTree = {
    name: "t", shape: [4, 3], rank: 1, grid: [2, 3], block: [2, 1],
    energy: packer.array("f4", [1]), step: packer.array("f4", [1, 0.5]),
    images: packer.array("u1", [...Array<number>(6).fill(127), 127, 129, 0, 127, 254, 127]),
    strongest: [],
  };
  const image = imageOf(tensor, 1, await packer.arrays());
  expect(Array.from(image.values)).toEqual([0, 1, -63.5, 0, 63.5, 0]);
  const cells = imageScene(tensor, image).shapes.filter((shape) => shape.is === "rect" && shape.title);
  expect(cells.map((cell) => cell.opacity)).toEqual([0, 1 / 63.5, 1, 0, 1, 0]);
  expect(cells[3]!.title).toBe("rows 2–3, column 0: 0");
  expect(levelOf(tensor, 63.5)).toContain("2 × 1");
  expect(levelOf({ ...tensor, block: [1, 1] }, 63.5)).toBe(
    "Every cell is an entry. Positive ones are blue, negative ones orange, in full at 63.5.",
  );
});

test("which token is desired depends on which trace is right", () => {
  const pair: PairTree = {
    problem: "p", question: "q", answer: "1", greedy_right: true, before: "", sampled: " 4", after: "", greedy: "\n", greedy_trace: "",
  };
  expect(sides(pair)).toEqual({ desired: "\n", undesired: " 4" });
  expect(sides({ ...pair, greedy_right: false })).toEqual({ desired: " 4", undesired: "\n" });
  expect(line(pair)).toBe("␣4 → ⏎");
  expect(seen("a b")).toBe("a␣b");
});

test("arms stand beside what they are measured against", () => {
  const arm = (name: string, against: string, kind = "amplify", circuit = ""): ArmTree => ({
    name, against, kind, circuit, model: "m", split: "s", n: 4, accuracy: [0.5, 0.3, 0.7], gain: null, p: null,
  });
  expect(basesOf([arm("a", ""), arm("b", "a"), arm("c", "a")])).toEqual(["a"]);
  expect(basesOf([arm("a", ""), arm("b", "")])).toEqual(["a", "b"]);
  expect([arm("a", "", "amplify", "c"), arm("a", ""), arm("a", "", "tune"), arm("a", "", "load")].map(how)).toEqual(
    ["update of c", "update of all parameters", "low-rank adapter", "load"]);
  expect([wayOf(arm("a", "", "amplify", "c"), "random"), wayOf(arm("a", "", "amplify", "d"), "localise"), wayOf(arm("a", ""), "")]).toEqual(
    ["update of random components", "update of components that were found", "update of all parameters"]);
});

test("frontiers of one model are told apart by their stages", () => {
  const frontier = (name: string, model: string): FrontierTree => ({
    name, model, split: "s", replacement: "zero", universe: "", full: [1, 1, 1], target: 0.9, chosen: null, points: [],
  });
  expect(linesOf([frontier("f", "a"), frontier("g", "b"), frontier("h", "b"), frontier("i", "")])).toEqual(["a", "b, g", "b, h", "i"]);
});

test("the target of frontiers is in sight, though no curve comes near it, and is not dashed as some of them are", () => {
  const frontier = (name: string): FrontierTree => ({
    name, model: "m", split: "s", replacement: "zero", universe: "", full: [1, 1, 1], target: 0.9, chosen: null,
    points: [[1, 0.1, 0.1, 0, 0.2], [10, 1, 0.4, 0.3, 0.6]],
  });
  const shown = Array.from({ length: 18 }, (_, place) => frontier(`f${place}`));
  const { shapes, height } = frontierScene(600, shown, linesOf(shown), false);
  const words = shapes.find((own) => own.is === "text" && own.words === "target 90.0%");
  expect(words?.is === "text" && words.y > 20 && words.y < height / 2).toBe(true);
  const level = shapes.filter((own) => own.is === "path" && own.width === 1.25);
  expect(level.map((own) => own.dash)).toEqual([undefined]);
});

test("targets that are parts of each model's own accuracy all have a level", () => {
  const shown = [0.75, 0.7, 0.75].map((target, place): FrontierTree => ({
    name: `f${place}`, model: `m${place}`, split: "s", replacement: "zero", universe: "", full: [1, 1, 1], target, chosen: null,
    points: [[1, 0.1, 0.1, 0, 0.2], [10, 1, 0.8, 0.7, 0.9]],
  }));
  theme().series[1] = "#123456";
  const { shapes } = frontierScene(600, shown, linesOf(shown), false);
  expect(shapes.some((own) => own.is === "text" && own.words === "targets 70.0% to 75.0%")).toBe(true);
  const found = shapes.filter((own) => own.is === "path" && own.width === 1.25).map((own) => own.stroke);
  expect(found).toEqual(["#123456", theme().muted]); // that of one model has its colour
});

test("losses are the first of a stage's curves, so that their colours are those of the overview", async () => {
  const packer = new Packer();
  const term = (name: string) => ({ name, there: packer.array("u1", [3]), values: packer.array("f4", [1, 2]) });
  const curve = { name: "c", kind: "train", points: 2, step: packer.array("f4", [1, 2]), terms: ["density", "loss", "rate", "validation"].map(term) };
  const found = lines(curve, await packer.arrays());
  expect(found.map((own) => own.name)).toEqual(["loss", "validation", "density", "rate"]);
});

test("effects belong to the decomposition that they name", () => {
  const effect = { direction: 3, samples: 9, moved: 1, active: 0.02, rest: 0, steps: [] };
  const compared: ComparedTree = {
    name: "c", of: "one", split: "t", effect: 0.01,
    sets: [{ name: "x", of: "one", rows: [effect] }, { name: "y", of: "two", rows: [{ ...effect, direction: 5 }] }],
    examples: [{ direction: 4, used: 0.5, contexts: [], up: [], down: [] }],
  };
  const known = (name: string) => new Known({ name } as LearnedTree, [compared]);
  expect([[...known("one").effects.keys()], [...known("one").examples.keys()]]).toEqual([[3], [4]]);
  expect([[...known("two").effects.keys()], [...known("two").examples.keys()]]).toEqual([[5], []]);
  expect(ratio({ ...effect, rest: 0.005 })).toBeCloseTo(4);
  expect(Number.isFinite(ratio(effect))).toBe(true);
});

test("a curve that has a value of 0 or less has no place on a logarithmic axis", () => {
  const curve = (...ys: number[]) => ({ name: "loss", words: "loss", points: ys.map((y, x) => ({ x, y })) });
  expect(positive([curve(2, 1), curve(3)])).toBe(true);
  expect(positive([curve(2, 1), curve(-0.6, 1)])).toBe(false);
  expect(positive([curve(1, 0)])).toBe(false);
});

test("no two of eighteen lines are drawn alike in colour and dash", () => {
  const found = Array.from({ length: 18 }, (_, place) => [place % 6, stroke(place).dash]);
  expect(new Set(found.map((own) => JSON.stringify(own))).size).toBe(18);
});
