// One job, with all that is told of it.

import { read } from "./ask.js";
import { keep, make, say, show } from "./elements.js";
import { act, DEEDS, showProgress, triesOf } from "./jobs.js";
import { ago, moment, number, until } from "./words.js";

export class JobView {
  constructor(id, desk) {
    Object.assign(this, { id, desk });
    this.title = "Job";
    this.name = make("h1", {}, "Job");
    this.state = make("span", { class: "chip" });
    this.deeds = make("div", { class: "buttons" });
    this.facts = make("dl", { class: "card facts" });
    this.bar = make("progress", { "aria-label": "Progress", max: 1, value: 0, hidden: true });
    this.parts = Object.fromEntries(
      ["Error", "Inputs", "Result"].map((title) => {
        const text = make("pre", { tabindex: "0", "aria-label": title });
        return [title, { text, section: make("section", { class: "card", hidden: true }, make("h2", {}, title), text) }];
      }),
    );
    this.gone = make("p", { class: "empty", hidden: true }, "There is no such job. It was discarded, or ended too long ago.");
    this.there = make(
      "div",
      { hidden: true },
      make("div", { class: "bar" }, this.name, this.state, this.deeds),
      this.bar,
      this.facts,
      ...Object.values(this.parts).map((part) => part.section),
    );
    this.element = make("div", {}, this.there, this.gone);
  }

  update(told) {
    this.now = told.now;
  }

  async look(signal) {
    let job;
    try {
      job = await read("job", { id: this.id }, signal);
    } catch (error) {
      if (error.status !== 404) throw error;
      show(this.there, false);
      show(this.gone, true);
      return;
    }
    show(this.gone, false);
    show(this.there, true);
    this.#fill(job);
  }

  #fill(job) {
    say(this.name, job.action);
    say(this.state, job.state);
    this.state.className = `chip ${job.state}`;
    const deeds = DEEDS[job.state] ?? [];
    keep(this.deeds, deeds, (deed) => deed.verb, (deed) => this.#button(deed, job), () => {});
    showProgress(this.bar, job);
    keep(this.facts, factsOf(job, this.now ?? job.created), ([name]) => name, fact, (pair, [, value]) => say(pair.lastChild, value));
    this.#part("Error", job.error && [job.error.type, job.error.message].filter(Boolean).join("\n"));
    this.#part("Inputs", job.inputs);
    this.#part("Result", job.result);
  }

  #button(deed, job) {
    const facts = { type: "button", class: deed.look, "data-role": deed.verb };
    return make("button", { ...facts, onclick: () => act(deed, job, this.desk) }, deed.name);
  }

  #part(title, text) {
    const { section, text: place } = this.parts[title];
    show(section, text !== null && text !== undefined);
    say(place, text ?? "");
  }
}

function factsOf(job, now) {
  const at = (ms, told) => (ms === null ? null : `${moment(ms)} (${told(ms, now)})`);
  const progress = job.progress_total
    ? `${number(job.progress)} of ${number(job.progress_total)}`
    : job.progress;
  return [
    ["Id", job.id],
    ["Queue", job.queue],
    ["Priority", String(job.priority)],
    ["Enqueued", at(job.created, ago)],
    ["Due", at(job.due, until)],
    ["Began", at(job.started, ago)],
    ["Ended", at(job.ended, ago)],
    ["Failures", triesOf(job)],
    ["Progress", progress === null ? null : String(progress)],
    ["Worker", job.worker],
    ["Schedule", job.schedule],
    ["Fan-out", job.fan_out],
    ["Request", job.request_id],
  ].filter(([, value]) => value !== null && value !== "");
}

function fact([name]) {
  return make("div", {}, make("dt", {}, name), make("dd"));
}
