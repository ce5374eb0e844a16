/** The Circuit view: a picture of one circuit, what is known of the chosen node, all nodes. */

import { Board } from "./canvas";
import { button, el, name, replace, select } from "./dom";
import type { Child } from "./dom";
import { edgeShapes, nodeShapes, shading } from "./drawing";
import { EMPTY, hit, keeping } from "./graph";
import type { Graph, GraphEdge } from "./graph";
import { edgeGrid, nodeGrid } from "./grid";
import type { Store } from "./hash";
import { markChosen, nodeList, strongest } from "./list";
import type { AnyCircuit, NodeCircuit, Run } from "./model";
import { Measured, edgeFacts, nodeFacts } from "./panel";
import type { Asking, Shown } from "./panel";
import { pictureButtons } from "./save";
import type { Shape } from "./scene";
import { slider } from "./slider";
import { count, isolated, joined, number, percent, plural } from "./text";
import { wiredGrid, wiringGraph } from "./wiring";

const MOST_NODES = 20_000;
const FIRST_EDGES = 300;
const FIRST_WEIGHTS = 2000;

export class CircuitView {
  readonly element = el("div", { class: "circuit" });
  private readonly board: Board;
  private readonly controls = el("div", { class: "controls" });
  private readonly about = el("p", { class: "about" });
  private readonly facts = el("aside", { class: "facts", "aria-live": "polite", "aria-label": "The chosen node" });
  private readonly list = el("div", { class: "list" });
  private graph: Graph = EMPTY;
  private shownEdges: GraphEdge[] = [];
  private circuit: AnyCircuit;
  private measured: Measured | null = null;
  private page = 0;

  constructor(
    private readonly run: Run,
    private readonly store: Store,
  ) {
    this.circuit = run.circuits[0]!;
    this.board = new Board(
      "The circuit as a picture. Arrow keys move it, plus and minus enlarge it, 0 shows all of it, N and P go from node to node. The nodes are listed below.",
      (at, reach) => this.picked(at, reach),
      (key) => this.pressed(key),
      (at, reach) => this.told(at, reach),
    );
    const tools = el("div", { class: "tools" },
      button("+", () => this.board.zoom(1.4), { "aria-label": "Enlarge" }),
      button("−", () => this.board.zoom(1 / 1.4), { "aria-label": "Make smaller" }),
      button("Fit", () => this.board.fit()),
      pictureButtons(() => ({ ...this.graph, shapes: this.shapes() }), "circuit"));
    const picture = el("div", { class: "picture" }, tools, this.board.canvas);
    this.element.append(this.controls, el("div", { class: "both" }, picture, this.facts), this.about, this.list);
  }

  /** Draw everything for the store's state. */
  update(): void {
    const wanted = this.run.circuit(this.store.get("circuit")) ?? this.run.circuits[0]!;
    if (wanted !== this.circuit || !this.measured) {
      this.circuit = wanted;
      this.page = 0;
      this.measured = new Measured(wanted, this.run.arrays);
    }
    this.rebuild();
    this.drawControls();
    this.describe();
    this.drawFacts();
    this.drawList();
  }

  private rebuild(): void {
    const { circuit } = this;
    if (circuit.of === "edges") this.graph = edgeGrid(circuit);
    else {
      const { wiring } = circuit.tree;
      const top = this.top();
      const shown = circuit.ranked.slice(0, top);
      const drawn = this.wired() ? wiringGraph(wiring!, this.run.arrays) : null;
      if (drawn) this.graph = keeping(drawn, (node) => node.id === null || (circuit.rank(node.id) ?? 0) <= top);
      else this.graph = wiring ? wiredGrid(circuit, wiring, this.run.arrays, shown) : nodeGrid(circuit, shown);
    }
    this.shownEdges = this.graph.edges.slice(0, this.topEdges());
    this.redraw();
  }

  private redraw(): void {
    const { width, height, letters, nodes } = this.graph;
    const chosen = nodes.find((own) => own.name === this.store.get("node"));
    this.board.show(this.shapes(), { size: [width, height], letters }, chosen && [chosen.x, chosen.y]);
  }

  /** Whether stream channels are drawn. */
  private wired(): boolean {
    return this.circuit.of === "nodes" && this.circuit.tree.wiring?.layout != null && this.store.get("layout") !== "grid";
  }

  private top(): number {
    if (this.circuit.of === "edges") return 0;
    const most = Math.min(this.circuit.ranked.length, MOST_NODES);
    return Math.min(Math.max(Number(this.store.get("top")) || most, 1), most);
  }

  private topEdges(): number {
    const most = this.graph.edges.length;
    const asked = this.store.get("edges");
    const first = this.circuit.of === "edges" ? FIRST_EDGES : FIRST_WEIGHTS;
    return asked === "" ? Math.min(most, first) : Math.min(Math.max(Number(asked) || 0, 0), most);
  }

  private drawControls(): void {
    const { circuit } = this;
    const names = this.run.circuits.map((own): [string, string] => [own.name, own.name]);
    const parts: Child[] = [
      select("Circuit", names, circuit.name, (value) => this.set({ circuit: value, node: "", edge: "", top: "", edges: "" })),
    ];
    if (circuit.of === "nodes" && circuit.tree.wiring?.layout) {
      const layouts: [string, string][] = [["", "stream channels"], ["grid", "layers × sites"]];
      parts.push(select("Drawn as", layouts, this.store.get("layout"), (layout) => this.set({ layout })));
    }
    if (circuit.of === "nodes") {
      const colours: [string, string][] = [["", circuit.scored ? "score" : "nothing"]];
      if (this.run.circuits.length > 1) colours.push(["shared", "how many circuits keep it"]);
      if (this.measured?.effects) colours.push(["effect", "rise of the loss without it"]);
      if (colours.length > 1) parts.push(select("Shade by", colours, this.store.get("shade"), (shade) => this.set({ shade })));
    }
    if (circuit.of === "nodes" && circuit.scored) {
      const most = Math.min(circuit.ranked.length, MOST_NODES);
      parts.push(this.slider("Nodes", most, this.top(), "top", (value) => {
        const score = circuit.score(circuit.ranked[value - 1] ?? -1);
        return score === null ? count(value) : `${count(value)}, score ≥ ${number(score)}`;
      }));
      parts.push(this.leastScore(circuit));
    }
    if (this.graph.edges.length) {
      parts.push(this.slider("Edges", this.graph.edges.length, this.topEdges(), "edges", (value) => count(value)));
    }
    parts.push(this.search());
    replace(this.controls, ...parts);
  }

  private slider(label: string, most: number, value: number, key: "top" | "edges", words: (value: number) => string): HTMLElement {
    const moved = (chosen: number) => {
      this.store.set({ [key]: chosen >= most && key === "top" ? "" : String(chosen) });
      this.rebuild();
      this.describe();
    };
    return slider(`Strongest ${label.toLowerCase()}`, most, value, words, moved, () => this.drawList());
  }

  private leastScore(circuit: NodeCircuit): HTMLElement {
    const box = el("input", { type: "number", step: "any", size: 8 });
    box.addEventListener("change", () => {
      const least = Number(box.value);
      const above = circuit.ranked.filter((node) => (circuit.score(node) ?? -Infinity) >= least).length;
      this.set({ top: box.value === "" ? "" : String(Math.max(above, 1)) });
    });
    return el("label", { class: "field" }, el("span", {}, "Least score"), box);
  }

  private search(): HTMLElement {
    const said = el("span", { class: "said", role: "status" });
    const box = el("input", { type: "search", placeholder: this.circuit.of === "nodes" ? this.circuit.universe.name(this.circuit.ranked[0] ?? 0) : "", size: 20 });
    const form = el("form", { class: "field" }, el("label", {}, el("span", {}, "Go to node"), box), said);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const wanted = box.value.trim();
      const node = this.graph.nodes.find((own) => own.name === wanted);
      const known = this.circuit.of === "nodes" && this.circuit.universe.find(wanted) !== null;
      if (node || known) this.choose(wanted, true);
      else replace(said, wanted ? "there is no such node" : "");
    });
    return form;
  }

  private set(changes: Record<string, string>): void {
    this.store.set(changes);
    this.update();
  }

  private picked(at: [number, number], reach: number): void {
    const found = hit(this.graph, at, reach, this.shownEdges);
    if (found && "node" in found) this.choose(this.graph.nodes[found.node]!.name);
    else if (found) {
      this.store.set({ node: "", edge: found.edge.name });
      this.redraw();
      this.drawFacts();
    } else this.choose("");
  }

  /** What is said of what lies under the pointer. */
  private told(at: [number, number], reach: number): string {
    const found = hit(this.graph, at, reach, this.shownEdges);
    if (found && "edge" in found) return `${isolated(found.edge.name)}: ${number(found.edge.value)}`;
    if (!found) return "";
    const node = this.graph.nodes[found.node]!;
    const score = node.id !== null && this.circuit.of === "nodes" ? this.circuit.score(node.id) : null;
    const own = isolated(node.name);
    return score === null ? own : `${own}, score ${number(score)}`;
  }

  private pressed(key: string): boolean {
    const step = { n: 1, p: -1 }[key.toLowerCase()];
    if (key === "Escape") this.choose("");
    else if (step) {
      const names = this.order();
      const place = names.indexOf(this.store.get("node"));
      const next = names[place < 0 ? 0 : (place + step + names.length) % names.length];
      if (next !== undefined) this.choose(next, true);
    } else return false;
    return true;
  }

  choose(node: string, reveal = false): void {
    this.store.set({ node, edge: "" });
    this.redraw();
    this.drawFacts();
    const drawn = this.graph.nodes.find((own) => own.name === node);
    if (drawn && reveal) this.board.reveal([drawn.x, drawn.y]);
    markChosen(this.list, node);
  }

  /** Names of what is drawn, strongest first. */
  private order(): string[] {
    if (this.circuit.of === "nodes" && !this.wired()) {
      const { universe, ranked } = this.circuit;
      return ranked.slice(0, this.top()).map((node) => universe.name(node));
    }
    return strongest(this.circuit, this.graph);
  }

  private shapes(): Shape[] {
    const { graph, shownEdges, store } = this;
    const chosen = { node: store.get("node"), edge: store.get("edge") };
    const shade = shading(this.run, this.circuit, this.measured, store.get("shade"));
    return [...graph.under(), ...edgeShapes(graph, shownEdges, chosen), ...nodeShapes(graph, shade, chosen.node), ...graph.over()];
  }

  private describe(): void {
    const { circuit } = this;
    const { tree } = circuit;
    const said: Child[] = [name(circuit.name), `: ${plural(tree.size, circuit.of === "nodes" ? "node" : "edge")}, ${percent(tree.share)} of the universe`];
    if (tree.method) said.push(", by ", name(tree.method));
    said.push(". ");
    if (circuit.of === "edges") {
      said.push("Layers follow each other from left to right. Squares above the stream are heads, below it MLPs; the width of an edge grows with the square root of its score; where that is negative it is dashed and in the second colour. ");
    } else if (this.wired()) {
      said.push("Lines from left to right are channels of the residual stream; between them stand queries (q), keys (k), values (v) and neurons with their channels’ numbers. An edge is a weight; its width grows with the square root of its flow, which is the weight times the standard deviation of what it carries. Negative ones are dashed. ");
    } else {
      const nearest = circuit.scored ? ", the strongest next to it" : "";
      said.push(`Layers follow each other from left to right${(this.graph.rows ?? 1) > 1 ? " and from row to row" : ""}. Above the residual stream stand attention’s nodes, below it those of MLPs${nearest}; a grey box is as large as what is drawn of its block, and the bundle that joins a block to the stream is the wider the more of it is kept. `);
      if (!circuit.tree.wiring) said.push("No edges are drawn: this circuit is of nodes alone. ");
    }
    if (circuit.of === "nodes" && !this.store.get("shade") && circuit.scored) said.push("The stronger a node’s colour, the higher its score. ");
    replace(this.about, ...said, this.leftOut());
  }

  private leftOut(): string {
    const { circuit } = this;
    const said: string[] = [];
    if (circuit.of === "nodes") {
      const alone = this.wired() ? circuit.tree.wiring!.more[2] : 0;
      const nodes = circuit.ranked.length - alone - this.graph.nodes.length;
      if (nodes > 0) said.push(plural(nodes, "node"));
      if (alone) said.push(`${plural(alone, "node")} without an edge`);
    }
    const edges = this.allEdges() - this.shownEdges.length;
    if (edges) said.push(plural(edges, "edge"));
    const which = circuit.of === "edges" || circuit.scored ? ", the weakest" : "";
    return said.length ? `Not drawn: ${joined(said)}${which}.` : "";
  }

  private allEdges(): number {
    const { circuit, run } = this;
    if (circuit.of === "edges") return circuit.tree.size;
    const { wiring } = circuit.tree;
    return wiring ? run.arrays.get(wiring.source).length + wiring.more[1] : 0;
  }

  private drawFacts(): void {
    const node = this.store.get("node");
    const edge = this.graph.edges.find((own) => own.name === this.store.get("edge"));
    const go = (wanted: string) => this.choose(wanted, true);
    if (edge) replace(this.facts, edgeFacts(this.graph, edge, this.circuit, this.measured!, go));
    else if (node) replace(this.facts, nodeFacts(this.shown(), node, go, this.asking()));
    else replace(this.facts, el("p", { class: "hint" }, "Choose a node or an edge: click it, press N for the next one, or take it from the list below."));
  }

  private shown(): Shown {
    return { run: this.run, circuit: this.circuit, graph: this.graph, measured: this.measured! };
  }

  private asking(): Asking {
    const [pair, head, side] = ["pair", "head", "side"].map((key) => this.store.get(key)) as [string, string, string];
    return {
      asked: { pair, head, side },
      ask: (changes) => {
        this.store.set(changes);
        this.drawFacts();
      },
    };
  }

  private drawList(): void {
    const { page } = this;
    const turn = (to: number) => {
      this.page = to;
      this.drawList();
    };
    const pick = (node: string) => this.choose(node, true);
    replace(this.list, nodeList(this.shown(), this.order(), this.store.get("node"), page, pick, turn));
  }

  /** Colours changed. */
  recolour(): void {
    this.redraw();
    this.drawFacts();
  }
}
