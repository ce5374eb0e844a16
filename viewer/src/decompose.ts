/** The Decompose view: directions one by one, and how specific they are beside others. */

import { chart } from "./chart";
import type { Series } from "./chart";
import { button, el, name, table } from "./dom";
import type { Child } from "./dom";
import type { Store } from "./hash";
import type { Run } from "./model";
import { Parts, legend } from "./parts";
import { probed } from "./probe";
import type { ComparedTree, DecomposeTree, EffectTree, ExampleTree, LearnedTree } from "./results";
import { pictureButtons, tableButton } from "./save";
import type { Value } from "./save";
import type { Scene } from "./scene";
import { ordered, readOrder, sortable, writeOrder } from "./sortable";
import { drawnOf, tensorImages } from "./tensors";
import { series } from "./theme";
import { count, isolated, nats, number, percent, shortNames } from "./text";

const ROWS = 25;

/** What is known of the directions of one decomposition. */
export class Known {
  readonly examples = new Map<number, ExampleTree>();
  readonly effects = new Map<number, EffectTree>();
  readonly split: string;

  constructor(learned: LearnedTree, compared: ComparedTree[]) {
    let split = "";
    for (const one of compared) {
      if (one.of === learned.name) for (const row of one.examples) this.examples.set(row.direction, row);
      for (const set of one.sets) {
        if (set.of !== learned.name) continue;
        split = one.split;
        for (const row of set.rows) this.effects.set(row.direction, row);
      }
    }
    this.split = split;
  }
}

export function ratio(row: EffectTree): number {
  return row.active / Math.max(row.rest, 1e-12);
}

export class DecomposeView {
  readonly element: HTMLElement;
  private readonly parts: Parts;
  private readonly tree: DecomposeTree;

  static serves(run: Run): boolean {
    return run.tree.decompose !== null;
  }

  constructor(
    private readonly run: Run,
    store: Store,
  ) {
    this.tree = run.tree.decompose!;
    this.parts = new Parts(store);
    this.element = this.parts.element;
    if (this.tree.learned.length) this.parts.add(() => this.directions(), true);
    if (this.tree.compared.length) this.parts.add((width) => this.compared(width));
  }

  update(): void {
    this.parts.update();
  }

  recolour(): void {
    this.update();
  }

  private directions(): Child[] {
    const { parts, run } = this;
    const learned = parts.chosen("learned", this.tree.learned);
    const known = new Known(learned, this.tree.compared);
    const columns = columnsOf(learned, known, run);
    const order = readOrder(parts.get("sort"), columns.length, 1);
    const sorted = ordered(Array.from({ length: learned.count }, (_, at) => columns[order.column]![1](at)), order.rising);
    const asked = Number(parts.get("direction"));
    const direction = parts.get("direction") !== "" && asked < learned.count ? asked : sorted[0]!;
    const go = (to: number) => parts.set({ direction: String(to) });
    const looked = known.examples.size + known.effects.size > 0;
    const images = tensorImages(learned, direction, run.arrays);
    const list = this.listed(learned, columns, order, sorted, direction);
    const reading = el("article", { class: "direction", tabindex: 0, "aria-label": `Direction ${direction}. Press N for the next one of the list, P for the one before.` },
      el("h4", {}, `Direction ${direction}`), looked ? facts(known, direction) : images);
    reading.addEventListener("keydown", (event) => {
      const step = { n: 1, p: -1 }[event.key.toLowerCase()];
      if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const at = sorted.indexOf(direction) + step;
      go(sorted[(at + sorted.length) % sorted.length]!);
      this.element.querySelector<HTMLElement>("article.direction")?.focus();
    });
    return [
      el("h3", {}, "Directions"),
      el("div", { class: "controls" },
        parts.choice("Decomposition", "learned", parts.named(this.tree.learned), ["direction", "page", "sort"])),
      el("p", { class: "about" }, drawnOf(learned, run.arrays),
        looked && [`${count(known.examples.size)} have examples, ${count(known.effects.size)} were moved along (`, name(known.split), "). "],
        "A direction’s energy is the sum of the squares of its entries, over all tensors."),
      el("div", { class: looked ? "both wide" : "over" }, list, reading),
      looked && [el("h4", {}, `Tensors of direction ${direction}`), images],
    ];
  }

  private listed(learned: LearnedTree, columns: Column[], order: ReturnType<typeof readOrder>, sorted: number[], direction: number): Child {
    const { parts } = this;
    const pages = Math.max(Math.ceil(sorted.length / ROWS), 1);
    const page = Math.min(Math.max(Number(parts.get("page")) || 1, 1), pages);
    const turn = (to: number) => parts.set({ page: String(Math.min(Math.max(to, 1), pages)) });
    const head = columns.map(([words]) => words);
    const rows = sorted.slice((page - 1) * ROWS, page * ROWS).map((at) => columns.map(([, of, write], place): Child => {
      const value = of(at);
      const link = () => button(String(at), () => parts.set({ direction: String(at) }), {
        class: "link", "data-direction": at, "aria-pressed": String(at === direction),
      });
      return place ? (value === null ? "–" : write(value)) : link();
    }));
    const all = () => sorted.map((at): Value[] => columns.map(([, of]) => of(at)));
    const parted = learned.tensors.length > 1 ? "; the last columns are the parts of its energy, tensor by tensor" : "";
    const caption: Child[] = [`All directions; a click on a column’s heading sorts them${parted} `, tableButton(head, all, `directions-${learned.name}`)];
    return el("div", {},
      sortable(caption, head, rows, order, (to) => parts.set({ sort: writeOrder(to), page: "" })),
      pages > 1 && el("p", { class: "turn" },
        button("‹ Previous", () => turn(page - 1)), ` ${count(page)} of ${count(pages)} `, button("Next ›", () => turn(page + 1))));
  }

  private compared(width: number): Child[] {
    const { parts } = this;
    const found = parts.chosen("beside", this.tree.compared);
    const sets = found.sets.filter((set) => set.rows.length > 0);
    const scene = () => ratioScene(width, sets);
    const head = ["Set", "Direction", "Samples", "Moved", "KL where active", "KL elsewhere", "Ratio"];
    const rows = () => sets.flatMap((set) => set.rows.map((row): Value[] =>
      [set.name, row.direction, row.samples, row.moved, row.active, row.rest, ratio(row)]));
    return [
      el("h3", {}, "How specific directions are"),
      el("div", { class: "controls" }, parts.choice("Comparison", "beside", parts.named(this.tree.compared))),
      sets.length === 0
        ? el("p", { class: "hint" }, "No direction was active in enough samples to be measured.")
        : [legend(sets.map((set) => set.name)), el("figure", { class: "plot" },
          probed(scene(), `Effect ratios of directions, highest first, by set: ${sets.map((set) => isolated(set.name)).join(", ")}`),
          el("figcaption", {}, "How many times more predictions change (KL) where a direction is active than elsewhere, the highest first, when the weights are moved until predictions change by ",
            `${number(found.effect)} nats: `, name(found.split), ". ",
            pictureButtons(scene, `specificity-${found.name}`), " ", tableButton(head, rows, `specificity-${found.name}`)))],
    ];
  }
}

function facts(known: Known, direction: number): Child[] {
  const example = known.examples.get(direction);
  const effect = known.effects.get(direction);
  return [
    example ? [contexts(example), tokens(example)] : known.examples.size > 0
      && el("p", { class: "hint" }, "No texts: the run looked up those of the most used directions only."),
    effect && curve(effect, direction),
  ];
}

type Column = [words: string, of: (direction: number) => number | null, write: (value: number) => string];

function columnsOf(learned: LearnedTree, known: Known, run: Run): Column[] {
  const activity = run.arrays.get(learned.activity);
  const found: Column[] = [
    ["Direction", (at) => at, String],
    ["Active in", (at) => activity[at] ?? null, percent],
  ];
  if (known.examples.size) found.push(["On new text", (at) => known.examples.get(at)?.used ?? null, percent]);
  if (known.effects.size) found.push(["Effect ratio", (at) => (known.effects.has(at) ? ratio(known.effects.get(at)!) : null), number]);
  const names = shortNames(learned.tensors.map((tensor) => tensor.name));
  if (names.length > 1) {
    learned.tensors.forEach((tensor, place) => {
      const energy = run.arrays.get(tensor.energy);
      found.push([tensorWords(names[place]!), (at) => energy[at] ?? null, percent]);
    });
  }
  return found;
}

/** A number alone is that of a layer. */
export function tensorWords(short: string): string {
  return /^\d+$/.test(short) ? `layer ${short}` : short;
}

function contexts({ contexts: found }: ExampleTree): Child {
  const rows = found.map(([impact, before, token, after]) => [
    number(impact), el("div", { class: "context" }, name(before), el("mark", {}, name(token)), name(after)),
  ]);
  return table("Its strongest contexts; what follows the marked token is predicted", ["Impact", "Text"], rows, [1]);
}

function tokens({ up, down }: ExampleTree): Child {
  const rows = Array.from({ length: Math.max(up.length, down.length) }, (_, at) =>
    [up[at], down[at]].flatMap((end) => (end ? [el("code", {}, name(end[0])), number(end[1])] : ["", ""])));
  return table("Tokens that become more and less likely along it, by the slope of their log-probability",
    ["More likely", "Slope", "Less likely", "Slope"], rows, [0, 2]);
}

function curve(effect: EffectTree, direction: number): Child {
  const scene = () => curveScene(effect);
  return el("figure", { class: "plot" },
    el("figcaption", {}, `Predictions change by ${nats(effect.active)} nats where it is active (${count(effect.samples)} samples), `
      + `by ${nats(effect.rest)} elsewhere: ${number(ratio(effect))} times as much. `, pictureButtons(scene, `effect-${direction}`)),
    legend(["where it is active", "elsewhere"]),
    probed(scene(), `Change of predictions along direction ${direction} over how far the weights are moved`));
}

function curveScene(effect: EffectTree): Scene {
  const side = (words: string, place: number): Series => ({
    name: words,
    colour: series(place),
    line: true,
    dots: true,
    points: effect.steps.map((step) => ({
      x: step[0], y: step[place + 1]!, title: `${words}, weights moved by ${percent(step[0])}: ${nats(step[place + 1] ?? null)} nats`,
    })),
    ...(place ? { dash: [5, 4] } : {}),
  });
  const across = { words: "moved, part of the weights’ norm", log: true, write: percent };
  return chart(420, [side("where it is active", 0), side("elsewhere", 1)], across, { words: "KL, nats", log: true });
}

function ratioScene(width: number, sets: ComparedTree["sets"]): Scene {
  const found = sets.map((set, place): Series => ({
    name: set.name,
    colour: series(place),
    line: true,
    dots: true,
    points: [...set.rows].sort((a, b) => ratio(b) - ratio(a)).map((row, at) => ({
      x: at + 1, y: ratio(row), title: `${isolated(set.name)}, direction ${row.direction}: ${number(ratio(row))} times`,
    })),
  }));
  return chart(width, found, { words: "directions, most specific first", log: false, whole: true }, { words: "effect ratio", log: true });
}
