/** Pictures and tables as files. */

import { button, el } from "./dom";
import { paint, svg } from "./scene";
import type { Scene } from "./scene";
import { isolated } from "./text";
import { theme } from "./theme";

const SHARPNESS = 2;
const MOST_PIXELS = 8192;

function save(blob: Blob, file: string): void {
  const address = URL.createObjectURL(blob);
  const link = el("a", { href: address, download: file.replace(/[^\w.-]+/g, "-") });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function backed(scene: Scene): Scene {
  const { width, height, shapes } = scene;
  const paper = { is: "rect", x: 0, y: 0, w: width, h: height, fill: theme().paper } as const;
  return { width, height, shapes: [paper, ...shapes] };
}

export function saveSvg(scene: Scene, file: string): void {
  const text = new XMLSerializer().serializeToString(svg(backed(scene), file));
  save(new Blob([text], { type: "image/svg+xml" }), `${file}.svg`);
}

export function savePng(scene: Scene, file: string): void {
  const scale = Math.min(SHARPNESS, MOST_PIXELS / Math.max(scene.width, scene.height));
  const canvas = el("canvas", {
    width: Math.ceil(scene.width * scale),
    height: Math.ceil(scene.height * scale),
  });
  const context = canvas.getContext("2d");
  if (!context) return;
  context.scale(scale, scale);
  paint(context, backed(scene).shapes);
  canvas.toBlob((blob) => blob && save(blob, `${file}.png`), "image/png");
}

export type Value = string | number | null;

/** As RFC 4180 has it. A cell that a spreadsheet would run as a formula gets an apostrophe. */
export function csv(head: string[], rows: Value[][]): string {
  const cell = (value: Value): string => {
    if (value === null) return "";
    if (typeof value === "number") return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

export function saveCsv(head: string[], rows: Value[][], file: string): void {
  save(new Blob([csv(head, rows)], { type: "text/csv;charset=utf-8" }), `${file}.csv`);
}

/** `what` tells a picture from another one beside it. */
export function pictureButtons(scene: () => Scene, file: string, what = ""): HTMLElement {
  return el("span", { class: "saves" },
    what !== "" && el("span", {}, what),
    button("SVG", () => saveSvg(scene(), file), { "aria-label": `Save ${isolated(file)} as SVG` }),
    button("PNG", () => savePng(scene(), file), { "aria-label": `Save ${isolated(file)} as PNG` }));
}

export function tableButton(head: string[], rows: () => Value[][], file: string): HTMLElement {
  return button("CSV", () => saveCsv(head, rows(), file), { "aria-label": `Save ${isolated(file)} as CSV` });
}
