/** The page's colours, which follow light and dark. */

export interface Theme {
  paper: string;
  ink: string;
  muted: string;
  rule: string;
  faint: string;
  series: string[];
}

export const COLOURS = 6;
const DASHES = [undefined, [6, 3], [2, 2]];

let known: Theme | null = null;

export function theme(): Theme {
  if (!known) {
    const style = getComputedStyle(document.documentElement);
    const of = (name: string) => style.getPropertyValue(`--${name}`).trim() || "#888";
    known = {
      paper: of("paper"),
      ink: of("ink"),
      muted: of("muted"),
      rule: of("rule"),
      faint: of("faint"),
      series: Array.from({ length: COLOURS }, (_, place) => of(`c${place}`)),
    };
  }
  return known;
}

/** The colour of text on a series' colour that is laid over the page in this part. */
export function inkOn(part: number): string {
  const { ink, paper } = theme();
  // the page is dark if its first digit is; text changes sides where both would be as legible
  const dark = /^#[0-7]/.test(paper);
  return part > (dark ? 0.62 : 0.8) ? paper : ink;
}

export function series(place: number): string {
  const colours = theme().series;
  return colours[place % colours.length] ?? "#888";
}

/** How often the colours have been gone through before this place. */
export function round(place: number): number {
  return Math.floor(place / COLOURS) % DASHES.length;
}

/** A line's colour, and its dash where another line has that colour. */
export function stroke(place: number): { colour: string; dash?: number[] } {
  const dash = DASHES[round(place)];
  return { colour: series(place), ...(dash ? { dash } : {}) };
}

export function onTheme(changed: () => void): void {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    known = null;
    changed();
  });
}
