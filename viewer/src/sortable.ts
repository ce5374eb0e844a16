/** A table whose rows can be put in another order by the heads of its columns. */

import { button, captioned, el, spoken } from "./dom";
import type { Child } from "./dom";

export interface Order {
  column: number;
  rising: boolean;
}

/** As `2` or `-2` in the address: falling, or rising with the sign. */
export function readOrder(text: string, columns: number, otherwise: number): Order {
  const match = /^(-?)(\d+)$/.exec(text);
  const column = match ? Number(match[2]) : otherwise;
  return column < columns ? { column, rising: match?.[1] === "-" } : { column: otherwise, rising: false };
}

export function writeOrder({ column, rising }: Order): string {
  return `${rising ? "-" : ""}${column}`;
}

/** Places of rows; those without a value come last either way, and ties stay as they were. */
export function ordered(values: (number | null)[], rising: boolean): number[] {
  const order = values.map((_, place) => place);
  return order.sort((a, b) => {
    const [x, y] = [values[a]!, values[b]!];
    if (x === null || y === null) return Number(x === null) - Number(y === null) || a - b;
    return (rising ? x - y : y - x) || a - b;
  });
}

export function sortable(caption: Child, head: string[], rows: Child[][], order: Order, sort: (order: Order) => void): HTMLElement {
  const title = captioned(caption);
  const heads = head.map((words, column) => {
    const own = column === order.column;
    const mark = own ? (order.rising ? " ↑" : " ↓") : "";
    const turn = () => sort({ column, rising: own ? !order.rising : false });
    return el("th", { scope: "col", class: column ? "n" : null, "aria-sort": own ? (order.rising ? "ascending" : "descending") : null },
      button(`${words}${mark}`, turn, { class: "link" }));
  });
  const lines = rows.map((row) => el("tr", {}, row.map((cell, place) =>
    place ? el("td", { class: "n" }, cell) : el("th", { scope: "row" }, cell))));
  const whole = el("table", {}, title, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, lines));
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": spoken(title).trim() }, whole);
}
