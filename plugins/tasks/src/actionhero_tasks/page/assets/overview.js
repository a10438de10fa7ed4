// The first view: numbers, plots, queues, workers and schedules.

import { keep, make, say } from "./elements.js";
import { Plot, WINDOW_MS } from "./plot.js";
import { count, moment, number, span, until } from "./words.js";

/** Returns what happened between samples: a sample is a time, runs done, runs failed, jobs ready. */
export function pointsOf(samples) {
  const points = [];
  for (let index = 1; index < samples.length; index += 1) {
    const [from, done, failed] = samples[index - 1];
    const [at, doneThen, failedThen, ready] = samples[index];
    const seconds = (at - from) / 1000;
    if (seconds <= 0) continue;
    // A store that was emptied begins anew.
    const perSecond = (before, after) => Math.max(0, after - before) / seconds;
    points.push({ at, done: perSecond(done, doneThen), failed: perSecond(failed, failedThen), ready });
  }
  return points;
}

const sum = (queues, name) => queues.reduce((total, queue) => total + queue[name], 0);

const TILES = [
  ["Ready", "#/jobs/ready", (told) => number(sum(told.queues, "ready")), oldest],
  ["Running", "#/jobs/running", (told) => number(sum(told.queues, "running")), busy],
  ["Delayed", "#/jobs/delayed", (told) => number(sum(told.queues, "delayed")), retrying],
  ["Dead", "#/jobs/dead", (told) => number(sum(told.queues, "dead")), () => "failed for good"],
  ["Done", "#/jobs/done", (told) => number(told.totals.done), () => "runs in all"],
  ["Failed", null, (told) => number(told.totals.failed), () => "runs in all"],
];

function oldest({ queues }) {
  const ages = queues.map((queue) => queue.oldest_ms).filter((age) => age !== null);
  return ages.length ? `oldest ${span(Math.max(...ages))}` : "nothing waits";
}

function busy({ workers }) {
  return workers.length ? `on ${count(workers.length, "worker", "workers")}` : "no workers";
}

function retrying({ queues }) {
  const many = sum(queues, "retrying");
  return many ? `${number(many)} to be tried again` : "wait for their time";
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
    const [tiles, values, notes] = [make("ul", { class: "tiles" }), [], []];
    for (const [name, place] of TILES) {
      values.push(make("b"));
      notes.push(make("small", { class: "muted" }));
      const inside = [make("span", {}, name), values.at(-1), notes.at(-1)];
      const tile = place ? make("a", { href: place }, ...inside) : make("div", {}, ...inside);
      tiles.append(make("li", { class: `tile ${name.toLowerCase()}` }, tile));
    }
    Object.assign(this, { values, notes });
    this.runs = new Plot("Runs per second", [
      { name: "Done", unit: "/s", of: (point) => point.done },
      { name: "Failed", unit: "/s", of: (point) => point.failed },
    ]);
    this.depth = new Plot("Jobs that wait", [
      { name: "Ready", unit: "", momentary: true, of: (point) => point.ready },
    ]);
    this.queues = make("tbody");
    this.workers = make("ul", { class: "plain" });
    this.schedules = make("ul", { class: "plain" });
    this.element = make(
      "div",
      { class: "overview" },
      make("h1", { class: "unseen" }, "Overview"),
      tiles,
      make("div", { class: "pair" }, this.runs.element, this.depth.element),
      section("Queues", table(this.queues)),
      make("div", { class: "pair" }, section("Workers", this.workers), section("Schedules", this.schedules)),
    );
  }

  update(told, samples) {
    TILES.forEach(([, , value, note], index) => {
      say(this.values[index], value(told));
      this.values[index].closest("li").classList.toggle("zero", value(told) === "0");
      say(this.notes[index], note(told));
    });
    const points = pointsOf(samples.filter(([at]) => told.now - at <= 2 * WINDOW_MS));
    this.runs.show(points, told.now);
    this.depth.show(points, told.now);
    this.#queues(told);
    this.#workers(told);
    this.#schedules(told);
  }

  #queues({ queues }) {
    const none = queues.length === 0 ? [{ queue: "", none: true }] : queues;
    keep(this.queues, none, (queue) => queue.queue, queueRow, updateQueueRow);
  }

  #workers({ workers }) {
    const items = workers.length ? workers : [null];
    keep(this.workers, items, (worker) => worker?.name ?? "", line, (item, worker) => {
      say(item.children[0], worker ? worker.name : "Nobody runs jobs now.");
      item.classList.toggle("empty", !worker);
      item.children[0].className = worker ? "mono" : "muted";
      say(item.children[1], worker ? count(worker.running, "job runs", "jobs run") : "");
    });
  }

  #schedules({ schedules, now }) {
    const items = schedules.length ? schedules : [null];
    keep(this.schedules, items, (schedule) => schedule?.action ?? "", line, (item, schedule) => {
      say(item.children[0], schedule ? schedule.action : "No action recurs.");
      item.children[0].className = schedule ? "" : "muted";
      say(item.children[1], schedule ? `${rhythm(schedule)} · next ${until(schedule.next, now)}` : "");
      item.title = schedule ? `next at ${moment(schedule.next)}, in queue ${schedule.queue}` : "";
    });
  }
}

function section(title, content) {
  const id = `title-${title.toLowerCase()}`;
  return make("section", { class: "card", "aria-labelledby": id }, make("h2", { id }, title), content);
}

function line() {
  return make("li", {}, make("span"), make("span", { class: "muted" }));
}

const rhythm = ({ every_ms, cron, timezone }) =>
  cron ? `${cron} (${timezone})` : `every ${span(every_ms)}`;

function table(body) {
  const names = ["Queue", ...COLUMNS.map(([, name]) => name), "Oldest"];
  const head = names.map((name, index) => make("th", { scope: "col", class: index ? "n" : "" }, name));
  // A table wider than a phone is moved in its frame, by the keyboard too.
  return make(
    "div",
    { class: "frame", tabindex: "0", role: "region", "aria-label": "Table of queues" },
    make("table", {}, make("thead", {}, make("tr", {}, ...head)), body),
  );
}

function queueRow({ queue, none }) {
  if (none) {
    const text = "No jobs wait, run, or are dead.";
    return make("tr", {}, make("td", { colspan: COLUMNS.length + 2, class: "muted" }, text));
  }
  const place = encodeURIComponent(queue);
  const cells = COLUMNS.map(([name]) => {
    const state = name === "retrying" ? "delayed" : name;
    return make("td", { class: `n ${name}` }, make("a", { href: `#/jobs/${state}/${place}` }));
  });
  return make("tr", {}, make("th", { scope: "row" }, queue), ...cells, make("td", { class: "n" }));
}

function updateQueueRow(row, queue) {
  if (queue.none) return;
  COLUMNS.forEach(([name, label], index) => {
    const cell = row.children[index + 1];
    say(cell.firstChild, number(queue[name]));
    cell.firstChild.setAttribute("aria-label", `${number(queue[name])} ${label.toLowerCase()}`);
    cell.classList.toggle("zero", queue[name] === 0);
  });
  say(row.lastChild, queue.oldest_ms === null ? "–" : span(queue.oldest_ms));
}

