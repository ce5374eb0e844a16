/** The Amplify view: where chains of reasoning part, what was chosen there, what it gained. */

import { button, el, name, table } from "./dom";
import type { Child } from "./dom";
import { dots } from "./dots";
import type { Dot } from "./dots";
import type { Store } from "./hash";
import { heat } from "./heat";
import type { Run } from "./model";
import { Parts, dot, legend } from "./parts";
import { BY_ROW, probed } from "./probe";
import type { AmplifyTree, ArmTree, ChosenTree, PairTree } from "./results";
import { pictureButtons, tableButton } from "./save";
import type { Value } from "./save";
import type { Scene } from "./scene";
import { COLOURS } from "./theme";
import { count, isolated, number, percent, plural, short } from "./text";
import { line, pairText, sides } from "./trace";

const ROWS = 20;
const FILTERS: [string, string, (pair: PairTree) => boolean][] = [
  ["", "all pairs", () => true],
  ["right", "where greedy decoding ends right", (pair) => pair.greedy_right],
  ["wrong", "where greedy decoding ends wrong", (pair) => !pair.greedy_right],
];
const KINDS: Record<string, string> = {
  "attn.q:head": "query heads", "attn.k:head": "key heads", "attn.v:head": "value heads", "mlp.post_act:channel": "MLP channels",
};

export class AmplifyView {
  readonly element: HTMLElement;
  private readonly parts: Parts;
  private readonly tree: AmplifyTree;

  static serves(run: Run): boolean {
    return run.tree.amplify !== null;
  }

  constructor(
    private readonly run: Run,
    store: Store,
  ) {
    this.tree = run.tree.amplify!;
    this.parts = new Parts(store);
    this.element = this.parts.element;
    if (this.tree.pairs.length) this.parts.add(() => this.pairs(), true);
    if (this.tree.chosen.length) this.parts.add((width) => this.chosen(width));
    if (this.tree.arms.length) this.parts.add((width) => this.arms(width));
  }

  update(): void {
    this.parts.update();
  }

  recolour(): void {
    this.update();
  }

  private pairs(): Child[] {
    const { parts } = this;
    const found = parts.chosen("pairs", this.tree.pairs);
    const [key, , pass] = FILTERS.find(([own]) => own === parts.get("kind")) ?? FILTERS[0]!;
    const shown = found.rows.filter(pass);
    const title = el("h3", {}, "Where a wrong chain leaves a right one");
    const controls = el("div", { class: "controls" },
      parts.choice("Pairs", "pairs", parts.named(this.tree.pairs), ["pair"]),
      found.rows.length > 0 && parts.choice("Show", "kind", FILTERS.map(([own, words]) => [own, words]), ["pair"]));
    const about = el("p", { class: "about" }, name(found.split), ", ", name(found.method), ` method: ${plural(found.n, "pair")}`,
      found.rows.length < found.n ? `, the texts of ${count(found.rows.length)} of them are here. ` : ". ");
    if (!shown.length) {
      const why = found.rows.length ? "There is none of this kind." : "The run holds no texts of these pairs: run the recipe again with this version.";
      return [title, controls, about, el("p", { class: "hint" }, why)];
    }
    const at = Math.min(Math.max(Number(parts.get("pair")) || 1, 1), shown.length);
    const go = (to: number) => parts.set({ pair: String(((to - 1 + shown.length) % shown.length) + 1) });
    const turning = el("p", { class: "turn" },
      button("‹ Previous", () => go(at - 1)), ` ${count(at)} of ${count(shown.length)} `, button("Next ›", () => go(at + 1)));
    const reading = el("article", { class: "pair", tabindex: 0, "aria-label": `Pair ${at}. Press N for the next one, P for the one before.` },
      turning, pairText(shown[at - 1]!));
    reading.addEventListener("keydown", (event) => {
      const step = { n: 1, p: -1 }[event.key.toLowerCase()];
      if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      go(at + step);
      this.element.querySelector<HTMLElement>("article.pair")?.focus();
    });
    return [title, controls, about, el("div", { class: "both" }, reading, this.listed(shown, at, go, `pairs-${found.name}-${key || "all"}`))];
  }

  private listed(shown: PairTree[], at: number, go: (to: number) => void, file: string): Child {
    const first = Math.floor((at - 1) / ROWS) * ROWS;
    const rows = shown.slice(first, first + ROWS).map((pair, place) => {
      const own = first + place + 1;
      const link = button(el("code", {}, name(line(pair))), () => go(own), { class: "link", "aria-pressed": String(own === at) });
      return [String(own), link, name(short(pair.question, 60))];
    });
    const head = ["Problem", "Question", "Answer", "Greedy ends right", "Undesired", "Desired", "Before"];
    const all = () => shown.map((pair): Value[] => {
      const { desired, undesired } = sides(pair);
      return [pair.problem, pair.question, pair.answer, pair.greedy_right ? 1 : 0, undesired, desired, pair.before];
    });
    const part = shown.length > ROWS ? `: ${count(rows.length)} of ${count(shown.length)}; the Next button goes through all` : "";
    return table([`Undesired token and desired one${part} `, tableButton(head, all, file)], ["Pair", "Token", "Question"], rows, [0, 1, 2]);
  }

  private chosen(width: number): Child[] {
    const { parts } = this;
    const found = parts.chosen("mask", this.tree.chosen);
    const scene = () => chosenScene(width, found);
    const head = ["Layer", "Kind", "Kept", "Of"];
    const open = this.run.circuit(found.name)
      && button("Open in the Circuit view", () => parts.go("circuit", { circuit: found.name, node: "", edge: "" }));
    const rise = ([value, low, high]: ChosenTree["rise"]) => `${number(value)} [${number(low)}, ${number(high)}]`;
    return [
      el("h3", {}, "The chosen components"),
      el("div", { class: "controls" }, parts.choice("Components", "mask", parts.named(this.tree.chosen)), open),
      el("figure", { class: "plot" },
        probed(scene(), `Components of ${isolated(found.name)} by layer and kind`),
        el("figcaption", {}, `${percent(found.share)} of all components. Doubled, they raise the desired token over the undesired one by `
          + `${rise(found.rise)} logits; as many random ones by ${rise(found.random)}: `, name(found.split), `, n = ${count(found.n)}. `,
          pictureButtons(scene, `components-${found.name}`), " ",
          tableButton(head, () => found.rows.map((row): Value[] => [...row]), `components-${found.name}`))),
    ];
  }

  private arms(width: number): Child[] {
    const { parts } = this;
    const bases = basesOf(this.tree.arms);
    const base = bases.find((own) => own === parts.get("base")) ?? bases[0]!;
    const shown = this.tree.arms.filter((arm) => arm.name === base || arm.against === base);
    const gains = shown.filter((arm) => arm.gain);
    const ways = [...new Set(shown.filter((arm) => arm.name !== base).map((arm) => this.way(arm)))];
    const colour = (arm: ArmTree) => (arm.name === base ? 0 : 1 + (ways.indexOf(this.way(arm)) % (COLOURS - 1)));
    const solved = () => solvedScene(width, shown, base, colour);
    const gained = () => gainScene(width, gains, base, colour);
    const head = ["Arm", "Model", "How", "n", "Right", "Low", "High", "Gain", "Gain low", "Gain high", "p"];
    const rows = () => shown.map((arm): Value[] => [
      arm.name, arm.model, how(arm), arm.n, ...arm.accuracy, ...(arm.gain ?? [null, null, null]), arm.p,
    ]);
    const first = shown[0]!;
    return [
      el("h3", {}, "What every arm gained"),
      el("div", { class: "controls" }, parts.choice("Beside", "base", bases.map((own) => [own, own]))),
      ways.length > 1 && legend(ways, (place) => dot(1 + (place % (COLOURS - 1)))),
      el("figure", { class: "plot" },
        probed(solved(), `Problems solved by every arm beside ${isolated(base)}`, BY_ROW),
        gains.length > 0 && probed(gained(), `Gain of every arm over ${isolated(base)}`, BY_ROW),
        el("figcaption", {}, name(first.split), `, n = ${count(first.n)}, greedy decoding, 95% intervals. `,
          "The gain is taken problem by problem, so its interval does not follow from those above it. ",
          pictureButtons(solved, `solved-${base}`, gains.length > 0 ? "Solved" : ""), " ",
          gains.length > 0 && [pictureButtons(gained, `gains-${base}`, "Gained"), " All "],
          tableButton(head, rows, `arms-${base}`))),
    ];
  }

  private way(arm: ArmTree): string {
    const circuit = arm.circuit === "" ? undefined : this.run.circuit(arm.circuit);
    return wayOf(arm, circuit?.tree.method ?? "");
  }
}

/** What arms are measured against; where nothing is, each stands for itself. */
export function basesOf(arms: ArmTree[]): string[] {
  const named = new Set(arms.map((arm) => arm.against).filter((own) => own !== ""));
  const known = arms.filter((arm) => named.has(arm.name)).map((arm) => arm.name);
  return known.length ? known : arms.map((arm) => arm.name);
}

/** How an arm's model came about. */
export function how(arm: ArmTree): string {
  if (arm.kind === "amplify") return arm.circuit ? `update of ${arm.circuit}` : "update of all parameters";
  return arm.kind === "tune" ? "low-rank adapter" : arm.kind;
}

/** How an arm's model came about, without what tells it from others of its kind. */
export function wayOf(arm: ArmTree, method: string): string {
  if (arm.kind !== "amplify" || arm.circuit === "") return how(arm);
  return method === "random" ? "update of random components" : "update of components that were found";
}

type Colour = (arm: ArmTree) => number;

function solvedScene(width: number, shown: ArmTree[], base: string, colour: Colour): Scene {
  const rows = shown.flatMap((arm): Dot[] => {
    const [value, low, high] = arm.accuracy;
    if (value === null) return [];
    const title = `${isolated(arm.name)}, ${isolated(how(arm))}: ${percent(value)} [${percent(low)}, ${percent(high)}] of ${count(arm.n)}`;
    return [{ name: arm.name, value, low, high, title, series: colour(arm) }];
  });
  const own = shown.find((arm) => arm.name === base)?.accuracy[0] ?? 0;
  return dots(width, rows, own, "problems solved", percent);
}

function gainScene(width: number, gains: ArmTree[], base: string, colour: Colour): Scene {
  const points = (value: number | null) => (value === null ? "–" : `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)}`.replace("-", "−"));
  const rows = gains.flatMap((arm): Dot[] => {
    const [value, low, high] = arm.gain!;
    if (value === null) return [];
    const title = `${isolated(arm.name)}, ${isolated(how(arm))}: ${points(value)} points [${points(low)}, ${points(high)}], p = ${number(arm.p)}`;
    return [{ name: arm.name, value, low, high, title, series: colour(arm) }];
  });
  return dots(width, rows, 0, `points gained over ${isolated(short(base, 30))}`, points);
}

function chosenScene(width: number, found: ChosenTree): Scene {
  const parts = [...new Set(found.rows.map(([, part]) => part))];
  const layers = [...new Set(found.rows.map(([layer]) => layer))].sort((a, b) => a - b);
  const most = new Map(parts.map((part) => [part, Math.max(...found.rows.filter((row) => row[1] === part).map((row) => row[2] / Math.max(row[3], 1)), 1e-9)]));
  const cells = new Map(found.rows.map(([layer, part, kept, total]) => [`${layer} ${part}`, { kept, total }]));
  const label = (part: string) => KINDS[part] ?? part;
  const byLabel = new Map(parts.map((part) => [label(part), part]));
  return heat(width, layers.map((layer) => `layer ${layer}`), parts.map(label), (row, column) => {
    const part = byLabel.get(column) ?? column;
    const cell = cells.get(`${row.slice("layer ".length)} ${part}`);
    if (!cell) return null;
    const share = cell.kept / Math.max(cell.total, 1);
    const title = `${row}: ${count(cell.kept)} of ${count(cell.total)} ${isolated(column)} (${percent(share)})`;
    return { part: share / most.get(part)!, words: [count(cell.kept)], title };
  }, 24);
}
