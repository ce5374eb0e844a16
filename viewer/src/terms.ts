/** What stages call the numbers that they report step by step, in words. */

import { short } from "./text";

type Term = [words: string, unit?: string];

const LOSS = "nats";
/** By the kind of stage; terms that no kind names have their own name for words. */
const TERMS: Record<string, Record<string, Term>> = {
  condition: {
    ce: ["cross-entropy on the task", LOSS],
    kl: ["KL from the base on the task", LOSS],
    anchor: ["KL from the base on the anchors", LOSS],
    masked: ["cross-entropy with the circuit alone", LOSS],
    loss: ["weighted sum", LOSS],
    share: ["share kept"],
  },
  mask: {
    loss: ["objective and size"],
    objective: ["objective"],
    share: ["share of gates open"],
    changed: ["opened or closed"],
  },
  train: {
    loss: ["loss", LOSS],
    validation: ["loss on validation", LOSS],
    rms: ["root mean square of the gradient"],
    rate: ["learning rate"],
    density: ["share of weights that are not zero"],
  },
  amplify: {
    loss: ["loss"],
    difference: ["difference of logits"],
    gradient: ["norm of the gradient"],
  },
  tune: {
    loss: ["loss", LOSS],
    gradient: ["norm of the gradient"],
    learning_rate: ["learning rate"],
  },
};

function known(kind: string, term: string): Term | undefined {
  const terms = Object.hasOwn(TERMS, kind) ? TERMS[kind]! : {};
  return Object.hasOwn(terms, term) ? terms[term] : undefined;
}

export function termWords(kind: string, term: string): string {
  return known(kind, term)?.[0] ?? term.replaceAll("_", " ");
}

/** What the axis of these terms measures; `room` is how many letters it has place for. */
export function axisWords(kind: string, terms: string[], room: number): string {
  const units = new Set(terms.map((term) => known(kind, term)?.[1] ?? ""));
  const unit = units.size === 1 ? [...units][0]! : "";
  const names = [...new Set(terms.map((term) => termWords(kind, term)))].join("; ");
  const whole = unit ? `${names}, ${unit}` : names;
  if (whole.length <= room || terms.length < 2) return short(whole, room);
  return unit ? `${terms.length} curves, ${unit}` : `${terms.length} curves, each in its own unit`;
}
