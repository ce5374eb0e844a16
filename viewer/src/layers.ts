/** What circuits keep of every layer, side by side. */

import type { Scene, Shape } from "./scene";
import { letterOf } from "./sets";
import type { World } from "./sets";
import type { AnyCircuit } from "./model";
import { series, theme } from "./theme";
import { count, isolated, short } from "./text";

const BAR = 15;
const LETTER = 6.4;
const WIDE_LEFT = 96;
/** Below this part of a layer bars are too short to be told apart. */
const SEEN = 0.1;

/** `whole` tells whether a track behind each bar is all that there is of the layer. */
export interface Layers extends Scene {
  whole: boolean;
}

/** How many nodes every layer has; nothing where only what is kept is known. */
function sizes(circuit: AnyCircuit): Map<number, number> {
  const found = new Map<number, number>();
  if (circuit.of === "edges") return found;
  for (const [layer, , , , total] of circuit.universe.groups) found.set(layer, (found.get(layer) ?? 0) + total);
  return found;
}

export function layerScene(width: number, chosen: AnyCircuit[], all: World): Layers {
  const { muted, faint, ink } = theme();
  const counts = chosen.map(() => new Map<number, [shared: number, own: number]>());
  const layers = new Set<number>();
  for (let item = 0; item < all.size; item++) {
    const keepers = all.flags.reduce((sum, flags) => sum + flags[item]!, 0);
    if (!keepers) continue;
    const layer = all.layer(item);
    layers.add(layer);
    all.flags.forEach((flags, place) => {
      if (!flags[item]) return;
      const entry = counts[place]!.get(layer) ?? [0, 0];
      entry[keepers > 1 ? 0 : 1]++;
      counts[place]!.set(layer, entry);
    });
  }
  const order = [...layers].sort((a, b) => a - b);
  const kept = Math.max(...counts.flatMap((own) => [...own.values()].map(([a, b]) => a + b)), 1);
  const tracks = chosen.map(sizes);
  const largest = Math.max(...tracks.flatMap((own) => [...own.values()]), 0);
  const whole = kept >= SEEN * largest && largest > 0;
  const most = whole ? largest : kept;
  const longs = chosen.map((own) => (own.name.length + 6) * LETTER);
  const rowed = longs.reduce((sum, long) => sum + long, 0) > width - WIDE_LEFT;
  const [left, top] = [width < 560 ? 62 : WIDE_LEFT, rowed ? 8 + 16 * chosen.length : 22];
  const height = top + order.length * (chosen.length * BAR + 8);
  const shapes: Shape[] = [];
  chosen.forEach((circuit, place) => {
    const x = rowed ? 0 : left + longs.slice(0, place).reduce((sum, long) => sum + long, 0);
    const y = rowed ? 16 * place : 4;
    shapes.push({ is: "rect", x, y, w: 10, h: 10, fill: series(place) });
    shapes.push({ is: "text", x: x + 14, y: y + 9, words: `${letterOf(place)} ${isolated(short(circuit.name, Math.floor(width / LETTER) - 4))}`, size: 11, fill: ink });
  });
  order.forEach((layer, row) => {
    const y = top + row * (chosen.length * BAR + 8);
    const words = layer < 0 ? "logits" : `layer ${layer}`;
    shapes.push({ is: "text", x: left - 10, y: y + (chosen.length * BAR) / 2 + 4, words, anchor: "end", fill: muted });
    counts.forEach((own, place) => {
      const [shared, alone] = own.get(layer) ?? [0, 0];
      const part = (value: number) => (value / most) * (width - left - 76);
      const at = y + place * BAR;
      const size = tracks[place]!.get(layer) ?? 0;
      const title = `${words}, ${isolated(chosen[place]!.name)}: ${shared} shared, ${alone} its own${size ? `, of ${count(size)}` : ""}`;
      if (whole) shapes.push({ is: "rect", x: left, y: at + 1, w: part(size), h: BAR - 3, fill: faint, title });
      shapes.push({ is: "rect", x: left, y: at + 1, w: part(shared), h: BAR - 3, fill: series(place), title });
      shapes.push({ is: "rect", x: left + part(shared), y: at + 1.5, w: part(alone), h: BAR - 4, stroke: series(place), title });
      shapes.push({ is: "text", x: left + part(shared + alone) + 5, y: at + 11, words: `${count(shared)} + ${count(alone)}`, size: 10, fill: muted });
    });
  });
  return { width, height, shapes, whole };
}
