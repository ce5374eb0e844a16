/** Parts of a view side by side, each drawn anew on its own. */

import { widthIn } from "./chart";
import { el, name, replace, select } from "./dom";
import type { Child } from "./dom";
import type { Store } from "./hash";
import { COLOURS, round } from "./theme";

export class Parts {
  readonly element = el("div", { class: "parts" },
    el("p", { class: "hint whole" }, "Point at a mark of a chart, or choose the chart and press the arrow keys: a line below says what is there."));
  private readonly made: [place: HTMLElement, make: (width: number) => Child[]][] = [];

  constructor(private readonly store: Store) {}

  /** `make` is given how wide a picture may be. */
  add(make: (width: number) => Child[], whole = false): void {
    const place = el("div", { class: whole ? "whole" : null });
    this.made.push([place, make]);
    this.element.append(place);
  }

  update(): void {
    for (const [place, make] of this.made) replace(place, ...make(widthIn(place)));
  }

  set(changes: Record<string, string>): void {
    this.store.set(changes);
    this.update();
  }

  get(key: string): string {
    return this.store.get(key);
  }

  /** A choice that the address keeps; nothing to see where there is none. */
  choice(label: string, key: string, options: [value: string, words: string][], resets: string[] = []): Child {
    const chosen = options.some(([value]) => value === this.get(key)) ? this.get(key) : options[0]?.[0] ?? "";
    const cleared = Object.fromEntries(resets.map((own) => [own, ""]));
    return options.length > 1 && select(label, options, chosen, (value) => this.set({ ...cleared, [key]: value }));
  }

  /** The one of a name that the address asks for, or the first. */
  chosen<One extends { name: string }>(key: string, all: One[]): One {
    return all.find((one) => one.name === this.get(key)) ?? all[0]!;
  }

  named(all: { name: string }[]): [string, string][] {
    return all.map((one) => [one.name, one.name]);
  }

  /** Go to another view. */
  go(view: string, changes: Record<string, string>): void {
    this.store.set({ view, ...changes });
    dispatchEvent(new HashChangeEvent("hashchange"));
  }
}

/** A short piece of a chart's line. */
export function swatch(place: number): HTMLElement {
  return el("span", { class: `swatch-line s${place % COLOURS} dash${round(place)}` });
}

/** A chart's dot. */
export function dot(place: number): HTMLElement {
  return el("span", { class: `swatch-dot s${place % COLOURS}` });
}

/** Names of a chart's lines, or of its dots, with their colours. */
export function legend(lines: string[], mark = swatch): HTMLElement {
  const items = lines.map((own, place) => el("li", {}, mark(place), name(own)));
  return el("ul", { class: "legend row" }, items);
}
