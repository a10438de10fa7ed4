// The panel Database: connections of all processes, migrations, and the outbox.

import { create, reconcile, setText, setVisible } from "../../kit/elements.js";
import { Freshness } from "../../kit/freshness.js";
import { Table } from "../../kit/table.js";
import { formatCount, formatDuration, formatNumber } from "../../kit/words.js";

const ENGINES = { sqlite: "SQLite", postgres: "PostgreSQL", mysql: "MySQL or MariaDB" };

export default class {
  constructor() {
    this.facts = create("dl", { class: "facts" });
    this.connections = new Table(
      "Connections by process",
      [
        { title: "Process", heading: true, text: (row) => row.process },
        {
          title: "Used",
          number: true,
          text: (row) => (row.used === undefined ? row.error || "no answer" : formatNumber(row.used)),
          style: (row) => (row.used === undefined || (row.maximum > 1 && row.used >= row.maximum) ? "wait" : ""),
        },
        { title: "Idle", number: true, text: (row) => (row.idle === undefined ? "–" : formatNumber(row.idle)) },
        { title: "Maximum", number: true, text: (row) => formatNumber(row.maximum) },
      ],
      (row) => row.process,
    );
    this.summary = create("p", { class: "health-summary" });
    this.notes = create("ul", { class: "plain" });
    this.health = create("section", { class: "card health", "aria-label": "State of the migrations" }, this.summary, this.notes);
    this.migrations = new Table(
      "Migrations",
      [
        { title: "Migration", heading: true, text: (row) => row.name, style: () => "code" },
        { title: "Label", text: (row) => row.label, style: () => "code" },
        { title: "State", text: stateOf, style: (row) => (row.applied && row.known ? "good" : "bad") },
      ],
      (row) => `${row.label} ${row.name}`,
    );
    this.outbox = new Table(
      "Messages in the outbox",
      [
        { title: "Topic", heading: true, text: (row) => row.topic, style: () => "code" },
        { title: "Messages", number: true, text: (row) => formatNumber(row.count) },
        {
          title: "Oldest",
          number: true,
          text: (row) => formatDuration(row.age_ms),
          style: (row) => (row.age_ms > 60_000 ? "bad" : ""),
        },
      ],
      (row) => row.topic,
    );
    this.outboxNote = create("p", { class: "note", role: "status" });
    this.outboxCard = create(
      "section",
      { class: "card", hidden: true },
      create("h2", {}, "Outbox: messages that are not sent yet"),
      this.outbox.element,
      this.outboxNote,
    );
    this.freshness = new Freshness();
    this.element = create(
      "div",
      { class: "stack" },
      create("section", { class: "card" }, this.facts),
      this.health,
      create("section", { class: "card" }, create("h2", {}, "Connections"), this.connections.element),
      this.outboxCard,
      create("section", { class: "card" }, create("h2", {}, "Migrations"), this.migrations.element),
      this.freshness.element,
    );
  }

  reads() {
    return { connections: {}, migrations: {}, outbox: {} };
  }

  draw({ connections, migrations, outbox }) {
    if (connections) this.#drawConnections(connections);
    if (migrations) this.#drawMigrations(migrations);
    if (outbox) {
      setVisible(this.outboxCard, outbox.topics !== null);
      this.outbox.show(outbox.topics ?? [], "All messages are sent.");
      setText(this.outboxNote, outbox.is_complete ? "" : "The oldest 10,000 messages are counted.");
    }
  }

  close() {
    this.freshness.close();
  }

  #drawConnections({ engine, url, migrations, maximum, processes, ...answers }) {
    const facts = [
      ["Engine", ENGINES[engine] ?? engine],
      ["Address", url],
      ["Migrations", `engine ${migrations}`],
    ];
    reconcile(
      this.facts,
      facts,
      ([name]) => name,
      ([name]) => create("div", {}, create("dt", {}, name), create("dd")),
      (item, [, value]) => setText(item.lastChild, value),
    );
    const missing = answers.missing.map((process) => ({ process }));
    this.connections.show([...processes, ...missing].map((row) => ({ ...row, maximum })));
    this.freshness.update(answers, processes.length);
  }

  #drawMigrations({ error, migrations, notes }) {
    const behind = migrations.filter((row) => !row.applied).length;
    const ahead = migrations.filter((row) => !row.known).length;
    const parts = [
      error && "the status cannot be read",
      behind && `${formatCount(behind, "migration is", "migrations are")} pending`,
      ahead && `${formatCount(ahead, "migration is", "migrations are")} of a newer release`,
    ].filter(Boolean);
    const isCurrent = parts.length === 0 && notes.length === 0;
    this.health.classList.toggle("unhealthy", !isCurrent);
    const differs = "The models differ from the tables";
    setText(this.summary, isCurrent ? "The tables are up to date" : capitalize(parts.join(", ") || differs));
    reconcile(
      this.notes,
      [error, ...notes].filter(Boolean),
      (note) => note,
      (note) => create("li", {}, create("span", {}, note)),
      () => {},
    );
    setVisible(this.notes, !isCurrent);
    this.migrations.show([...migrations].reverse(), "There are no migrations.");
  }
}

function stateOf({ applied, known }) {
  if (!known) return "applied, of a newer release";
  return applied ? "applied" : "pending";
}

const capitalize = (text) => text[0].toUpperCase() + text.slice(1);
