/** The state of the views in the address, so that a link restores it. */

export type State = Record<string, string>;

export function readHash(hash: string): State {
  const state: State = {};
  for (const [key, value] of new URLSearchParams(hash.replace(/^#/, ""))) {
    if (!(key in Object.prototype)) state[key] = value;
  }
  return state;
}

export function writeHash(state: State): string {
  const kept = Object.entries(state).filter(([, value]) => value !== "");
  return kept.length ? `#${new URLSearchParams(kept)}` : "";
}

/** The state as the views see it; changes go to the address without a new entry in the history. */
export class Store {
  constructor(private state: State) {}

  get(key: string, otherwise = ""): string {
    return this.state[key] ?? otherwise;
  }

  set(changes: State): void {
    this.state = { ...this.state, ...changes };
    const hash = writeHash(this.state);
    try {
      history.replaceState(null, "", hash || "#");
    } catch {
      location.hash = hash; // some readers of files allow no history
    }
  }

  read(hash: string): void {
    this.state = readHash(hash);
  }
}
