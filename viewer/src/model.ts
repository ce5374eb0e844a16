/** Circuits as objects: which nodes or edges, in what order, by what name. */

import type { CircuitTree, EdgeCircuitTree, GroupRow, NodeCircuitTree, Tree, UniverseTree } from "./data";
import type { Arrays, Numbers } from "./unpack";

/** Where a node is. */
export interface Place {
  layer: number;
  site: string;
  granularity: string;
  index: number;
}

export function nodeName({ layer, site, granularity, index }: Place): string {
  const last = granularity === "block" ? "block" : granularity === "head" ? `head${index}` : index;
  return `${layer}.${site}.${last}`;
}

export class Universe {
  readonly size: number;
  readonly groups: GroupRow[];
  readonly spec: string;
  readonly layers: number;
  private readonly byName = new Map<string, GroupRow>();

  constructor(tree: UniverseTree) {
    this.size = tree.size;
    this.groups = tree.groups;
    this.spec = tree.spec;
    this.layers = Math.max(-1, ...tree.groups.map((group) => group[0])) + 1;
    for (const group of tree.groups) this.byName.set(`${group[0]}.${group[1]}.${group[2]}`, group);
  }

  group(node: number): GroupRow {
    let low = 0;
    let high = this.groups.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.groups[middle]![3] <= node) low = middle;
      else high = middle - 1;
    }
    return this.groups[low]!;
  }

  place(node: number): Place {
    const [layer, site, granularity, start] = this.group(node);
    return { layer, site, granularity, index: node - start };
  }

  name(node: number): string {
    return nodeName(this.place(node));
  }

  find(name: string): number | null {
    const match = /^(\d+)\.([\w.]+)\.(block|head(\d+)|(\d+))$/.exec(name.trim());
    if (!match) return null;
    const [, layer, site, last, head, channel] = match;
    const granularity = last === "block" ? "block" : head !== undefined ? "head" : "channel";
    const group = this.byName.get(`${Number(layer)}.${site}.${granularity}`);
    const index = Number(head ?? channel ?? 0);
    return group && index < group[4] ? group[3] + index : null;
  }
}

export class NodeCircuit {
  readonly of = "nodes";
  private readonly bits: Numbers;
  private readonly scores = new Map<number, number>();
  private readonly ranks = new Map<number, number>();
  private order: number[] | null = null;

  constructor(
    readonly tree: NodeCircuitTree,
    readonly universe: Universe,
    arrays: Arrays,
  ) {
    this.bits = arrays.get(tree.kept);
    if (tree.scores) {
      const values = arrays.floats(tree.scores.values);
      arrays.get(tree.scores.nodes).forEach((node, place) => this.scores.set(node, values[place] ?? 0));
    }
  }

  /** Kept nodes, the highest scored first; ranked when that is first asked for. */
  get ranked(): number[] {
    if (!this.order) {
      this.order = [];
      for (let node = 0; node < this.universe.size; node++) if (this.has(node)) this.order.push(node);
      const score = (node: number) => this.scores.get(node) ?? -Infinity;
      if (this.scored) this.order.sort((a, b) => score(b) - score(a) || a - b);
      this.order.forEach((node, place) => this.ranks.set(node, place + 1));
    }
    return this.order;
  }

  get name(): string {
    return this.tree.name;
  }

  get scored(): boolean {
    return this.scores.size > 0;
  }

  has(node: number): boolean {
    return (((this.bits[node >> 3] ?? 0) >> (node & 7)) & 1) === 1;
  }

  score(node: number): number | null {
    return this.scores.get(node) ?? null;
  }

  /** From 1; null for a node that is not kept, or where there are no scores. */
  rank(node: number): number | null {
    return this.scored && this.ranked.length ? this.ranks.get(node) ?? null : null;
  }
}

export class EdgeCircuit {
  readonly of = "edges";
  readonly source: Numbers;
  readonly target: Numbers;
  readonly values: Float32Array | null;

  constructor(
    readonly tree: EdgeCircuitTree,
    arrays: Arrays,
  ) {
    this.source = arrays.get(tree.source);
    this.target = arrays.get(tree.target);
    this.values = tree.values ? arrays.floats(tree.values) : null;
  }

  get name(): string {
    return this.tree.name;
  }

  edgeName(edge: number): string {
    return `${this.tree.writers[this.source[edge]!]}->${this.tree.readers[this.target[edge]!]}`;
  }
}

export type AnyCircuit = NodeCircuit | EdgeCircuit;

export class Run {
  readonly universes: Universe[];
  readonly circuits: AnyCircuit[];

  constructor(
    readonly tree: Tree,
    readonly arrays: Arrays,
  ) {
    this.universes = tree.universes.map((universe) => new Universe(universe));
    this.circuits = tree.circuits.map((circuit: CircuitTree) =>
      circuit.of === "nodes"
        ? new NodeCircuit(circuit, this.universes[circuit.universe]!, arrays)
        : new EdgeCircuit(circuit, arrays),
    );
  }

  circuit(name: string): AnyCircuit | undefined {
    return this.circuits.find((circuit) => circuit.name === name);
  }

  /** Circuits of nodes that have a node of this name, and whether each keeps it. */
  keepers(name: string): { circuit: NodeCircuit; kept: boolean; score: number | null; rank: number | null }[] {
    return this.circuits.flatMap((circuit) => {
      if (circuit.of !== "nodes") return [];
      const node = circuit.universe.find(name);
      if (node === null) return [];
      return [{ circuit, kept: circuit.has(node), score: circuit.score(node), rank: circuit.rank(node) }];
    });
  }
}
