// A plot of lines over the last minutes, drawn as SVG.

import { create, createSvg, setText } from "./elements.js";
import { formatDuration, formatRate } from "./words.js";

export const WINDOW_MS = 60 * 60 * 1000;
const MIN_WINDOW_MS = 60 * 1000;
const MAX_GAP_MS = 15 * 1000;

const HEIGHT = 150;
const MARGIN = { top: 10, right: 8, bottom: 22, left: 40 };

/** Returns the maximum of an axis: the smallest of 1, 2, 5, 10, … that is not less than `value`. */
function axisMaximum(value) {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

/** Returns the connected segments of a line. A momentary value is not interpolated over a gap. */
function segmentsOf(points, isMomentary) {
  const segments = [];
  for (const point of points) {
    const last = segments.at(-1)?.at(-1);
    if (last === undefined || (isMomentary && point.at - last.at > MAX_GAP_MS)) segments.push([point]);
    else segments.at(-1).push(point);
  }
  return segments;
}

export class Plot {
  /**
   * @param {string} title
   * @param {{name: string, unit: string, isMomentary?: boolean, getValue: (point: object) => number}[]} lines
   *   The first line is filled. The classes `line-0`, `line-1` define their colours and dashes. A
   *   momentary value is not interpolated over gaps.
   */
  constructor(title, lines) {
    this.lines = lines;
    this.points = [];
    this.now = 0;
    this.windowMs = MIN_WINDOW_MS;
    this.canvas = createSvg("svg", { class: "plot", height: HEIGHT, role: "img" });
    this.legend = create("p", { class: "legend" });
    this.values = lines.map((line, index) => {
      const value = create("b");
      this.legend.append(
        create("span", { class: `key line-${index}` }, create("i"), `${line.name} `, value),
      );
      return value;
    });
    this.hint = create("p", { class: "hint", hidden: true });
    const stage = create("div", { class: "stage" }, this.canvas, this.hint);
    this.element = create("figure", { class: "card" }, create("figcaption", {}, title), this.legend, stage);
    this.title = title;
    new ResizeObserver(() => this.draw()).observe(stage);
    stage.addEventListener("pointermove", (event) => this.#movePointer(event));
    stage.addEventListener("pointerleave", () => this.#hideHint());
  }

  show(points, now) {
    this.points = points;
    this.now = now;
    // The window grows with the age of the first point.
    const age = points.length ? now - points[0].at : 0;
    const minutes = Math.max(Math.ceil(age / MIN_WINDOW_MS), 1);
    this.windowMs = Math.min(minutes * MIN_WINDOW_MS, WINDOW_MS);
    const last = points.at(-1);
    this.lines.forEach((line, index) => {
      setText(this.values[index], last ? `${formatRate(line.getValue(last))}${line.unit}` : "–");
    });
    this.draw();
  }

  draw() {
    const width = this.canvas.parentElement?.clientWidth ?? 0;
    if (width < MARGIN.left + MARGIN.right + 20) return;
    const values = this.points.flatMap((point) => this.lines.map((line) => line.getValue(point)));
    const maximum = Math.max(0, ...values);
    this.maximum = axisMaximum(maximum);
    this.width = width;
    const parts = [this.#createGrid(), ...this.lines.map((line, index) => this.#createLine(line, index))];
    this.canvas.replaceChildren(...parts.flat(), this.#createMarker());
    this.canvas.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.canvas.setAttribute("width", width);
    const current = this.lines.map((line, index) => `${line.name} ${this.values[index].textContent}`);
    const peak = `at most ${formatRate(maximum)} in ${formatDuration(this.windowMs)}`;
    const label = `${this.title}: now ${current.join(", ")}; ${peak}`;
    this.canvas.setAttribute("aria-label", label);
  }

  x(at) {
    const inner = this.width - MARGIN.left - MARGIN.right;
    return MARGIN.left + inner * (1 - (this.now - at) / this.windowMs);
  }

  y(value) {
    return MARGIN.top + (HEIGHT - MARGIN.top - MARGIN.bottom) * (1 - value / this.maximum);
  }

  #createGrid() {
    const right = this.width - MARGIN.right;
    const parts = [0, 0.5, 1].flatMap((share) => {
      const y = this.y(share * this.maximum);
      return [
        createSvg("line", { class: "grid", x1: MARGIN.left, x2: right, y1: y, y2: y }),
        createSvg("text", { x: MARGIN.left - 6, y: y + 4, "text-anchor": "end" }, formatRate(share * this.maximum)),
      ];
    });
    const labels = [
      [0, `${formatDuration(this.windowMs)} ago`, "start"],
      [1, "now", "end"],
    ];
    for (const [share, label, anchor] of labels) {
      const x = MARGIN.left + share * (right - MARGIN.left);
      parts.push(createSvg("text", { x, y: HEIGHT - 5, "text-anchor": anchor }, label));
    }
    return parts;
  }

  #createLine(line, index) {
    const visible = this.points.filter((point) => this.now - point.at <= this.windowMs);
    return segmentsOf(visible, line.isMomentary).flatMap((segment) => {
      const coordinates = segment.map(
        (point) => `${this.x(point.at).toFixed(1)} ${this.y(line.getValue(point)).toFixed(1)}`,
      );
      const path = `M${coordinates.join("L")}`;
      const parts = [createSvg("path", { class: `line line-${index}`, d: path })];
      if (index === 0) {
        const [first, last] = [this.x(segment[0].at), this.x(segment.at(-1).at)];
        const base = this.y(0);
        const area = `${path}L${last.toFixed(1)} ${base}L${first.toFixed(1)} ${base}Z`;
        parts.unshift(createSvg("path", { class: "area", d: area }));
      }
      return parts;
    });
  }

  // -- the values at the pointer ---------------------------------------------------------------

  #createMarker() {
    const [y1, y2] = [MARGIN.top, HEIGHT - MARGIN.bottom];
    this.marker = createSvg("line", { class: "marker", y1, y2, hidden: true });
    if (this.pointerX !== undefined) this.#showHint(this.pointerX);
    else this.marker.setAttribute("visibility", "hidden");
    return this.marker;
  }

  #movePointer(event) {
    const box = this.canvas.getBoundingClientRect();
    this.pointerX = event.clientX - box.left;
    this.#showHint(this.pointerX);
  }

  #hideHint() {
    this.pointerX = undefined;
    this.hint.hidden = true;
    this.marker?.setAttribute("visibility", "hidden");
  }

  #showHint(x) {
    let nearest = null;
    for (const point of this.points) {
      if (this.now - point.at > this.windowMs) continue;
      const distance = Math.abs(this.x(point.at) - x);
      if (nearest === null || distance < nearest.distance) nearest = { distance, point };
    }
    if (nearest === null || this.marker === undefined) return;
    const { point } = nearest;
    const at = this.x(point.at);
    this.marker.setAttribute("x1", at);
    this.marker.setAttribute("x2", at);
    this.marker.setAttribute("visibility", "visible");
    const time = new Date(point.at).toLocaleTimeString("en");
    const values = this.lines.map((line) => `${line.name} ${formatRate(line.getValue(point))}${line.unit}`);
    setText(this.hint, [time, ...values].join(" · "));
    this.hint.hidden = false;
    this.hint.classList.toggle("left", at > this.width / 2);
  }
}
