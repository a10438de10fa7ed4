// The panel Settings: every value with its origin, the plugins, and the problems.

import { create, reconcile, setText, setVisible } from "../../kit/elements.js";
import { Table } from "../../kit/table.js";
import { formatCount } from "../../kit/words.js";

export default class {
  constructor(page) {
    Object.assign(this, { page, data: null });
    this.search = create("input", {
      type: "search",
      "aria-label": "Search settings",
      placeholder: "Search settings",
      value: page.params.get("search") ?? "",
      oninput: () => this.#filter(),
    });
    this.onlySet = create("input", { type: "checkbox", id: "only-set", onchange: () => this.#filter() });
    this.onlySet.checked = page.params.get("set") === "1";
    this.count = create("p", { class: "muted", role: "status" });
    this.problems = create("ul", { class: "problems" });
    this.settings = new Table(
      "Settings",
      [
        {
          title: "Setting",
          heading: true,
          cell: (row) =>
            create(
              "div",
              {},
              create("span", { class: "code" }, `${row.section}.${row.key}`),
              create("small", { class: "muted description" }, row.description),
            ),
        },
        { title: "Value", text: (row) => row.value, style: (row) => (row.is_default ? "code muted" : "code set") },
        { title: "Origin", text: (row) => row.origin, style: () => "origin" },
      ],
      (row) => `${row.section}.${row.key}`,
    );
    this.plugins = new Table(
      "Plugins",
      [
        { title: "Plugin", heading: true, text: (row) => row.name },
        { title: "Distribution", text: (row) => (row.distribution ? `${row.distribution} ${row.version}` : row.module) },
        { title: "State", text: (row) => row.state, style: (row) => (row.state === "failed" ? "bad" : "") },
        { title: "Reason", text: (row) => row.reason },
      ],
      (row) => `${row.name} ${row.module}`,
    );
    this.element = create(
      "div",
      { class: "stack" },
      this.problems,
      create("div", { class: "bar" }, this.search, create("p", { class: "check" }, this.onlySet, create("label", { for: "only-set" }, "Only changed")), this.count),
      create("section", { class: "card" }, this.settings.element),
      create("section", { class: "card" }, create("h2", {}, "Plugins"), this.plugins.element),
    );
  }

  reads() {
    // They do not change while the process runs.
    return this.data ? {} : { list: {} };
  }

  reset() {
    this.data = null;
  }

  draw({ list }) {
    if (!list) return;
    this.data = list;
    setVisible(this.problems, list.problems.length > 0);
    reconcile(
      this.problems,
      list.problems,
      (problem) => problem,
      (problem) => create("li", { class: "alert" }, problem),
      () => {},
    );
    this.plugins.show(list.plugins);
    this.#show();
  }

  #filter() {
    this.page.navigate([], { search: this.search.value, set: this.onlySet.checked ? "1" : "" }, { replace: true });
    this.#show();
  }

  #show() {
    if (!this.data) return;
    const word = this.search.value.toLowerCase();
    const rows = this.data.settings.filter((row) => {
      if (this.onlySet.checked && row.is_default) return false;
      return `${row.section}.${row.key} ${row.description} ${row.origin}`.toLowerCase().includes(word);
    });
    this.settings.show(rows, "No setting matches.");
    setText(this.count, `${formatCount(rows.length, "setting", "settings")} · ${this.data.environment}`);
  }
}
