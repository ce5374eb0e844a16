import type { NodeCircuitTree, UniverseTree } from "../src/data";
import { NodeCircuit, Universe } from "../src/model";
import { inflate, parse } from "../src/unpack";
import type { Arrays, Ref } from "../src/unpack";

type Kind = "u1" | "u2" | "u4" | "i2" | "i4" | "f4";
const MAKERS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i2: Int16Array, i4: Int32Array, f4: Float32Array };

/** A block as `_pack.py` writes it. */
export class Packer {
  private readonly parts: [Kind, Uint8Array, number][] = [];

  array(kind: Kind, values: number[]): Ref {
    const made = MAKERS[kind].from(values);
    this.parts.push([kind, new Uint8Array(made.buffer), values.length]);
    return { $: this.parts.length - 1 };
  }

  async encode(tree: unknown): Promise<string> {
    const arrays: [Kind, number, number][] = [];
    const body: number[] = [];
    for (const [kind, bytes, length] of this.parts) {
      arrays.push([kind, body.length, length]);
      body.push(...bytes, ...Array<number>((8 - (bytes.length % 8)) % 8).fill(0));
    }
    let header = new TextEncoder().encode(JSON.stringify({ tree, arrays }));
    header = Uint8Array.from([...header, ...Array<number>((8 - ((header.length + 4) % 8)) % 8).fill(32)]);
    const length = new Uint8Array(Uint32Array.of(header.length).buffer);
    const whole = new Blob([length, header, Uint8Array.from(body)]);
    const packed = await new Response(whole.stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer();
    return btoa(String.fromCharCode(...new Uint8Array(packed)));
  }

  async arrays(): Promise<Arrays> {
    return parse(await inflate(await this.encode(null))).arrays;
  }
}

export const UNIVERSE: UniverseTree = {
  spec: "attn.z:head,mlp.post_act:channel,layer:block",
  size: 14,
  groups: [
    [0, "attn.z", "head", 0, 2],
    [1, "attn.z", "head", 2, 2],
    [0, "mlp.post_act", "channel", 4, 4],
    [1, "mlp.post_act", "channel", 8, 4],
    [0, "layer", "block", 12, 1],
    [1, "layer", "block", 13, 1],
  ],
};

/** A circuit of these nodes, with falling scores in the order in which they are given. */
export async function circuitOf(nodes: number[], universe = UNIVERSE, scored = true): Promise<NodeCircuit> {
  const packer = new Packer();
  const bits = Array<number>(Math.ceil(universe.size / 8)).fill(0);
  for (const node of nodes) bits[node >> 3]! |= 1 << (node & 7);
  const tree: NodeCircuitTree = {
    of: "nodes", name: "c", size: nodes.length, share: nodes.length / universe.size, method: "m",
    universe: 0, wiring: null, facts: {},
    kept: packer.array("u1", bits),
    scores: scored
      ? { nodes: packer.array("u4", nodes), values: { step: 0.5, values: packer.array("i2", nodes.map((_, i) => 10 - i)) } }
      : null,
  };
  return new NodeCircuit(tree, new Universe(universe), await packer.arrays());
}
