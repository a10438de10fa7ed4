// Shows how old the answers of processes are, and which processes did not answer.

import { create, setText } from "./elements.js";
import { formatCount, formatDuration } from "./words.js";

export class Freshness {
  constructor() {
    this.element = create("p", { class: "freshness muted" });
    this.asked = null;
    this.text = "";
    this.timer = setInterval(() => this.#draw(), 1000);
  }

  /** @param {{asked: number, missing: string[], only_this_process: boolean}} answers */
  update(answers, count = null) {
    this.asked = answers.asked;
    const parts = count === null ? [] : [formatCount(count, "process", "processes")];
    if (answers.only_this_process) parts.push("only this process: Redis is in its memory");
    if (answers.missing?.length) parts.push(`no answer from ${answers.missing.join(", ")}`);
    this.text = parts.join(" · ");
    this.element.classList.toggle("bad", Boolean(answers.missing?.length));
    this.#draw();
  }

  close() {
    clearInterval(this.timer);
  }

  #draw() {
    if (this.asked === null) return;
    const age = Date.now() - this.asked;
    const when = age < 5000 ? "just now" : `${formatDuration(age)} ago`;
    setText(this.element, [this.text, `read ${when}`].filter(Boolean).join(" · "));
  }
}
