// A small plot of what happened in the last minutes: lines over time, drawn as SVG.

import { make, say, svg } from "./elements.js";
import { rate, span } from "./words.js";

export const WINDOW_MS = 5 * 60 * 1000;
const SHORTEST_MS = 60 * 1000;
const GAP_MS = 15 * 1000;

const HEIGHT = 150;
const EDGE = { top: 10, right: 8, bottom: 22, left: 40 };

/** Returns the smallest of 1, 2, 5, 10, … that is not less than `value`. */
function roof(value) {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

/** Returns points that belong together: what was only seen now and then is not known between. */
function runsOf(points, momentary) {
  const runs = [];
  for (const point of points) {
    const last = runs.at(-1)?.at(-1);
    if (last === undefined || (momentary && point.at - last.at > GAP_MS)) runs.push([point]);
    else runs.at(-1).push(point);
  }
  return runs;
}

/**
 * @param {string} title What it shows.
 * @param {{name: string, unit: string, momentary?: boolean, of: (point: object) => number}[]} lines
 *   The first one is filled. They are told apart by the classes `line-0`, `line-1`, and by their
 *   dashes. What is momentary says nothing of the time between two points.
 */
export class Plot {
  constructor(title, lines) {
    this.lines = lines;
    this.points = [];
    this.now = 0;
    this.window = SHORTEST_MS;
    this.canvas = svg("svg", { class: "plot", height: HEIGHT, role: "img" });
    this.legend = make("p", { class: "legend" });
    this.values = lines.map((line, index) => {
      const value = make("b");
      this.legend.append(
        make("span", { class: `key line-${index}` }, make("i"), `${line.name} `, value),
      );
      return value;
    });
    this.hint = make("p", { class: "hint", hidden: true });
    const stage = make("div", { class: "stage" }, this.canvas, this.hint);
    this.element = make("figure", { class: "card" }, make("figcaption", {}, title), this.legend, stage);
    this.title = title;
    new ResizeObserver(() => this.draw()).observe(stage);
    stage.addEventListener("pointermove", (event) => this.point(event));
    stage.addEventListener("pointerleave", () => this.unpoint());
  }

  show(points, now) {
    this.points = points;
    this.now = now;
    // As long as there is little to see, what there is has the room.
    const age = points.length ? now - points[0].at : 0;
    this.window = Math.min(Math.max(Math.ceil(age / SHORTEST_MS), 1) * SHORTEST_MS, WINDOW_MS);
    const last = points.at(-1);
    this.lines.forEach((line, index) => {
      say(this.values[index], last ? `${rate(line.of(last))}${line.unit}` : "–");
    });
    this.draw();
  }

  draw() {
    const width = this.canvas.parentElement?.clientWidth ?? 0;
    if (width < EDGE.left + EDGE.right + 20) return;
    const most = Math.max(0, ...this.points.flatMap((point) => this.lines.map((l) => l.of(point))));
    this.most = roof(most);
    this.width = width;
    const parts = [this.#grid(), ...this.lines.map((line, index) => this.#line(line, index))];
    this.canvas.replaceChildren(...parts.flat(), this.#mark());
    this.canvas.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.canvas.setAttribute("width", width);
    const told = this.lines.map((line, index) => `${line.name} ${this.values[index].textContent}`);
    const label = `${this.title}: now ${told.join(", ")}; at most ${rate(most)} in ${span(this.window)}`;
    this.canvas.setAttribute("aria-label", label);
  }

  x(at) {
    const inner = this.width - EDGE.left - EDGE.right;
    return EDGE.left + inner * (1 - (this.now - at) / this.window);
  }

  y(value) {
    return EDGE.top + (HEIGHT - EDGE.top - EDGE.bottom) * (1 - value / this.most);
  }

  #grid() {
    const right = this.width - EDGE.right;
    const parts = [0, 0.5, 1].flatMap((share) => {
      const y = this.y(share * this.most);
      return [
        svg("line", { class: "grid", x1: EDGE.left, x2: right, y1: y, y2: y }),
        svg("text", { x: EDGE.left - 6, y: y + 4, "text-anchor": "end" }, rate(share * this.most)),
      ];
    });
    const names = [
      [0, `${span(this.window)} ago`, "start"],
      [1, "now", "end"],
    ];
    for (const [share, name, anchor] of names) {
      const x = EDGE.left + share * (right - EDGE.left);
      parts.push(svg("text", { x, y: HEIGHT - 5, "text-anchor": anchor }, name));
    }
    return parts;
  }

  #line(line, index) {
    const shown = this.points.filter((point) => this.now - point.at <= this.window);
    if (shown.length === 0) return [];
    return runsOf(shown, line.momentary).flatMap((run) => {
      const spots = run.map((p) => `${this.x(p.at).toFixed(1)} ${this.y(line.of(p)).toFixed(1)}`);
      const path = `M${spots.join("L")}`;
      const parts = [svg("path", { class: `line line-${index}`, d: path })];
      if (index === 0) {
        const [first, last] = [this.x(run[0].at), this.x(run.at(-1).at)];
        const base = this.y(0);
        const area = `${path}L${last.toFixed(1)} ${base}L${first.toFixed(1)} ${base}Z`;
        parts.unshift(svg("path", { class: "area", d: area }));
      }
      return parts;
    });
  }

  #mark() {
    this.mark = svg("line", { class: "mark", y1: EDGE.top, y2: HEIGHT - EDGE.bottom, hidden: true });
    if (this.pointed !== undefined) this.#tell(this.pointed);
    else this.mark.setAttribute("visibility", "hidden");
    return this.mark;
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    this.pointed = event.clientX - box.left;
    this.#tell(this.pointed);
  }

  unpoint() {
    this.pointed = undefined;
    this.hint.hidden = true;
    this.mark?.setAttribute("visibility", "hidden");
  }

  #tell(x) {
    let nearest = null;
    for (const point of this.points) {
      if (this.now - point.at > this.window) continue;
      const far = Math.abs(this.x(point.at) - x);
      if (nearest === null || far < nearest.far) nearest = { far, point };
    }
    if (nearest === null || this.mark === undefined) return;
    const { point } = nearest;
    const at = this.x(point.at);
    this.mark.setAttribute("x1", at);
    this.mark.setAttribute("x2", at);
    this.mark.setAttribute("visibility", "visible");
    const told = this.lines.map((line) => `${line.name} ${rate(line.of(point))}${line.unit}`);
    say(this.hint, `${new Date(point.at).toLocaleTimeString("en")} · ${told.join(" · ")}`);
    this.hint.hidden = false;
    this.hint.classList.toggle("left", at > this.width / 2);
  }
}
