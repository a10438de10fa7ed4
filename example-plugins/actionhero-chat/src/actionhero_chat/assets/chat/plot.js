// A small plot of the last minute, drawn as it comes.

const WIDTH = 120;
const HEIGHT = 36;
const POINTS = 60;
const SVG = "http://www.w3.org/2000/svg";

/** A line in an `svg` element, and the newest value beside it. */
export class Plot {
  #values = [];
  #line = document.createElementNS(SVG, "path");
  #below = document.createElementNS(SVG, "path");
  #now;
  #told;

  /**
   * @param {SVGElement} svg Where it is drawn.
   * @param {HTMLElement} now Where the newest value is written.
   * @param {(value: number) => string} told How a value is written.
   */
  constructor(svg, now, told) {
    this.#now = now;
    this.#told = told;
    this.#below.classList.add("below");
    svg.append(this.#below, this.#line);
  }

  add(value) {
    this.#values.push(value);
    if (this.#values.length > POINTS) {
      this.#values.shift();
    }
    this.#now.value = this.#told(value);
    const most = Math.max(1, ...this.#values) * 1.1;
    const first = POINTS - this.#values.length;
    const points = this.#values.map((each, index) => {
      const x = ((first + index) / (POINTS - 1)) * WIDTH;
      return `${x.toFixed(1)} ${(HEIGHT - (each / most) * HEIGHT).toFixed(1)}`;
    });
    const line = `M${points.join("L")}`;
    this.#line.setAttribute("d", line);
    const from = ((first / (POINTS - 1)) * WIDTH).toFixed(1);
    this.#below.setAttribute("d", `${line}L${WIDTH} ${HEIGHT}L${from} ${HEIGHT}Z`);
  }
}
