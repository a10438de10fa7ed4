// One job with all its details, and the form that retries it with other inputs.

import { create, reconcile, setText, setVisible } from "../../kit/elements.js";
import { formatAgo, formatNumber, formatTime, formatUntil } from "../../kit/words.js";
import { createButton, createProgress, drawProgress, drawState, operationsOf } from "./operations.js";

export class JobView {
  constructor(page, id) {
    Object.assign(this, { page, id });
    this.name = create("h2", { class: "code" });
    this.state = create("span", { class: "chip" });
    this.buttons = create("div", { class: "buttons" });
    this.progress = createProgress();
    this.facts = create("dl", { class: "facts" });
    this.sections = Object.fromEntries(
      ["Error", "Inputs", "Result"].map((title) => {
        const text = create("pre", { tabindex: "0", role: "region", "aria-label": title });
        const element = create("section", { class: "card", hidden: true }, create("h2", {}, title), text);
        return [title, { text, element }];
      }),
    );
    this.editor = create("section", { class: "card", hidden: true });
    const head = create("div", { class: "bar" }, this.name, this.state, this.buttons);
    this.element = create(
      "div",
      { class: "stack", hidden: true },
      create("section", { class: "card stack" }, head, this.progress, this.facts),
      ...Object.values(this.sections).map((section) => section.element),
      this.editor,
    );
  }

  reads() {
    return { job: { id: this.id } };
  }

  draw({ overview, job }) {
    setVisible(this.element, Boolean(job));
    if (!job) return;
    setText(this.name, job.action);
    drawState(this.state, job);
    drawProgress(this.progress, job);
    reconcile(
      this.buttons,
      operationsOf(job, this.page),
      (operation) => operation.name,
      (operation) => createButton(operation, job, this.page, (made) => this.#leaveIfDiscarded(made, job)),
      () => {},
    );
    this.#drawFacts(job, overview.now);
    this.#drawSection("Error", job.error && [job.error.type, job.error.message].filter(Boolean).join("\n"));
    // The form has them, too.
    this.#drawSection("Inputs", this.#isEditable(job) ? null : job.inputs);
    this.#drawSection("Result", job.result);
    this.#drawEditor(job);
  }

  #leaveIfDiscarded({ name }, job) {
    if (name === "discard") this.page.navigate([], { state: "dead", queue: job.queue });
  }

  #drawSection(title, text) {
    const section = this.sections[title];
    setVisible(section.element, text !== null && text !== undefined);
    setText(section.text, text ?? "");
  }

  #drawFacts(job, now) {
    reconcile(
      this.facts,
      factsOf(job, now),
      ([label]) => label,
      ([label, value, path]) =>
        create("div", {}, create("dt", {}, label), create("dd", {}, path ? create("a", { href: this.page.href(path) }, value) : null)),
      (fact, [, value, path]) => {
        if (!path) setText(fact.lastChild, value);
      },
    );
  }

  #isEditable(job) {
    return job.state === "dead" && this.page.can("edit") && isJson(job.inputs);
  }

  #drawEditor(job) {
    const isEditable = this.#isEditable(job);
    setVisible(this.editor, isEditable);
    if (!isEditable || this.editor.childElementCount) return;
    const text = create("textarea", { id: "inputs", rows: 8, spellcheck: "false", "aria-describedby": "inputs-note" });
    text.value = job.inputs;
    const problem = create("p", { class: "error", role: "alert" });
    const button = create("button", { type: "submit", class: "primary" }, "Retry with these inputs");
    const onsubmit = async (event) => {
      event.preventDefault();
      button.disabled = true;
      setText(problem, "");
      try {
        // As they are, as parsed numbers would lose digits beyond 2^53.
        await this.page.submit("edit", { id: job.id, action: job.action, inputs: text.value });
        this.editor.replaceChildren();
        this.page.notify(`Retried ${job.action}.`);
        this.page.refresh();
      } catch (error) {
        const others = (error.problems ?? []).map((each) => [each.pointer, each.message].filter(Boolean).join(": "));
        setText(problem, [error.message, ...others].join("\n"));
      } finally {
        button.disabled = false;
      }
    };
    this.editor.replaceChildren(
      create("h2", {}, create("label", { for: "inputs" }, "Inputs")),
      create(
        "form",
        { class: "fields", onsubmit },
        text,
        create("p", { class: "note", id: "inputs-note" }, "JSON. An input that is [redacted] keeps its value."),
        problem,
        create("p", { class: "buttons" }, button),
      ),
    );
  }
}

function isJson(text) {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    // Long inputs are truncated.
    return false;
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
    ["Failures", job.attempts ? formatNumber(job.attempts) : ""],
    ["Progress", progress === null ? null : String(progress)],
    ["Worker", job.worker],
    ["Schedule", job.schedule],
    ["Key", job.key],
    ["Fan-out", job.fan_out, job.fan_out && ["fan-out", job.fan_out]],
    ["Request", job.request_id],
    ["Trace", job.trace_id],
  ].filter(([, value]) => value !== null && value !== "");
}
