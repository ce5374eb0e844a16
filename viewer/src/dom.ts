/** Elements from small calls; everything that is not an element becomes a text node. */

import { isolated } from "./text";

export type Child = Node | string | number | null | undefined | false | Child[];
type Values = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;

export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Values = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(key.slice(2), value as EventListener);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  append(made, children);
  return made;
}

export function append(parent: Node, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(parent, child);
    else parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

const STOPS = "button, select, input, summary";

/** New content; what stands where the focus was gets it, so that keys go on where they were. */
export function replace(parent: Element, ...children: Child[]): void {
  const place = [...parent.querySelectorAll(STOPS)].indexOf(document.activeElement ?? parent);
  parent.replaceChildren();
  append(parent, children);
  if (place >= 0) parent.querySelectorAll<HTMLElement>(STOPS)[place]?.focus({ preventScroll: true });
}

/** A name from the results. */
export function name(text: string): HTMLElement {
  return el("bdi", {}, text);
}

export function button(label: Child, action: () => void, attributes: Values = {}): HTMLButtonElement {
  return el("button", { type: "button", onclick: action, ...attributes }, label);
}

export function select(
  label: string,
  options: [value: string, words: string][],
  chosen: string,
  change: (value: string) => void,
): HTMLElement {
  const box = el("select", { onchange: () => change(box.value) });
  for (const [value, words] of options) {
    // options hold no elements
    box.append(el("option", { value, selected: value === chosen }, isolated(words)));
  }
  return el("label", { class: "field" }, el("span", {}, label), box);
}

export type Cell = Child;

/** A table in a box of its own that scrolls. Columns after the first hold numbers unless named. */
export function table(
  caption: Child,
  head: string[],
  rows: Cell[][],
  words: number[] = [0],
): HTMLElement {
  const style = (place: number) => (words.includes(place) ? null : "n");
  const title = captioned(caption);
  const top = el("tr", {}, head.map((cell, i) => el("th", { scope: "col", class: style(i) }, cell)));
  const lines = rows.map((row) =>
    el("tr", {}, row.map((cell, i) =>
      i === 0 ? el("th", { scope: "row", class: style(0) }, cell) : el("td", { class: style(i) }, cell))));
  const whole = el("table", {}, title, el("thead", {}, top), el("tbody", {}, lines));
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": spoken(title).trim() }, whole);
}

/** A caption that stays within what is in sight of a wide table. */
export function captioned(caption: Child): HTMLElement {
  return el("caption", {}, el("span", { class: "stay" }, caption));
}

/** What an element says, names in it isolated and buttons left out. */
export function spoken(node: Node): string {
  if (node instanceof Text) return node.data;
  if (node instanceof HTMLButtonElement) return "";
  const words = [...node.childNodes].map(spoken).join("");
  return node.nodeName === "BDI" ? isolated(words) : words;
}
