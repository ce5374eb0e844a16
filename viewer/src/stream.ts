/** What meets without a weight: a stream channel's writers and readers, a query and its key. */

import type { StreamTree, WiringTree } from "./data";
import { button, el, name, table } from "./dom";
import type { Child } from "./dom";
import { number } from "./text";

interface Spot {
  layer: number;
  block: string;
  site: string;
  channel: string;
}

function spot(node: string): Spot | null {
  const match = /^(\d+)\.(attn|mlp)\.(\w+)\.(\d+)$/.exec(node);
  return match && { layer: Number(match[1]), block: match[2]!, site: match[3]!, channel: match[4]! };
}

/** Blocks in the order in which they run. */
function turn({ layer, block }: Spot): number {
  return 2 * layer + (block === "mlp" ? 1 : 0);
}

/** Nodes that give to this one, or that it gives to, without a weight. */
export function meeting(names: string[], node: string): { before: string[]; after: string[]; beside: string[] } {
  const own = spot(node);
  const found = { before: [] as string[], after: [] as string[], beside: [] as string[] };
  if (!own) return found;
  for (const other of names) {
    const its = spot(other);
    if (!its || its.channel !== own.channel) continue;
    if (own.site === "act_in" && its.site === "resid_delta" && turn(its) < turn(own)) found.before.push(other);
    if (own.site === "resid_delta" && its.site === "act_in" && turn(its) > turn(own)) found.after.push(other);
    const pair = own.site + its.site;
    if ((pair === "qk" || pair === "kq") && its.layer === own.layer) found.beside.push(other);
  }
  return found;
}

export function streamFacts(wiring: WiringTree, node: string, go: (node: string) => void): Child {
  const own = spot(node);
  if (!own) return null;
  const { before, after, beside } = meeting(wiring.names, node);
  const stream = wiring.layout?.streams.find((one) => String(one.channel) === own.channel);
  const link = (other: string) => button(el("code", {}, name(other)), () => go(other), { class: "link" });
  const rows = (nodes: string[], tokens: StreamTree["read"]) => [
    ...nodes.map((other) => [link(other), "–"]),
    ...tokens.map(([text, weight]) => [["token ", el("code", {}, name(text))], number(weight)]),
  ];
  const part = (title: string, lines: Child[][]) => lines.length > 0 && table(title, ["What", "Weight"], lines);
  const channel = `Channel ${own.channel} of the residual stream is`;
  return [
    own.site === "act_in" && part(`${channel} written before by`, rows(before, stream?.read ?? [])),
    own.site === "resid_delta" && part(`${channel} read later by`, rows(after, stream?.written ?? [])),
    part(own.site === "q" ? "This query meets the key" : "This key meets the query", rows(beside, [])),
  ];
}
