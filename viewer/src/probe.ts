/** Pictures of which a line of text says what is under the pointer, or at the place that keys chose. */

import { el, replace } from "./dom";
import { paint, svg } from "./scene";
import type { Scene, Shape } from "./scene";
import { theme } from "./theme";

/** Something in a picture that says what it is. */
export interface Spot {
  x: number;
  y: number;
  words: string;
  /** What is of one colour goes together, such as the dots of a line. */
  colour?: string | undefined;
}

/** With more shapes than this a picture is painted; elements for each would be slow. */
const MANY = 1500;
/** How far the pointer may be from what it means. */
const REACH = 44;
const RING = 7;
/** How much worse a step aside is than one ahead, and along a line how much better. */
const ASIDE = 3;
const ALONG = 0.1;
/** For marks of rows that lie anywhere across: keys go from row to row. */
export const BY_ROW = 0.01;
const STEPS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Dots, and boxes at their middles; of shapes on each other that say the same, the first. */
export function spots(scene: Scene): Spot[] {
  const all = scene.shapes.flatMap((shape): Spot[] => {
    if (!shape.title) return [];
    if (shape.is === "circle") return [{ x: shape.x, y: shape.y, words: shape.title, colour: shape.fill }];
    if (shape.is === "rect") return [{ x: shape.x + shape.w / 2, y: shape.y + shape.h / 2, words: shape.title }];
    return [];
  });
  return all.filter((spot, place) => spot.words !== all[place - 1]?.words);
}

export function nearest(all: Spot[], x: number, y: number, reach = REACH): Spot | null {
  let best: Spot | null = null;
  let least = reach;
  for (const spot of all) {
    const far = Math.hypot(spot.x - x, spot.y - y);
    if (far < least) [best, least] = [spot, far];
  }
  return best;
}

/** The next one in a direction: as near as can be, rather ahead than aside, and along its line. */
export function next(all: Spot[], from: Spot, [right, down]: [number, number], aside = ASIDE): Spot {
  let best = from;
  let least = Infinity;
  for (const spot of all) {
    const [x, y] = [spot.x - from.x, spot.y - from.y];
    const ahead = x * right + y * down;
    const off = Math.abs(x * down) + Math.abs(y * right);
    if (ahead < 0.5) continue;
    const along = right !== 0 && spot.colour !== undefined && spot.colour === from.colour;
    const far = ahead + (along ? ALONG : aside) * off;
    if (far < least) [best, least] = [spot, far];
  }
  return best;
}

/** What shows the picture: elements, or one canvas; either can put a ring around a place. */
interface Shown {
  element: SVGSVGElement | HTMLCanvasElement;
  ring(spot: Spot | null): void;
}

export function probed(scene: Scene, label: string, aside = ASIDE): HTMLElement {
  const all = spots(scene);
  const told = el("output", { class: "told", "aria-live": "polite" });
  const { element, ring } = scene.shapes.length > MANY ? painted(scene, label) : drawn(scene, label);
  let chosen: Spot | null = null;
  const choose = (spot: Spot | null) => {
    if (spot === chosen) return;
    chosen = spot;
    ring(spot);
    replace(told, spot && el("bdi", {}, spot.words));
  };
  const at = (event: PointerEvent) => {
    const box = element.getBoundingClientRect();
    const scale = scene.width / (box.width || 1);
    choose(nearest(all, (event.clientX - box.left) * scale, (event.clientY - box.top) * scale));
  };
  element.addEventListener("pointermove", at as EventListener);
  element.addEventListener("pointerdown", at as EventListener);
  element.addEventListener("keydown", ((event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (event.key === "Escape") choose(null);
    else if (step && all.length) choose(chosen ? next(all, chosen, step, aside) : all[0]!);
    else return;
    event.preventDefault();
  }) as EventListener);
  if (all.length) {
    element.setAttribute("tabindex", "0");
    element.setAttribute("aria-label", `${label}. Arrow keys go from mark to mark.`);
  }
  return el("div", { class: "probe" }, element, all.length > 0 && told);
}

function around({ x, y }: Spot): Shape {
  return { is: "circle", x, y, r: RING, stroke: theme().ink, width: 1.75 };
}

function drawn(scene: Scene, label: string): Shown {
  const element = svg(scene, label);
  let last: Element | null = null;
  const ring = (spot: Spot | null) => {
    last?.remove();
    last = spot && svg({ ...scene, shapes: [around(spot)] }, "").firstElementChild;
    if (last) element.append(last);
  };
  return { element, ring };
}

function painted(scene: Scene, label: string): Shown {
  const sharp = Math.min(window.devicePixelRatio || 1, 2);
  const element = el("canvas", { role: "img", "aria-label": label, class: "painted" });
  [element.width, element.height] = [scene.width * sharp, scene.height * sharp];
  // an attribute would be a style that the page's policy forbids
  element.style.width = `${scene.width}px`;
  const ring = (spot: Spot | null) => {
    const context = element.getContext("2d");
    if (!context) return;
    context.setTransform(sharp, 0, 0, sharp, 0, 0);
    context.clearRect(0, 0, scene.width, scene.height);
    paint(context, spot ? [...scene.shapes, around(spot)] : scene.shapes);
  };
  ring(null);
  return { element, ring };
}
