import { describe, expect, test } from "vitest";
import { chart } from "../src/chart";
import type { Series } from "../src/chart";
import type { ProofRow, UniverseTree } from "../src/data";
import { layerScene } from "../src/layers";
import { LOSSES, MEASURES, comparable, paretoScene } from "../src/methods";
import type { Scene, Shape } from "../src/scene";
import { world } from "../src/sets";
import { axisWords, termWords } from "../src/terms";
import { percent } from "../src/text";
import { UNIVERSE, circuitOf } from "./helpers";

// the page's colours are read from its style, of which there is none here
globalThis.getComputedStyle = (() => ({ getPropertyValue: () => "#123456" })) as never;
globalThis.document = { documentElement: {} } as never;

type Text = Extract<Shape, { is: "text" }>;
type Box = [left: number, top: number, right: number, bottom: number];

const texts = (scene: Scene) => scene.shapes.filter((own): own is Text => own.is === "text");
const LINEAR = { words: "x", log: false };

describe("on a logarithmic axis", () => {
  const line = (ys: number[]): Series => ({ name: "l", colour: "red", line: true, dots: true, points: ys.map((y, x) => ({ x: x + 1, y })) });
  const drawn = (ys: number[]) => chart(600, [line(ys)], LINEAR, { words: "y", log: true });

  test("what is 0 is left out, and the axis says so", () => {
    const scene = drawn([0, 1, 10]);
    expect(scene.shapes.filter((own) => own.is === "circle")).toHaveLength(2);
    expect(texts(scene).some((own) => own.words === "y (logarithmic, without what is 0 or less)")).toBe(true);
  });
  test("nothing is said where nothing is left out", () => {
    expect(texts(drawn([2, 1, 10])).some((own) => own.words === "y (logarithmic)")).toBe(true);
  });
});

describe("around a single value", () => {
  const marks = (y: number) => {
    const one: Series = { name: "l", colour: "red", line: true, dots: true, points: [{ x: 3, y }] };
    const scene = chart(600, [one], LINEAR, { words: "y", log: false, write: percent });
    return texts(scene).filter((own) => own.words.endsWith("%")).map((own) => parseFloat(own.words.replace("−", "-")));
  };

  test("an axis goes from 0 to it", () => {
    for (const share of [0.98, 1, 0.02]) {
      expect(Math.min(...marks(share))).toBe(0);
      expect(Math.max(...marks(share))).toBeLessThanOrEqual(100);
    }
    expect(Math.max(...marks(-0.4))).toBe(0);
    expect(marks(0)).toContain(100);
  });
});

function row(name: string, share: number, kl: [number, number, number], whole = 9000): ProofRow {
  return {
    name: `${name}.proof`, circuit: name, model: "dense", method: name.split(".")[1]!, task: "t", split: "s", replacement: "zero", n: 9, size: share * whole, share, kl,
    full: 1, accuracy: 1, recovery: 1, without: 0, seconds: 1, peak_mb: 1,
  };
}

const ROWS = [
  row("t.node-pruning.kept.0", 0.55, [0.833, 0.571, 1.1]), row("t.attribution.same-size.0", 0.55, [0.0533, 0.0341, 0.0725]),
  row("t.leaves.at-0.15.0", 0.353, [0.113, 0.081, 0.144]), row("t.leaves.same-size.0", 0.961, [6e-4, 3e-4, 8e-4]),
  row("t.eap-ig.same-kl.0", 0.0094, [0.196, 0.143, 0.25]), row("t.edge-pruning.kept.0", 1, [1e-8, -1e-8, 3e-8]),
];

function labelBoxes(scene: Scene): Box[] {
  return texts(scene).filter((own) => own.size === 11).map((own) => {
    const long = own.words.length * 6.2;
    const left = own.anchor === "end" ? own.x - long : own.anchor === "middle" ? own.x - long / 2 : own.x;
    return [left, own.y - 9, left + long, own.y + 2];
  });
}

const meet = (a: Box, b: Box) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];

describe("methods against each other", () => {
  test("circuits of one universe alone are joined, but for what they cost", () => {
    const nodes = [row("a.x", 0.2, [0.3, 0.2, 0.4]), row("b.x", 0.5, [0.1, 0, 0.2])];
    const edges = [row("c.y", 0.01, [0.2, 0.1, 0.3], 70_000), row("d.y", 0.9, [0.05, 0, 0.1], 70_000)];
    const fronts = (measure: number) => paretoScene(860, [...nodes, ...edges], MEASURES[measure]!, LOSSES[0]!).shapes
      .filter((own) => own.is === "path" && own.dash);
    expect(MEASURES.map(([key], measure) => [key, fronts(measure).length])).toEqual([["share", 2], ["size", 2], ["seconds", 0], ["peak_mb", 0]]);
    expect(comparable([...nodes, ...edges], MEASURES[0]!)).toEqual([nodes, edges]);
    expect(comparable([...nodes, ...edges], MEASURES[2]!)).toHaveLength(1);
    const other = nodes.map((own) => ({ ...own, model: "sparse" }));
    const mean = nodes.map((own) => ({ ...own, replacement: "mean" }));
    for (const measure of MEASURES) expect(comparable([...nodes, ...other, ...mean], measure)).toEqual([nodes, other, mean]);
  });

  const scene = paretoScene(860, ROWS, MEASURES[0]!, LOSSES[0]!);

  test("labels lose what all names share", () => {
    const words = texts(scene).filter((own) => own.size === 11).map((own) => own.words);
    expect(words).toContain("node-pruning.kept");
    expect(words.length).toBeGreaterThanOrEqual(4);
    expect(words.filter((own) => own.startsWith("t.") || own.includes("…"))).toEqual([]);
  });

  test("labels lie on no dot, whisker, front or axis, and on none of each other", () => {
    const found = labelBoxes(scene);
    const dots = scene.shapes.flatMap((own) => (own.is === "circle" ? [[own.x - 4, own.y - 4, own.x + 4, own.y + 4]] as Box[] : []));
    const lines = scene.shapes.flatMap((own) => {
      if (own.is !== "path" || own.stroke === "#123456" && !own.dash && own.opacity === undefined) return [];
      return own.d.slice(1).map(([x, y], place): Box => {
        const [a, b] = own.d[place]!;
        return [Math.min(a, x), Math.min(b, y), Math.max(a, x) + 0.1, Math.max(b, y) + 0.1];
      });
    });
    expect(lines.length).toBeGreaterThan(ROWS.length);
    for (const [place, own] of found.entries()) {
      expect(own[0]).toBeGreaterThanOrEqual(62);
      expect(own[2]).toBeLessThanOrEqual(860);
      expect(own[3]).toBeLessThan(scene.height - 44);
      for (const other of [...dots, ...lines, ...found.slice(place + 1)]) expect(meet(own, other)).toBe(false);
    }
  });
});

test("names of compared circuits are whole: where they do not fit beside each other, below", async () => {
  const circuits = await Promise.all([[0, 4], [1, 5]].map((nodes) => circuitOf(nodes)));
  circuits.forEach((own, place) => (own.tree.name = `a-circuit-with-a-long-name-of-its-own-${place}`));
  for (const width of [390, 860]) {
    const scene = layerScene(width, circuits, world(circuits));
    const found = texts(scene).filter((own) => own.words.includes("a-circuit"));
    expect(found.map((own) => own.words.includes("…"))).toEqual([false, false]);
    const ends = found.map((own) => own.x + own.words.length * 6);
    expect(ends.every((end) => end <= width)).toBe(true);
    expect(found[0]!.y === found[1]!.y && ends[0]! > found[1]!.x).toBe(false);
  }
});

test("behind a bar stands its whole layer, unless bars would be too short", async () => {
  const drawn = async (universe: UniverseTree) => {
    const circuits = await Promise.all([[0, 4, 5], [1, 2]].map((nodes) => circuitOf(nodes, universe)));
    return layerScene(860, circuits, world(circuits));
  };
  const boxes = (scene: Scene) => scene.shapes.filter((own) => own.is === "rect" && own.title !== undefined);
  const tracked = await drawn(UNIVERSE);
  const first = boxes(tracked)[0]!;
  expect([tracked.whole, first.title]).toEqual([true, "layer 0, \u2068c\u2069: 0 shared, 3 its own, of 7"]);
  const [track, , alone] = boxes(tracked).map((own) => (own.is === "rect" ? own.w : 0));
  expect(alone! / track!).toBeCloseTo(3 / 7);
  const untracked = await drawn({ spec: "", size: 300, groups: [[0, "attn.z", "head", 0, 100], [1, "attn.z", "head", 100, 200]] });
  expect([untracked.whole, boxes(untracked).length]).toEqual([false, 4]);
});

test("terms are told in words, and an axis in the unit that they share", () => {
  expect(termWords("condition", "ce")).toBe("cross-entropy on the task");
  expect(termWords("unknown", "learning_rate")).toBe("learning rate");
  expect([termWords("mask", "toString"), termWords("toString", "a_b")]).toEqual(["toString", "a b"]);
  expect(axisWords("train", ["loss", "validation"], 90)).toBe("loss; loss on validation, nats");
  expect(axisWords("train", ["loss", "rate"], 90)).toBe("loss; learning rate");
  expect(axisWords("condition", ["ce", "kl", "anchor"], 40)).toBe("3 curves, nats");
  expect(axisWords("train", ["loss", "rate", "rms"], 20)).toBe("3 curves, each in its own unit");
});
