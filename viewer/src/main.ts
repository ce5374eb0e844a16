/** The page's interactive views, beside its sections, as tabs. */

import { AmplifyView } from "./amplify";
import { CircuitView } from "./circuit";
import { CompareView } from "./compare";
import { ConditioningView } from "./conditioning";
import type { Tree } from "./data";
import { DecomposeView } from "./decompose";
import { append, el } from "./dom";
import { Store, readHash } from "./hash";
import { Run } from "./model";
import "./style.css";
import { comeBack, renewing } from "./renew";
import { onTheme } from "./theme";
import { TrainView } from "./train";
import { inflate, parse } from "./unpack";

const SCHEMA_VERSION = 1;

interface View {
  readonly element: HTMLElement;
  update(): void;
  recolour(): void;
}

interface Tab {
  id: string;
  words: string;
  panel: HTMLElement;
  view: View | null;
}

class Pages {
  private readonly bar = el("div", { role: "tablist", "aria-label": "Views", class: "tabs" });
  private readonly tabs: Tab[] = [];
  private readonly buttons = new Map<string, HTMLButtonElement>();

  constructor(
    overview: HTMLElement,
    private readonly store: Store,
  ) {
    overview.before(el("nav", { class: "views" }, this.bar));
    this.add("overview", "Overview", overview, null);
    addEventListener("hashchange", () => {
      this.store.read(location.hash);
      this.show();
    });
    onTheme(() => this.current().view?.recolour());
  }

  add(id: string, words: string, panel: HTMLElement, view: View | null): void {
    panel.id ||= `view-${id}`;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", `tab-${id}`);
    const tab = el("button", {
      type: "button", role: "tab", id: `tab-${id}`, "aria-controls": panel.id,
      onclick: () => this.go(id), onkeydown: (event: KeyboardEvent) => this.key(event, id),
    }, words);
    this.buttons.set(id, tab);
    this.bar.append(tab);
    this.tabs.push({ id, words, panel, view });
  }

  go(id: string): void {
    this.store.set({ view: id === "overview" ? "" : id });
    this.show();
  }

  show(): void {
    const chosen = this.current();
    for (const tab of this.tabs) {
      const own = tab === chosen;
      tab.panel.hidden = !own;
      this.buttons.get(tab.id)!.setAttribute("aria-selected", String(own));
      this.buttons.get(tab.id)!.tabIndex = own ? 0 : -1;
    }
    document.body.classList.toggle("wide", chosen.view !== null);
    chosen.view?.update();
  }

  private current(): Tab {
    return this.tabs.find((tab) => tab.id === this.store.get("view")) ?? this.tabs[0]!;
  }

  private key(event: KeyboardEvent, id: string): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const place = this.tabs.findIndex((tab) => tab.id === id);
    const next = this.tabs[(place + step + this.tabs.length) % this.tabs.length]!;
    this.go(next.id);
    this.buttons.get(next.id)!.focus();
    event.preventDefault();
  }
}

async function start(): Promise<void> {
  performance.mark("views-start");
  const block = document.getElementById("tapeout-data");
  const overview = document.querySelector("main");
  if (!block || !overview) return;
  const { tree, arrays } = parse<Tree>(await inflate(block.textContent ?? ""));
  block.remove();
  if (tree.schema_version !== SCHEMA_VERSION) throw new Error(`data of schema ${tree.schema_version}`);
  const run = new Run(tree, arrays);
  const store = new Store(readHash(location.hash));
  const pages = new Pages(overview, store);
  const views: [string, string, View | null][] = [
    ["circuit", "Circuit", run.circuits.length ? new CircuitView(run, store) : null],
    ["compare", "Compare", CompareView.serves(run) ? new CompareView(run, store) : null],
    ["train", "Train", tree.curves.length ? new TrainView(run, store) : null],
    ["conditioning", "Conditioning", ConditioningView.serves(run) ? new ConditioningView(run, store) : null],
    ["amplify", "Amplify", AmplifyView.serves(run) ? new AmplifyView(run, store) : null],
    ["decompose", "Decompose", DecomposeView.serves(run) ? new DecomposeView(run, store) : null],
  ];
  for (const [id, words, view] of views) {
    if (!view) continue;
    const panel = el("section", { class: "view", tabindex: -1 }, el("h2", { class: "unseen" }, words), view.element);
    const left = tree.left_out.length > 0 && el("details", { class: "left" },
      el("summary", {}, "Not in this page"), el("ul", {}, tree.left_out.map((note) => el("li", {}, el("bdi", {}, note)))));
    append(panel, [left]);
    document.querySelector("footer")?.before(panel);
    pages.add(id, words, panel, view);
  }
  pages.show();
  if (tree.renew) document.querySelector(".views")?.append(document.querySelector(".live") ?? "", renewing(tree.renew));
  comeBack();
  performance.mark("views-ready");
  document.documentElement.dataset["views"] = "ready";
}

start().catch((error: unknown) => {
  const words = error instanceof Error ? error.message : String(error);
  document.querySelector("main")?.before(
    el("p", { class: "broken", role: "alert" }, `The interactive views cannot be shown here: ${words}. The rest of the page is whole.`));
  document.documentElement.dataset["views"] = "broken";
});
