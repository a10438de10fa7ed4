// The states of jobs, and the changes that each of them permits.

import { create, setText } from "../../kit/elements.js";
import { formatAgo, formatNumber, formatUntil } from "../../kit/words.js";

export const STATES = ["ready", "running", "delayed", "dead", "done", "cancelled"];

export const titleOf = (state) => `${state[0].toUpperCase()}${state.slice(1)}`;

const CANCEL = { name: "cancel", label: "Cancel", done: "Cancelled", style: "danger" };

const OPERATIONS = {
  dead: [
    { name: "retry", label: "Retry", done: "Retried", style: "" },
    { name: "discard", label: "Discard", done: "Discarded", style: "danger" },
  ],
  ready: [{ ...CANCEL, effect: "It will not run." }],
  delayed: [{ ...CANCEL, effect: "It will not run." }],
  running: [{ ...CANCEL, done: "Requested the cancellation of", effect: "It is interrupted." }],
};

/** Returns the changes of a job that the operator may make. */
export function operationsOf(job, page) {
  const operations = job.cancelling ? [] : (OPERATIONS[job.state] ?? []);
  return operations.filter(({ name }) => page.can(name));
}

/** Creates the button of a change. */
export function createButton(operation, job, page, onDone = () => {}) {
  const onclick = async () => {
    const values = { action: job.action, effect: operation.effect, button: operation.label };
    if ((await page.change(operation.name, { id: job.id }, values)) === undefined) return;
    page.notify(`${operation.done} ${job.action}.`);
    onDone(operation);
  };
  const label = `${operation.label} ${job.action}, job ${job.id}`;
  const attributes = { type: "button", class: operation.style, "aria-label": label, "data-role": operation.name };
  return create("button", { ...attributes, onclick }, operation.label);
}

/** Returns when something happened to a job, and how often it has failed. */
export function timeOf(job, now) {
  const failures = job.attempts ? ` · failed ${job.attempts === 1 ? "once" : `${formatNumber(job.attempts)} times`}` : "";
  return `${momentOf(job, now)}${failures}`;
}

function momentOf(job, now) {
  if (job.state === "delayed" && job.due !== null) return `due ${formatUntil(job.due, now)}`;
  if (job.state === "running" && job.started !== null) return `started ${formatAgo(job.started, now)}`;
  if (job.ended !== null) return `finished ${formatAgo(job.ended, now)}`;
  return `enqueued ${formatAgo(job.created, now)}`;
}

/** Shows the state of a job. */
export function drawState(chip, job) {
  setText(chip, job.cancelling ? "cancelling" : job.state);
  chip.className = `chip ${job.state}`;
}

/** Shows the progress of a running job. */
export function drawProgress(element, job) {
  element.hidden = job.progress === null || job.state !== "running";
  if (element.hidden) return;
  if (job.progress_total) {
    element.max = job.progress_total;
    element.value = job.progress;
  } else {
    element.removeAttribute("value");
  }
}

export const createProgress = () => create("progress", { "aria-label": "Progress", max: 1, value: 0, hidden: true });
