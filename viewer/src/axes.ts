/** Where values lie on an axis, and which of them are written beside it. */

import { number, percent } from "./text";

/** Round numbers that cover a range; on a logarithmic axis powers of ten, or parts of one. `whole` leaves out fractions. */
export function ticks(low: number, high: number, log: boolean, whole = false): number[] {
  if (log && decadic(low, high)) {
    const found: number[] = [];
    const decades = Math.log10(high / low);
    const steps = decades < 1.2 ? [1, 2, 3, 5] : decades < 3 ? [1, 3] : [1];
    for (let decade = Math.floor(Math.log10(low)); decade <= Math.ceil(Math.log10(high)); decade++) {
      for (const step of steps) found.push(step * 10 ** decade);
    }
    const inside = found.filter((value) => value >= low * 0.999 && value <= high * 1.001);
    return inside.filter((_, place) => place % Math.ceil(inside.length / 9 || 1) === 0);
  }
  const rough = Math.max((high - low) / 5 || 1, whole ? 1 : 0);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((own) => own * power).find((own) => own >= rough) ?? rough;
  const found: number[] = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-6; place++) found.push(place * step);
  return found;
}

/** Where values lie on an axis; those that a logarithm has no place for lie at its lower end. */
export function scale(values: number[], log: boolean, from: number, to: number): { at: (value: number) => number; low: number; high: number } {
  const known = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  let low = known.reduce((a, b) => Math.min(a, b), Infinity);
  let high = known.reduce((a, b) => Math.max(a, b), -Infinity);
  if (low > high) [low, high] = log ? [0.1, 1] : [0, 1];
  // a single value: from 0 to it, so that no share goes over 100% and nothing below 0 is made up
  if (low === high) [low, high] = log ? [low / 2, high * 2] : low === 0 ? [0, 1] : [Math.min(low, 0), Math.max(high, 0)];
  const way = (value: number) => (log ? Math.log(Math.max(value, low)) : value);
  const span = way(high) - way(low);
  return { at: (value) => from + ((way(value) - way(low)) / span) * (to - from), low, high };
}

/** Ticks in as many digits as they need: all alike where their steps are, each its own on decades. */
export function tickWords(values: number[], log: boolean, write: (value: number) => string = number): string[] {
  if (write !== percent && write !== number) {
    const words = values.map(write);
    return words.every((own) => own.endsWith(".0")) ? words.map((own) => own.slice(0, -2)) : words;
  }
  const [by, unit] = write === percent ? [100, "%"] : [1, ""];
  const decades = log && decadic(Math.min(...values), Math.max(...values));
  const least = Math.max(...values.map((value) => digits(by * value)), 0);
  const found = values.map((value) => {
    const shown = Math.abs(by * value) < CLOSE ? 0 : by * value;
    const few = decades ? digits(shown) : least;
    const tiny = decades && unit === "" && Math.abs(shown) < 1e-3;
    if (tiny || few > MOST_DIGITS || Math.abs(shown) >= 1e6) return `${number(shown).replace(/\.?0+e/, "e")}${unit}`;
    const text = shown.toLocaleString("en-US", { minimumFractionDigits: few, maximumFractionDigits: few });
    return `${text.replace(/^-/, "−")}${unit}`;
  });
  return distinct(found) ? found : told(values.map((value) => by * value), unit);
}

function distinct(words: string[]): boolean {
  return new Set(words).size === words.length;
}

/** Close values in as many digits as tell them apart. */
function told(values: number[], unit: string): string[] {
  const written = (few: number) => values.map((value) => `${value.toFixed(few).replace("-", "−")}${unit}`);
  let few = MOST_DIGITS + 1;
  while (few < FINEST && !distinct(written(few))) few++;
  return written(few);
}

/** Whether a logarithmic axis has powers of ten for ticks; over less than one it has even steps. */
function decadic(low: number, high: number): boolean {
  return high / low >= DECADIC;
}

const DECADIC = 4;
const MOST_DIGITS = 4;
const FINEST = 12;
/** What floating point leaves of 0. */
const CLOSE = 1e-12;

/** How many digits after the point a value needs, but for what floating point adds. */
function digits(value: number): number {
  const close = Math.abs(value) * 1e-9 + CLOSE;
  for (let few = 0; few <= MOST_DIGITS; few++) if (Math.abs(Number(value.toFixed(few)) - value) <= close) return few;
  return MOST_DIGITS + 1;
}
