import { describe, expect, test } from "vitest";
import { byAnswer, ordered } from "../src/activations";
import { scale, tickWords, ticks } from "../src/axes";
import { readHash, writeHash } from "../src/hash";
import { front } from "../src/pareto";
import { csv } from "../src/save";
import { toPlace, toValue } from "../src/slider";
import { joined, nats, natsSpan, number, percent, short } from "../src/text";

test("the front is what no other point beats", () => {
  const points = [{ x: 1, y: 5 }, { x: 2, y: 6 }, { x: 2, y: 3 }, { x: 3, y: 3 }, { x: 4, y: 1 }, { x: NaN, y: 0 }];
  expect(front(points)).toEqual([0, 2, 4]);
  expect(front([])).toEqual([]);
});

test("tables as CSV: quotes, commas, new lines, and nothing that a spreadsheet runs", () => {
  const text = csv(["a", "b"], [['say "x", y', -1.5], ["two\nlines", null], ["=1+1", 0], ["@x", 2]]);
  expect(text.split("\r\n")).toEqual(["a,b", '"say ""x"", y",-1.5', '"two\nlines",', "'=1+1,0", "'@x,2", ""]);
});

describe("the address", () => {
  test.each([
    [{ view: "circuit", node: "0.mlp.post_act.3" }],
    [{ circuit: "a&b=c#d", of: "one\ntwo", expression: "A | (B - C)" }],
    [{ circuit: "نموذج <b>" }],
  ])("%j comes back", (state) => expect(readHash(writeHash(state as never))).toEqual(state));

  test("what is empty is left out", () => expect(writeHash({ view: "", node: "" })).toBe(""));
  test("names of objects' own parts are no state", () => expect(readHash("#__proto__=1&constructor=2")).toEqual({}));
});

test("ticks lie in their range, in order, and are few", () => {
  for (const [low, high, log] of [[0, 1, false], [-3, 7, false], [1e-4, 900, true], [0.0241, 0.0306, true], [5, 5.0001, false]] as const) {
    const found = ticks(low, high, log);
    expect(found.length).toBeGreaterThan(1);
    expect(found.length).toBeLessThan(12);
    expect([...found].sort((a, b) => a - b)).toEqual(found);
    for (const tick of found) {
      expect(tick).toBeGreaterThanOrEqual(low - 1e-9 - Math.abs(low) * 0.002);
      expect(tick).toBeLessThanOrEqual(high + 1e-9 + Math.abs(high) * 0.002);
    }
  }
});

test("where nothing lies between whole numbers, ticks are whole", () => {
  expect(ticks(1, 2, false, true)).toEqual([1, 2]);
  expect(ticks(1.3, 2.7, false, true)).toEqual([2]);
  expect(ticks(1, 9, false, true)).toEqual([2, 4, 6, 8]);
});

test("ticks have the digits that they need, all alike unless they are decades", () => {
  expect(tickWords([0.2, 0.4, 0.6000000000000001, 0.8, 1], false)).toEqual(["0.2", "0.4", "0.6", "0.8", "1.0"]);
  expect(tickWords([4, 4.5], true)).toEqual(["4.0", "4.5"]);
  expect(tickWords([0.05, 0.1, 0.15], false)).toEqual(["0.05", "0.10", "0.15"]);
  expect(tickWords([-0, 0.5, 1], false, percent)).toEqual(["0%", "50%", "100%"]);
  expect(tickWords([0.003, 0.01, 0.1, 1], true, percent)).toEqual(["0.3%", "1%", "10%", "100%"]);
  expect(tickWords([1e-6, 1e-4, 0.01], true)).toEqual(["1e-6", "1e-4", "0.01"]);
  expect(tickWords([-1000, 0, 1000], false)).toEqual(["−1,000", "0", "1,000"]);
  expect(tickWords([-0.110998, -0.110996], false)).toEqual(["−0.110998", "−0.110996"]);
  expect(tickWords([0, 10], false, (value) => value.toFixed(1))).toEqual(["0", "10"]);
  expect(tickWords([0, 2.5], false, (value) => value.toFixed(1))).toEqual(["0.0", "2.5"]);
});

test("a divergence that is only rounding is 0, and no interval of one goes below", () => {
  expect([-2.17e-10, 9e-7, 2e-6, 0.5, null].map(nats)).toEqual(["0", "0", "2.00e-6", "0.500", "–"]);
  expect([natsSpan(-1.9e-8, 1.9e-8), natsSpan(-0.1, 0.2), natsSpan(null, null)]).toEqual(["[0, 0]", "[0, 0.200]", "[–, –]"]);
});

test("a scale goes from end to end, and has a place for what a logarithm has none for", () => {
  const linear = scale([2, 4, 3], false, 10, 20);
  expect([2, 3, 4].map(linear.at)).toEqual([10, 15, 20]);
  const log = scale([0, 1, 100], true, 0, 20);
  expect([0, 1, 10, 100].map(log.at).map(Math.round)).toEqual([0, 0, 10, 20]);
  expect(Number.isFinite(scale([], true, 0, 1).at(3))).toBe(true);
  expect(Number.isFinite(scale([7, 7], false, 0, 1).at(7))).toBe(true);
});

test("pairs are sorted by their difference", () => {
  expect(ordered(Float32Array.from([3, 1, 0, 5, 2, 2]))).toEqual([1, 2, 0]);
});

test("a node's means are told apart by what is right, where that is one of a few", () => {
  const pairs = (...answers: string[]) => answers.map((answer) => ["p", "c", answer] as [string, string, string]);
  const values = Float32Array.from([1, 9, 2, 9, 5, 9]);
  expect(byAnswer(values, pairs("he", "she", "he"))).toEqual([["he", 3, 2], ["she", 2, 1]]);
  expect(byAnswer(values, pairs("he", "he", "he"))).toEqual([]);
  const many = pairs("a", "b", "c", "d", "e");
  expect(byAnswer(new Float32Array(10), many)).toEqual([]);
});

test("numbers", () => {
  expect([0, 1234.5, -0.00012, 0.1234, 5, null, -Infinity].map((value) => number(value))).toEqual(
    ["0", "1,235", "−1.20e-4", "0.123", "5", "–", "−∞"]);
  expect([0, 1, 0.99999, 0.00001, 0.123, null].map(percent)).toEqual(["0.0%", "100.0%", ">99.9%", "<0.01%", "12.3%", "–"]);
  expect(short("abcdef", 4)).toBe("abc…");
  expect([[], ["a"], ["a", "b"], ["a", "b", "c"]].map(joined)).toEqual(["", "a", "a and b", "a, b and c"]);
});

test("a slider reaches both its ends and comes back", () => {
  for (const most of [1, 2, 150, 20_000]) {
    expect(toValue(200, most)).toBe(most);
    expect(toValue(0, most)).toBe(1);
    expect(toValue(toPlace(most, most), most)).toBe(most);
  }
});
