import { expect, test } from "vitest";
import { opened, revealed, whole } from "../src/viewport";
import type { Extent } from "../src/viewport";

const WIDE: Extent = { size: [1600, 300], letters: 20 };
const LONG: Extent = { size: [3200, 300], letters: 20 };

test("a picture with legible letters is opened whole, in a box of its own shape", () => {
  const { view, height } = opened(WIDE, 800, 700);
  expect(view.scale).toBeCloseTo(0.5);
  expect(height).toBe(200);
  expect(view.x).toBeCloseTo(0);
  expect(view.y).toBeCloseTo((200 - 150) / 2);
  expect(opened({ size: [1600, 900], letters: 20 }, 800, 700).height).toBe(450);
});

test("of a long picture letters stay legible, and it starts at its left", () => {
  const { view } = opened(LONG, 700, 500);
  expect(view.scale * LONG.letters).toBeGreaterThanOrEqual(9);
  expect(view.x).toBe(0);
});

test("on a narrow screen it opens whole, whatever is chosen", () => {
  const { view, height } = opened(WIDE, 350, 500, [1500, 100]);
  expect(view).toEqual(whole(WIDE, 350, height));
});

test("what is revealed comes into sight, and the picture does not leave an end of the room empty", () => {
  const view = { scale: 0.5, x: 0, y: 20 };
  expect(revealed(view, WIDE, 350, 190, [300, 100])).toEqual(view);
  expect(revealed(view, WIDE, 350, 190, [800, 100])).toEqual({ ...view, x: 175 - 400 });
  expect(revealed(view, WIDE, 350, 190, [1590, 100])).toEqual({ ...view, x: 350 - 800 });
  expect(revealed({ ...view, x: -400 }, WIDE, 350, 190, [10, 100])).toEqual({ ...view, x: 0 });
});

test("it opens with what was chosen in sight, and never beyond its ends", () => {
  const seen = (at: [number, number]) => {
    const { view } = opened(LONG, 700, 500, at);
    return [at[0] * view.scale + view.x, view.x, view.x + 3200 * view.scale] as const;
  };
  for (const at of [0, 1000, 1800, 3200]) {
    const [x, left, right] = seen([at, 100]);
    expect(x).toBeGreaterThanOrEqual(0);
    expect(x).toBeLessThanOrEqual(700.001);
    expect(left).toBeLessThanOrEqual(0);
    expect(right).toBeGreaterThanOrEqual(699.999);
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
