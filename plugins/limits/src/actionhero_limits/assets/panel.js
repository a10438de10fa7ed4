// The panel Limits: declared limits, and callers that are refused, whose limits operators reset.

import { create, setText, setVisible } from "../../kit/elements.js";
import { Freshness } from "../../kit/freshness.js";
import { Table } from "../../kit/table.js";
import { formatCount, formatNumber, formatUntil } from "../../kit/words.js";

const RESULTS = { allowed: "Allowed", refused: "Refused", unavailable: "Unchecked" };

export default class {
  constructor(page) {
    this.page = page;
    this.note = create("p", { class: "muted" });
    this.refused = new Table("Refused callers", this.#refusedColumns(), (row) => `${row.limit} ${row.key}`);
    this.refusedNote = create("p", { class: "note", role: "status" });
    this.checks = new Table(
      "Checks by result",
      [
        { title: "Limit", heading: true, text: (row) => row.limit, style: () => "code" },
        ...Object.entries(RESULTS).map(([result, title]) => ({
          title,
          number: true,
          text: (row) => formatNumber(row[result] ?? 0),
          style: (row) => (result !== "allowed" && row[result] ? "bad" : ""),
        })),
      ],
      (row) => row.limit,
    );
    this.declared = new Table(
      "Declared limits",
      [
        { title: "Action", heading: true, text: (row) => row.action || "all others", style: (row) => (row.action ? "code" : "muted") },
        { title: "Limit", text: (row) => row.name, style: () => "code" },
        { title: "Rate", text: (row) => row.rate },
        { title: "For each", text: (row) => row.by },
        { title: "Cost", number: true, text: (row) => row.cost },
        { title: "Burst", number: true, text: (row) => formatNumber(row.burst) },
      ],
      (row) => `${row.action} ${row.name}`,
    );
    this.checksCard = create("section", { class: "card" }, create("h2", {}, "Checks since the start"), this.checks.element);
    this.freshness = new Freshness();
    this.element = create(
      "div",
      { class: "stack" },
      this.note,
      create("section", { class: "card" }, create("h2", {}, "Refused callers"), this.refused.element, this.refusedNote),
      this.checksCard,
      create("section", { class: "card" }, create("h2", {}, "Declared limits"), this.declared.element),
      this.freshness.element,
    );
  }

  reads() {
    return { declared: {}, refusals: {} };
  }

  draw({ declared, refusals }) {
    if (declared) this.#drawDeclared(declared);
    if (!refusals) return;
    this.refused.show(refusals.refused, "No caller is refused.");
    const count = formatNumber(refusals.refused.length);
    setText(this.refusedNote, refusals.is_complete ? "" : `More than ${count} callers are refused; the latest of each process are listed.`);
    setVisible(this.checksCard, refusals.are_counted);
    this.checks.show(refusals.checks, "Nothing was checked since the start.");
    this.freshness.update(refusals);
  }

  close() {
    this.freshness.close();
  }

  #drawDeclared({ limits, enabled, store, algorithm, on_failure: failure, transports }) {
    this.declared.show(limits, "No action has a limit.");
    const parts = [
      enabled ? `Calls over ${transports.join(", ")} are limited` : "Calls are not limited",
      store === "local" ? "each process counts for itself" : "counted in Redis",
      algorithm === "gcra" ? "GCRA" : "sliding window, which remembers no refused callers",
      `${failure === "refuse" ? "refused" : "allowed"} while the store cannot be reached`,
    ];
    setText(this.note, (enabled ? parts : parts.slice(0, 1)).join(" · "));
  }

  #refusedColumns() {
    const columns = [
      { title: "Limit", heading: true, text: (row) => row.limit, style: () => "code" },
      { title: "Caller, hashed", text: (row) => row.key, style: () => "code" },
      { title: "Next call", text: (row) => formatUntil(row.until_ms, Date.now()) },
      { title: "Processes", number: true, text: (row) => formatNumber(row.processes) },
    ];
    if (this.page.can("reset")) {
      columns.push({
        title: "Change",
        cell: (row) =>
          create(
            "button",
            {
              type: "button",
              "data-role": "reset",
              "aria-label": `Reset the limit ${row.limit} for the caller ${row.key}`,
              onclick: () => this.#reset(row),
            },
            "Reset",
          ),
      });
    }
    return columns;
  }

  async #reset({ limit, key }) {
    const result = await this.page.change("reset", { limit, key }, { button: "Reset" });
    if (!result) return;
    const missing = formatCount(result.missing.length, "process did", "processes did");
    if (result.missing.length) this.page.notify(`Reset; ${missing} not answer, and may refuse the caller for a minute`, "failure");
    else this.page.notify("The limit was reset");
  }
}
