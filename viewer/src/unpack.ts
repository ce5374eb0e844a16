/** The data block: see `_pack.py`, which writes it. */

export interface Ref {
  $: number;
}

/** Floats in two bytes each: the value is a whole number of steps. */
export interface Rounded {
  step: number;
  values: Ref;
}

/** Rows of so many floats, each in steps of its own. */
export interface RoundedRows {
  wide: number;
  steps: Ref;
  values: Ref;
}

type Kind = "u1" | "u2" | "u4" | "i2" | "i4" | "f4";
export type Numbers = Uint8Array | Uint16Array | Uint32Array | Int16Array | Int32Array | Float32Array;

const KINDS = {
  u1: Uint8Array,
  u2: Uint16Array,
  u4: Uint32Array,
  i2: Int16Array,
  i4: Int32Array,
  f4: Float32Array,
};

/** Arrays by their place in the tree; views into one buffer, made when they are asked for. */
export class Arrays {
  constructor(
    private readonly buffer: ArrayBuffer,
    private readonly start: number,
    private readonly list: [Kind, number, number][],
  ) {}

  get(ref: Ref): Numbers {
    const entry = this.list[ref.$];
    if (!entry) throw new Error(`the data has no array ${ref.$}`);
    const [kind, offset, length] = entry;
    return new KINDS[kind](this.buffer, this.start + offset, length);
  }

  floats(rounded: Rounded): Float32Array {
    const whole = this.get(rounded.values);
    return Float32Array.from(whole as Int16Array, (value) => value * rounded.step);
  }

  row(rows: RoundedRows, place: number): Float32Array {
    const step = this.get(rows.steps)[place] ?? 0;
    const whole = this.get(rows.values).subarray(place * rows.wide, (place + 1) * rows.wide);
    return Float32Array.from(whole as Int16Array, (value) => value * step);
  }

  bit(bits: Numbers, place: number): boolean {
    return ((bits[place >> 3] ?? 0) >> (place & 7) & 1) === 1;
  }
}

export async function inflate(text: string): Promise<ArrayBuffer> {
  const letters = atob(text.trim());
  const bytes = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place++) bytes[place] = letters.charCodeAt(place);
  // written to it directly: the stream of a blob goes through another process, piece by piece
  const stream = new DecompressionStream("deflate");
  const writer = stream.writable.getWriter();
  const written = writer.write(bytes).then(() => writer.close());
  const [whole] = await Promise.all([new Response(stream.readable).arrayBuffer(), written]);
  return whole;
}

export function parse<Tree>(buffer: ArrayBuffer): { tree: Tree; arrays: Arrays } {
  const length = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  const header = JSON.parse(text) as { tree: Tree; arrays: [Kind, number, number][] };
  return { tree: header.tree, arrays: new Arrays(buffer, 4 + length, header.arrays) };
}
