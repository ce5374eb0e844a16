/** Set algebra of circuits: `A & B`, `A | B`, `A - B`, with parentheses. */

import type { AnyCircuit, EdgeCircuit, NodeCircuit } from "./model";
import { nodeName } from "./model";

export type Flags = Uint8Array;

/** Everything that some of the circuits could keep, numbered once for all of them. */
export interface World {
  size: number;
  flags: Flags[];
  name: (item: number) => string;
  layer: (item: number) => number;
}

export function world(circuits: AnyCircuit[]): World {
  return circuits.every((circuit) => circuit.of === "nodes")
    ? nodeWorld(circuits as NodeCircuit[])
    : edgeWorld(circuits as EdgeCircuit[]);
}

/** Circuits can be compared that are both of nodes or both of edges. */
export function alike(a: AnyCircuit, b: AnyCircuit): boolean {
  return a.of === b.of;
}

function nodeWorld(circuits: NodeCircuit[]): World {
  const starts = new Map<string, number>();
  const groups: { start: number; layer: number; site: string; granularity: string }[] = [];
  let size = 0;
  for (const { universe } of circuits) {
    for (const [layer, site, granularity, , total] of universe.groups) {
      const key = `${layer}.${site}.${granularity}.${total}`;
      if (starts.has(key)) continue;
      starts.set(key, size);
      groups.push({ start: size, layer, site, granularity });
      size += total;
    }
  }
  const flags = circuits.map((circuit) => {
    const own = new Uint8Array(size);
    for (const [layer, site, granularity, start, total] of circuit.universe.groups) {
      const at = starts.get(`${layer}.${site}.${granularity}.${total}`)!;
      for (let index = 0; index < total; index++) if (circuit.has(start + index)) own[at + index] = 1;
    }
    return own;
  });
  const group = (item: number) => groups.findLast((own) => own.start <= item)!;
  return {
    size,
    flags,
    name: (item) => {
      const own = group(item);
      return nodeName({ ...own, index: item - own.start });
    },
    layer: (item) => group(item).layer,
  };
}

function edgeWorld(circuits: EdgeCircuit[]): World {
  const numbers = new Map<string, number>();
  const lists = circuits.map((circuit) =>
    Array.from(circuit.source, (_, edge) => {
      const key = circuit.edgeName(edge);
      const known = numbers.get(key);
      if (known !== undefined) return known;
      numbers.set(key, numbers.size);
      return numbers.size - 1;
    }));
  const names = [...numbers.keys()];
  const flags = lists.map((list) => {
    const own = new Uint8Array(names.length);
    for (const item of list) own[item] = 1;
    return own;
  });
  const layer = (item: number) => Number(/->[am](\d+)/.exec(names[item]!)?.[1] ?? -1);
  return { size: names.length, flags, name: (item) => names[item]!, layer };
}

export function total(flags: Flags): number {
  let sum = 0;
  for (const flag of flags) sum += flag;
  return sum;
}

export function jaccard(a: Flags, b: Flags): number {
  let both = 0;
  let any = 0;
  a.forEach((flag, place) => {
    const other = b[place]!;
    both += flag & other;
    any += flag | other;
  });
  return any ? both / any : 1;
}

export class SetError extends Error {}

/** Evaluate an expression over sets named A, B, C, ... `&` binds closer than `-` and `|`. */
export function evaluate(words: string, sets: Flags[]): Flags {
  const tokens = words.toUpperCase().match(/[A-Z]|[|&()\-−]|\S/g) ?? [];
  let place = 0;
  const atom = (): Flags => {
    const token = tokens[place++];
    if (token === "(") {
      const inner = sum();
      if (tokens[place++] !== ")") throw new SetError("a parenthesis is not closed");
      return inner;
    }
    const found = token && /^[A-Z]$/.test(token) ? sets[token.charCodeAt(0) - 65] : undefined;
    if (!found) throw new SetError(token ? `there is no circuit ${token}` : "the expression ends too soon");
    return found;
  };
  const product = (): Flags => {
    let left = atom();
    while (tokens[place] === "&") {
      place++;
      left = combine(left, atom(), (a, b) => a & b);
    }
    return left;
  };
  const sum = (): Flags => {
    let left = product();
    while (tokens[place] === "|" || tokens[place] === "-" || tokens[place] === "−") {
      const join = tokens[place++] === "|";
      left = combine(left, product(), (a, b) => (join ? a | b : a & ~b & 1));
    }
    return left;
  };
  const found = sum();
  if (place < tokens.length) throw new SetError(`${tokens[place]} is not expected there`);
  return found;
}

function combine(a: Flags, b: Flags, rule: (a: number, b: number) => number): Flags {
  return a.map((flag, place) => rule(flag, b[place]!));
}

/** What a circuit is called in expressions. */
export function letterOf(place: number): string {
  return String.fromCharCode(65 + place);
}
