import { expect, test } from "vitest";
import { inflate, parse } from "../src/unpack";
import { Packer } from "./helpers";

test("a block comes back as it was packed, arrays of every kind at any length", async () => {
  const packer = new Packer();
  const refs = {
    a: packer.array("u1", [1, 2, 255]),
    b: packer.array("f4", [0.5, -1.25]),
    c: packer.array("i2", [-32767, 0, 32767]),
    d: packer.array("u4", []),
  };
  const { tree, arrays } = parse<typeof refs & { words: string }>(await inflate(await packer.encode({ ...refs, words: "ü\u202e" })));
  expect(Array.from(arrays.get(tree.a))).toEqual([1, 2, 255]);
  expect(Array.from(arrays.get(tree.b))).toEqual([0.5, -1.25]);
  expect(Array.from(arrays.floats({ step: 2, values: tree.c }))).toEqual([-65534, 0, 65534]);
  expect(arrays.get(tree.d).length).toBe(0);
  expect(tree.words).toBe("ü\u202e");
  expect(() => arrays.get({ $: 9 })).toThrow("no array 9");
});

test("bits are read from the lowest one", async () => {
  const packer = new Packer();
  const ref = packer.array("u1", [0b00000101, 0b1]);
  const arrays = await packer.arrays();
  const set = Array.from({ length: 16 }, (_, place) => place).filter((place) => arrays.bit(arrays.get(ref), place));
  expect(set).toEqual([0, 2, 8]);
});

test("a torn block is an error", async () => {
  await expect(inflate((await new Packer().encode({ a: 1 })).slice(0, 12))).rejects.toThrow();
});
