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
  const shown = (100 * value).toFixed(value !== 0 && Math.abs(value) < 0.09995 ? 2 : 1);
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

/** In lines of at most so many letters, broken between words. */
export function wrapped(text: string, most: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1) ?? ""} ${word}`;
    if (lines.length && longer.length <= most) lines[lines.length - 1] = longer;
    else lines.push(short(word, most));
  }
  return lines;
}

/** `a`, `a and b`, `a, b and c`. */
export function joined(words: string[]): string {
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words.join("");
}

/** From its own sums a computer takes this much for a difference. */
const NOISE = 1e-6;

/** A divergence, nats: what is only rounding is 0. */
export function nats(value: number | null): string {
  return number(value !== null && Math.abs(value) < NOISE ? 0 : value);
}

/** The ends of its interval; none is below 0, as no divergence is. */
export function natsSpan(low: number | null, high: number | null): string {
  const end = (value: number | null) => nats(value === null ? null : Math.max(value, 0));
  return `[${end(low)}, ${end(high)}]`;
}

/** Names without what all of them begin and end with. */
export function shortNames(names: string[]): string[] {
  const parts = names.map((own) => own.split("."));
  const least = Math.min(...parts.map((own) => own.length)) - 1;
  const same = (at: (own: string[]) => string | undefined) => new Set(parts.map(at)).size === 1;
  let [start, end] = [0, 0];
  if (names.length > 1) {
    while (start < least && same((own) => own[start])) start++;
    while (start + end < least && same((own) => own[own.length - 1 - end])) end++;
  }
  return parts.map((own) => own.slice(start, own.length - end).join("."));
}
