// The panel Audit: the acts of operators, the newest first.

import { create, reconcile, setText } from "../../kit/elements.js";
import { formatNumber, formatTime } from "../../kit/words.js";

const HIDDEN = new Set(["id", "time", "event", "outcome", "operator", "act", "begun"]);

export default class {
  constructor(page) {
    this.page = page;
    this.list = create("ol", { class: "lines" });
    this.empty = create("p", { class: "empty", hidden: true }, "No entries.");
    this.note = create("p", { class: "muted" });
    this.older = create("a", {}, "Older entries");
    this.newest = create("a", { href: page.href() }, "Newest entries");
    this.pages = create("nav", { class: "buttons", "aria-label": "Pages" }, this.newest, this.older);
    this.element = create("div", { class: "stack" }, create("section", { class: "card" }, this.list, this.empty), this.pages, this.note);
  }

  reads() {
    return { list: { before: this.page.params.get("before") ?? "" } };
  }

  draw({ list }) {
    if (!list) return;
    const acts = actsOf(list.entries);
    reconcile(this.list, acts, (act) => act.id, createAct, () => {});
    this.empty.hidden = acts.length > 0;
    this.list.hidden = acts.length === 0;
    this.newest.hidden = !this.page.params.get("before");
    this.older.hidden = !list.next;
    this.older.href = this.page.href([], { before: list.next });
    setText(this.note, `The last ${formatNumber(list.limit)} entries are kept here; all are in the log.`);
  }
}

/** Joins the entry of the beginning of an act with that of its outcome. */
function actsOf(entries) {
  const acts = new Map();
  for (const entry of entries) {
    const known = acts.get(entry.act);
    if (known === undefined) acts.set(entry.act ?? entry.id, entry);
    else acts.set(entry.act, { ...entry, ...known, begun: entry.time });
  }
  return [...acts.values()];
}

function createAct(act) {
  const style = { success: "good", failure: "bad" }[act.outcome] ?? "wait";
  const facts = Object.entries(act).filter(([name, value]) => !HIDDEN.has(name) && value !== null && value !== "");
  const title = act.panel ? `${act.panel}.${act.change}` : act.event;
  const head = create(
    "summary",
    {},
    create("time", {}, formatTime(act.time)),
    create("span", { class: `chip ${style}` }, act.outcome === "begun" ? "no outcome" : act.outcome),
    create("span", { class: "message" }, create("b", {}, act.operator ?? "unknown"), ` ${title} `, create("span", { class: "code" }, act.target ?? act.path ?? "")),
  );
  const rows = facts.map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return create("div", {}, create("dt", {}, name), create("dd", { class: "code" }, text));
  });
  return create("li", {}, create("details", {}, head, create("dl", { class: "facts" }, ...rows)));
}
