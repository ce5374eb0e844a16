/** The Conditioning view: circuits' sizes before and after, merge scales, activity, transfer. */

import { chart } from "./chart";
import type { Frame, Series } from "./chart";
import { el, name, table } from "./dom";
import type { Child } from "./dom";
import type { Store } from "./hash";
import { heat } from "./heat";
import type { Run } from "./model";
import { Parts, dot, legend, swatch } from "./parts";
import { probed } from "./probe";
import type { Bounds, CellTree, ConditioningTree, EnergyRow, EnergyTree, FrontierTree, SweepTree, TransferTree } from "./results";
import { pictureButtons, tableButton } from "./save";
import type { Value } from "./save";
import type { Scene, Shape } from "./scene";
import { series, stroke, theme } from "./theme";
import { count, isolated, nats, natsSpan, number, percent } from "./text";

type Point = Series["points"][number];

const ACROSS: [string, string][] = [["", "share of the universe kept"], ["size", "nodes kept"]];
const MEASURES: [string, string][] = [["", "squared activation"], ["write", "squared length of writes"]];
const CELLS: [string, string, (cell: CellTree) => number][] = [
  ["", "accuracy of the circuit alone", (cell) => cell.alone[0] ?? 0],
  ["relative", "part of the full model’s accuracy", (cell) => (cell.alone[0] ?? 0) / Math.max(cell.full[0] ?? 0, 1e-9)],
  ["above", "accuracy above the empty circuit’s", (cell) => (cell.alone[0] ?? 0) - (cell.empty[0] ?? 0)],
];

export class ConditioningView {
  readonly element: HTMLElement;
  private readonly parts: Parts;
  private readonly tree: ConditioningTree;

  static serves(run: Run): boolean {
    return run.tree.conditioning !== null;
  }

  constructor(run: Run, store: Store) {
    this.tree = run.tree.conditioning!;
    this.parts = new Parts(store);
    this.element = this.parts.element;
    if (this.tree.frontiers.length) this.parts.add((width) => this.frontiers(width));
    if (this.tree.sweeps.length) this.parts.add((width) => this.sweep(width));
    if (this.tree.energy.length) this.parts.add((width) => this.energy(width));
    if (this.tree.transfers.length) this.parts.add((width) => this.transfer(width));
  }

  update(): void {
    this.parts.update();
  }

  recolour(): void {
    this.update();
  }

  private frontiers(width: number): Child[] {
    const { parts } = this;
    const universes = new Set(this.tree.frontiers.map((own) => own.universe));
    const groupOf = ({ split, replacement, universe }: FrontierTree) =>
      `${split}, ${replacement}${universes.size > 1 && universe ? `, ${universe}` : ""}`;
    const groups = [...new Set(this.tree.frontiers.map(groupOf))];
    const group = groups.find((own) => own === parts.get("frontiers")) ?? groups[0]!;
    const shown = this.tree.frontiers.filter((own) => groupOf(own) === group);
    const lines = linesOf(shown);
    const size = parts.get("by") === "size";
    const scene = () => frontierScene(width, shown, lines, size);
    const head = ["Model", "Stage", "Nodes", "Share", "Accuracy", "Low", "High"];
    const rows = (): Value[][] => shown.flatMap((own) => own.points.map((point) => [own.model, own.name, ...point]));
    const sizes = shown.map((own, place): Child[] => [[swatch(place), name(lines[place]!)], ...smallest(own)]);
    const caption = `The smallest circuits from which no larger one falls below ${targets(shown)}, and the accuracy of the empty one`;
    return [
      el("h3", {}, "Sizes of circuits, model by model"),
      el("div", { class: "controls" },
        parts.choice("Frontiers of", "frontiers", groups.map((own) => [own, own])),
        parts.choice("Across", "by", ACROSS)),
      el("figure", { class: "plot" },
        probed(scene(), `Accuracy of circuits over their size, ${isolated(group)}`),
        el("figcaption", {}, universes.size === 1 && shown[0]!.universe !== "" && ["Of ", name(shown[0]!.universe), ". "],
          `Whiskers are 95% intervals; level lines are targets${levels(shown).length > 1 ? ", in a model’s colour where they are its alone" : ""}. `,
          pictureButtons(scene, "frontiers"), " ", tableButton(head, rows, "frontiers"))),
      table(caption, ["Model", "Share", "Nodes", "Empty circuit"], sizes),
    ];
  }

  private sweep(width: number): Child[] {
    const { parts } = this;
    // a scale that was asked for leaves one point; the others come first
    const sweeps = [...this.tree.sweeps].sort((a, b) => b.points.length - a.points.length);
    const sweep = parts.chosen("sweep", sweeps);
    const [above, below] = [() => accuracyScene(width, sweep), () => klScene(width, sweep)];
    const lines = ["full model", ...recoveries(sweep)];
    const head = ["Scale", "Accuracy", "Low", "High", "KL", "KL low", "KL high", ...recoveries(sweep)];
    const rows = () => sweep.points.map((point): Value[] => [
      point.scale, ...point.accuracy, ...point.kl, ...point.recovery.map(([, [value]]) => value),
    ]);
    return [
      el("h3", {}, "Merge scales"),
      el("div", { class: "controls" }, parts.choice("Conditioned model", "sweep", parts.named(sweeps))),
      legend(lines.map((own, place) => (place ? `circuit alone, ${own}` : own)), sweep.points.length > 1 ? swatch : dot),
      el("figure", { class: "plot" },
        probed(above(), `Accuracy of ${isolated(sweep.name)} over the scale at which its change is added`),
        probed(below(), `KL from the base of ${isolated(sweep.name)} over the scale`),
        el("figcaption", {}, name(sweep.words), ". The vertical line is the scale that was taken. ",
          pictureButtons(above, `scales-accuracy-${sweep.name}`, "Accuracy"), " ",
          pictureButtons(below, `scales-kl-${sweep.name}`, "KL"), " Both ", tableButton(head, rows, `scales-${sweep.name}`))),
    ];
  }

  private energy(width: number): Child[] {
    const { parts } = this;
    const audit = parts.chosen("audit", this.tree.energy);
    const groups = audit.models[0]?.groups.map(([group]): [string, string] => [group, group]) ?? [];
    const group = groups.find(([own]) => own === parts.get("group"))?.[0] ?? groups[0]?.[0] ?? "";
    const write = parts.get("energy") === "write";
    const scene = () => energyScene(width, audit, group, write);
    const head = ["Model", "Group", "Layer", "Share of channels", "Share of activity", "Share of writes"];
    const rows = (): Value[][] => audit.models.flatMap((model) =>
      model.groups.flatMap(([own, layers]) => layers.map((row): Value[] => [model.name, own, ...row])));
    return [
      el("h3", {}, "Where the MLPs’ activity lands"),
      el("div", { class: "controls" },
        parts.choice("Audit", "audit", parts.named(this.tree.energy), ["group"]),
        parts.choice("Answers", "group", groups),
        parts.choice("Activity as", "energy", MEASURES)),
      legend([...audit.models.map((model) => model.name), "if it were spread evenly"]),
      el("figure", { class: "plot" },
        probed(scene(), `Share of every layer’s activity on the channels of ${isolated(audit.circuit)}`),
        el("figcaption", {}, "The part of every layer’s activity that falls on the channels of ", name(audit.circuit),
          ", where the answer’s tokens are predicted: ", name(audit.split), `, n = ${count(audit.n)}. `,
          pictureButtons(scene, `energy-${audit.name}`), " ", tableButton(head, rows, `energy-${audit.name}`))),
    ];
  }

  private transfer(width: number): Child[] {
    const { parts } = this;
    const found = parts.chosen("matrix", this.tree.transfers);
    const [, words, value] = CELLS.find(([key]) => key === parts.get("cells")) ?? CELLS[0]!;
    const scene = () => transferScene(width, found, value, words);
    const head = ["Found on", "Run in", "Nodes", "Accuracy", "Low", "High", "Empty circuit", "Full model"];
    const rows = () => found.cells.map((cell): Value[] => [
      cell.circuit, cell.model, cell.size, ...cell.alone, cell.empty[0], cell.full[0],
    ]);
    return [
      el("h3", {}, "Masks across model states"),
      el("div", { class: "controls" },
        parts.choice("Matrix", "matrix", parts.named(this.tree.transfers)),
        parts.choice("Cells", "cells", CELLS.map(([key, own]) => [key, own]))),
      el("figure", { class: "plot" },
        probed(scene(), `Circuits (rows) in models (columns): ${words}`),
        el("figcaption", {}, name(found.words), ". Rows: where a circuit was found; columns: the model that it runs in; "
          + "framed where both are one; in brackets what the replacement alone leaks. ",
          pictureButtons(scene, `transfer-${found.name}`), " ", tableButton(head, rows, `transfer-${found.name}`))),
    ];
  }
}

/** Models by name; with the stage where a model has several. */
export function linesOf(shown: FrontierTree[]): string[] {
  return shown.map((own) => {
    const same = shown.filter((other) => other.model === own.model).length;
    return same > 1 || !own.model ? `${own.model ? `${own.model}, ` : ""}${own.name}` : own.model;
  });
}

/** The accuracy that a circuit has to keep; of several models it may be a part of each one's own. */
function targets(shown: FrontierTree[]): string {
  const found = levels(shown).map(percent);
  return found.length > 1 ? `their model’s target (${found[0]} to ${found.at(-1)})` : found[0]!;
}

/** The targets that can be told apart, rising. */
function levels(shown: FrontierTree[]): number[] {
  const found = new Map(shown.map((own) => [percent(own.target), own.target]));
  return [...found.values()].sort((a, b) => a - b);
}

/** The share and nodes of the circuit that was chosen, and how often no circuit at all is right. */
function smallest(own: FrontierTree): string[] {
  const chosen = own.points.find(([nodes]) => nodes === own.chosen);
  const empty = own.points.find(([nodes]) => nodes === 0);
  return [chosen ? percent(chosen[1]) : "no size", chosen ? count(chosen[0]) : "–", empty ? percent(empty[2]) : "–"];
}

/** A point with its interval, unless something of it is not finite. */
function pointOf(x: number, [value, low, high]: Bounds, title: string): Point[] {
  if (value === null) return [];
  return [{ x, y: value, title, ...(low === null || high === null ? {} : { low, high }) }];
}

function span([value, low, high]: Bounds, write: (value: number | null) => string): string {
  return `${write(value)} [${write(low)}, ${write(high)}]`;
}

export function frontierScene(width: number, shown: FrontierTree[], lines: string[], size: boolean): Scene {
  const found = shown.map((own, place): Series => ({
    name: lines[place]!,
    ...stroke(place),
    line: true,
    dots: true,
    // no size has no place on a logarithmic axis
    points: own.points.filter(([nodes]) => nodes > 0).map(([nodes, share, y, low, high]) => ({
      x: size ? nodes : share, y, low, high,
      title: `${isolated(lines[place]!)}: ${count(nodes)} nodes (${percent(share)}), ${span([y, low, high], percent)}`,
    })),
  }));
  const across = { words: size ? "nodes kept" : "share of the universe kept", log: true, write: size ? count : percent };
  const all = levels(shown);
  const reach = all.at(-1)!;
  const words = all.length > 1 ? `targets ${percent(all[0]!)} to ${percent(reach)}` : `target ${percent(reach)}`;
  const colourOf = (level: number) => {
    const those = [...shown.keys()].filter((place) => percent(shown[place]!.target) === percent(level));
    return those.length === 1 && shown.length > 1 ? series(those[0]!) : theme().muted;
  };
  // not dashed: curves are, where there are more of them than colours
  const target = ({ left, right, y }: Frame): Shape[] => [
    ...all.map((own): Shape => ({ is: "path", d: [[left, y(own)], [right, y(own)]], stroke: colourOf(own), width: 1.25 })),
    { is: "text", x: left + 6, y: y(reach) - 5, words, size: 11, fill: theme().muted },
  ];
  return chart(width, found, across, { words: "accuracy of the circuit alone", log: false, write: percent, reach }, target);
}

function recoveries(sweep: SweepTree): string[] {
  return [...new Set(sweep.points.flatMap((point) => point.recovery.map(([what]) => what)))];
}

function taken(sweep: SweepTree): (frame: Frame) => Shape[] {
  return ({ x, top, bottom }) => [
    { is: "path", d: [[x(sweep.scale), top], [x(sweep.scale), bottom]], stroke: theme().muted, dash: [2, 3] },
  ];
}

function accuracyScene(width: number, sweep: SweepTree): Scene {
  const line = (label: string, place: number, of: (point: SweepTree["points"][number]) => Bounds | undefined): Series => ({
    name: label,
    ...stroke(place),
    line: true,
    dots: true,
    points: sweep.points.flatMap((point) => {
      const found = of(point);
      return found ? pointOf(point.scale, found, `${isolated(label)} at scale ${number(point.scale)}: ${span(found, percent)}`) : [];
    }),
  });
  const found = [
    line("full model", 0, (point) => point.accuracy),
    ...recoveries(sweep).map((what, place) =>
      line(`circuit alone, ${what}`, place + 1, (point) => point.recovery.find(([own]) => own === what)?.[1])),
  ];
  const scale = { words: "scale", log: false };
  return chart(width, found, scale, { words: "accuracy", log: false, write: percent }, taken(sweep));
}

function klScene(width: number, sweep: SweepTree): Scene {
  const points = sweep.points.flatMap((point) =>
    pointOf(point.scale, point.kl, `scale ${number(point.scale)}: ${nats(point.kl[0])} ${natsSpan(point.kl[1], point.kl[2])} nats`));
  const line = { name: "KL", colour: series(0), line: true, dots: true, points };
  const words = "KL from the base, nats a token of the answer";
  return chart(width, [line], { words: "scale", log: false }, { words, log: false }, taken(sweep));
}

function energyScene(width: number, audit: EnergyTree, group: string, write: boolean): Scene {
  const layers = (place: number): EnergyRow[] => audit.models[place]?.groups.find(([own]) => own === group)?.[1] ?? [];
  const line = (label: string, place: number, rows: EnergyRow[], of: (row: EnergyRow) => number | null, dash?: number[]): Series => ({
    name: label,
    ...stroke(place),
    line: true,
    dots: true,
    points: rows.flatMap((row) => {
      const y = of(row);
      return y === null ? [] : [{ x: row[0], y, title: `${isolated(label)}, layer ${row[0]}: ${percent(y)}` }];
    }),
    ...(dash ? { dash } : {}),
  });
  const models = audit.models.map((model, place) => line(model.name, place, layers(place), (row) => row[write ? 3 : 2]));
  const even = line("if it were spread evenly", models.length, layers(0), (row) => row[1], [5, 4]);
  const up = { words: "share on the circuit’s channels", log: false, write: percent };
  return chart(width, [...models, even], { words: "layer", log: false, whole: true }, up);
}

function transferScene(width: number, found: TransferTree, value: (cell: CellTree) => number, words: string): Scene {
  const cells = new Map(found.cells.map((cell) => [JSON.stringify([cell.circuit, cell.model]), cell]));
  return heat(width, found.circuits, found.models, (row, column) => {
    const cell = cells.get(JSON.stringify([row, column]));
    if (!cell) return null;
    const about = `${isolated(row)} (${count(cell.size)} nodes) in ${isolated(column)}`;
    const title = `${about}: ${percent(value(cell))} ${words}; alone ${span(cell.alone, percent)}, empty ${percent(cell.empty[0])}, full model ${percent(cell.full[0])}`;
    return { part: value(cell), words: [percent(value(cell)), `(${percent(cell.empty[0])})`], title, marked: cell.own };
  });
}
