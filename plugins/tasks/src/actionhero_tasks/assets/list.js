// The jobs of a state, page by page, or those that match a search.

import { create, reconcile, setText, setVisible } from "../../kit/elements.js";
import { formatCount, formatNumber } from "../../kit/words.js";
import { JobTable } from "./job_table.js";

export class ListView {
  constructor(page) {
    this.page = page;
    this.state = page.params.get("state") ?? "";
    this.queue = page.params.get("queue") ?? "";
    this.search = page.params.get("search") ?? "";
    this.before = Number.parseInt(page.params.get("before"), 10) || null;
    this.select = create("select", { "aria-label": "Queue", onchange: () => this.#go({ queue: this.select.value }) });
    this.note = create("p", { class: "muted", role: "status" });
    this.batch = create("div", { class: "buttons", hidden: true }, ...this.#createBatchButtons());
    this.table = new JobTable("Jobs", page);
    this.newest = create("button", { type: "button", onclick: () => this.#go({ before: null }) }, "Newest");
    this.older = create("button", { type: "button", onclick: () => this.#go({ before: this.next }) }, "Older");
    this.pages = create("nav", { class: "buttons", "aria-label": "Pages", hidden: true }, this.newest, this.older);
    this.element = create(
      "div",
      { class: "stack" },
      create("div", { class: "bar" }, this.select, this.batch, this.note),
      this.table.element,
      this.pages,
    );
  }

  reads() {
    const { state, queue, search, before } = this;
    return { list: { state, queue, search, before } };
  }

  draw({ overview, list }) {
    const names = [...new Set([...overview.queues.map((each) => each.queue), this.queue])].filter(Boolean);
    reconcile(
      this.select,
      ["", ...names.sort()],
      (name) => name,
      (name) => create("option", { value: name }, name || "All queues"),
      () => {},
    );
    if (this.select.value !== this.queue) this.select.value = this.queue;
    this.dead = overview.queues
      .filter((each) => !this.queue || each.queue === this.queue)
      .reduce((sum, each) => sum + each.dead, 0);
    setVisible(this.batch, this.state === "dead" && !this.search && this.dead > 0);
    if (!list) return;
    this.next = list.next;
    setText(this.note, this.#noteOf(list));
    this.table.show(list.jobs, overview.now, this.search ? "No job matches." : "No jobs.");
    setVisible(this.pages, this.before !== null || this.next !== null);
    this.newest.disabled = this.before === null;
    this.older.disabled = this.next === null;
  }

  close() {
    this.isClosed = true;
  }

  #noteOf({ jobs, searched, is_complete: isComplete }) {
    const count = formatCount(jobs.length, "job", "jobs");
    if (searched === undefined) return "";
    return isComplete ? `${count} found.` : `${count} among the newest ${formatNumber(searched)}; there may be more.`;
  }

  #go(changes) {
    const { state, queue, search } = this;
    this.page.navigate([], { state, queue, search, ...changes });
  }

  #createBatchButtons() {
    const operations = [
      { name: "retry_dead", label: "Retry all", done: "Retried", style: "primary" },
      { name: "discard_dead", label: "Discard all", done: "Discarded", style: "danger" },
    ];
    return operations
      .filter(({ name }) => this.page.can(name))
      .map((each) => create("button", { type: "button", class: each.style, onclick: () => this.#runBatch(each) }, each.label));
  }

  async #runBatch({ name, label, done }) {
    const scope = `${this.dead === 1 ? "dead letter" : "dead letters"} of ${this.queue ? `queue ${this.queue}` : "all queues"}`;
    const inputs = { queue: this.queue || null, before: null };
    let result = await this.page.change(name, inputs, { n: formatNumber(this.dead), scope, button: label });
    let total = 0;
    try {
      // In parts, so that the store is not blocked; leaving the view stops it.
      while (result !== undefined) {
        total += result.count;
        const isLast = result.next === null || this.isClosed;
        this.page.notify(`${done} ${formatCount(total, "dead letter", "dead letters")}${isLast ? "." : " …"}`);
        if (isLast) break;
        result = await this.page.submit(name, { ...inputs, before: result.next });
      }
    } catch (error) {
      this.page.fail(error);
    }
    if (total && !this.isClosed) this.page.refresh();
  }
}
