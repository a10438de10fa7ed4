// The first view: counts, plots, queues, workers and schedules.

import { create, setText, setVisible } from "../../kit/elements.js";
import { Plot, WINDOW_MS } from "../../kit/plot.js";
import { Table } from "../../kit/table.js";
import { formatCount, formatDuration, formatNumber, formatTime, formatUntil } from "../../kit/words.js";

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
  ["Ready", "ready", ({ queues }) => sum(queues, "ready"), oldestNote],
  ["Running", "running", ({ queues }) => sum(queues, "running"), workersNote],
  ["Delayed", "delayed", ({ queues }) => sum(queues, "delayed"), retryingNote],
  ["Dead", "dead", ({ queues }) => sum(queues, "dead"), () => "no more retries"],
  ["Done", "done", ({ totals }) => totals.done, () => "total runs"],
  ["Failed", "", ({ totals }) => totals.failed, () => "total runs"],
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
const EMPTY = { ready: 0, running: 0, delayed: 0, retrying: 0, dead: 0, oldest_ms: null };

export class OverviewView {
  constructor(page) {
    this.page = page;
    this.tiles = TILES.map(([name, state]) => {
      const content = [create("span", {}, name), create("b"), create("small", { class: "muted" })];
      const link = state ? create("a", { href: page.href([], { state }) }, ...content) : create("div", {}, ...content);
      return create("li", { class: `tile ${name.toLowerCase()}` }, link);
    });
    this.runs = new Plot("Runs per second", [
      { name: "Done", unit: "/s", getValue: (point) => point.done },
      { name: "Failed", unit: "/s", getValue: (point) => point.failed },
    ]);
    this.depth = new Plot("Waiting jobs", [
      { name: "Ready", unit: "", isMomentary: true, getValue: (point) => point.ready },
    ]);
    this.queues = new Table("Queues", this.#queueColumns(), (row) => row.queue);
    this.schedules = new Table("Schedules", this.#scheduleColumns(), (row) => row.action);
    const workerColumns = [
      { title: "Worker", heading: true, text: (row) => row.name, style: () => "code" },
      { title: "Running", number: true, text: (row) => formatNumber(row.running) },
    ];
    this.workers = new Table("Workers", workerColumns, (row) => row.name);
    this.element = create(
      "div",
      { class: "stack" },
      create("ul", { class: "tiles" }, ...this.tiles),
      create("div", { class: "pair" }, this.runs.element, this.depth.element),
      createCard("Queues", this.queues),
      createCard("Schedules", this.schedules),
      createCard("Workers", this.workers),
    );
  }

  reads() {
    return {};
  }

  draw({ overview, samples }) {
    this.now = overview.now;
    TILES.forEach(([, , getValue, noteOf], index) => {
      const [, value, note] = this.tiles[index].firstChild.children;
      setText(value, formatNumber(getValue(overview)));
      this.tiles[index].classList.toggle("zero", getValue(overview) === 0);
      setText(note, noteOf(overview));
    });
    const points = pointsOf(samples.filter(([at]) => overview.now - at <= WINDOW_MS));
    this.runs.show(points, overview.now);
    this.depth.show(points, overview.now);
    const counted = new Map(overview.queues.map((row) => [row.queue, row]));
    const names = [...new Set([...counted.keys(), ...overview.paused])].sort();
    const paused = new Set(overview.paused);
    const rows = names.map((queue) => ({ ...EMPTY, ...counted.get(queue), queue, isPaused: paused.has(queue) }));
    this.queues.show(rows, "No jobs.");
    this.schedules.show(overview.schedules, "No schedules.");
    this.workers.show(overview.workers, "No workers.");
  }

  #queueColumns() {
    const { page } = this;
    const columns = [
      {
        title: "Queue",
        heading: true,
        cell: (row) => create("span", {}, row.queue, " ", create("span", { class: "chip wait" }, "paused")),
        draw: (cell, row) => setVisible(cell.firstChild.lastChild, row.isPaused),
      },
      ...COLUMNS.map(([name, title]) => ({
        title,
        number: true,
        cell: (row) => create("a", { href: page.href([], { state: name === "retrying" ? "delayed" : name, queue: row.queue }) }),
        draw: (cell, row) => {
          const text = formatNumber(row[name]);
          setText(cell.firstChild, text);
          cell.firstChild.setAttribute("aria-label", `${text} ${title.toLowerCase()} in ${row.queue}`);
        },
        style: (row) => (row[name] === 0 ? "zero" : name),
      })),
      { title: "Oldest", number: true, text: (row) => (row.oldest_ms === null ? "–" : formatDuration(row.oldest_ms)) },
    ];
    if (page.can("pause")) {
      columns.push({
        title: "Change",
        cell: () => create("button", { type: "button" }),
        draw: (cell, { queue, isPaused }) => {
          const [label, change] = isPaused ? ["Resume", "resume"] : ["Pause", "pause"];
          setText(cell.firstChild, label);
          cell.firstChild.setAttribute("aria-label", `${label} queue ${queue}`);
          cell.firstChild.onclick = () => page.change(change, { queue }, { button: label });
        },
      });
    }
    return columns;
  }

  #scheduleColumns() {
    const { page } = this;
    const columns = [
      { title: "Action", heading: true, text: (row) => row.action },
      { title: "Times", text: (row) => (row.cron ? `${row.cron} (${row.timezone})` : `every ${formatDuration(row.every_ms)}`) },
      { title: "Queue", text: (row) => row.queue },
      { title: "Next", text: (row) => `${formatUntil(row.next, this.now)} · ${formatTime(row.next)}` },
    ];
    if (page.can("run_schedule")) {
      columns.push({
        title: "Change",
        cell: ({ action }) => {
          const onclick = async () => {
            const result = await page.change("run_schedule", { action }, { button: "Run now" });
            if (result) page.notify(`Enqueued ${action}.`);
          };
          return create("button", { type: "button", "aria-label": `Run ${action} now`, onclick }, "Run now");
        },
      });
    }
    return columns;
  }
}

function createCard(title, table) {
  return create("section", { class: "card" }, create("h2", {}, title), table.element);
}
