import { describe, expect, test } from "vitest";
import { SetError, evaluate, jaccard, total, world } from "../src/sets";
import { UNIVERSE, circuitOf } from "./helpers";

const A = Uint8Array.from([1, 1, 0, 0, 1]);
const B = Uint8Array.from([1, 0, 1, 0, 1]);
const C = Uint8Array.from([0, 0, 0, 1, 1]);
const of = (words: string) => Array.from(evaluate(words, [A, B, C])).join("");

describe("expressions", () => {
  test.each([
    ["A & B", "10001"],
    ["a|b", "11101"],
    ["A - B", "01000"],
    ["A - B - C", "01000"],
    ["A - (B - C)", "01001"],
    ["A | B & C", "11001"],
    ["(A | B) & C", "00001"],
    ["A − B | C", "01011"],
  ])("%s", (words, flags) => expect(of(words)).toBe(flags));

  test.each(["", "A &", "A B", "(A", "D", "A & & B", "A ^ B", ")"])("%j is refused", (words) => {
    expect(() => of(words)).toThrow(SetError);
  });

  test("sides are not changed", () => {
    of("A - B");
    expect(Array.from(A)).toEqual([1, 1, 0, 0, 1]);
  });
});

test("the Jaccard index", () => {
  expect(jaccard(A, B)).toBeCloseTo(2 / 4);
  expect(jaccard(A, A)).toBe(1);
  expect(jaccard(new Uint8Array(2), new Uint8Array(2))).toBe(1);
});

test("circuits of different universes meet in the nodes that both have", async () => {
  const other = { ...UNIVERSE, spec: "mlp.post_act:channel", size: 8, groups: [
    [0, "mlp.post_act", "channel", 0, 4], [1, "mlp.post_act", "channel", 4, 4],
  ] as typeof UNIVERSE.groups };
  const one = await circuitOf([0, 4, 9], UNIVERSE);
  const two = await circuitOf([0, 1, 5], other);
  const both = world([one, two]);
  const shared = evaluate("A & B", both.flags);
  const names = [...shared.keys()].filter((item) => shared[item]).map(both.name);
  expect(names).toEqual(["0.mlp.post_act.0", "1.mlp.post_act.1"]);
  expect(total(evaluate("A | B", both.flags))).toBe(4);
  expect(both.layer([...shared.keys()].findLast((item) => shared[item])!)).toBe(1);
});
