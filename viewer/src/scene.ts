/** A picture as a list of shapes, drawn on a canvas or written as SVG by the same code. */

export type Paint = { fill?: string; stroke?: string; width?: number; dash?: number[]; opacity?: number };

export type Shape =
  | ({ is: "circle"; x: number; y: number; r: number } & Common)
  | ({ is: "rect"; x: number; y: number; w: number; h: number; rx?: number } & Common)
  | ({ is: "path"; d: Point[]; curved?: boolean } & Common)
  | ({ is: "area"; d: Point[] } & Common)
  | ({ is: "text"; x: number; y: number; words: string; size?: number; anchor?: Anchor; bold?: boolean; upright?: boolean } & Common);

export type Point = [x: number, y: number];
export type Anchor = "start" | "middle" | "end";
type Common = Paint & { title?: string };

export interface Scene {
  width: number;
  height: number;
  shapes: Shape[];
}

export interface View {
  scale: number;
  x: number;
  y: number;
}

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** From a node on the left to one on the right: leaves and arrives level. */
export function curve([a, b]: Point, [c, d]: Point): [Point, Point] {
  const bend = Math.max(Math.abs(c - a) * 0.5, 12);
  return [[a + bend, b], [c - bend, d]];
}

export function paint(context: CanvasRenderingContext2D, shapes: Iterable<Shape>): void {
  for (const shape of shapes) {
    context.globalAlpha = shape.opacity ?? 1;
    if (shape.is === "text") {
      write(context, shape);
      continue;
    }
    if (shape.is === "rect" && !shape.rx && !shape.stroke) {
      // most of a large circuit: a path for each would take several times as long
      context.fillStyle = shape.fill ?? "#000";
      context.fillRect(shape.x, shape.y, shape.w, shape.h);
      continue;
    }
    trace(context, shape);
    if (shape.fill) {
      context.fillStyle = shape.fill;
      context.fill();
    }
    if (shape.stroke) {
      context.strokeStyle = shape.stroke;
      context.lineWidth = shape.width ?? 1;
      context.setLineDash(shape.dash ?? []);
      context.stroke();
    }
  }
  context.globalAlpha = 1;
}

function write(context: CanvasRenderingContext2D, shape: Extract<Shape, { is: "text" }>): void {
  context.font = `${shape.bold ? 600 : 400} ${shape.size ?? 12}px ${FONT}`;
  context.textAlign = shape.anchor === "middle" ? "center" : shape.anchor ?? "start";
  context.save();
  context.translate(shape.x, shape.y);
  if (shape.upright) context.rotate(-Math.PI / 2);
  if (shape.stroke) {
    context.lineWidth = shape.width ?? 3;
    context.strokeStyle = shape.stroke;
    context.lineJoin = "round";
    context.setLineDash([]);
    context.strokeText(shape.words, 0, 0);
  }
  context.fillStyle = shape.fill ?? "#000";
  context.fillText(shape.words, 0, 0);
  context.restore();
}

function trace(context: CanvasRenderingContext2D, shape: Exclude<Shape, { is: "text" }>): void {
  context.beginPath();
  if (shape.is === "circle") context.arc(shape.x, shape.y, shape.r, 0, 2 * Math.PI);
  else if (shape.is === "rect") context.roundRect(shape.x, shape.y, shape.w, shape.h, shape.rx ?? 0);
  else {
    shape.d.forEach(([x, y], place) => {
      const before = shape.d[place - 1];
      if (!before) context.moveTo(x, y);
      else if (shape.is === "path" && shape.curved) {
        const [from, to] = curve(before, [x, y]);
        context.bezierCurveTo(...from, ...to, x, y);
      } else context.lineTo(x, y);
    });
    if (shape.is === "area") context.closePath();
  }
}

const SVG = "http://www.w3.org/2000/svg";

/** Styles are attributes, since a policy allows no style elements and a file of its own has none. */
export function svg(scene: Scene, label: string): SVGSVGElement {
  const root = element("svg", {
    xmlns: SVG,
    viewBox: `0 0 ${round(scene.width)} ${round(scene.height)}`,
    width: round(scene.width),
    height: round(scene.height),
    role: "img",
    "aria-label": label,
    "font-family": FONT,
  }) as SVGSVGElement;
  for (const shape of scene.shapes) root.append(drawn(shape));
  return root;
}

function drawn(shape: Shape): SVGElement {
  const made = bare(shape);
  made.setAttribute("fill", shape.fill ?? "none");
  if (shape.stroke) {
    made.setAttribute("stroke", shape.stroke);
    made.setAttribute("stroke-width", String(shape.width ?? 1));
  }
  if (shape.dash?.length) made.setAttribute("stroke-dasharray", shape.dash.join(" "));
  if (shape.opacity !== undefined) made.setAttribute("opacity", String(shape.opacity));
  if (shape.title) {
    const title = element("title", {});
    title.textContent = shape.title;
    made.append(title);
  }
  return made;
}

function bare(shape: Shape): SVGElement {
  switch (shape.is) {
    case "circle":
      return element("circle", { cx: round(shape.x), cy: round(shape.y), r: round(shape.r) });
    case "rect": {
      const { x, y, w, h, rx } = shape;
      return element("rect", { x: round(x), y: round(y), width: round(w), height: round(h), rx: rx ?? 0 });
    }
    case "text": {
      const { x, y, size, anchor, bold, upright, words } = shape;
      const made = element("text", { x: round(x), y: round(y), "font-size": size ?? 12 });
      if (anchor) made.setAttribute("text-anchor", anchor);
      if (upright) made.setAttribute("transform", `rotate(-90 ${round(x)} ${round(y)})`);
      if (bold) made.setAttribute("font-weight", "600");
      if (shape.stroke) made.setAttribute("paint-order", "stroke");
      made.textContent = words;
      return made;
    }
    default:
      return element("path", { d: path(shape) });
  }
}

function path(shape: Extract<Shape, { d: Point[] }>): string {
  const parts = shape.d.map(([x, y], place) => {
    const before = shape.d[place - 1];
    if (!before) return `M${round(x)} ${round(y)}`;
    if (shape.is === "path" && shape.curved) {
      const [from, to] = curve(before, [x, y]);
      return `C${[...from, ...to, x, y].map(round).join(" ")}`;
    }
    return `L${round(x)} ${round(y)}`;
  });
  return parts.join("") + (shape.is === "area" ? "Z" : "");
}

function element(name: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "xmlns") continue; // written by the serialiser
    made.setAttribute(key, String(value));
  }
  return made;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
