// The first view: counts, plots, queues, workers and schedules.

import { create, reconcile, setText } from "./dom.js";
import { formatCount, formatDuration, formatNumber, formatTime, formatUntil } from "./format.js";
import { Plot, WINDOW_MS } from "./plot.js";

/** Returns the rates between samples. A sample is a time, done runs, failed runs and ready jobs. */
function pointsOf(samples) {
  const points = [];
  for (let index = 1; index < samples.length; index += 1) {
    const [start, doneBefore, failedBefore] = samples[index - 1];
    const [at, doneAfter, failedAfter, ready] = samples[index];
    const seconds = (at - start) / 1000;
    if (seconds <= 0) continue;
    // The totals restart at zero when the store was emptied.
    const rate = (before, after) => Math.max(0, after - before) / seconds;
    points.push({ at, done: rate(doneBefore, doneAfter), failed: rate(failedBefore, failedAfter), ready });
  }
  return points;
}

const sum = (queues, name) => queues.reduce((total, queue) => total + queue[name], 0);

const TILES = [
  ["Ready", "#/jobs/ready", ({ queues }) => sum(queues, "ready"), oldestNote],
  ["Running", "#/jobs/running", ({ queues }) => sum(queues, "running"), workersNote],
  ["Delayed", "#/jobs/delayed", ({ queues }) => sum(queues, "delayed"), retryingNote],
  ["Dead", "#/jobs/dead", ({ queues }) => sum(queues, "dead"), () => "no more retries"],
  ["Done", "#/jobs/done", ({ totals }) => totals.done, () => "total runs"],
  ["Failed", null, ({ totals }) => totals.failed, () => "total runs"],
];

function oldestNote({ queues }) {
  const ages = queues.map((queue) => queue.oldest_ms).filter((age) => age !== null);
  return ages.length ? `oldest ${formatDuration(Math.max(...ages))}` : "none waiting";
}

function workersNote({ workers }) {
  return workers.length ? `on ${formatCount(workers.length, "worker", "workers")}` : "no workers";
}

function retryingNote({ queues }) {
  const retrying = sum(queues, "retrying");
  return retrying ? `${formatNumber(retrying)} to be retried` : "scheduled for later";
}

const COLUMNS = [
  ["ready", "Ready"],
  ["running", "Running"],
  ["delayed", "Delayed"],
  ["retrying", "Retrying"],
  ["dead", "Dead"],
];

export class OverviewView {
  constructor() {
    this.title = "Overview";
    const [tiles, values, notes] = [create("ul", { class: "tiles" }), [], []];
    for (const [name, href] of TILES) {
      values.push(create("b"));
      notes.push(create("small", { class: "muted" }));
      const content = [create("span", {}, name), values.at(-1), notes.at(-1)];
      const tile = href ? create("a", { href }, ...content) : create("div", {}, ...content);
      tiles.append(create("li", { class: `tile ${name.toLowerCase()}` }, tile));
    }
    Object.assign(this, { values, notes });
    this.runs = new Plot("Runs per second", [
      { name: "Done", unit: "/s", getValue: (point) => point.done },
      { name: "Failed", unit: "/s", getValue: (point) => point.failed },
    ]);
    this.depth = new Plot("Waiting jobs", [
      { name: "Ready", unit: "", isMomentary: true, getValue: (point) => point.ready },
    ]);
    this.queues = create("tbody");
    this.workers = create("ul", { class: "plain" });
    this.schedules = create("ul", { class: "plain" });
    this.element = create(
      "div",
      { class: "overview" },
      create("h1", { class: "visually-hidden" }, "Overview"),
      tiles,
      create("div", { class: "pair" }, this.runs.element, this.depth.element),
      createSection("Queues", createTable(this.queues)),
      create(
        "div",
        { class: "pair" },
        createSection("Workers", this.workers),
        createSection("Schedules", this.schedules),
      ),
    );
  }

  update(overview, samples) {
    TILES.forEach(([, , getValue, noteOf], index) => {
      const value = formatNumber(getValue(overview));
      setText(this.values[index], value);
      this.values[index].closest("li").classList.toggle("zero", value === "0");
      setText(this.notes[index], noteOf(overview));
    });
    const points = pointsOf(samples.filter(([at]) => overview.now - at <= 2 * WINDOW_MS));
    this.runs.show(points, overview.now);
    this.depth.show(points, overview.now);
    this.#updateQueues(overview);
    this.#updateWorkers(overview);
    this.#updateSchedules(overview);
  }

  #updateQueues({ queues }) {
    const rows = queues.length === 0 ? [{ queue: "", isEmpty: true }] : queues;
    reconcile(this.queues, rows, (queue) => queue.queue, createQueueRow, updateQueueRow);
  }

  #updateWorkers({ workers }) {
    const items = workers.length ? workers : [null];
    reconcile(this.workers, items, (worker) => worker?.name ?? "", createLine, (item, worker) => {
      setText(item.children[0], worker ? worker.name : "No workers.");
      item.classList.toggle("empty", !worker);
      item.children[0].className = worker ? "mono" : "muted";
      setText(item.children[1], worker ? formatCount(worker.running, "running job", "running jobs") : "");
    });
  }

  #updateSchedules({ schedules, now }) {
    const items = schedules.length ? schedules : [null];
    reconcile(this.schedules, items, (schedule) => schedule?.action ?? "", createLine, (item, schedule) => {
      const next = schedule ? `${intervalOf(schedule)} · next ${formatUntil(schedule.next, now)}` : "";
      setText(item.children[0], schedule ? schedule.action : "No schedules.");
      item.children[0].className = schedule ? "" : "muted";
      setText(item.children[1], next);
      item.title = schedule ? `next at ${formatTime(schedule.next)}, in queue ${schedule.queue}` : "";
    });
  }
}

function createSection(title, content) {
  const id = `title-${title.toLowerCase()}`;
  return create("section", { class: "card", "aria-labelledby": id }, create("h2", { id }, title), content);
}

function createLine() {
  return create("li", {}, create("span"), create("span", { class: "muted" }));
}

const intervalOf = ({ every_ms, cron, timezone }) =>
  cron ? `${cron} (${timezone})` : `every ${formatDuration(every_ms)}`;

function createTable(body) {
  const names = ["Queue", ...COLUMNS.map(([, name]) => name), "Oldest"];
  const header = names.map((name, index) =>
    create("th", { scope: "col", class: index ? "number" : "" }, name),
  );
  // Focusable, so that a table wider than the screen can be scrolled by the keyboard.
  return create(
    "div",
    { class: "frame", tabindex: "0", role: "region", "aria-label": "Table of queues" },
    create("table", {}, create("thead", {}, create("tr", {}, ...header)), body),
  );
}

function createQueueRow({ queue, isEmpty }) {
  if (isEmpty) {
    return create("tr", {}, create("td", { colspan: COLUMNS.length + 2, class: "muted" }, "No jobs."));
  }
  const cells = COLUMNS.map(([name]) => {
    const state = name === "retrying" ? "delayed" : name;
    const href = `#/jobs/${state}/${encodeURIComponent(queue)}`;
    return create("td", { class: `number ${name}` }, create("a", { href }));
  });
  return create("tr", {}, create("th", { scope: "row" }, queue), ...cells, create("td", { class: "number" }));
}

function updateQueueRow(row, queue) {
  if (queue.isEmpty) return;
  COLUMNS.forEach(([name, label], index) => {
    const cell = row.children[index + 1];
    setText(cell.firstChild, formatNumber(queue[name]));
    cell.firstChild.setAttribute("aria-label", `${formatNumber(queue[name])} ${label.toLowerCase()}`);
    cell.classList.toggle("zero", queue[name] === 0);
  });
  setText(row.lastChild, queue.oldest_ms === null ? "–" : formatDuration(queue.oldest_ms));
}
