/** The page of a run that goes on loads itself anew, and comes back to where it was. */

import { button } from "./dom";

const KEY = "tapeout-scroll";
const IDLE = 1500;
const LOOKS = 250;

/** Starts it; gives what stops it. */
export function renewing(seconds: number): HTMLElement {
  let [touched, paused] = [-Infinity, false];
  for (const event of ["pointerdown", "pointermove", "keydown", "wheel", "input"]) {
    addEventListener(event, () => (touched = performance.now()), { passive: true, capture: true });
  }
  const started = performance.now();
  setInterval(() => {
    const now = performance.now();
    // not under somebody's hands, and not where nobody looks
    if (paused || document.hidden || now - started < 1000 * seconds || now - touched < IDLE) return;
    remember();
    location.reload();
  }, LOOKS);
  const pause = button("Stop renewing", () => {
    paused = !paused;
    pause.textContent = paused ? "Renew again" : "Stop renewing";
  }, { class: "renew" });
  return pause;
}

function remember(): void {
  try {
    sessionStorage.setItem(KEY, String(scrollY));
  } catch {
    // then the page starts at its top
  }
}

/** To where the page was before it loaded itself anew. */
export function comeBack(): void {
  try {
    const place = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    if (place !== null) scrollTo(0, Number(place));
  } catch {
    // as above
  }
}
