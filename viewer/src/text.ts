/** Numbers the way the page's sections write them. */

export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  let text: string;
  if (value !== 0 && (size < 1e-3 || size >= 1e6)) text = value.toExponential(2);
  else if (size >= 999.5) text = Math.round(value).toLocaleString("en-US");
  else text = Number.isInteger(value) ? String(value) : value.toPrecision(3);
  return text.replace(/^-/, "−");
}

export function count(value: number): string {
  return value.toLocaleString("en-US");
}

export function percent(value: number | null): string {
  if (value === null) return "–";
  const shown = (100 * value).toFixed(value !== 0 && Math.abs(value) < 0.1 ? 2 : 1);
  if (value > 0 && Number(shown) === 0) return "<0.01%";
  if (value < 1 && Number(shown) >= 100) return ">99.9%";
  return `${shown.replace(/^-/, "−")}%`;
}

/** A name among other text: its writing direction stays its own. */
export function isolated(text: string): string {
  return `\u2068${text}\u2069`;
}

export function short(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

export function plural(many: number, one: string, more = `${one}s`): string {
  return `${count(many)} ${many === 1 ? one : more}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function joined(words: string[]): string {
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words.join("");
}
