// The view of one job, with all its details.

import { get } from "./api.js";
import { create, reconcile, setText, setVisible } from "./dom.js";
import { formatAgo, formatNumber, formatTime, formatUntil } from "./format.js";
import { attemptsOf, OPERATIONS, runOperation, updateProgress } from "./jobs.js";

export class JobView {
  /**
   * @param {string} id
   * @param {object} page See `JobsView`.
   */
  constructor(id, page) {
    Object.assign(this, { id, page });
    this.title = "Job";
    this.name = create("h1", {}, "Job");
    this.state = create("span", { class: "chip" });
    this.buttons = create("div", { class: "buttons" });
    this.facts = create("dl", { class: "card facts" });
    this.progress = create("progress", { "aria-label": "Progress", max: 1, value: 0, hidden: true });
    this.sections = Object.fromEntries(
      ["Error", "Inputs", "Result"].map((title) => {
        const text = create("pre", { tabindex: "0", "aria-label": title });
        const element = create("section", { class: "card", hidden: true }, create("h2", {}, title), text);
        return [title, { text, element }];
      }),
    );
    this.notFound = create(
      "p",
      { class: "empty", hidden: true },
      "Job not found. It was discarded, or its result has expired.",
    );
    this.content = create(
      "div",
      { hidden: true },
      create("div", { class: "bar" }, this.name, this.state, this.buttons),
      this.progress,
      this.facts,
      ...Object.values(this.sections).map((section) => section.element),
    );
    this.element = create("div", {}, this.content, this.notFound);
  }

  update(overview) {
    this.now = overview.now;
  }

  async refresh(signal) {
    let job;
    try {
      job = await get("job", { id: this.id }, signal);
    } catch (error) {
      if (error.status !== 404) throw error;
      setVisible(this.content, false);
      setVisible(this.notFound, true);
      return;
    }
    setVisible(this.notFound, false);
    setVisible(this.content, true);
    this.#render(job);
  }

  #render(job) {
    setText(this.name, job.action);
    setText(this.state, job.cancelling ? "cancelling" : job.state);
    this.state.className = `chip ${job.state}`;
    const operations = job.cancelling ? [] : (OPERATIONS[job.state] ?? []);
    reconcile(
      this.buttons,
      operations,
      (operation) => operation.name,
      (operation) => this.#createButton(operation, job),
      () => {},
    );
    updateProgress(this.progress, job);
    reconcile(
      this.facts,
      factsOf(job, this.now ?? job.created),
      ([label]) => label,
      createFact,
      (fact, [, value]) => setText(fact.lastChild, value),
    );
    this.#renderSection("Error", job.error && [job.error.type, job.error.message].filter(Boolean).join("\n"));
    this.#renderSection("Inputs", job.inputs);
    this.#renderSection("Result", job.result);
  }

  #createButton(operation, job) {
    const attributes = { type: "button", class: operation.style, "data-role": operation.name };
    const onclick = () => runOperation(operation, job, this.page);
    return create("button", { ...attributes, onclick }, operation.label);
  }

  #renderSection(title, text) {
    const section = this.sections[title];
    setVisible(section.element, text !== null && text !== undefined);
    setText(section.text, text ?? "");
  }
}

function factsOf(job, now) {
  const timeOf = (ms, format) => (ms === null ? null : `${formatTime(ms)} (${format(ms, now)})`);
  const progress = job.progress_total
    ? `${formatNumber(job.progress)} of ${formatNumber(job.progress_total)}`
    : job.progress;
  return [
    ["Id", job.id],
    ["Queue", job.queue],
    ["Priority", String(job.priority)],
    ["Enqueued", timeOf(job.created, formatAgo)],
    ["Due", timeOf(job.due, formatUntil)],
    ["Started", timeOf(job.started, formatAgo)],
    ["Finished", timeOf(job.ended, formatAgo)],
    ["Failures", attemptsOf(job)],
    ["Progress", progress === null ? null : String(progress)],
    ["Worker", job.worker],
    ["Schedule", job.schedule],
    ["Fan-out", job.fan_out],
    ["Request", job.request_id],
  ].filter(([, value]) => value !== null && value !== "");
}

function createFact([label]) {
  return create("div", {}, create("dt", {}, label), create("dd"));
}
