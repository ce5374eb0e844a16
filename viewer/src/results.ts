/** What the block holds of conditioning, amplification and decomposition; see `report/viewer`. */

import type { Ref } from "./unpack";

/** Null where a number is not finite. */
export type Bounds = [value: number | null, low: number | null, high: number | null];

export interface FrontierTree {
  name: string;
  model: string;
  split: string;
  replacement: string;
  universe: string;
  full: Bounds;
  target: number;
  chosen: number | null;
  points: [size: number, share: number, accuracy: number, low: number, high: number][];
}

export interface SweepTree {
  name: string;
  words: string;
  split: string;
  scale: number;
  target: number;
  share: number | null;
  points: { scale: number; accuracy: Bounds; kl: Bounds; recovery: [what: string, accuracy: Bounds][] }[];
}

export type EnergyRow = [layer: number, channels: number | null, activity: number | null, write: number | null];

export interface EnergyTree {
  name: string;
  circuit: string;
  split: string;
  n: number;
  models: { name: string; groups: [group: string, rows: EnergyRow[]][] }[];
}

export interface CellTree {
  circuit: string;
  model: string;
  own: boolean;
  size: number;
  alone: Bounds;
  empty: Bounds;
  full: Bounds;
}

export interface TransferTree {
  name: string;
  words: string;
  circuits: string[];
  models: string[];
  cells: CellTree[];
}

export interface ConditioningTree {
  frontiers: FrontierTree[];
  sweeps: SweepTree[];
  energy: EnergyTree[];
  transfers: TransferTree[];
}

/** One pair of traces: the sampled one is parted at its pivot. */
export interface PairTree {
  problem: string;
  question: string;
  answer: string;
  greedy_right: boolean;
  before: string;
  sampled: string;
  after: string;
  greedy: string;
  greedy_trace: string;
}

export interface PairsTree {
  name: string;
  method: string;
  split: string;
  n: number;
  rows: PairTree[];
}

export interface ChosenTree {
  name: string;
  share: number;
  penalty: number;
  split: string;
  n: number;
  rise: Bounds;
  random: Bounds;
  over_random: Bounds;
  rows: [layer: number, part: string, kept: number, total: number][];
}

export interface ArmTree {
  name: string;
  model: string;
  kind: string;
  circuit: string;
  split: string;
  n: number;
  against: string;
  accuracy: Bounds;
  gain: Bounds | null;
  p: number | null;
}

export interface AmplifyTree {
  pairs: PairsTree[];
  chosen: ChosenTree[];
  arms: ArmTree[];
}

export interface TensorTree {
  name: string;
  shape: number[];
  rank: number;
  grid: [rows: number, columns: number];
  block: [rows: number, columns: number];
  /** Part of every direction's energy. */
  energy: Ref;
  step: Ref;
  /** Of the drawn directions: whole steps of `step`, 127 for 0. */
  images: Ref;
  strongest: [rows: [number, number][], columns: [number, number][]][];
}

export interface LearnedTree {
  name: string;
  kind: string;
  count: number;
  activity: Ref;
  /** The directions that have images. */
  drawn: Ref;
  tensors: TensorTree[];
}

export type Step = [moved: number, active: number, rest: number];

export interface EffectTree {
  direction: number;
  samples: number;
  moved: number;
  active: number;
  rest: number;
  steps: Step[];
}

export interface ExampleTree {
  direction: number;
  used: number;
  contexts: [impact: number, before: string, token: string, after: string][];
  up: [token: string, slope: number][];
  down: [token: string, slope: number][];
}

export interface ComparedTree {
  name: string;
  of: string;
  split: string;
  effect: number;
  /** `of` names the decomposition where a set was learned. */
  sets: { name: string; of: string; rows: EffectTree[] }[];
  examples: ExampleTree[];
}

export interface DecomposeTree {
  learned: LearnedTree[];
  compared: ComparedTree[];
}
