// The view of the jobs of one state, page by page, and the operations on jobs.

import { get, post } from "./api.js";
import { create, reconcile, setText, setVisible } from "./dom.js";
import { formatAgo, formatCount, formatNumber, formatUntil } from "./format.js";

export const STATES = ["ready", "running", "delayed", "dead", "done", "cancelled"];

const TITLES = { dead: "Dead letters", cancelled: "Cancelled jobs" };

const titleOf = (state) => TITLES[state] ?? `${state[0].toUpperCase()}${state.slice(1)} jobs`;

const CANCEL = {
  name: "cancel",
  label: "Cancel",
  done: "Cancelled",
  style: "danger",
  confirmation: (job) => ["Cancel this job?", `${job.action} will not run. This cannot be undone.`],
};

/** The operations on a job, by its state; the dangerous ones have a confirmation: title and text. */
export const OPERATIONS = {
  dead: [
    { name: "retry", label: "Retry", done: "Retried", style: "primary" },
    {
      name: "discard",
      label: "Discard",
      done: "Discarded",
      style: "danger",
      confirmation: (job) => [
        "Discard this dead letter?",
        `${job.action} will never run again. This cannot be undone.`,
      ],
    },
  ],
  ready: [CANCEL],
  delayed: [CANCEL],
  running: [
    {
      ...CANCEL,
      done: "Requested the cancellation of",
      confirmation: (job) => [
        "Cancel this job?",
        `${job.action} is interrupted, and will not run again. This cannot be undone.`,
      ],
    },
  ],
};

/** Applies an operation to a job, and shows the outcome. */
export async function runOperation(operation, job, page) {
  if (operation.confirmation) {
    const isConfirmed = await page.confirm(...operation.confirmation(job), operation.label);
    if (!isConfirmed) return;
  }
  try {
    await post(operation.name, { id: job.id });
    page.notify(`${operation.done} ${job.action}.`);
  } catch (error) {
    page.showError(error);
  } finally {
    page.refresh();
  }
}

function timeOf(job, now) {
  if (job.state === "delayed" && job.due !== null) return `due ${formatUntil(job.due, now)}`;
  if (job.cancelling) return "being cancelled";
  if (job.state === "running" && job.started !== null) return `started ${formatAgo(job.started, now)}`;
  if (job.ended !== null) return `finished ${formatAgo(job.ended, now)}`;
  return `enqueued ${formatAgo(job.created, now)}`;
}

export function attemptsOf(job) {
  if (!job.attempts) return "";
  return `failed ${job.attempts === 1 ? "once" : `${formatNumber(job.attempts)} times`}`;
}

export class JobsView {
  /**
   * @param {string} state
   * @param {string} queue The name of a queue; empty for all queues.
   * @param {object} page The functions of the page: `confirm`, `notify`, `showError`, `refresh`.
   */
  constructor(state, queue, page) {
    Object.assign(this, { state, queue, page, before: [null], next: null, batch: null });
    this.title = titleOf(state);
    this.select = create("select", { id: "queue", onchange: () => this.#selectQueue() });
    this.list = create("ul", { class: "jobs" });
    this.empty = create("p", { class: "empty", hidden: true });
    this.newer = create("button", { type: "button", onclick: () => this.#turnPage(-1) }, "Newer");
    this.older = create("button", { type: "button", onclick: () => this.#turnPage(1) }, "Older");
    this.pages = create("nav", { class: "buttons", "aria-label": "Pages" }, this.newer, this.older);
    this.batchButtons = create("div", { class: "buttons", hidden: true }, ...this.#createBatchButtons());
    this.heading = create("h1", {}, this.title);
    this.element = create(
      "div",
      {},
      create(
        "div",
        { class: "bar" },
        this.heading,
        create("p", {}, create("label", { for: "queue" }, "Queue"), " ", this.select),
        this.batchButtons,
      ),
      this.list,
      this.empty,
      this.pages,
    );
  }

  update(overview) {
    this.now = overview.now;
    this.queues = overview.queues;
    const names = [...new Set([...overview.queues.map((queue) => queue.queue), this.queue])].filter(Boolean);
    reconcile(
      this.select,
      ["", ...names.sort()],
      (name) => name,
      (name) => create("option", { value: name }, name || "All queues"),
      () => {},
    );
    if (this.select.value !== this.queue) this.select.value = this.queue;
    const hasDead = this.#countDead() > 0 || this.batch !== null;
    setVisible(this.batchButtons, this.state === "dead" && hasDead);
  }

  async refresh(signal) {
    const before = this.before.at(-1);
    const { jobs, next } = await get("jobs", { state: this.state, queue: this.queue, before }, signal);
    if (before !== this.before.at(-1)) return;
    this.next = next;
    reconcile(
      this.list,
      jobs,
      (job) => job.id,
      (job) => this.#createItem(job),
      (item, job) => this.#updateItem(item, job),
    );
    setVisible(this.empty, jobs.length === 0);
    setText(this.empty, this.before.length > 1 ? "No more jobs." : "No jobs.");
    setVisible(this.pages, this.before.length > 1 || this.next !== null);
    this.newer.disabled = this.before.length === 1;
    this.older.disabled = this.next === null;
  }

  close() {
    this.batch?.abort();
  }

  #selectQueue() {
    const queue = this.select.value ? `/${encodeURIComponent(this.select.value)}` : "";
    location.hash = `#/jobs/${this.state}${queue}`;
  }

  async #turnPage(direction) {
    if (direction > 0) this.before.push(this.next);
    else this.before.pop();
    await this.page.refresh();
    this.heading.tabIndex = -1;
    this.heading.focus();
    scrollTo(0, 0);
  }

  #createItem(job) {
    const buttons = (OPERATIONS[job.state] ?? []).map((operation) => {
      const attributes = {
        type: "button",
        class: operation.style,
        "aria-label": `${operation.label} ${job.action}, job ${job.id}`,
        "data-role": operation.name,
        onclick: () => runOperation(operation, job, this.page),
      };
      return create("button", attributes, operation.label);
    });
    const href = `#/job/${encodeURIComponent(job.id)}`;
    return create(
      "li",
      { class: `job card ${job.state}` },
      create(
        "div",
        { class: "summary" },
        create("p", {}, create("a", { href, "data-role": "open" }, job.action)),
        create("p", { class: "facts muted" }),
        create("p", { class: "error" }),
        create("p", { class: "inputs mono" }),
        create("progress", { "aria-label": "Progress", max: 1, value: 0, hidden: true }),
      ),
      create("div", { class: "buttons" }, ...buttons),
    );
  }

  #updateItem(item, job) {
    const [, facts, error, inputs, progress] = item.firstChild.children;
    const texts = [job.queue, timeOf(job, this.now ?? job.created), attemptsOf(job)];
    setText(facts, texts.filter(Boolean).join(" · "));
    setText(error, job.error ? `${job.error.message || job.error.type}` : "");
    setVisible(error, Boolean(job.error));
    setText(inputs, job.inputs);
    setVisible(inputs, job.inputs !== "{}");
    updateProgress(progress, job);
  }

  // -- all dead letters ------------------------------------------------------------------------

  #countDead() {
    const queues = this.queues?.filter((queue) => !this.queue || queue.queue === this.queue) ?? [];
    return queues.reduce((total, queue) => total + queue.dead, 0);
  }

  #createBatchButtons() {
    const retry = { name: "retry", label: "Retry all", done: "Retried", style: "primary" };
    const discard = { name: "discard", label: "Discard all", done: "Discarded", style: "danger" };
    return [retry, discard].map((operation) => {
      const onclick = () => this.#runBatch(operation);
      return create("button", { type: "button", class: operation.style, onclick }, operation.label);
    });
  }

  async #runBatch(operation) {
    if (this.batch) return;
    const scope = this.queue ? `in queue ${this.queue}` : "in all queues";
    const effect = operation.name === "retry" ? "run again." : "never run again. This cannot be undone.";
    const text = `${formatCount(this.#countDead(), "dead letter", "dead letters")} ${scope} will ${effect}`;
    if (!(await this.page.confirm(`${operation.label}?`, text, operation.label))) return;
    this.batch = new AbortController();
    let [total, before] = [0, null];
    try {
      // In parts, so that the store is not blocked, and closing the view stops the operation.
      do {
        const body = { queue: this.queue || null, before };
        const { count, next } = await post(`dead/${operation.name}`, body, this.batch.signal);
        total += count;
        before = next;
        const letters = formatCount(total, "dead letter", "dead letters");
        this.page.notify(`${operation.done} ${letters}${before === null ? "." : " …"}`);
      } while (before !== null);
    } catch (error) {
      if (error.name !== "AbortError") this.page.showError(error);
    } finally {
      this.batch = null;
    }
    await this.page.refresh();
  }
}

export function updateProgress(element, job) {
  const isVisible = job.progress !== null && job.state === "running";
  setVisible(element, isVisible);
  if (!isVisible) return;
  if (job.progress_total) {
    element.max = job.progress_total;
    element.value = job.progress;
  } else {
    element.removeAttribute("value");
  }
}
