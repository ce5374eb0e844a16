/** A direction's tensors as images. */

import { el, name } from "./dom";
import type { Child } from "./dom";
import { probed } from "./probe";
import type { LearnedTree, TensorTree } from "./results";
import { pictureButtons } from "./save";
import type { Scene, Shape } from "./scene";
import { inkOn, series, theme } from "./theme";
import { count, isolated, number, percent, plural } from "./text";
import type { Arrays } from "./unpack";

const STEPS = 127;
const WIDE = 216;
const LARGEST_CELL = 36;
const LEAST_CELL = 5;
/** Cells at least so large have room for their numbers. */
const ROOMY = 32;
/** Rows and columns with less of the energy say little. */
const TELLING = 0.01;

export interface Image {
  rows: number;
  columns: number;
  values: Float32Array;
}

/** The image of the direction at a place among the drawn ones. */
export function imageOf(tensor: TensorTree, place: number, arrays: Arrays): Image {
  const [rows, columns] = tensor.grid;
  const step = arrays.get(tensor.step)[place] ?? 0;
  const cells = arrays.get(tensor.images).subarray(place * rows * columns, (place + 1) * rows * columns);
  return { rows, columns, values: Float32Array.from(cells as Uint8Array, (cell) => (cell - STEPS) * step) };
}

export function tensorImages(learned: LearnedTree, direction: number, arrays: Arrays): Child {
  const place = [...arrays.get(learned.drawn)].indexOf(direction);
  if (place < 0) return el("p", { class: "hint" }, "This direction has no images in this page: they are of those with examples, and of the most active.");
  const energyOf = (tensor: TensorTree) => arrays.get(tensor.energy)[direction] ?? 0;
  const most = [...learned.tensors].sort((one, other) => energyOf(other) - energyOf(one));
  const figures = most.map((tensor) => {
    const image = imageOf(tensor, place, arrays);
    const energy = energyOf(tensor);
    const file = `direction-${direction}-${tensor.name}`;
    return el("figure", { class: "plot" },
      el("figcaption", {}, el("code", {}, name(tensor.name)), ` ${tensor.shape.join(" × ") || "a number"}, rank ${tensor.rank}: `,
        `${percent(energy)} of the direction’s energy. ${levelOf(tensor, largestOf(image))} `, pictureButtons(() => imageScene(tensor, image), file)),
      probed(imageScene(tensor, image), `${isolated(tensor.name)} of direction ${direction}: ${strongest(tensor, place)}`),
      el("p", { class: "hint" }, strongest(tensor, place)));
  });
  return [el("p", { class: "about" }, "Rows go down and columns to the right, both from 0."), el("div", { class: "images" }, figures)];
}

function largestOf({ values }: Image): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** What a cell stands for. */
export function levelOf({ block: [down, across] }: TensorTree, most: number): string {
  const colours = ` Positive ones are blue, negative ones orange, in full at ${number(most)}.`;
  if (down === 1 && across === 1) return `Every cell is an entry.${colours}`;
  return `Every cell is the largest entry of ${count(down)} × ${count(across)}, with its sign.${colours}`;
}

function strongest(tensor: TensorTree, place: number): string {
  const telling = (ends: [number, number][]) => ends.filter(([, part], at) => at === 0 || part >= TELLING);
  const [rows, columns] = (tensor.strongest[place] ?? [[], []]).map(telling) as [[number, number][], [number, number][]];
  const said = (one: string, ends: [number, number][]) =>
    ends.length ? `${ends.length > 1 ? `${one}s` : one} ${ends.map(([at, part]) => `${at} (${percent(part)})`).join(", ")}` : "";
  const parts = tensor.shape.length < 2 ? [said("entry", columns).replace("entrys", "entries")] : [said("row", rows), said("column", columns)];
  const words = parts.filter((part) => part !== "").join("; ");
  return words ? `Strongest: ${words} of its energy.` : "All of it is zero.";
}

export function imageScene(tensor: TensorTree, image: Image): Scene {
  const { faint } = theme();
  const { rows, columns, values } = image;
  const cell = Math.min(Math.max(Math.floor(WIDE / columns), LEAST_CELL), LARGEST_CELL);
  const largest = largestOf(image) || 1;
  const [down, across] = tensor.block;
  const shapes: Shape[] = [{ is: "rect", x: 0, y: 0, w: columns * cell, h: rows * cell, fill: faint }];
  values.forEach((value, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const part = Math.abs(value) / largest;
    const box = { x: column * cell, y: row * cell, w: cell, h: cell };
    const title = `${range("row", row, down)}, ${range("column", column, across)}: ${number(value)}`;
    shapes.push({ is: "rect", ...box, fill: series(value < 0 ? 1 : 0), opacity: part, title });
    if (cell >= ROOMY && down * across === 1) {
      const words = Math.abs(value) < 0.005 ? "0" : value.toFixed(2).replace("-", "−");
      shapes.push({ is: "text", x: box.x + cell / 2, y: box.y + cell / 2 + 4, words, size: 10, anchor: "middle", fill: inkOn(part) });
    }
  });
  return { width: columns * cell, height: rows * cell, shapes };
}

function range(what: string, at: number, block: number): string {
  return block === 1 ? `${what} ${at}` : `${what}s ${count(at * block)}–${count((at + 1) * block - 1)}`;
}

export function drawnOf(learned: LearnedTree, arrays: Arrays): string {
  const shown = arrays.get(learned.drawn).length;
  return shown < learned.count ? `${plural(shown, "direction")} of ${count(learned.count)} have images. ` : "";
}
