// The panel Sessions: the sessions of a user, and their end.

import { create, setText, setVisible } from "../../kit/elements.js";
import { Table } from "../../kit/table.js";
import { formatAgo, formatCount, formatTime, formatUntil } from "../../kit/words.js";

export default class {
  constructor(page) {
    this.page = page;
    this.user = create("input", {
      type: "search",
      "aria-label": "User",
      placeholder: "Identifier of a user",
      value: page.params.get("user") ?? "",
    });
    const search = create(
      "form",
      {
        class: "bar",
        onsubmit: (event) => {
          event.preventDefault();
          page.navigate([], { user: this.user.value.trim() });
        },
      },
      this.user,
      create("button", { type: "submit", class: "primary" }, "Show"),
    );
    this.count = create("p", { class: "muted", role: "status" });
    this.endAll = create(
      "button",
      { type: "button", onclick: () => page.change("end_all", { user: this.shown }) },
      "End all",
    );
    const columns = [
      { title: "Last use", heading: true, text: (row) => formatAgo(row.used_ms, Date.now()) },
      { title: "Begin", text: (row) => formatTime(row.began_ms) },
      { title: "End", text: (row) => formatUntil(row.expires_ms, Date.now()) },
      { title: "Keys", text: (row) => row.keys.join(", "), style: () => "code" },
    ];
    if (page.can("end")) {
      columns.push({
        title: "Change",
        cell: (row) =>
          create(
            "button",
            {
              type: "button",
              "aria-label": `End the session that began ${formatTime(row.began_ms)}`,
              onclick: () => page.change("end", { user: this.shown, handle: row.handle }),
            },
            "End",
          ),
      });
    }
    this.table = new Table("Sessions", columns, (row) => row.handle);
    this.card = create("section", { class: "card" }, this.table.element);
    this.element = create("div", { class: "stack" }, search, this.count, this.card, this.endAll);
  }

  reads() {
    const user = this.page.params.get("user") ?? "";
    return user ? { list: { user } } : { count: {} };
  }

  draw({ list, count }) {
    if (count) {
      const text = formatCount(count.count, "session", "sessions");
      setText(this.count, count.is_complete ? `${text} of all users.` : `More than ${text} of all users.`);
    }
    setVisible(this.card, Boolean(list));
    setVisible(this.endAll, Boolean(list?.sessions.length) && this.page.can("end_all"));
    if (!list) return;
    this.shown = list.user;
    setText(this.count, `${formatCount(list.sessions.length, "session", "sessions")} of user ${list.user}.`);
    this.table.show(list.sessions, "This user has no session.");
  }
}
