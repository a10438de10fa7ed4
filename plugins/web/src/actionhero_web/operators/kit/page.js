// The page: shows the panel of the current address, and refreshes it while the tab is visible.

import { change, describe, read } from "./ask.js";
import { create, reconcile, setText } from "./elements.js";

const REFRESH_MS = 2000;
const MAX_DELAY_MS = 30_000;
const NOTICE_MS = 6000;
// Longer than any query: a lost network does not end a request.
const TIMEOUT_MS = 10_000;
const TIMEOUT = new Error("The server did not answer in time");

const byId = (id) => document.getElementById(id);
const [main, connection, navigation, notice] = ["main", "connection", "navigation", "notice"].map(byId);
const documentTitle = document.title;

let info = null;
let panel = null;
let address = null;
let failures = 0;
let refreshTimer;
let noticeTimer;
let currentRequest = null;

// -- addresses: #/panel/path?params ---------------------------------------------------------------

function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [name = "", ...rest] = path.split("/").map(decode);
  return { name, path: rest.filter(Boolean), params: new URLSearchParams(query) };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function hrefOf(name, path = [], params = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== "" && value !== null && value !== undefined) query.set(key, value);
  }
  const text = query.toString();
  return `#/${[name, ...path].map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

// -- functions for panels -------------------------------------------------------------------------

class Page {
  constructor(description) {
    this.panel = description;
    this.operator = info.operator;
    this.application = info.application;
    this.environment = info.environment;
    this.path = address.path;
    this.params = address.params;
  }

  /** Returns the address of a part of this panel. */
  href(path = [], params = {}) {
    return hrefOf(this.panel.name, path, params);
  }

  /** Returns the address of another panel; `null` if the operator has no such panel. */
  hrefOf(name, path = [], params = {}) {
    return info.panels.some((panel) => panel.name === name) ? hrefOf(name, path, params) : null;
  }

  /** Goes to a part of this panel; `replace`: without an entry in the history. */
  navigate(path = [], params = {}, { replace = false } = {}) {
    const href = this.href(path, params);
    if (!replace) location.hash = href;
    else {
      history.replaceState(null, "", href);
      address = parse(href);
      Object.assign(this, { path: address.path, params: address.params });
    }
  }

  /** Returns whether the operator may make a change. */
  can(name) {
    return name in this.panel.changes;
  }

  /** Makes a change after its confirmation, and returns its result; `undefined`: it was not made. */
  async change(name, inputs = {}, values = {}) {
    const question = this.panel.changes[name]?.confirm;
    if (question && !(await confirm(question, { ...inputs, ...values }, values.button))) return undefined;
    try {
      return await change(this.panel.name, name, inputs);
    } catch (error) {
      this.fail(error);
      return undefined;
    } finally {
      this.refresh();
    }
  }

  /** Makes a change without confirmation and messages: errors are thrown. */
  submit(name, inputs = {}) {
    return change(this.panel.name, name, inputs);
  }

  /** Returns the result of one query at once. */
  async read(name, inputs = {}) {
    const key = `${this.panel.name}.${name}`;
    const { [key]: result } = await read({ [key]: inputs });
    if (result.error) throw new Error(result.error.message);
    return result.value;
  }

  /** Refreshes the panel now. */
  refresh() {
    currentRequest?.abort();
    return refresh();
  }

  /** Shows a message for a few seconds. */
  notify(text, style = "") {
    clearTimeout(noticeTimer);
    notice.className = `notice ${style}`;
    setText(notice, text);
    noticeTimer = setTimeout(() => setText(notice, ""), NOTICE_MS);
  }

  /** Shows an error. */
  fail(error) {
    if (error.status === 401) location.reload();
    else this.notify(error.message, "failure");
  }
}

/** Asks for confirmation, and returns whether it was given. */
function confirm(question, values, button = "Confirm") {
  const text = question.replace(/\{(\w+)\}/g, (match, name) => values[name] ?? match);
  // A dialog of its own: the event of one that was closed comes later, when the next may be open.
  const dialog = create(
    "dialog",
    { "aria-label": text },
    create(
      "form",
      { method: "dialog" },
      create("h2", {}, text),
      create(
        "p",
        { class: "buttons" },
        create("button", { type: "submit", value: "no" }, "Back"),
        create("button", { type: "submit", value: "yes", class: "danger" }, button),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

// -- refresh --------------------------------------------------------------------------------------

async function refresh() {
  clearTimeout(refreshTimer);
  const request = new AbortController();
  const timeout = setTimeout(() => request.abort(TIMEOUT), TIMEOUT_MS);
  currentRequest = request;
  const current = panel;
  try {
    if (info === null) {
      info = await describe(request.signal);
      await showPanel(true);
      return;
    }
    if (failures) {
      // The server may have restarted, with other panels and settings.
      info = await describe(request.signal);
      drawNavigation(current);
      current?.instance.reset?.();
    }
    const queries = current?.instance.reads?.() ?? {};
    const names = Object.keys(queries);
    if (names.length) {
      const prefixed = Object.fromEntries(names.map((name) => [`${current.name}.${name}`, queries[name]]));
      const results = await read(prefixed, request.signal);
      request.signal.throwIfAborted();
      if (current !== panel) return;
      draw(current, names, results);
    } else {
      // A lost connection and the end of the session are noticed, too.
      await describe(request.signal);
    }
    failures = 0;
    showConnection("connected", "Live");
  } catch (error) {
    // By a newer request, or as the tab is hidden.
    if (request.signal.aborted && error !== TIMEOUT) return;
    if (error.status === 401) return location.reload();
    failures += 1;
    showConnection("disconnected", error.status ? error.message : "No response, retrying");
  } finally {
    clearTimeout(timeout);
  }
  if (!document.hidden) {
    refreshTimer = setTimeout(refresh, Math.min(REFRESH_MS * 2 ** failures, MAX_DELAY_MS));
  }
}

function draw(current, names, results) {
  const values = {};
  const errors = [];
  for (const name of names) {
    const result = results[`${current.name}.${name}`];
    if (result?.error) errors.push([name, result.error.message]);
    else if (result) values[name] = result.value;
  }
  try {
    current.instance.draw?.(values);
  } catch (error) {
    console.error(error);
    errors.push(["panel", `It could not be drawn: ${error.message}`]);
  }
  showErrors(errors);
}

function showErrors(errors) {
  reconcile(
    byId("alerts"),
    errors,
    ([name]) => name,
    () => create("p", { class: "alert", role: "alert" }),
    (element, [, message]) => setText(element, message),
  );
}

function showConnection(state, text) {
  connection.dataset.state = state;
  setText(connection.lastElementChild, text);
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(refreshTimer);
  if (document.hidden) {
    currentRequest?.abort();
    showConnection("paused", "Paused");
  } else {
    refresh();
  }
});

// -- navigation -----------------------------------------------------------------------------------

async function showPanel(isFirst) {
  address = parse(location.hash);
  const description = info.panels.find(({ name }) => name === address.name) ?? (address.name ? null : info.panels[0]);
  drawNavigation(description);
  panel?.instance.close?.();
  panel = null;
  showErrors([]);
  setMenu(false);
  const title = description?.title ?? "Not found";
  document.title = `${title} · ${documentTitle}`;
  setText(byId("title"), title);
  const shown = address;
  let instance;
  try {
    instance = await load(description);
  } catch (error) {
    console.error(error);
    instance = { element: create("p", { class: "empty" }, `The panel could not be loaded: ${error.message}`) };
  }
  if (shown !== address) return;
  panel = { name: description?.name ?? "", instance };
  byId("panel").replaceChildren(instance.element);
  // A screen reader then continues with the new panel.
  if (!isFirst) byId("title").focus();
  currentRequest?.abort();
  await refresh();
}

async function load(description) {
  if (description === null || description === undefined) {
    return { element: create("p", { class: "empty" }, "There is no such panel, or your role does not include it.") };
  }
  if (!description.has_script) {
    return { element: create("p", { class: "empty" }, "This panel has no script.") };
  }
  const name = encodeURIComponent(description.name);
  const module = await import(new URL(`../panels/${name}/panel.js`, import.meta.url));
  return new module.default(new Page(description));
}

function drawNavigation(current) {
  reconcile(
    navigation,
    info.panels,
    ({ name }) => name,
    ({ name, title }) => create("a", { href: hrefOf(name) }, title),
    (link, { name }) => {
      if (name === current?.name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    },
  );
  const { name, role } = info.operator;
  setText(byId("operator"), `${name} · ${info.read_only ? "read-only" : role}`);
}

function setMenu(isOpen) {
  byId("menu").setAttribute("aria-expanded", String(isOpen));
  document.body.classList.toggle("menu-open", isOpen);
}

byId("menu").addEventListener("click", () => setMenu(byId("menu").getAttribute("aria-expanded") !== "true"));

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") setMenu(false);
  // "/" moves to the first search field, as on many pages.
  const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === "/" && !isTyping) {
    const search = main.querySelector('input[type="search"]');
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
});

document.querySelector(".skip").addEventListener("click", (event) => {
  // The fragment of the address selects the panel, so it cannot name an element.
  event.preventDefault();
  main.focus();
});

addEventListener("hashchange", () => {
  if (info !== null) showPanel(false);
});
refresh();
