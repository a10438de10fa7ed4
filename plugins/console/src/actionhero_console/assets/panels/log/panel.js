// The panel Log: the last lines of all processes, live.

import { create, setText } from "../../kit/elements.js";
import { Freshness } from "../../kit/freshness.js";
import { formatCount, formatMilliseconds, formatNumber } from "../../kit/words.js";

const MAX_LINES = 1000;
const FILTERS = ["text", "action", "request_id"];
const TITLES = { text: "Text", action: "Action", request_id: "Request id" };
const LEVELS = { "": "All levels", info: "Info and above", warn: "Warnings and errors", error: "Errors" };
const OUTCOMES = { "": "All outcomes", ok: "Succeeded", failed: "Failed" };
const timeFormat = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});
const HEADING = new Set(["timestamp", "level", "logger", "message", "action", "transport", "outcome", "milliseconds"]);

export default class {
  constructor(page) {
    Object.assign(this, { page, after: {}, count: 0, leftOut: 0, isFollowing: true });
    this.controls = {};
    const bar = create("form", { class: "bar", role: "search", onsubmit: (event) => event.preventDefault() });
    for (const name of FILTERS) {
      const type = name === "text" ? "search" : "text";
      this.controls[name] = create("input", {
        type,
        "aria-label": TITLES[name],
        placeholder: TITLES[name],
        value: page.params.get(name) ?? "",
        autocomplete: "off",
        spellcheck: "false",
        onchange: () => this.#restart(),
      });
    }
    this.controls.level = selectOf("Level", LEVELS, page.params.get("level"), () => this.#restart());
    this.controls.outcome = selectOf("Outcome", OUTCOMES, page.params.get("outcome"), () => this.#restart());
    this.pause = create("button", { type: "button", "aria-pressed": "false", onclick: () => this.#togglePause() }, "Pause");
    bar.append(...Object.values(this.controls), this.pause);
    this.list = create("ol", { class: "lines", tabindex: "0", "aria-label": "Log lines, the newest first" });
    this.empty = create("p", { class: "empty" }, "No lines yet.");
    this.status = create("p", { class: "muted", role: "status" });
    this.freshness = new Freshness();
    this.element = create("div", { class: "stack" }, bar, create("section", { class: "card" }, this.list, this.empty), this.status, this.freshness.element);
  }

  reads() {
    if (!this.isFollowing) return {};
    const inputs = { after: this.after };
    for (const [name, control] of Object.entries(this.controls)) inputs[name] = control.value.trim();
    return { lines: inputs };
  }

  draw({ lines }) {
    if (!lines || !this.isFollowing) return;
    // Of processes that did not answer this time; those that have ended are forgotten.
    const missing = Object.entries(this.after).filter(([name]) => lines.missing.includes(name));
    this.after = { ...Object.fromEntries(missing), ...lines.last };
    this.leftOut += lines.left_out;
    for (const line of lines.lines) this.list.prepend(createLine(line));
    while (this.list.childElementCount > MAX_LINES) this.list.lastElementChild.remove();
    this.empty.hidden = this.list.childElementCount > 0;
    this.list.hidden = !this.empty.hidden;
    const shown = formatCount(this.list.childElementCount, "line", "lines");
    setText(this.status, this.leftOut ? `${shown}; ${formatNumber(this.leftOut)} left out` : shown);
    this.freshness.update(lines);
  }

  close() {
    this.freshness.close();
  }

  #restart() {
    const params = Object.fromEntries(Object.entries(this.controls).map(([name, control]) => [name, control.value.trim()]));
    this.page.navigate([], params, { replace: true });
    Object.assign(this, { after: {}, leftOut: 0 });
    this.list.replaceChildren();
    this.page.refresh();
  }

  #togglePause() {
    this.isFollowing = !this.isFollowing;
    this.pause.setAttribute("aria-pressed", String(!this.isFollowing));
    setText(this.pause, this.isFollowing ? "Pause" : "Continue");
    this.page.refresh();
  }
}

function selectOf(label, options, value, onchange) {
  const select = create("select", { "aria-label": label, onchange });
  select.append(...Object.entries(options).map(([key, text]) => create("option", { value: key }, text)));
  select.value = value ?? "";
  return select;
}

function createLine({ process, facts }) {
  const time = timeFormat.format(new Date(facts.timestamp ?? 0));
  const level = facts.level ?? "info";
  const isFailure = facts.outcome && !["ok", "success"].includes(facts.outcome);
  const head = create(
    "summary",
    {},
    create("time", {}, time),
    create("span", { class: `chip ${level} ${isFailure ? "bad" : ""}` }, isFailure && level === "info" ? "failed" : level),
    create("span", { class: "message" }, summaryOf(facts)),
  );
  const rest = Object.entries({ ...facts, process }).filter(([name]) => !HEADING.has(name) || name === "logger");
  const body = create(
    "dl",
    { class: "facts" },
    ...rest.map(([name, value]) => create("div", {}, create("dt", {}, name), create("dd", { class: "code" }, textOf(value)))),
  );
  return create("li", {}, create("details", {}, head, body));
}

function summaryOf(facts) {
  if (facts.milliseconds !== undefined) {
    return `${facts.action || "unknown action"} ${facts.transport} ${facts.outcome} in ${formatMilliseconds(facts.milliseconds)}`;
  }
  if (facts.message === "audit") return `audit: ${facts.event} ${facts.outcome}`;
  return `${facts.message ?? ""}`.slice(0, 1000);
}

const textOf = (value) => (typeof value === "string" ? value : JSON.stringify(value));
