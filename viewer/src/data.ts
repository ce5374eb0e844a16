/** What the block holds: see `src/tapeout/report/viewer`, which writes it. */

import type { AmplifyTree, ConditioningTree, DecomposeTree } from "./results";
import type { Ref, Rounded, RoundedRows } from "./unpack";

export type GroupRow = [layer: number, site: string, granularity: string, start: number, count: number];
export type Token = [text: string, weight: number];
export type ContextRow = [activation: number, before: string, token: string, after: string];
export type PercentileRow = [percentile: number, activation: number, contexts: ContextRow[]];

export interface UniverseTree {
  spec: string;
  size: number;
  groups: GroupRow[];
}

export interface StreamTree {
  channel: number;
  y: number;
  read: Token[];
  written: Token[];
}

export interface WiringTree {
  split: string;
  n: number;
  nodes: Ref;
  names: string[];
  heads: Ref;
  bias: Ref;
  deviation: Ref;
  source: Ref;
  target: Ref;
  weight: Ref;
  flow: Ref;
  more: [nodes: number, edges: number, unconnected: number];
  layout: null | {
    width: number;
    height: number;
    left: number;
    right: number;
    blocks: [layer: number, kind: string, read: number, inner: number, write: number][];
    x: Ref;
    y: Ref;
    streams: StreamTree[];
  };
}

export interface PromptSideTree {
  tokens: string[];
  held: RoundedRows;
  /** What each token sees, head by head and row by row, in 255ths. */
  attention: Ref | null;
}

export interface PromptsTree {
  /** Rows of `held` as places among the activations' nodes. */
  place: Ref;
  heads: [layer: number, head: number, key: number][];
  head_dim: number;
  /** By which a query times a key adds to the scores; null where they are turned before. */
  scale: number | null;
  cut: number[];
  pairs: [prompt: PromptSideTree, counterfactual: PromptSideTree][];
}

export interface FactsTree {
  effects?: { split: string; n: number; nodes: Ref; in_circuit: Ref; in_model: Ref };
  contexts?: { split: string; rows: Record<string, PercentileRow[]> };
  activations?: {
    nodes: Ref;
    split: string;
    pairs: [prompt: string, counterfactual: string, answer: string][];
    values: RoundedRows;
    prompts?: PromptsTree;
    text?: {
      split: string;
      percentiles: number[];
      levels: Ref;
      each: number;
      document: Ref;
      position: Ref;
      values: Ref;
      documents: Ref[];
      words: string[];
    };
  };
}

interface CircuitCommon {
  name: string;
  size: number;
  share: number;
  method: string;
}

export interface NodeCircuitTree extends CircuitCommon {
  of: "nodes";
  universe: number;
  kept: Ref;
  scores: null | { nodes: Ref; values: Rounded };
  wiring: WiringTree | null;
  facts: FactsTree;
}

export interface EdgeCircuitTree extends CircuitCommon {
  of: "edges";
  writers: string[];
  readers: string[];
  source: Ref;
  target: Ref;
  values: Rounded | null;
  left: number;
}

export type CircuitTree = NodeCircuitTree | EdgeCircuitTree;

export interface ProofRow {
  name: string;
  circuit: string;
  /** The stage whose model it is of. */
  model: string;
  method: string;
  task: string;
  split: string;
  replacement: string;
  n: number;
  size: number;
  share: number;
  kl: [value: number | null, low: number | null, high: number | null];
  full: number;
  accuracy: number;
  recovery: number;
  without: number;
  seconds: number | null;
  peak_mb: number | null;
}

export interface CurveTree {
  name: string;
  kind: string;
  points: number;
  step: Ref;
  terms: { name: string; there: Ref; values: Ref }[];
}

export interface Tree {
  schema_version: number;
  /** Seconds after which the page of a run that goes on is loaded anew. */
  renew: number | null;
  recipe: string;
  circuits: CircuitTree[];
  universes: UniverseTree[];
  proofs: ProofRow[];
  curves: CurveTree[];
  conditioning: ConditioningTree | null;
  amplify: AmplifyTree | null;
  decompose: DecomposeTree | null;
  left_out: string[];
}
