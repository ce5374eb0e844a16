/** A pair of traces as text, with the token that turns one into the other marked. */

import { el, name } from "./dom";
import type { Child } from "./dom";
import type { PairTree } from "./results";
import { short } from "./text";

/** White space of a token to be seen; a token is short, and may be nothing else. */
export function seen(token: string): string {
  return token.replaceAll("\n", "⏎").replaceAll(" ", "␣").replaceAll("\u00a0", "⍽");
}

/** The token that leads to the right answer, and the other. */
export function sides(pair: PairTree): { desired: string; undesired: string } {
  return pair.greedy_right
    ? { desired: pair.greedy, undesired: pair.sampled }
    : { desired: pair.sampled, undesired: pair.greedy };
}

export function pairText(pair: PairTree): Child[] {
  const { desired, undesired } = sides(pair);
  const sampledRight = !pair.greedy_right;
  const verdict = (right: boolean) => el("span", { class: right ? "right" : "wrong" }, right ? "ends right" : "ends wrong");
  const token = (text: string, right: boolean) => el("code", { class: right ? "right" : "wrong" }, name(seen(text)));
  const facts: [string, Child][] = [
    ["Question", el("span", { class: "prose" }, name(pair.question))],
    ["Right answer", name(pair.answer)],
    ["Desired", [token(desired, true), pair.greedy_right ? " what greedy decoding writes here" : " what the sample wrote"]],
    ["Undesired", [token(undesired, false), pair.greedy_right ? " what the sample wrote" : " what greedy decoding writes here"]],
  ];
  return [
    el("dl", {}, facts.map(([term, what]) => el("div", {}, el("dt", {}, term), el("dd", {}, what)))),
    el("h4", {}, "The sampled trace ", verdict(sampledRight)),
    el("p", { class: "prose trace" },
      name(pair.before),
      el("mark", { class: sampledRight ? "right" : "wrong" }, name(pair.sampled.trim() ? pair.sampled : seen(pair.sampled))),
      name(pair.after)),
    el("h4", {}, "The greedy trace ", verdict(pair.greedy_right)),
    el("p", { class: "prose trace" }, name(pair.greedy_trace)),
  ];
}

/** A pair in a line: where it parts. */
export function line(pair: PairTree): string {
  const { desired, undesired } = sides(pair);
  return `${seen(short(undesired, 20))} → ${seen(short(desired, 20))}`;
}
