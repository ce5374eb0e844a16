/** What a node holds at every token of a prompt and its counterfactual, and where its head attends. */

import type { PromptsTree } from "./data";
import { el, select } from "./dom";
import type { Child } from "./dom";
import { largest, tokenMap, tokenStrip } from "./heatmap";
import type { Place } from "./model";
import { probed } from "./probe";
import { pictureButtons } from "./save";
import { svg } from "./scene";
import type { Scene } from "./scene";
import { isolated, number } from "./text";
import type { Arrays } from "./unpack";

const WIDTH = 340;
const SHARES = 255;
const SIDES: [string, string][] = [["0", "prompt"], ["1", "counterfactual"], ["2", "their difference"]];

type Square = (row: number, column: number) => number;
export type Head = [layer: number, head: number, key: number];

/** One of the pairs. */
export class Pair {
  constructor(
    private readonly tree: PromptsTree,
    private readonly arrays: Arrays,
    readonly number: number,
  ) {}

  get tokens(): [string[], string[]] {
    const [prompt, other] = this.tree.pairs[this.number]!;
    return [prompt.tokens, other.tokens];
  }

  get cut(): number {
    return this.tree.cut[this.number] ?? 0;
  }

  held(row: number, side: 0 | 1): Float32Array {
    return this.arrays.row(this.tree.pairs[this.number]![side].held, row);
  }

  /** Null where it was left out. */
  attention(head: number, side: 0 | 1): Square | null {
    const own = this.tree.pairs[this.number]![side];
    if (!own.attention) return null;
    const bytes = this.arrays.get(own.attention);
    const start = head * triangle(own.tokens.length);
    return (row, column) => (bytes[start + triangle(row) + column] ?? 0) / SHARES;
  }
}

export class Prompts {
  private readonly rows = new Map<number, number>();

  constructor(
    private readonly tree: PromptsTree,
    private readonly arrays: Arrays,
  ) {
    arrays.get(tree.place).forEach((place, row) => this.rows.set(place, row));
  }

  get count(): number {
    return this.tree.pairs.length;
  }

  get scale(): number | null {
    return this.tree.scale;
  }

  pair(number: number): Pair {
    return new Pair(this.tree, this.arrays, number);
  }

  /** The row in which a node's activations are, by its place among the activations' nodes. */
  row(place: number): number | null {
    return this.rows.get(place) ?? null;
  }

  /** Heads that a node is a part of, or all of its layer where it is read or written by all. */
  heads({ layer, site, granularity, index }: Place): [head: Head, place: number][] {
    if (!site.startsWith("attn.")) return [];
    const own = granularity === "channel" ? Math.floor(index / this.tree.head_dim) : index;
    const part = { "attn.q": 1, "attn.z": 1, "attn.k": 2, "attn.v": 2 }[site];
    return this.tree.heads.flatMap((head, place): [Head, number][] => {
      if (head[0] !== layer) return [];
      return part === undefined || granularity === "block" || head[part] === own ? [[head, place]] : [];
    });
  }
}

function triangle(long: number): number {
  return (long * (long + 1)) / 2;
}

function less(first: Square, second: Square): Square {
  return (row, column) => first(row, column) - second(row, column);
}

function chosen(side: string, prompt: Square, other: Square): Square {
  return side === "2" ? less(prompt, other) : side === "1" ? other : prompt;
}

function extreme(square: Square, size: number): number {
  let most = 0;
  for (let row = 0; row < size; row++) for (let column = 0; column <= row; column++) most = Math.max(most, Math.abs(square(row, column)));
  return most;
}

export interface Asked {
  pair: string;
  head: string;
  side: string;
}

interface About {
  prompts: Prompts;
  node: string;
  place: Place;
  row: number | null;
  /** The row of the key of a query's channel, or the other way round. */
  partner: number | null;
}

export function promptFacts(about: About, asked: Asked, set: (changes: Record<string, string>) => void): Child {
  const { prompts, node, place, row, partner } = about;
  const heads = prompts.heads(place);
  if (!prompts.count || (row === null && !heads.length)) return null;
  const shown = Math.min(Number(asked.pair) || 0, prompts.count - 1);
  const pair = prompts.pair(shown);
  const names = Array.from({ length: prompts.count }, (_, own): [string, string] => [String(own), `pair ${own + 1}`]);
  const side = SIDES.some(([own]) => own === asked.side) ? asked.side : "0";
  const controls = el("div", { class: "controls" },
    names.length > 1 && select("Pair", names, String(shown), (value) => set({ pair: value })),
    (heads.length > 0 || partner !== null) && select("Between tokens of", SIDES, side, (value) => set({ side: value })),
    heads.length > 1 && select("Head", heads.map(([head]) => [String(head[1]), String(head[1])]), asked.head, (value) => set({ head: value })));
  const head = heads.find(([own]) => String(own[1]) === asked.head) ?? heads[0];
  return el("div", { class: "prompts" },
    el("h4", {}, "Token by token"),
    controls,
    row !== null && strips(pair, row, node),
    head && attentionMap(pair, head, side),
    row !== null && partner !== null && prompts.scale !== null && productMap(pair, place, row, partner, prompts.scale, side));
}

function strips(pair: Pair, row: number, node: string): Child {
  const values = [pair.held(row, 0), pair.held(row, 1)] as const;
  const [tokens, others] = pair.tokens;
  const apart = values[0].map((own, place) => own - (values[1][place] ?? 0));
  const most = largest([...values[0], ...values[1]]);
  const both = tokens.map((token, place) => (token === others[place] ? token : `${token}/${others[place] ?? ""}`));
  const parts: [string, string[], Float32Array][] = [["Prompt", tokens, values[0]], ["Counterfactual", others, values[1]], ["Difference", both, apart]];
  const before = pair.cut ? ` The ${pair.cut} tokens before are left out.` : "";
  return [
    el("p", { class: "hint" }, `Activation at every token, the stronger the colour, the larger, at most ${number(most)}; the second colour is negative.${before}`),
    parts.map(([words, own, held]) => {
      const scene = () => tokenStrip(WIDTH, own, held, most);
      return el("figure", { class: "tokens" },
        el("figcaption", {}, `${words} `, pictureButtons(scene, `${words.toLowerCase()}-${node}`)),
        svg(scene(), `${words}: ${own.map((token, place) => `${isolated(token)} ${number(held[place])}`).join(", ")}`));
    }),
  ];
}

function attentionMap(pair: Pair, [head, place]: [Head, number], side: string): Child {
  const [prompt, other] = [pair.attention(place, 0), pair.attention(place, 1)];
  if (!prompt || !other) return el("p", { class: "hint" }, "The attention of this pair is not in this page.");
  const words = `Attention of head ${head[0]}.${head[1]}`;
  return squared(pair, chosen(side, prompt, other), side === "2" ? null : 1, side, words, "from each token (a row) to those before it");
}

function productMap(pair: Pair, { site, index }: Place, row: number, partner: number, scale: number, side: string): Child {
  const product = (own: 0 | 1): Square => {
    const [query, key] = site === "attn.q" ? [row, partner] : [partner, row];
    const [queries, keys] = [pair.held(query, own), pair.held(key, own)];
    return (from, to) => (queries[from] ?? 0) * (keys[to] ?? 0) * scale;
  };
  const square = chosen(side, product(0), product(1));
  return squared(pair, square, null, side, `Channel ${index} alone`, "what its query times its key adds to the scores");
}

function squared(pair: Pair, square: Square, most: number | null, side: string, words: string, what: string): Child {
  const tokens = pair.tokens[side === "1" ? 1 : 0];
  const strongest = most ?? extreme(square, tokens.length);
  const scene = (): Scene => tokenMap(WIDTH, tokens, square, strongest);
  const of = SIDES.find(([own]) => own === side)![1];
  const caption = `${words}, ${of}: ${what}; the strongest colour is ${number(strongest)}. `;
  return el("figure", { class: "map" },
    el("figcaption", {}, caption, pictureButtons(scene, words.toLowerCase())),
    probed(scene(), caption));
}
