import { expect, test } from "vitest";
import { opened, whole } from "../src/viewport";
import type { Extent } from "../src/viewport";

const WIDE: Extent = { size: [1600, 300], letters: 20 };

test("a picture with legible letters is opened whole, in a box of its own shape", () => {
  const { view, height } = opened(WIDE, 800, 700);
  expect(view.scale).toBeCloseTo(0.5);
  expect(height).toBe(200);
  expect(view.x).toBeCloseTo(0);
  expect(view.y).toBeCloseTo((200 - 150) / 2);
  expect(opened({ size: [1600, 900], letters: 20 }, 800, 700).height).toBe(450);
});

test("on a narrow screen letters stay legible, and the picture starts at its left", () => {
  const { view } = opened(WIDE, 350, 500);
  expect(view.scale * WIDE.letters).toBeGreaterThanOrEqual(9);
  expect(view.x).toBe(0);
});

test("it opens with what was chosen in sight, and never beyond its ends", () => {
  const seen = (at: [number, number]) => {
    const { view } = opened(WIDE, 350, 500, at);
    return [at[0] * view.scale + view.x, view.x, view.x + 1600 * view.scale] as const;
  };
  for (const at of [0, 500, 900, 1600]) {
    const [x, left, right] = seen([at, 100]);
    expect(x).toBeGreaterThanOrEqual(0);
    expect(x).toBeLessThanOrEqual(350.001);
    expect(left).toBeLessThanOrEqual(0);
    expect(right).toBeGreaterThanOrEqual(349.999);
  }
});

test("a small picture is not enlarged beyond large letters", () => {
  expect(opened({ size: [200, 150], letters: 10 }, 800, 700).view.scale).toBeCloseTo(1.8);
});

test("a tall picture is no taller than it may be", () => {
  const { view, height } = opened({ size: [500, 5000], letters: 100 }, 800, 600);
  expect(height).toBe(600);
  expect(view.scale).toBeCloseTo(0.12);
});

test("fitting shows all of it, however small", () => {
  const view = whole(WIDE, 320, 500);
  expect(view.scale).toBeCloseTo(0.2);
  expect([view.x, view.y]).toEqual([0, 220]);
});

test("letters are a little smaller where then nothing is cut off", () => {
  const { view } = opened({ size: [600, 1000], letters: 13 }, 800, 620);
  expect(view.scale).toBeCloseTo(0.62);
  expect(view.y).toBeCloseTo(0);
});

test("what is taller than its box begins at its heads", () => {
  const { view, height } = opened({ size: [600, 2000], letters: 13 }, 800, 620);
  expect(view.scale * 13).toBeCloseTo(9);
  expect([view.y, height]).toEqual([0, 620]);
  expect(opened({ size: [600, 2000], letters: 13 }, 800, 620, [300, 1000]).view.y).toBeLessThan(-300);
});
