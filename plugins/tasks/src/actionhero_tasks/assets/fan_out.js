// One fan-out: how many of its jobs have ended, and its jobs.

import { create, reconcile, setText, setVisible } from "../../kit/elements.js";
import { formatNumber, formatTime } from "../../kit/words.js";
import { JobTable } from "./job_table.js";

export class FanOutView {
  constructor(page, id) {
    Object.assign(this, { page, id });
    this.after = Number.parseInt(page.params.get("after"), 10) || 0;
    this.facts = create("dl", { class: "facts" });
    this.progress = create("progress", { "aria-label": "Ended jobs", max: 1, value: 0 });
    this.table = new JobTable("Jobs of the fan-out", page);
    this.first = create("button", { type: "button", onclick: () => page.navigate(["fan-out", id]) }, "First");
    this.more = create("button", { type: "button", onclick: () => page.navigate(["fan-out", id], { after: this.next }) }, "Next");
    this.pages = create("nav", { class: "buttons", "aria-label": "Pages", hidden: true }, this.first, this.more);
    this.element = create(
      "div",
      { class: "stack", hidden: true },
      create("section", { class: "card stack" }, create("h2", {}, "Fan-out"), this.facts, this.progress),
      this.table.element,
      this.pages,
    );
  }

  reads() {
    return { fan_out: { id: this.id, after: this.after } };
  }

  draw({ overview, fan_out: fanOut }) {
    setVisible(this.element, Boolean(fanOut));
    if (!fanOut) return;
    this.next = fanOut.next;
    const facts = [
      ["Id", fanOut.id],
      ["Jobs", `${formatNumber(fanOut.total)}${fanOut.is_closed ? "" : " so far"}`],
      ["Done", formatNumber(fanOut.done)],
      ["Failed", formatNumber(fanOut.failed)],
      ["Ended", fanOut.ended === null ? "not yet" : formatTime(fanOut.ended)],
    ];
    reconcile(
      this.facts,
      facts,
      ([label]) => label,
      ([label]) => create("div", {}, create("dt", {}, label), create("dd")),
      (fact, [, value]) => setText(fact.lastChild, value),
    );
    this.progress.max = fanOut.total || 1;
    this.progress.value = fanOut.done + fanOut.failed;
    this.table.show(fanOut.jobs, overview.now, "No more jobs.");
    setVisible(this.pages, this.after > 0 || this.next !== null);
    this.first.disabled = this.after === 0;
    this.more.disabled = this.next === null;
  }
}
