/** What parts of a model are called, as the page's sections call them. */

import { joined } from "./text";

const PARTS: Record<string, string> = {
  "layer:block": "layers",
  "embed:block": "embedding",
  "embed:channel": "embedding channels",
  "attn.act_in:channel": "attention input channels",
  "attn.q:head": "query heads",
  "attn.k:head": "key heads",
  "attn.v:head": "value heads",
  "attn.z:head": "attention heads",
  "attn.q:channel": "query channels",
  "attn.k:channel": "key channels",
  "attn.v:channel": "value channels",
  "attn.z:channel": "attention result channels",
  "attn.resid_delta:block": "attention blocks",
  "attn.resid_delta:channel": "attention output channels",
  "mlp.act_in:channel": "MLP input channels",
  "mlp.post_act:channel": "MLP channels",
  "mlp.resid_delta:block": "MLP blocks",
  "mlp.resid_delta:channel": "MLP output channels",
};

/** The parts of a universe in words; one without words of its own stays as it is. */
export function universeWords(spec: string): string {
  const parts = spec.split(",").map((own) => own.trim()).filter((own) => own !== "");
  const words = (part: string) => (Object.hasOwn(PARTS, part) ? PARTS[part]! : null);
  return joined(parts.map((own) => words(own.includes(":") ? own : `${own}:channel`) ?? own));
}
