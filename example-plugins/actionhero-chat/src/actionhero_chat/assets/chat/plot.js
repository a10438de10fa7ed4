// A line plot of the last minute.

const WIDTH = 120;
const HEIGHT = 36;
const POINTS = 60;
const SVG = "http://www.w3.org/2000/svg";

/** A line in an `svg` element, and the newest value as text. */
export class Plot {
  #values = [];
  #line = document.createElementNS(SVG, "path");
  #area = document.createElementNS(SVG, "path");
  #output;
  #format;

  /**
   * @param {SVGElement} svg The element to draw in.
   * @param {HTMLOutputElement} output The element that shows the newest value.
   * @param {(value: number) => string} format Formats a value.
   */
  constructor(svg, output, format) {
    this.#output = output;
    this.#format = format;
    this.#area.classList.add("area");
    svg.append(this.#area, this.#line);
  }

  /**
   * @param {number | null} value The newest value; `null` if there is none.
   */
  add(value) {
    this.#values.push(value ?? 0);
    if (this.#values.length > POINTS) {
      this.#values.shift();
    }
    this.#output.value = value === null ? "–" : this.#format(value);
    const maximum = Math.max(1, ...this.#values) * 1.1;
    const first = POINTS - this.#values.length;
    const points = this.#values.map((each, index) => {
      const x = ((first + index) / (POINTS - 1)) * WIDTH;
      return `${x.toFixed(1)} ${(HEIGHT - (each / maximum) * HEIGHT).toFixed(1)}`;
    });
    const line = `M${points.join("L")}`;
    this.#line.setAttribute("d", line);
    const start = ((first / (POINTS - 1)) * WIDTH).toFixed(1);
    this.#area.setAttribute("d", `${line}L${WIDTH} ${HEIGHT}L${start} ${HEIGHT}Z`);
  }
}
