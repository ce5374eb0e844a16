/** A node's activation on both sides of task pairs. */

import { el, name, table } from "./dom";
import { pictureButtons, tableButton } from "./save";
import { svg } from "./scene";
import type { Scene, Shape } from "./scene";
import { series, theme } from "./theme";
import { isolated, number, short } from "./text";

const WIDTH = 340;
const LEFT = 52;
const HEIGHT = 170;
const TOP = 20;
const MOST_ROWS = 12;
const MOST_ANSWERS = 4;

export interface OnPairs {
  split: string;
  pairs: [prompt: string, counterfactual: string, answer: string][];
  values: Float32Array;
}

/** Pairs from the one with the lowest difference to that with the highest. */
export function ordered(values: Float32Array): number[] {
  const difference = (pair: number) => (values[2 * pair] ?? 0) - (values[2 * pair + 1] ?? 0);
  return Array.from({ length: values.length / 2 }, (_, pair) => pair).sort((a, b) => difference(a) - difference(b));
}

/** Means of the prompts' side by what is right there; none where all are alike, or each is another. */
export function byAnswer(values: Float32Array, pairs: OnPairs["pairs"]): [answer: string, mean: number, n: number][] {
  const groups = new Map<string, number[]>();
  pairs.forEach(([, , answer], pair) => groups.set(answer, [...(groups.get(answer) ?? []), values[2 * pair]!]));
  if (groups.size < 2 || groups.size > MOST_ANSWERS) return [];
  return [...groups].map(([answer, own]) => [answer, own.reduce((sum, value) => sum + value, 0) / own.length, own.length]);
}

export function pairChart(found: OnPairs, node: string): HTMLElement {
  const { values, pairs } = found;
  const order = ordered(values);
  const difference = (pair: number) => values[2 * pair]! - values[2 * pair + 1]!;
  const mean = order.reduce((sum, pair) => sum + difference(pair), 0) / Math.max(order.length, 1);
  const answers = byAnswer(values, pairs);
  const scene = drawn(values, order);
  const label = `Activation of ${isolated(node)} on both sides of ${order.length} pairs; mean difference ${number(mean)}`;
  const half = MOST_ROWS / 2;
  const ends = order.length > MOST_ROWS ? [...order.slice(-half).reverse(), ...order.slice(0, half).reverse()] : [...order].reverse();
  const head = ["Prompt", "Counterfactual", "Prompt’s", "Counterfactual’s", "Difference"];
  const row = (pair: number) => [
    pairs[pair]?.[0] ?? "", pairs[pair]?.[1] ?? "", values[2 * pair]!, values[2 * pair + 1]!, difference(pair),
  ];
  const rows = ends.map((pair) => {
    const [prompt, other, ...rest] = row(pair) as [string, string, number, number, number];
    return [name(tail(prompt)), name(tail(other)), ...rest.map(number)];
  });
  const caption = [order.length > MOST_ROWS ? "The largest and the smallest differences " : "All pairs ", tableButton(head, () => order.map(row), `pairs-${node}`)];
  return el("figure", { class: "pairs" },
    el("figcaption", {}, "Activation at the answer position on pairs of ", name(found.split),
      `, sorted by their difference: the prompt’s (filled), the counterfactual’s (hollow). Mean difference ${number(mean)}. `,
      ...answers.flatMap(([answer, own, n], place) =>
        [place ? ", and where " : "On prompts where ", name(answer), ` is right it is ${number(own)} (mean, n = ${n})`]),
      answers.length ? ". " : "",
      pictureButtons(() => scene, `pairs-${node}`)),
    svg(scene, label),
    el("details", {}, el("summary", {}, "The pairs"), table(caption, head, rows, [0, 1])));
}

function tail(text: string): string {
  return text.length <= 60 ? text : `…${short(text.slice(-59), 60)}`;
}

function drawn(values: Float32Array, order: number[]): Scene {
  const { muted, rule, paper } = theme();
  let [low, high] = [0, 0];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low === high) high = low + 1;
  const y = (value: number) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - 12);
  const x = (place: number) => LEFT + ((place + 0.5) / order.length) * (WIDTH - LEFT - 6);
  const r = Math.min(Math.max((WIDTH - LEFT) / order.length / 3, 1), 4);
  const shapes: Shape[] = [];
  for (const level of new Set([low, 0, high])) {
    shapes.push({ is: "path", d: [[LEFT, y(level)], [WIDTH, y(level)]], stroke: level === 0 ? muted : rule, width: 1 });
    shapes.push({ is: "text", x: LEFT - 5, y: y(level) + 4, words: number(level), anchor: "end", size: 11, fill: muted });
  }
  order.forEach((pair, place) => {
    const [own, other] = [values[2 * pair]!, values[2 * pair + 1]!];
    const colour = series(own < other ? 1 : 0);
    shapes.push({ is: "path", d: [[x(place), y(own)], [x(place), y(other)]], stroke: colour, width: 1, opacity: 0.6 });
    shapes.push({ is: "circle", x: x(place), y: y(other), r, fill: paper, stroke: series(1), width: 1 });
    shapes.push({ is: "circle", x: x(place), y: y(own), r, fill: series(0) });
  });
  return { width: WIDTH, height: HEIGHT, shapes };
}
