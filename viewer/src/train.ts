/** The Train view: what stages reported step by step. */

import { chart, widthIn } from "./chart";
import type { Series } from "./chart";
import type { CurveTree } from "./data";
import { el, name, replace, select } from "./dom";
import type { Store } from "./hash";
import type { Run } from "./model";
import { swatch } from "./parts";
import { probed } from "./probe";
import { pictureButtons, tableButton } from "./save";
import type { Scene } from "./scene";
import { axisWords, termWords } from "./terms";
import { stroke } from "./theme";
import { count, isolated, number } from "./text";
import type { Arrays } from "./unpack";

const FIRST = /loss|objective|kl|validation|^ce$/;

const LETTER = 6.6;
/** How many letters a chart adds to the words of a logarithmic axis. */
const LOGARITHMIC = 14;

function spoken({ words, points }: Line): string {
  const [first, last] = [points[0], points.at(-1)];
  if (points.length === 1) return `${isolated(words)} ${number(first?.y)} at step ${count(Math.round(first?.x ?? 0))}`;
  return `${isolated(words)} from ${number(first?.y)} to ${number(last?.y)}`;
}

interface Line {
  /** As the stage calls it. */
  name: string;
  words: string;
  points: { x: number; y: number }[];
}

export function lines(curve: CurveTree, arrays: Arrays): Line[] {
  const steps = arrays.get(curve.step);
  const all = curve.terms.map((term) => {
    const [there, values] = [arrays.get(term.there), arrays.get(term.values)];
    const points: Line["points"] = [];
    steps.forEach((x, place) => {
      if (arrays.bit(there, place)) points.push({ x, y: values[place] ?? 0 });
    });
    return { name: term.name, words: termWords(curve.kind, term.name), points };
  });
  // the usual ones first, so that they have the colours that they have elsewhere
  return [...all.filter(usual), ...all.filter((line) => !usual(line))];
}

function usual(line: Line): boolean {
  return FIRST.test(line.name);
}

/** Whether a logarithmic axis has a place for all of them. */
export function positive(shown: Line[]): boolean {
  return shown.every((line) => line.points.every((point) => point.y > 0));
}

export class TrainView {
  readonly element = el("div", { class: "train" });

  constructor(
    private readonly run: Run,
    private readonly store: Store,
  ) {}

  update(): void {
    const { curves } = this.run.tree;
    const curve = curves.find((own) => own.name === this.store.get("stage")) ?? curves[0]!;
    const all = lines(curve, this.run.arrays);
    const terms = this.store.get("terms");
    const fallback = all.some(usual) ? all.filter(usual) : all.slice(0, 1);
    const chosen = new Set(terms ? terms.split("\n") : fallback.map((line) => line.name));
    const shown = all.filter((line) => chosen.has(line.name));
    const asked = this.store.get("scale");
    const log = asked ? asked !== "linear" : positive(shown);
    const options = curves.map((own): [string, string] => [own.name, `${isolated(own.name)} (${own.kind})`]);
    const controls = el("div", { class: "controls" },
      select("Stage", options, curve.name, (stage) => this.set({ stage, terms: "" })),
      select("Scale", [["log", "logarithmic"], ["linear", "linear"]], log ? "log" : "linear", (scale) => this.set({ scale })));
    const boxes = all.map((line, place) => {
      const box = el("input", { type: "checkbox", checked: chosen.has(line.name) });
      box.addEventListener("change", () => {
        if (box.checked) chosen.add(line.name);
        else chosen.delete(line.name);
        this.set({ terms: [...chosen].join("\n") });
      });
      const last = line.points.at(-1);
      return el("label", {}, box, swatch(place), name(line.words), el("small", {}, last ? `${number(last.y)} at the end` : ""));
    });
    const picked = el("fieldset", {}, el("legend", {}, "What is drawn"), el("div", { class: "checks" }, boxes));
    const width = widthIn(this.element);
    const scene = drawn(width, curve.kind, shown, all, log, "unseen");
    const head = ["step", ...all.map((line) => line.name)];
    const thinned = curve.points > (all[0]?.points.length ?? 0) ? ` ${count(curve.points)} points, averaged over stretches.` : "";
    const said = shown.map((line) => spoken(line)).join(", ");
    const figure = el("figure", { class: "plot" },
      el("figcaption", {}, name(curve.name), `: ${said || "nothing chosen"}; ${count(Math.round(all[0]?.points.at(-1)?.x ?? 0))} steps.${thinned} `,
        pictureButtons(() => drawn(width, curve.kind, shown, all, log), `curve-${curve.name}`),
        " ", tableButton(head, () => rows(all), `curve-${curve.name}`)),
      probed(scene, `Curves of ${isolated(curve.name)}: ${said}`));
    replace(this.element, controls, picked, figure);
  }

  recolour(): void {
    this.update();
  }

  private set(changes: Record<string, string>): void {
    this.store.set(changes);
    this.update();
  }
}

function drawn(width: number, kind: string, shown: Line[], all: Line[], log: boolean, dots: Series["dots"] = false): Scene {
  const found = shown.map((line): Series => {
    const points = line.points.map(({ x, y }) => ({ x, y, title: `${isolated(line.words)} at step ${count(x)}: ${number(y)}` }));
    return { name: line.words, ...stroke(all.indexOf(line)), points, line: true, dots };
  });
  const room = Math.floor(width / LETTER) - (log ? LOGARITHMIC : 0);
  const words = axisWords(kind, shown.map((line) => line.name), room);
  return chart(width, found, { words: "step", log: false, whole: true }, { words, log });
}

function rows(all: Line[]): (number | null)[][] {
  const steps = [...new Set(all.flatMap((line) => line.points.map((point) => point.x)))].sort((a, b) => a - b);
  const known = all.map((line) => new Map(line.points.map((point) => [point.x, point.y])));
  return steps.map((step) => [step, ...known.map((own) => own.get(step) ?? null)]);
}
