/** Methods against each other, as a picture: what a circuit costs, and what it loses. */

import { chart } from "./chart";
import type { Axis, Frame, Series } from "./chart";
import type { ProofRow } from "./data";
import { front } from "./pareto";
import type { Scene, Shape } from "./scene";
import { series, theme } from "./theme";
import { isolated, nats, number, percent, short, shortNames } from "./text";

/** Narrower pictures have no room for labels. */
const ROOMY = 560;
const LONGEST = 34;

export type Measure = [key: string, words: string, of: (row: ProofRow) => number | null, write: (value: number) => string];

export const MEASURES: Measure[] = [
  ["share", "share of the universe kept", (row) => row.share, percent],
  ["size", "nodes or edges kept", (row) => row.size, number],
  ["seconds", "seconds to score and to select", (row) => row.seconds, number],
  ["peak_mb", "peak memory, MiB", (row) => row.peak_mb, number],
];
export const LOSSES: Measure[] = [
  ["kl", "KL from the full model, nats", (row) => row.kl[0], nats],
  ["missed", "accuracy lost, of the full model’s", (row) => Math.max(1 - row.recovery, 0), percent],
];

/** Methods in the order of their colours. */
export function methodsOf(rows: ProofRow[]): string[] {
  return [...new Set(rows.map((row) => row.method || row.circuit))];
}

/** Of a share or a size: of how many nodes or edges it is; circuits of one universe have one number. */
function wholeOf(row: ProofRow): number {
  return Math.round(row.size / row.share);
}

/** Rows that a measure compares: those of one model and replacement, and sizes and shares within one universe only. */
export function comparable(rows: ProofRow[], across: Measure): ProofRow[][] {
  const sized = across[0] === "share" || across[0] === "size";
  const found = new Map<string, ProofRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([sized ? wholeOf(row) : "", row.model, row.replacement]);
    found.set(key, [...(found.get(key) ?? []), row]);
  }
  return [...found.values()];
}

export function paretoScene(width: number, rows: ProofRow[], across: Measure, up: Measure): Scene {
  const labels = shortNames(rows.map((row) => row.circuit || row.name));
  const told = rows.filter((row) => across[2](row) !== null && up[2](row) !== null);
  const methods = methodsOf(rows);
  const all = told.map((row) => ({ x: across[2](row)!, y: up[2](row)! }));
  const found = methods.map((method, place): Series => ({
    name: method,
    colour: series(place),
    line: false,
    dots: true,
    points: told.flatMap((row, at) => {
      if ((row.method || row.circuit) !== method) return [];
      const { x, y } = all[at]!;
      const bounds = up[0] === "kl" && row.kl[1] !== null && row.kl[2] !== null ? { low: Math.max(row.kl[1], 0), high: row.kl[2] } : {};
      const title = `${isolated(row.circuit || row.name)}: ${across[3](x)} ${across[1]}, ${up[3](y)} ${up[1]}`;
      const label = width >= ROOMY ? { label: short(labels[rows.indexOf(row)]!, LONGEST) } : {};
      return [{ x, y, ...bounds, title, ...label }];
    }),
  }));
  const positive = (values: number[]) => values.length > 0 && values.every((value) => value > 0);
  const axis = (measure: Measure, values: number[]): Axis => {
    const log = positive(values) && Math.max(...values) > 5 * Math.min(...values);
    // ticks are no measurements, so none of them is noise
    return { words: measure[1], log, write: measure[3] === nats ? number : measure[3] };
  };
  const lows = up[0] === "kl" ? told.map((row) => Math.max(row.kl[1] ?? 0, 0)) : [];
  const stairs = (frame: Frame): Shape[] => comparable(told, across).flatMap((group): Shape[] => {
    const own = group.map((row) => all[told.indexOf(row)]!);
    const at = front(own).map((place) => own[place]!).sort((a, b) => a.x - b.x);
    const steps = at.flatMap((point, place): [number, number][] => {
      const before = at[place - 1];
      const here: [number, number] = [frame.x(point.x), frame.y(point.y)];
      return before ? [[here[0], frame.y(before.y)], here] : [here];
    });
    return steps.length > 1 ? [{ is: "path", d: steps, stroke: theme().muted, width: 1.25, dash: [5, 4] }] : [];
  });
  return chart(width, found, axis(across, all.map((own) => own.x)), axis(up, [...all.map((own) => own.y), ...lows]), stairs);
}
