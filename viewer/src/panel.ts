/** What is known of one node, or of one edge. */

import { pairChart } from "./activations";
import { button, el, name, table } from "./dom";
import type { Child } from "./dom";
import type { FactsTree, PercentileRow } from "./data";
import type { Graph, GraphEdge } from "./graph";
import { nodeName } from "./model";
import type { AnyCircuit, Run, Universe } from "./model";
import { promptFacts, Prompts } from "./prompts";
import type { Asked } from "./prompts";
import { streamFacts } from "./stream";
import { count, number, percent } from "./text";
import type { Arrays } from "./unpack";

type Bounds = [value: number, low: number, high: number];
const MOST_ROWS = 40;

interface Effect {
  inCircuit: Bounds;
  inModel: Bounds;
}

/** What stages of the run measured of a circuit's nodes, by node. */
export class Measured {
  readonly effects: { rows: Map<number, Effect>; split: string; n: number } | null = null;
  readonly wired = new Map<string, { bias: number; deviation: number; head: number }>();
  readonly prompts: Prompts | null = null;
  private readonly facts: FactsTree;
  private readonly places = new Map<number, number>();

  constructor(
    circuit: AnyCircuit,
    private readonly arrays: Arrays,
  ) {
    this.facts = circuit.of === "nodes" ? circuit.tree.facts : {};
    const { effects, activations } = this.facts;
    if (effects) this.effects = readEffects(effects, arrays);
    if (activations) arrays.get(activations.nodes).forEach((node, place) => this.places.set(node, place));
    if (activations?.prompts) this.prompts = new Prompts(activations.prompts, arrays);
    const wiring = circuit.of === "nodes" ? circuit.tree.wiring : null;
    if (wiring) {
      const [bias, deviation, heads] = [arrays.get(wiring.bias), arrays.get(wiring.deviation), arrays.get(wiring.heads)];
      wiring.names.forEach((own, place) =>
        this.wired.set(own, { bias: bias[place] ?? 0, deviation: deviation[place] ?? 0, head: heads[place] ?? -1 }));
    }
  }

  /** Both sides of every pair, and the pairs' texts. */
  pairs(node: number): { split: string; pairs: [string, string, string][]; values: Float32Array } | null {
    const place = this.places.get(node);
    const { activations } = this.facts;
    if (!activations || place === undefined) return null;
    return { split: activations.split, pairs: activations.pairs, values: this.arrays.row(activations.values, place) };
  }

  /** The row of a node in what prompts hold. */
  row(node: number | null): number | null {
    const place = node === null ? undefined : this.places.get(node);
    return place === undefined ? null : this.prompts?.row(place) ?? null;
  }

  /** Percentiles with contexts, lowest first. */
  contexts(node: number): { split: string; rows: PercentileRow[] } | null {
    const place = this.places.get(node);
    const text = this.facts.activations?.text;
    if (text && place !== undefined) return { split: text.split, rows: this.fromDocuments(text, place) };
    const rows = this.facts.contexts?.rows[String(node)];
    return rows ? { split: this.facts.contexts!.split, rows } : null;
  }

  private fromDocuments(text: NonNullable<NonNullable<FactsTree["activations"]>["text"]>, place: number): PercentileRow[] {
    const { arrays } = this;
    const [documents, positions, values] = [arrays.get(text.document), arrays.get(text.position), arrays.get(text.values)];
    const levels = arrays.get(text.levels);
    const said = (document: number, from: number, to: number) => {
      const own = arrays.get(text.documents[document]!);
      let words = "";
      for (let at = Math.max(from, 0); at < Math.min(to, own.length); at++) words += text.words[own[at]!] ?? "";
      return words;
    };
    return text.percentiles.map((percentile, p): PercentileRow => {
      const contexts = Array.from({ length: text.each }, (_, e) => {
        const at = (place * text.percentiles.length + p) * text.each + e;
        const document = documents[at] ?? -1;
        if (document < 0) return null;
        const position = positions[at] ?? 0;
        return [
          values[at] ?? 0,
          said(document, position - 12, position),
          said(document, position, position + 1),
          said(document, position + 1, position + 5),
        ] as PercentileRow[2][number];
      });
      const level = levels[place * text.percentiles.length + p] ?? 0;
      return [percentile, level, contexts.filter((context) => context !== null)];
    });
  }
}

function readEffects(tree: NonNullable<FactsTree["effects"]>, arrays: Arrays): NonNullable<Measured["effects"]> {
  const nodes = arrays.get(tree.nodes);
  const [circuit, model] = [arrays.get(tree.in_circuit), arrays.get(tree.in_model)];
  const bounds = (from: ArrayLike<number>, place: number): Bounds =>
    [0, 1, 2].map((own) => from[3 * place + own] ?? 0) as Bounds;
  const rows = new Map<number, Effect>();
  nodes.forEach((node, place) => rows.set(node, { inCircuit: bounds(circuit, place), inModel: bounds(model, place) }));
  return { rows, split: tree.split, n: tree.n };
}

type Go = (node: string) => void;

export interface Shown {
  run: Run;
  circuit: AnyCircuit;
  graph: Graph;
  measured: Measured;
}

/** What is to be seen of prompts, and how to ask for something else. */
export interface Asking {
  asked: Asked;
  ask: (changes: Record<string, string>) => void;
}

export function nodeFacts({ run, circuit, graph, measured }: Shown, node: string, go: Go, asking: Asking): Child {
  const id = circuit.of === "nodes" ? circuit.universe.find(node) : null;
  return [
    el("h3", {}, el("code", {}, name(node))),
    el("dl", {}, basics(circuit, id, node, measured).map(([term, what]) =>
      el("div", {}, el("dt", {}, term), el("dd", {}, what)))),
    keepers(run, node),
    ends(graph, node, go),
    circuit.of === "nodes" && circuit.tree.wiring && streamFacts(circuit.tree.wiring, node, go),
    id !== null && alone(measured, id),
    id !== null && onPairs(measured, id, node),
    circuit.of === "nodes" && id !== null && onPrompts(circuit.universe, measured, id, asking),
    id !== null && onText(measured, id),
  ];
}

function basics(circuit: AnyCircuit, id: number | null, node: string, measured: Measured): [string, Child][] {
  const found: [string, Child][] = [];
  if (id !== null && circuit.of === "nodes") {
    const place = circuit.universe.place(id);
    found.push(["Site", el("code", {}, name(place.site))], ["Layer", String(place.layer)]);
    const what = { head: "Head", channel: "Channel", block: "Block" }[place.granularity] ?? "Node";
    if (place.granularity !== "block") found.push([what, String(place.index)]);
    found.push(["Kept", circuit.has(id) ? "yes" : "no, it is outside this circuit"]);
    const score = circuit.score(id);
    if (score !== null) {
      found.push(["Score", `${number(score)}, rank ${count(circuit.rank(id) ?? 0)} of ${count(circuit.ranked.length)}`]);
    }
  }
  const wired = measured.wired.get(node);
  if (wired) {
    if (wired.head >= 0) found.push(["Head", String(wired.head)]);
    if (wired.bias) found.push(["Bias", number(wired.bias)]);
    found.push(["Deviation", `${number(wired.deviation)} on the split`]);
  }
  return found;
}

function keepers(run: Run, node: string): Child {
  const all = run.keepers(node);
  if (all.length < 2) return null;
  const scored = all.some(({ circuit }) => circuit.scored);
  const rows = all.map(({ circuit, kept, score, rank }) =>
    [name(circuit.name), kept ? "yes" : "no", ...(scored ? [rank === null ? "–" : count(rank), number(score)] : [])]);
  return table("The same node in all circuits that may have it", ["Circuit", "Kept", ...(scored ? ["Rank", "Score"] : [])], rows);
}

function ends(graph: Graph, node: string, go: Go): Child {
  const place = graph.nodes.findIndex((own) => own.name === node);
  if (place < 0) return null;
  const side = (title: string, from: "source" | "target", to: "source" | "target") => {
    const own = graph.edges.filter((edge) => edge[from] === place);
    if (!own.length) return null;
    const rows = own.slice(0, MOST_ROWS).map((edge) => {
      const other = graph.nodes[edge[to]]!.name;
      return [button(el("code", {}, name(other)), () => go(other), { class: "link" }), number(edge.value), number(edge.size)];
    });
    const more = own.length > MOST_ROWS ? ` (the strongest ${MOST_ROWS} of ${count(own.length)})` : "";
    return table(`${title}${more}`, ["Node", "Weight", "Flow"], rows);
  };
  return [side("Reads from", "target", "source"), side("Writes to", "source", "target")];
}

function alone(measured: Measured, id: number): Child {
  const row = measured.effects?.rows.get(id);
  if (!row) return null;
  const line = (title: string, [value, low, high]: Bounds) =>
    [title, number(value), `[${number(low)}, ${number(high)}]`];
  const caption: Child[] = ["Rise of the loss without this node alone, nats, 95% interval (", name(measured.effects!.split), `, n = ${count(measured.effects!.n)})`];
  return table(caption, ["Taken out of", "Rise", "Interval"], [line("the circuit", row.inCircuit), line("the model", row.inModel)]);
}

function onPairs(measured: Measured, id: number, node: string): Child {
  const found = measured.pairs(id);
  return found && pairChart(found, node);
}

function onPrompts(universe: Universe, measured: Measured, id: number, { asked, ask }: Asking): Child {
  const { prompts } = measured;
  if (!prompts) return null;
  const place = universe.place(id);
  const across: Record<string, string> = { "attn.q": "attn.k", "attn.k": "attn.q" };
  const site = place.granularity === "channel" ? across[place.site] : undefined;
  const partner = site === undefined ? null : measured.row(universe.find(nodeName({ ...place, site })));
  return promptFacts({ prompts, node: universe.name(id), place, row: measured.row(id), partner }, asked, ask);
}

function onText(measured: Measured, id: number): Child {
  const found = measured.contexts(id);
  if (!found) return null;
  const rows = found.rows.map(([percentile, activation, contexts]) => [
    `${percentile}%`,
    number(activation),
    contexts.map(([, before, token, after]) =>
      el("div", { class: "context" }, name(before), el("mark", {}, name(token)), name(after))),
  ]);
  const caption: Child[] = ["Where in text it is at a percentile of its activations (", name(found.split), ")"];
  return table(caption, ["Percentile", "Activation", "Contexts"], rows, [0, 2]);
}

export function edgeFacts(graph: Graph, edge: GraphEdge, circuit: AnyCircuit, measured: Measured, go: Go): Child {
  const [from, to] = [graph.nodes[edge.source]!.name, graph.nodes[edge.target]!.name];
  const link = (node: string) => button(el("code", {}, name(node)), () => go(node), { class: "link" });
  const place = graph.edges.indexOf(edge);
  const scored = circuit.of === "edges";
  const rows: [string, Child][] = [
    ["From", link(from)],
    ["To", link(to)],
    [scored ? "Score" : "Weight", number(edge.value)],
    ["Rank", `${count(place + 1)} of ${count(graph.edges.length)}`],
  ];
  if (scored) rows.splice(2, 0, ["Edge", el("code", {}, name(edge.name))]);
  else {
    const total = graph.edges.filter((own) => own.target === edge.target).reduce((sum, own) => sum + own.size, 0);
    const deviation = measured.wired.get(from)?.deviation;
    rows.push(["Flow", `${number(edge.size)}${deviation === undefined ? "" : `: the weight times ${number(deviation)}, the deviation of what comes in`}`]);
    rows.push(["Of its reader’s flow", percent(total ? edge.size / total : 0)]);
  }
  return [
    el("h3", {}, "An edge"),
    el("dl", {}, rows.map(([term, what]) => el("div", {}, el("dt", {}, term), el("dd", {}, what)))),
  ];
}
