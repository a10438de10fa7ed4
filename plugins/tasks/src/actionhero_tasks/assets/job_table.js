// A table of jobs with their inputs, errors and changes.

import { create, setText, setVisible } from "../../kit/elements.js";
import { Table } from "../../kit/table.js";
import { createButton, createProgress, drawProgress, drawState, operationsOf, timeOf } from "./operations.js";

export class JobTable {
  constructor(caption, page) {
    this.now = 0;
    const columns = [
      { title: "Job", heading: true, cell: (job) => createSummary(job, page), draw: (cell, job) => drawSummary(cell.firstChild, job) },
      { title: "Queue", text: (job) => job.queue },
      { title: "State", cell: () => create("span"), draw: (cell, job) => drawState(cell.firstChild, job) },
      { title: "Time", text: (job) => timeOf(job, this.now) },
    ];
    if (["retry", "discard", "cancel"].some((name) => page.can(name))) {
      columns.push({
        title: "Change",
        cell: (job) => create("div", { class: "buttons" }, ...operationsOf(job, page).map((each) => createButton(each, job, page))),
      });
    }
    // A job with another state has other buttons.
    this.table = new Table(caption, columns, (job) => `${job.id} ${job.state} ${job.cancelling}`);
    this.element = create("section", { class: "card jobs" }, this.table.element);
  }

  show(jobs, now, empty) {
    this.now = now;
    this.table.show(jobs, empty);
  }
}

function createSummary(job, page) {
  return create(
    "div",
    {},
    create("a", { href: page.href(["job", job.id]), "data-role": "open" }, job.action),
    create("small", { class: "error" }),
    create("small", { class: "muted code" }),
    createProgress(),
  );
}

function drawSummary(element, job) {
  const [, error, inputs, progress] = element.children;
  setText(error, job.error ? job.error.message || job.error.type : "");
  setVisible(error, Boolean(job.error));
  setText(inputs, job.inputs);
  setVisible(inputs, job.inputs !== "{}");
  drawProgress(progress, job);
}
