/** All drawn nodes as a table, page by page: what the picture says, for keys and screen readers. */

import { button, el, name, table } from "./dom";
import type { Child } from "./dom";
import type { Graph } from "./graph";
import type { AnyCircuit } from "./model";
import type { Shown } from "./panel";
import { tableButton } from "./save";
import type { Value } from "./save";
import { count, number } from "./text";

const ROWS = 50;

type Column = [head: string, of: (node: string) => number | null];

export function nodeList(
  about: Shown,
  names: string[],
  chosen: string,
  page: number,
  pick: (node: string) => void,
  turn: (to: number) => void,
): Child[] {
  const pages = Math.max(Math.ceil(names.length / ROWS), 1);
  const here = Math.min(page, pages - 1);
  const found = columns(about);
  const values = (own: string): Value[] => [own, ...found.map(([, of]) => of(own))];
  const head = ["Node", ...found.map(([words]) => words)];
  const shown = names.slice(here * ROWS, (here + 1) * ROWS).map((own) => {
    const link = button(el("code", {}, name(own)), () => pick(own), {
      class: "link", "data-node": own, "aria-pressed": String(own === chosen),
    });
    return [link, ...found.map(([, of]) => number(of(own)))];
  });
  const file = `nodes-${about.circuit.name}`;
  const ranked = about.circuit.of === "edges" || about.circuit.scored;
  const caption: Child[] = [`Nodes, ${ranked ? "strongest first" : "site by site"}${drawnOf(about.circuit, names.length)} `, tableButton(head, () => names.map(values), file)];
  const turning = pages > 1 && el("p", { class: "turn" },
    button("‹ Previous", () => turn(here - 1), { disabled: here === 0 }),
    ` ${count(here + 1)} of ${count(pages)} `,
    button("Next ›", () => turn(here + 1), { disabled: here === pages - 1 }));
  return [table(caption, head, shown), turning];
}

/** What the table, which follows the picture, leaves out of a circuit. */
export function drawnOf(circuit: AnyCircuit, drawn: number): string {
  const all = circuit.of === "nodes" ? circuit.ranked.length : drawn;
  return drawn < all ? `: the ${count(drawn)} that are drawn of ${count(all)}` : "";
}

export function markChosen(list: HTMLElement, node: string): void {
  for (const row of list.querySelectorAll("button[data-node]")) {
    row.setAttribute("aria-pressed", String(row.getAttribute("data-node") === node));
  }
}

/** Names of a graph's nodes: by score, or where edges are kept by how many of them they have. */
export function strongest(circuit: AnyCircuit, graph: Graph): string[] {
  const ends = degrees(graph);
  const score = (place: number) =>
    circuit.of === "edges"
      ? ends.in(place) + ends.out(place)
      : circuit.score(graph.nodes[place]!.id ?? -1) ?? -Infinity;
  const order = graph.nodes.map((node, place) => ({ name: node.name, score: score(place) }));
  return order.sort((a, b) => b.score - a.score).map((node) => node.name);
}

function degrees(graph: Graph): { in: (place: number) => number; out: (place: number) => number } {
  const [into, out] = [new Map<number, number>(), new Map<number, number>()];
  for (const { source, target } of graph.edges) {
    into.set(target, (into.get(target) ?? 0) + 1);
    out.set(source, (out.get(source) ?? 0) + 1);
  }
  return { in: (place) => into.get(place) ?? 0, out: (place) => out.get(place) ?? 0 };
}

function columns({ run, circuit, graph, measured }: Shown): Column[] {
  if (circuit.of === "edges") {
    const ends = degrees(graph);
    const places = new Map(graph.nodes.map((node, place) => [node.name, place]));
    const at = (node: string) => places.get(node) ?? -1;
    return [["Edges in", (node) => ends.in(at(node))], ["Edges out", (node) => ends.out(at(node))]];
  }
  const id = (node: string) => circuit.universe.find(node) ?? -1;
  const found: Column[] = circuit.scored ? [["Score", (node) => circuit.score(id(node))]] : [];
  if (run.circuits.length > 1) {
    found.push(["Circuits that keep it", (node) => run.keepers(node).filter((own) => own.kept).length]);
  }
  const rows = measured.effects?.rows;
  if (rows) {
    found.push(["Rise of the circuit’s loss without it", (node) => rows.get(id(node))?.inCircuit[0] ?? null]);
    found.push(["Rise of the model’s loss without it", (node) => rows.get(id(node))?.inModel[0] ?? null]);
  }
  return found;
}
