// The jobs of a state, a page at a time; and what can be done with them.

import { change, read } from "./ask.js";
import { keep, make, say, show } from "./elements.js";
import { ago, count, number, until } from "./words.js";

export const STATES = ["ready", "running", "delayed", "dead", "done", "cancelled"];

const NAMES = { dead: "Dead letters", cancelled: "Cancelled jobs" };

export const nameOf = (state) =>
  NAMES[state] ?? `${state[0].toUpperCase()}${state.slice(1)} jobs`;

/** What can be done with a job, by its state: a verb, how it is told, and what is asked before. */
export const DEEDS = {
  dead: [
    { verb: "retry", name: "Retry", done: "Retried", look: "primary" },
    {
      verb: "discard",
      name: "Discard",
      done: "Discarded",
      look: "danger",
      ask: (job) => [`Discard this dead letter?`, `${job.action} will never run again. It cannot be undone.`],
    },
  ],
  ready: [cancelling()],
  delayed: [cancelling()],
};

function cancelling() {
  return {
    verb: "cancel",
    name: "Cancel",
    done: "Cancelled",
    look: "danger",
    ask: (job) => [`Cancel this job?`, `${job.action} will not run. It cannot be undone.`],
  };
}

/** Does something with one job, and says what came of it. Returns whether it was done. */
export async function act(deed, job, desk) {
  if (deed.ask && !(await desk.ask(...deed.ask(job), deed.name))) return false;
  try {
    await change(deed.verb, { id: job.id });
    desk.say(`${deed.done} ${job.action}.`);
  } catch (error) {
    desk.fail(error);
    return false;
  } finally {
    desk.look();
  }
  return true;
}

export function timeOf(job, now) {
  if (job.state === "delayed" && job.due !== null) return `due ${until(job.due, now)}`;
  if (job.state === "running" && job.started !== null) return `began ${ago(job.started, now)}`;
  if (job.ended !== null) return `ended ${ago(job.ended, now)}`;
  return `enqueued ${ago(job.created, now)}`;
}

export function triesOf(job) {
  return job.attempts ? `failed ${job.attempts === 1 ? "once" : `${number(job.attempts)} times`}` : "";
}

export class JobsView {
  /**
   * @param {string} state
   * @param {string} queue Of which queue; empty: of all.
   * @param {object} desk What the page lends: `ask`, `say`, `fail`, `look`.
   */
  constructor(state, queue, desk) {
    Object.assign(this, { state, queue, desk, before: [null], next: null, working: null });
    this.title = nameOf(state);
    this.select = make("select", { id: "queue", onchange: () => this.#choose() });
    this.list = make("ul", { class: "jobs" });
    this.none = make("p", { class: "empty", hidden: true });
    this.newer = make("button", { type: "button", onclick: () => this.#turn(-1) }, "Newer");
    this.older = make("button", { type: "button", onclick: () => this.#turn(1) }, "Older");
    this.pages = make("nav", { class: "buttons", "aria-label": "Pages" }, this.newer, this.older);
    this.many = make("div", { class: "buttons", hidden: true }, ...this.#forAll());
    this.heading = make("h1", {}, this.title);
    this.element = make(
      "div",
      {},
      make(
        "div",
        { class: "bar" },
        this.heading,
        make("p", {}, make("label", { for: "queue" }, "Queue"), " ", this.select),
        this.many,
      ),
      this.list,
      this.none,
      this.pages,
    );
  }

  update(told) {
    this.now = told.now;
    this.queues = told.queues;
    const names = [...new Set([...told.queues.map((queue) => queue.queue), this.queue])].filter(Boolean);
    keep(
      this.select,
      ["", ...names.sort()],
      (name) => name,
      (name) => make("option", { value: name }, name || "All queues"),
      () => {},
    );
    if (this.select.value !== this.queue) this.select.value = this.queue;
    show(this.many, this.state === "dead" && (this.#dead() > 0 || this.working !== null));
  }

  async look(signal) {
    const before = this.before.at(-1);
    const told = await read("jobs", { state: this.state, queue: this.queue, before }, signal);
    if (before !== this.before.at(-1)) return;
    this.next = told.next;
    keep(this.list, told.jobs, (job) => job.id, (job) => this.#item(job), (item, job) => this.#fill(item, job));
    show(this.none, told.jobs.length === 0);
    say(this.none, this.before.length > 1 ? "There are no more." : "There are none.");
    show(this.pages, this.before.length > 1 || this.next !== null);
    this.newer.disabled = this.before.length === 1;
    this.older.disabled = this.next === null;
  }

  leave() {
    this.working?.abort();
  }

  #choose() {
    location.hash = `#/jobs/${this.state}${this.select.value ? `/${encodeURIComponent(this.select.value)}` : ""}`;
  }

  async #turn(by) {
    if (by > 0) this.before.push(this.next);
    else this.before.pop();
    await this.desk.look();
    this.heading.tabIndex = -1;
    this.heading.focus();
    scrollTo(0, 0);
  }

  #item(job) {
    const deeds = (DEEDS[job.state] ?? []).map((deed) => {
      const label = `${deed.name} ${job.action}, job ${job.id}`;
      const facts = { type: "button", class: deed.look, "aria-label": label, "data-role": deed.verb };
      return make("button", { ...facts, onclick: () => act(deed, job, this.desk) }, deed.name);
    });
    return make(
      "li",
      { class: `job card ${job.state}` },
      make(
        "div",
        { class: "what" },
        make("p", {}, make("a", { href: `#/job/${encodeURIComponent(job.id)}`, "data-role": "open" }, job.action)),
        make("p", { class: "facts muted" }),
        make("p", { class: "why" }),
        make("p", { class: "given mono" }),
        make("progress", { "aria-label": "Progress", max: 1, value: 0, hidden: true }),
      ),
      make("div", { class: "buttons" }, ...deeds),
    );
  }

  #fill(item, job) {
    const [, facts, why, given, bar] = item.firstChild.children;
    const known = [job.queue, timeOf(job, this.now ?? job.created), triesOf(job)];
    say(facts, known.filter(Boolean).join(" · "));
    say(why, job.error ? `${job.error.message || job.error.type}` : "");
    show(why, Boolean(job.error));
    say(given, job.inputs);
    show(given, job.inputs !== "{}");
    showProgress(bar, job);
  }

  // -- all dead letters ------------------------------------------------------------------------

  #dead() {
    const chosen = this.queues?.filter((each) => !this.queue || each.queue === this.queue) ?? [];
    return chosen.reduce((total, each) => total + each.dead, 0);
  }

  #forAll() {
    const retry = { verb: "retry", name: "Retry all", done: "Retried", look: "primary" };
    const discard = { verb: "discard", name: "Discard all", done: "Discarded", look: "danger" };
    return [retry, discard].map((deed) =>
      make("button", { type: "button", class: deed.look, onclick: () => this.#actOnAll(deed) }, deed.name),
    );
  }

  async #actOnAll(deed) {
    if (this.working) return;
    const where = this.queue ? `in queue ${this.queue}` : "in all queues";
    const total = this.#dead();
    const fate = deed.verb === "retry" ? "run again." : "never run again. It cannot be undone.";
    const text = `${count(total, "dead letter", "dead letters")} ${where} will ${fate}`;
    if (!(await this.desk.ask(`${deed.name}?`, text, deed.name))) return;
    this.working = new AbortController();
    let [done, before] = [0, null];
    try {
      // Some at a time: the store has others to serve, and leaving this view ends it.
      do {
        const asked = { queue: this.queue || null, before };
        const told = await change(`dead/${deed.verb}`, asked, this.working.signal);
        done += told.count;
        before = told.next;
        this.desk.say(`${deed.done} ${count(done, "dead letter", "dead letters")}${before === null ? "." : " …"}`);
      } while (before !== null);
    } catch (error) {
      if (error.name !== "AbortError") this.desk.fail(error);
    } finally {
      this.working = null;
    }
    await this.desk.look();
  }
}

export function showProgress(bar, job) {
  const known = job.progress !== null && job.state === "running";
  show(bar, known);
  if (!known) return;
  if (job.progress_total) {
    bar.max = job.progress_total;
    bar.value = job.progress;
  } else {
    bar.removeAttribute("value");
  }
}
