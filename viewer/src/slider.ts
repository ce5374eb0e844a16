/** A slider from 1 to many, as fine at its lower end as at its upper one. */

import { el, replace } from "./dom";

const STEPS = 200;

export function toValue(place: number, most: number): number {
  return Math.max(Math.round(most ** (place / STEPS)), 1);
}

export function toPlace(value: number, most: number): number {
  return most > 1 ? Math.round((STEPS * Math.log(Math.max(value, 1))) / Math.log(most)) : STEPS;
}

export function slider(
  label: string,
  most: number,
  value: number,
  words: (value: number) => string,
  moved: (value: number) => void,
  left: () => void,
): HTMLElement {
  const out = el("output", {}, words(value));
  const range = el("input", { type: "range", min: 0, max: STEPS, value: toPlace(value, most) });
  range.setAttribute("aria-valuetext", words(value));
  range.addEventListener("input", () => {
    const chosen = toValue(Number(range.value), most);
    replace(out, words(chosen));
    range.setAttribute("aria-valuetext", words(chosen));
    moved(chosen);
  });
  range.addEventListener("change", left);
  return el("label", { class: "field" }, el("span", {}, label), range, out);
}
