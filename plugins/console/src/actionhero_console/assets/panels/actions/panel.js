// The panel Actions: the catalogue, and the form of one action.

import { create, reconcile, setText, setVisible } from "../../kit/elements.js";
import { Form } from "../../kit/form.js";
import { Table } from "../../kit/table.js";
import { formatCount, formatMilliseconds, formatNumber, formatPercent } from "../../kit/words.js";
import { cliOf, curlOf } from "./commands.js";

export default class {
  constructor(page) {
    const [name] = page.path;
    const part = name ? new ActionView(page, name) : new Catalogue(page);
    return part;
  }
}

class Catalogue {
  constructor(page) {
    Object.assign(this, { page, actions: [], rates: {} });
    this.search = create("input", {
      type: "search",
      "aria-label": "Search actions",
      placeholder: "Search",
      title: "Search in names, routes and descriptions",
      value: page.params.get("search") ?? "",
      oninput: () => this.#filter(),
    });
    this.transport = create(
      "select",
      { "aria-label": "Transport", onchange: () => this.#filter() },
      ...["", "http", "websocket", "mcp"].map((name) => create("option", { value: name }, name || "All transports")),
    );
    this.transport.value = page.params.get("transport") ?? "";
    this.count = create("p", { class: "muted", role: "status" });
    this.table = new Table(
      "Actions",
      [
        {
          title: "Action",
          heading: true,
          cell: (row) =>
            create(
              "div",
              {},
              create("a", { href: page.href([row.name]) }, row.name),
              create("small", { class: "muted description" }, row.description),
            ),
        },
        { title: "Route", text: (row) => row.routes.map((route) => route.join(" ")).join(", "), style: () => "code" },
        { title: "Transports", text: (row) => row.transports.join(", ") },
        { title: "Calls", number: true, text: (row) => (row.rates ? formatNumber(row.rates.calls) : "") },
        {
          title: "Errors",
          number: true,
          text: (row) => (row.rates?.calls ? formatPercent(row.rates.errors / row.rates.calls) : ""),
          style: (row) => (row.rates?.errors ? "bad" : ""),
        },
        { title: "p95", number: true, text: (row) => (row.rates ? formatMilliseconds(row.rates.p95) : "") },
      ],
      (row) => row.name,
    );
    this.element = create(
      "div",
      { class: "stack" },
      create("div", { class: "bar" }, this.search, this.transport, this.count),
      create("section", { class: "card" }, this.table.element),
    );
  }

  reset() {
    this.actions = [];
  }

  reads() {
    return this.actions.length ? { rates: {} } : { list: {}, rates: {} };
  }

  draw({ list, rates }) {
    this.actions = list ?? this.actions;
    this.rates = rates ?? this.rates;
    this.#show();
  }

  #filter() {
    const params = { search: this.search.value, transport: this.transport.value };
    this.page.navigate([], params, { replace: true });
    this.#show();
  }

  #show() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = this.actions.filter((action) => {
      if (this.transport.value && !action.transports.includes(this.transport.value)) return false;
      const text = [action.name, action.description, action.owner, ...action.routes.flat()].join(" ").toLowerCase();
      return words.every((word) => text.includes(word));
    });
    this.table.show(
      rows.map((action) => ({ ...action, rates: this.rates[action.name] })),
      "No action matches.",
    );
    setText(this.count, formatCount(rows.length, "action", "actions"));
  }
}

class ActionView {
  constructor(page, name) {
    Object.assign(this, { page, name, action: null });
    this.facts = create("dl", { class: "facts" });
    this.description = create("p", { class: "lead" });
    this.runCard = create("section", { class: "card run", hidden: true });
    this.element = create(
      "div",
      { class: "stack" },
      create("p", {}, create("a", { href: page.href() }, "← All actions")),
      create("section", { class: "card" }, create("h2", { class: "code" }, name), this.description, this.facts),
      this.runCard,
    );
  }

  reads() {
    return this.action ? { rates: {} } : { form: { name: this.name }, rates: {} };
  }

  draw({ form, rates }) {
    if (form) this.#create(form);
    if (this.action && rates) this.#drawFacts(rates[this.name]);
  }

  #create(action) {
    this.action = action;
    setText(this.description, paragraphsOf(action.description));
    if (!this.page.can("run")) return;
    this.form = new Form(action.fields, () => this.#drawCommands());
    this.user = create("input", { id: "run-user", autocomplete: "off", spellcheck: "false", oninput: () => this.#drawCommands() });
    this.button = create("button", { type: "submit", class: "primary" }, "Run");
    this.problem = create("p", { class: "error", role: "alert" });
    this.outcome = create("div", { class: "outcome", hidden: true, "aria-live": "polite" });
    this.commands = create("div", { class: "commands" });
    const user = create(
      "div",
      { class: "field" },
      create("label", { for: "run-user" }, "As user", create("small", { class: "muted" }, " optional")),
      this.user,
      create("p", { class: "note" }, "A user id. Empty: the caller is anonymous."),
    );
    const form = create("form", { novalidate: true, onsubmit: (event) => this.#run(event) }, this.form.element, user, this.problem, create("p", { class: "buttons" }, this.button));
    this.runCard.replaceChildren(create("h2", {}, "Run"), form, this.outcome, this.commands);
    setVisible(this.runCard, true);
    this.#drawCommands();
  }

  async #run(event) {
    event.preventDefault();
    this.button.disabled = true;
    setText(this.problem, "");
    this.form.showProblems([]);
    try {
      const inputs = { name: this.name, values: this.form.values(), user: this.user.value };
      this.#showOutcome(await this.page.submit("run", inputs));
    } catch (error) {
      setText(this.problem, error.message);
    } finally {
      this.button.disabled = false;
    }
  }

  #showOutcome(result) {
    const style = result.ok ? "good" : "bad";
    const title = result.ok ? "Succeeded" : result.error.type;
    const others = result.ok ? [] : this.form.showProblems(result.error.errors ?? []);
    const text = result.ok ? result.value : [result.error.message, ...others.map((problem) => problem.message)].join("\n");
    this.outcome.replaceChildren(
      create("p", {}, create("span", { class: `chip ${style}` }, title), ` in ${formatMilliseconds(result.milliseconds)}`),
      create("pre", { tabindex: "0", "aria-label": "Result" }, text),
    );
    setVisible(this.outcome, true);
  }

  #drawCommands() {
    const commands = [
      ["curl", curlOf(this.action, this.form.json())],
      ["CLI", cliOf(this.action, this.form.values(), this.action.fields, this.user.value)],
    ].filter(([, command]) => command);
    reconcile(
      this.commands,
      commands,
      ([title]) => title,
      ([title]) => create("div", {}, create("h3", {}, title), create("pre", { tabindex: "0", "aria-label": title })),
      (element, [, command]) => setText(element.lastChild, command),
    );
  }

  #drawFacts(rates) {
    const { action } = this;
    const facts = [
      ["Routes", action.routes.map((route) => route.join(" ")).join(", ")],
      ["Transports", action.transports.join(", ") || "operators only: CLI and jobs"],
      ["Calls", rates ? `${formatNumber(rates.calls)}, ${formatNumber(rates.errors)} failed` : "none yet"],
      ["p50 / p95 / p99", rates ? [rates.p50, rates.p95, rates.p99].map(formatMilliseconds).join(" / ") : ""],
      ["Requires", action.requires.join(", ")],
      ...Object.entries(action.attributes).map(([name, value]) => [name, value]),
      ["Owner", action.owner],
      ["File", action.file],
    ].filter(([, value]) => value);
    reconcile(
      this.facts,
      facts,
      ([title]) => title,
      ([title]) => create("div", {}, create("dt", {}, title), create("dd")),
      (element, [, value]) => setText(element.lastChild, value),
    );
  }
}

/** Joins the lines of each paragraph, as the docstring of an action is wrapped. */
const paragraphsOf = (text) =>
  text
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, " "))
    .join("\n\n");
