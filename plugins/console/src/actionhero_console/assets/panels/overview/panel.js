// The panel Overview: health, processes, and the rates of calls.

import { create, reconcile, setText } from "../../kit/elements.js";
import { Freshness } from "../../kit/freshness.js";
import { Plot } from "../../kit/plot.js";
import { Table } from "../../kit/table.js";
import { formatBytes, formatDuration, formatMilliseconds, formatNumber, formatPercent, formatRate } from "../../kit/words.js";

const shareOf = ({ calls, errors }) => (calls ? errors / calls : 0);

export default class {
  constructor() {
    this.freshness = new Freshness();
    this.health = create("section", { class: "card health", "aria-label": "Health" });
    this.summary = create("p", { class: "health-summary" });
    this.checks = create("ul", { class: "checks" });
    this.health.append(this.summary, this.checks);
    this.tiles = create("ul", { class: "tiles" });
    this.plot = new Plot("Calls of the last hour", [
      { name: "Calls", unit: "/s", getValue: (point) => point.calls },
      { name: "Errors", unit: "/s", getValue: (point) => point.errors },
    ]);
    this.transports = new Table(
      "Calls by transport",
      [
        { title: "Transport", heading: true, text: (row) => row.name },
        { title: "Calls", number: true, text: (row) => formatNumber(row.calls) },
        {
          title: "Errors",
          number: true,
          text: (row) => `${formatNumber(row.errors)} (${formatPercent(shareOf(row))})`,
          style: (row) => (row.errors ? "bad" : ""),
        },
        { title: "p50", number: true, text: (row) => formatMilliseconds(row.p50) },
        { title: "p95", number: true, text: (row) => formatMilliseconds(row.p95) },
        { title: "p99", number: true, text: (row) => formatMilliseconds(row.p99) },
      ],
      (row) => row.name,
    );
    this.processes = new Table(
      "Processes",
      [
        { title: "Process", heading: true, text: (row) => `${row.host} ${row.pid}` },
        { title: "Mode", text: (row) => row.mode },
        { title: "Version", text: (row) => row.version },
        { title: "Uptime", number: true, text: (row) => (row.uptime === null ? "–" : formatDuration(row.uptime * 1000)) },
        { title: "Memory", number: true, text: (row) => (row.memory === null ? "–" : formatBytes(row.memory)) },
        {
          title: "Loop delay",
          number: true,
          text: (row) => formatMilliseconds(row.delay),
          style: (row) => (row.delay > 100 ? "bad" : ""),
        },
        { title: "State", text: (row) => row.state, style: (row) => (row.isBad ? "bad" : "good") },
      ],
      (row) => `${row.host} ${row.pid}`,
    );
    this.transportsTitle = create("h2", {}, "By transport");
    this.element = create(
      "div",
      { class: "stack" },
      this.health,
      this.tiles,
      this.plot.element,
      create("section", { class: "card" }, this.transportsTitle, this.transports.element),
      create("section", { class: "card" }, create("h2", {}, "Processes"), this.processes.element),
      this.freshness.element,
    );
  }

  reads() {
    return { processes: {}, rates: {} };
  }

  draw({ processes, rates }) {
    if (processes) this.#drawProcesses(processes);
    if (rates) this.#drawRates(rates);
  }

  close() {
    this.freshness.close();
  }

  #drawProcesses({ processes, missing, ...answers }) {
    const rows = processes.map(rowOf).concat(missing.map(missingRow));
    this.processes.show(rows);
    const checks = new Map();
    for (const { process, value } of processes) {
      for (const check of value?.checks ?? []) {
        const known = checks.get(check.name);
        if (!known || (known.healthy && !check.healthy)) checks.set(check.name, { ...check, process });
      }
    }
    const failed = [...checks.values()].filter((check) => !check.healthy);
    const isHealthy = failed.length === 0 && missing.length === 0;
    const isChecked = processes.some(({ value }) => value?.checks);
    this.health.classList.toggle("unhealthy", !isHealthy);
    const counts = [failed.length && `${failed.length} failed`, missing.length && `${missing.length} without an answer`];
    setText(this.summary, isHealthy ? (isChecked ? "All checks pass" : "The checks are running") : `Unhealthy: ${counts.filter(Boolean).join(", ")}`);
    reconcile(
      this.checks,
      [...checks.values()],
      (check) => check.name,
      (check) => create("li", {}, create("b", {}, check.name), create("span")),
      (item, check) => {
        item.className = check.healthy ? "good" : "bad";
        setText(item.lastChild, check.healthy ? "ok" : `${check.problem ?? "failed"} (${check.process})`);
      },
    );
    this.freshness.update({ missing, ...answers }, processes.length);
  }

  #drawRates(rates) {
    const { total, series, interval_seconds: interval, now } = rates;
    const counts = new Map(series.map(([at, ...values]) => [at, values]));
    // The current interval is not complete.
    const points = [];
    const first = series.length ? series[0][0] : now;
    for (let at = first; at < now; at += interval * 1000) {
      const [calls, errors] = counts.get(at) ?? [0, 0];
      points.push({ at, calls: calls / interval, errors: errors / interval });
    }
    this.plot.show(points, now);
    const last = points.at(-1) ?? { calls: 0, errors: 0 };
    const minutes = rates.recent_seconds / 60;
    setText(this.transportsTitle, `By transport, last ${minutes} minutes`);
    const tiles = [
      ["Calls", `${formatRate(last.calls)}/s`, ""],
      ["Errors", `${formatRate(last.errors)}/s`, last.errors ? "bad" : ""],
      ["p50", formatMilliseconds(total.p50), ""],
      ["p95", formatMilliseconds(total.p95), ""],
      ["p99", formatMilliseconds(total.p99), ""],
    ];
    reconcile(
      this.tiles,
      tiles,
      ([name]) => name,
      ([name]) => create("li", { class: "tile" }, create("span", {}, name), create("b")),
      (item, [, value, style]) => {
        item.className = `tile ${style}`;
        setText(item.lastChild, value);
      },
    );
    const rows = Object.entries(rates.transports).map(([name, row]) => ({ name, ...row }));
    this.transports.show(rows, `No calls in the last ${minutes} minutes.`);
  }
}

function rowOf({ process, value, error }) {
  if (value === null) return { ...missingRow(process), state: error };
  const failed = (value.checks ?? []).some((check) => !check.healthy);
  return {
    host: value.host,
    pid: value.pid,
    mode: value.mode,
    version: value.version || value.actionhero,
    uptime: value.uptime_seconds,
    memory: value.memory_bytes,
    delay: value.loop_delay_ms,
    state: failed ? "unhealthy" : value.ready ? "ready" : "starting or stopping",
    isBad: failed || !value.ready,
  };
}

function missingRow(process) {
  const [host, pid, mode] = process.split(" ");
  const unknown = { uptime: null, memory: null, delay: null, version: "–" };
  return { host, pid, mode, ...unknown, state: "no answer", isBad: true };
}
