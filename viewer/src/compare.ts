/** The Compare view: circuits as sets, and methods against each other. */

import { widthIn } from "./chart";
import type { ProofRow } from "./data";
import { button, el, name, replace, select, table } from "./dom";
import type { Child } from "./dom";
import type { Store } from "./hash";
import { layerScene } from "./layers";
import { LOSSES, MEASURES, comparable, methodsOf, paretoScene } from "./methods";
import type { Measure } from "./methods";
import type { AnyCircuit, Run } from "./model";
import { dot, legend } from "./parts";
import { BY_ROW, probed } from "./probe";
import { pictureButtons, tableButton } from "./save";
import { SetError, alike, evaluate, jaccard, letterOf, total, world } from "./sets";
import type { Flags, World } from "./sets";
import { count, isolated, nats, natsSpan, number, percent, plural } from "./text";

const MOST = 12;
const FIRST = 3;
const ROWS = 60;

export class CompareView {
  readonly element = el("div", { class: "compare" });
  private readonly sets = el("div", {});
  private readonly methods = el("div", {});
  private known: { key: string; world: World } | null = null;

  static serves(run: Run): boolean {
    return run.circuits.length > 1 || run.tree.proofs.length > 1;
  }

  constructor(
    private readonly run: Run,
    private readonly store: Store,
  ) {
    this.element.append(this.methods, this.sets);
  }

  update(): void {
    replace(this.methods, ...(this.run.tree.proofs.length > 1 ? this.pareto() : []));
    replace(this.sets, ...(this.run.circuits.length > 1 ? this.overlap() : []));
  }

  recolour(): void {
    this.update();
  }

  private set(changes: Record<string, string>): void {
    this.store.set(changes);
    this.update();
  }

  private pareto(): Child[] {
    const tasks = [...new Set(this.run.tree.proofs.map((row) => row.task))];
    const task = tasks.find((own) => own === this.store.get("task")) ?? tasks[0]!;
    const rows = this.run.tree.proofs.filter((row) => row.task === task);
    const across = MEASURES.find(([key]) => key === this.store.get("across")) ?? MEASURES[0]!;
    const up = LOSSES.find(([key]) => key === this.store.get("up")) ?? LOSSES[0]!;
    const options = (all: Measure[]) => all.map(([key, words]): [string, string] => [key, words]);
    const controls = el("div", { class: "controls" },
      tasks.length > 1 && select("Task", tasks.map((own) => [own, own]), task, (value) => this.set({ task: value })),
      select("Across", options(MEASURES), across[0], (value) => this.set({ across: value })),
      select("Up", options(LOSSES), up[0], (value) => this.set({ up: value })));
    const width = widthIn(this.element);
    const drawn = paretoScene(width, rows, across, up);
    const methods = methodsOf(rows);
    const differ = (of: (row: ProofRow) => string) => new Set(rows.map(of)).size > 1;
    const [models, replacements] = [differ((row) => row.model), differ((row) => row.replacement)];
    const settings = (row: ProofRow) => [...(models ? [row.model] : []), ...(replacements ? [row.replacement] : [])];
    const apart = comparable(rows, across).length > new Set(rows.map((row) => JSON.stringify(settings(row)))).size;
    const within = [models && "model", replacements && "replacement", apart && "universe"].filter(Boolean).join(", ").replace(/, (\w+)$/, " and $1");
    const head = ["Circuit", "Method", ...(models ? ["Model"] : []), ...(replacements ? ["Replacement"] : []), "Nodes or edges", "Share", "KL, nats", "95% interval", "Accuracy", "Without it", "Seconds", "Peak MiB"];
    const cells = (row: ProofRow) => [
      row.circuit || row.name, row.method, ...settings(row), row.size, row.share, row.kl[0], row.accuracy, row.without, row.seconds, row.peak_mb,
    ];
    const shown = rows.map((row) => [
      name(row.circuit || row.name), [dot(methods.indexOf(row.method || row.circuit)), name(row.method)], ...settings(row).map(name), count(row.size), percent(row.share), nats(row.kl[0]),
      natsSpan(row.kl[1], row.kl[2]), percent(row.accuracy), percent(row.without),
      number(row.seconds), number(row.peak_mb),
    ]);
    const caption: Child[] = ["Verified circuits of ", name(task), ". Accuracy is autoregressive; without it: when the circuit alone is replaced. ",
      tableButton(head.filter((own) => own !== "95% interval"), () => rows.map(cells), `methods-${task}`)];
    return [
      el("h3", {}, "Methods against each other"),
      controls,
      legend(methods, dot),
      el("figure", { class: "plot" },
        el("figcaption", {}, `Low and to the left is better; a dashed line joins what no other circuit${within && ` of its own ${within}`} beats in both. `,
          apart && `${across[0] === "size" ? "Sizes" : "Shares"} of different universes, such as of nodes and of edges, are not of the same whole. `,
          "Whiskers are 95% intervals. ",
          pictureButtons(() => paretoScene(width, rows, across, up), `methods-${task}`)),
        probed(drawn, `Circuits of ${isolated(task)} by ${across[1]} and ${up[1]}; the numbers are in the table below`)),
      table(caption, head, shown, [0, 1, ...settings(rows[0]!).map((_, place) => place + 2)]),
    ];
  }

  private chosen(): AnyCircuit[] {
    const { circuits } = this.run;
    const asked = this.store.get("of");
    const picked = asked ? circuits.filter((own) => asked.split("\n").includes(own.name)) : circuits.slice(0, FIRST);
    return picked.filter((own) => alike(own, picked[0]!)).slice(0, MOST);
  }

  private overlap(): Child[] {
    const chosen = this.chosen();
    const boxes = this.run.circuits.map((circuit) => {
      const box = el("input", {
        type: "checkbox", checked: chosen.includes(circuit),
        disabled: chosen.length > 0 && !chosen.includes(circuit) && (!alike(circuit, chosen[0]!) || chosen.length >= MOST),
      });
      box.addEventListener("change", () => {
        const next = this.run.circuits.filter((own) => (own === circuit ? box.checked : chosen.includes(own)));
        this.set({ of: next.map((own) => own.name).join("\n") || "\n", expression: "" });
      });
      const letter = chosen.includes(circuit) ? `${letterOf(chosen.indexOf(circuit))} ` : "";
      return el("label", {}, box, el("b", {}, letter), name(circuit.name), el("small", {}, plural(circuit.tree.size, circuit.of === "nodes" ? "node" : "edge")));
    });
    const start: Child[] = [
      el("h3", {}, "Circuits as sets"),
      el("fieldset", {}, el("legend", {}, "Compared circuits, all of nodes or all of edges"), el("div", { class: "checks" }, boxes)),
    ];
    if (chosen.length < 2) return [...start, el("p", { class: "hint" }, "Choose at least two circuits.")];
    const all = this.worldOf(chosen);
    return [...start, ...this.algebra(chosen, all), this.byLayer(chosen, all), this.pairs(chosen, all)];
  }

  private worldOf(chosen: AnyCircuit[]): World {
    const key = chosen.map((own) => this.run.circuits.indexOf(own)).join();
    if (this.known?.key !== key) this.known = { key, world: world(chosen) };
    return this.known.world;
  }

  private algebra(chosen: AnyCircuit[], all: World): Child[] {
    const letters = chosen.map((_, place) => letterOf(place));
    const usual = [letters.join(" & "), letters.join(" | "), `A - B`, `B - A`];
    const words = this.store.get("expression") || usual[0]!;
    const box = el("input", { type: "text", value: words, size: 24, spellcheck: "false", "aria-label": "Set expression" });
    box.addEventListener("change", () => this.set({ expression: box.value }));
    const quick = usual.map((own) => button(own, () => this.set({ expression: own })));
    const form = el("div", { class: "controls" }, el("label", { class: "field" }, el("span", {}, "Set"), box), el("span", { class: "saves" }, quick));
    let found: Flags;
    try {
      found = evaluate(words, all.flags);
    } catch (error) {
      if (!(error instanceof SetError)) throw error;
      return [form, el("p", { class: "result", role: "status" }, `This is no set: ${error.message}. Write letters of circuits with &, |, - and parentheses.`)];
    }
    const items: number[] = [];
    found.forEach((flag, item) => flag && items.push(item));
    const what = chosen[0]!.of === "nodes" ? "node" : "edge";
    const size = total(found);
    const head = [what === "node" ? "Node" : "Edge", ...letters];
    const row = (item: number) => [all.name(item), ...all.flags.map((flags) => (flags[item] ? 1 : 0))];
    const shown = items.slice(0, ROWS).map((item) => [this.link(all.name(item), what), ...all.flags.map((flags) => (flags[item] ? "●" : "–"))]);
    const caption: Child[] = [items.length > ROWS ? `The first ${ROWS} of ${count(items.length)} ` : "All of them ", tableButton(head, () => items.map(row), "set")];
    return [
      form,
      el("p", { class: "result", role: "status" }, el("code", {}, words), `: ${plural(size, what)}`,
        what === "node" ? `, ${percent(size / all.size)} of ${plural(all.size, "node")}` : "", "."),
      el("details", {}, el("summary", {}, `Its ${what}s`), table(caption, head, shown)),
    ];
  }

  private link(node: string, what: string): Child {
    if (what !== "node") return el("code", {}, name(node));
    const circuit = this.run.circuits.find((own) => own.of === "nodes" && own.universe.find(node) !== null);
    const open = () => {
      this.store.set({ view: "circuit", circuit: circuit?.name ?? "", node, edge: "" });
      dispatchEvent(new HashChangeEvent("hashchange"));
    };
    return button(el("code", {}, name(node)), open, { class: "link" });
  }

  private byLayer(chosen: AnyCircuit[], all: World): Child {
    const scene = () => layerScene(widthIn(this.element), chosen, all);
    const drawn = scene();
    const track = drawn.whole ? "The grey behind a bar is all that the circuit could keep of the layer. " : "All bars share one scale. ";
    return el("figure", { class: "plot" },
      el("figcaption", {}, `What each circuit keeps of every layer: filled what at least one other keeps too, hollow what it alone keeps. ${track}`,
        pictureButtons(scene, "overlap")),
      probed(drawn, "Overlap of the circuits, layer by layer", BY_ROW));
  }

  private pairs(chosen: AnyCircuit[], all: World): Child {
    const head = ["Jaccard index", ...chosen.map((_, place) => letterOf(place))];
    const rows = chosen.map((circuit, a) => [
      [el("b", {}, `${letterOf(a)} `), name(circuit.name)],
      ...chosen.map((_, b) => percent(jaccard(all.flags[a]!, all.flags[b]!))),
    ]);
    return table("How alike they are: what both keep over what either keeps", head, rows);
  }
}
