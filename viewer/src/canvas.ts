/** A picture that can be moved and enlarged, by mouse, fingers and keys. */

import { el } from "./dom";
import { paint } from "./scene";
import type { Point, Shape, View } from "./scene";
import { theme } from "./theme";
import { opened, revealed, whole } from "./viewport";
import type { Extent } from "./viewport";

const CLOSEST = 24;
const STEP = 1.25;
/** What is drawn beyond each edge, as a part of what is in sight. */
const MARGIN = 0.4;
const SETTLES = 120;

export class Board {
  readonly canvas: HTMLCanvasElement;
  private shapes: Shape[] = [];
  private extent: Extent = { size: [1, 1], letters: 1 };
  private at: Point | undefined;
  private view: View = { scale: 1, x: 0, y: 0 };
  /** What the view keeps to when the picture or the screen gets another size; none after a reader moved it. */
  private held: "opened" | "whole" | "moved" = "opened";
  private waiting = false;
  /** Whether its size is known; before, drawing is in vain. */
  private measured = false;
  private readonly sheet = el("canvas");
  private drawn: { shapes: Shape[]; view: View } | null = null;
  private hurried = false;
  private settling = 0;
  private readonly fingers = new Map<number, Point>();
  private moved = 0;

  constructor(
    label: string,
    private readonly pick: (at: Point, reach: number) => void,
    private readonly key: (key: string) => boolean,
    private readonly tell: (at: Point, reach: number) => string,
  ) {
    this.canvas = el("canvas", { class: "board", tabindex: 0, role: "img", "aria-label": label });
    this.listen();
    new ResizeObserver(() => this.resized()).observe(this.canvas);
  }

  /** New content; the view stays unless the picture is of another size. It opens with `at` in sight. */
  show(shapes: Shape[], extent: Extent, at?: Point): void {
    const same = this.extent.size.every((long, axis) => long === extent.size[axis]);
    this.shapes = shapes;
    this.extent = extent;
    this.at = at;
    if (!same && this.held === "moved") this.held = "opened";
    if (same) this.draw();
    else this.hold();
  }

  /** The whole picture, or if that is what is seen, how it was opened. */
  fit(): void {
    this.held = this.held === "whole" ? "opened" : "whole";
    this.hold();
  }

  private hold(): void {
    const { canvas, extent } = this;
    if (!canvas.clientWidth) return;
    if (this.held === "opened") {
      const most = Number.parseFloat(getComputedStyle(canvas).maxHeight) || canvas.clientHeight;
      const { view, height } = opened(extent, canvas.clientWidth, most, this.at);
      this.view = view;
      canvas.style.height = `${height}px`;
    } else if (this.held === "whole") this.view = whole(extent, canvas.clientWidth, canvas.clientHeight);
    this.draw();
  }

  /** Bring a place of the picture into sight. */
  reveal(at: Point): void {
    const { clientWidth: w, clientHeight: h } = this.canvas;
    const { x, y } = this.view;
    this.view = revealed(this.view, this.extent, w, h, at);
    if (this.view.x !== x || this.view.y !== y) this.held = "moved";
    this.draw();
  }

  zoom(factor: number, around?: Point): void {
    const [x, y] = around ?? [this.canvas.clientWidth / 2, this.canvas.clientHeight / 2];
    const scale = Math.min(Math.max(this.view.scale * factor, 0.02), CLOSEST);
    const real = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * real, y: y - (y - this.view.y) * real };
    this.held = "moved";
    this.hurry();
    this.draw();
  }

  pan(x: number, y: number): void {
    this.view.x += x;
    this.view.y += y;
    this.held = "moved";
    this.draw();
  }

  draw(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paintNow();
    });
  }

  /** Moves what is drawn already, and draws anew where that does not reach or is of another size. */
  private paintNow(): void {
    const context = this.canvas.getContext("2d");
    if (!context || !this.measured) return;
    const { clientWidth: w, clientHeight: h } = this.canvas;
    const { view, drawn } = this;
    const reaches = (now: number, then: number, long: number) => Math.abs(now - then) <= MARGIN * long;
    const same = drawn?.shapes === this.shapes && drawn.view.scale === view.scale;
    const hurried = this.hurried && drawn?.shapes === this.shapes;
    if (!hurried && !(same && reaches(view.x, drawn.view.x, w) && reaches(view.y, drawn.view.y, h))) this.render(w, h);
    const from = this.drawn?.view;
    if (!from) return;
    const by = view.scale / from.scale;
    context.fillStyle = theme().paper;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    const sharp = this.sharpness();
    const at = (now: number, then: number, long: number) => (now - (then + MARGIN * long) * by) * sharp;
    const { width, height } = this.sheet;
    context.drawImage(this.sheet, at(view.x, from.x, w), at(view.y, from.y, h), width * by, height * by);
  }

  /** Onto a sheet that is larger than what is in sight. */
  private render(w: number, h: number): void {
    const sharp = this.sharpness();
    const part = 1 + 2 * MARGIN;
    this.sheet.width = Math.max(Math.round(w * part * sharp), 1);
    this.sheet.height = Math.max(Math.round(h * part * sharp), 1);
    const context = this.sheet.getContext("2d");
    if (!context) return;
    context.fillStyle = theme().paper;
    context.fillRect(0, 0, this.sheet.width, this.sheet.height);
    const { scale } = this.view;
    const [x, y] = [this.view.x + MARGIN * w, this.view.y + MARGIN * h];
    context.setTransform(scale * sharp, 0, 0, scale * sharp, x * sharp, y * sharp);
    const low: Point = [-x / scale, -y / scale];
    const high: Point = [(w * part - x) / scale, (h * part - y) / scale];
    paint(context, this.shapes.filter((shape) => inside(shape, low, high)));
    this.drawn = { shapes: this.shapes, view: { ...this.view } };
  }

  /** While it is being enlarged, what is there is stretched; it is drawn sharply a moment later. */
  private hurry(): void {
    this.hurried = true;
    clearTimeout(this.settling);
    this.settling = window.setTimeout(() => {
      this.hurried = false;
      this.draw();
    }, SETTLES);
  }

  private sharpness(): number {
    return Math.min(window.devicePixelRatio || 1, 2);
  }

  private resized(): void {
    this.measured = true;
    const sharp = this.sharpness();
    this.canvas.width = Math.max(Math.round(this.canvas.clientWidth * sharp), 1);
    this.canvas.height = Math.max(Math.round(this.canvas.clientHeight * sharp), 1);
    this.drawn = null;
    // a height that is set while sizes are being observed would be an error of the page
    requestAnimationFrame(() => this.hold());
  }

  private listen(): void {
    const { canvas } = this;
    canvas.addEventListener("wheel", (event) => {
      // the page scrolls past a picture that nobody has touched
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), this.place(event));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.fingers.set(event.pointerId, this.place(event));
      if (this.fingers.size === 1) this.moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => this.dragged(event));
    canvas.addEventListener("pointerup", (event) => {
      if (this.fingers.size === 1 && this.moved < 5) this.picked(event);
      this.fingers.delete(event.pointerId);
    });
    canvas.addEventListener("pointercancel", (event) => this.fingers.delete(event.pointerId));
    canvas.addEventListener("keydown", (event) => this.pressed(event));
  }

  private dragged(event: PointerEvent): void {
    const before = this.fingers.get(event.pointerId);
    if (!before) {
      this.canvas.title = this.tell(...this.real(event));
      return;
    }
    const here = this.place(event);
    const [x, y] = [here[0] - before[0], here[1] - before[1]];
    this.moved += Math.hypot(x, y);
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    this.fingers.set(event.pointerId, here);
    if (other) {
      const apart = Math.hypot(before[0] - other[0], before[1] - other[1]) || 1;
      this.zoom(Math.hypot(here[0] - other[0], here[1] - other[1]) / apart, other);
    } else if (this.moved >= 5) this.pan(x, y);
  }

  private picked(event: PointerEvent): void {
    this.pick(...this.real(event));
  }

  /** A place in the picture, and how far around it counts. */
  private real(event: MouseEvent): [at: Point, reach: number] {
    const [x, y] = this.place(event);
    const { scale } = this.view;
    return [[(x - this.view.x) / scale, (y - this.view.y) / scale], 7 / scale];
  }

  private pressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves: Record<string, () => void> = {
      ArrowLeft: () => this.pan(40, 0),
      ArrowRight: () => this.pan(-40, 0),
      ArrowUp: () => this.pan(0, 40),
      ArrowDown: () => this.pan(0, -40),
      "+": () => this.zoom(STEP),
      "=": () => this.zoom(STEP),
      "-": () => this.zoom(1 / STEP),
      "0": () => this.fit(),
    };
    const move = moves[event.key];
    if (move) move();
    if (move || this.key(event.key)) event.preventDefault();
  }

  private place(event: MouseEvent): Point {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
}

/** Whether something of a shape may be in sight; text is always drawn. */
function inside(shape: Shape, [left, top]: Point, [right, bottom]: Point): boolean {
  switch (shape.is) {
    case "circle":
      return shape.x + shape.r >= left && shape.x - shape.r <= right && shape.y + shape.r >= top && shape.y - shape.r <= bottom;
    case "rect":
      return shape.x + shape.w >= left && shape.x <= right && shape.y + shape.h >= top && shape.y <= bottom;
    default:
      return true;
  }
}
