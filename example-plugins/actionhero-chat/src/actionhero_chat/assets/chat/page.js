// The page: who you are, what is written, who is here, how the server is.

import { request } from "./http.js";
import { Plot } from "./plot.js";
import { CallFailed, Socket } from "./socket.js";

const CHANNEL = "messages";
const NEWEST = 50;
const STATUS_EVERY_MS = 5000;
const LOOK_EVERY_MS = 250;
const SIGN_IN_AGAIN = new Set(["CONNECTION_SESSION_NOT_FOUND", "CONNECTION_CHANNEL_AUTHORIZATION"]);

const at = (id) => document.getElementById(id);
const socket = new Socket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
const names = new Map();
const shown = new Set();
let me = JSON.parse(localStorage.getItem("me") ?? "null");
let signingUp = false;
let entering = false;

// --- who you are -----------------------------------------------------------------------------

async function begin() {
  if (me !== null) {
    try {
      await enter();
      return;
    } catch (error) {
      if (!(error instanceof CallFailed)) {
        at("door-error").textContent = "The server cannot be reached.";
      }
    }
  }
  leave();
}

async function enter() {
  // Asked over HTTP: it tells whether the cookie still means somebody.
  const { messages } = await request("GET", `/messages/list?limit=${NEWEST}`);
  names.set(me.id, me.name);
  at("my-name").textContent = me.name;
  show("me", true);
  show("door", false);
  show("room", true);
  show("here", true);
  shown.clear();
  at("messages").replaceChildren();
  addAll(messages);
  entering = true;
  socket.open();
  await socket.subscribe(CHANNEL);
  at("body").focus();
}

function leave(why = "") {
  socket.close();
  me = null;
  localStorage.removeItem("me");
  at("connection").textContent = "Not signed in";
  at("connection").dataset.state = "signed-out";
  for (const id of ["me", "room", "here"]) {
    show(id, false);
  }
  at("messages").replaceChildren();
  at("people").replaceChildren();
  at("door-error").textContent = why;
  show("door", true);
  at(signingUp ? "name" : "email").focus();
}

at("door-switch").addEventListener("click", () => {
  turn(!signingUp);
  at(signingUp ? "name" : "email").focus();
});

function turn(up) {
  signingUp = up;
  at("door-title").textContent = at("door-submit").textContent = signingUp ? "Sign up" : "Sign in";
  at("door-switch").textContent = signingUp ? "Sign in instead" : "Sign up instead";
  at("password").autocomplete = signingUp ? "new-password" : "current-password";
  show("name-row", signingUp);
  complain([]);
}

at("door-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name, email, password } = Object.fromEntries(new FormData(event.target));
  complain([]);
  at("door-submit").disabled = true;
  try {
    if (signingUp) {
      await request("PUT", "/user", { name, email, password });
    }
    const { user } = await request("PUT", "/session", { email, password });
    me = { id: user.id, name: user.name };
    localStorage.setItem("me", JSON.stringify(me));
    at("password").value = "";
    // Who has signed up signs in the next time.
    turn(false);
    await enter();
  } catch (error) {
    complain(error.errors ?? [], error.message);
  } finally {
    at("door-submit").disabled = false;
  }
});

at("sign-out").addEventListener("click", async () => {
  try {
    await request("DELETE", "/session");
  } catch (error) {
    if (!(error instanceof CallFailed)) {
      return;
    }
  }
  leave();
});

function complain(problems, message = "") {
  const told = new Map(problems.map(({ pointer, message }) => [pointer.slice(1), message]));
  let first = null;
  for (const name of ["name", "email", "password"]) {
    const wrong = told.get(name) ?? "";
    at(`${name}-error`).textContent = wrong;
    at(name).setAttribute("aria-invalid", String(wrong !== ""));
    first ??= wrong && at(name);
  }
  at("door-error").textContent = first ? "" : message;
  if (first) {
    first.focus();
  }
}

// --- what is written -------------------------------------------------------------------------

function add(message) {
  // A message may come twice: in the list, and as it was written.
  if (shown.has(message.id)) {
    return;
  }
  shown.add(message.id);
  names.set(message.user_id, message.user_name);
  const list = at("messages");
  const follows = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const written = new Date(message.createdAt);
  const time = make("time", "", written.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = written.toISOString();
  const item = make("li", "message");
  item.classList.toggle("mine", message.user_id === me?.id);
  item.dataset.id = message.id;
  const what = make("span", "what", message.body);
  what.dir = "auto";
  item.append(make("span", "who", message.user_name), time, what);
  put(item);
  if (follows || message.user_id === me?.id) {
    list.scrollTop = list.scrollHeight;
  }
}

/** Add a page of messages, the newest first, which a screen reader does not read out. */
function addAll(messages) {
  const list = at("messages");
  list.setAttribute("aria-live", "off");
  messages.reverse().forEach(add);
  setTimeout(() => list.setAttribute("aria-live", "polite"));
}

/** Put an item where its `id` belongs: nearly always at the end. */
function put(item) {
  const list = at("messages");
  const id = Number(item.dataset.id);
  let after = list.lastElementChild;
  while (after !== null && Number(after.dataset.id) > id) {
    after = after.previousElementSibling;
  }
  after === null ? list.prepend(item) : after.after(item);
}

at("writing").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = at("body").value.trim();
  if (!body) {
    return;
  }
  at("writing-error").textContent = "";
  at("send").disabled = true;
  try {
    const { message } = await socket.call("message:create", { body });
    at("body").value = "";
    add({ ...message, user_name: me.name });
  } catch (error) {
    if (SIGN_IN_AGAIN.has(error.type)) {
      leave("You were signed out. Sign in again.");
      return;
    }
    // What was written stays in the field.
    at("writing-error").textContent = `${error.message}. Your message was not sent.`;
  } finally {
    at("send").disabled = false;
    at("body").focus();
  }
});

at("body").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("writing").requestSubmit();
  }
});

// --- live ------------------------------------------------------------------------------------

socket.addEventListener("broadcast", ({ detail }) => {
  if (detail.channel !== CHANNEL) {
    return;
  }
  if (detail.sender === "presence") {
    look();
  } else {
    add(detail.message.message);
  }
});

socket.addEventListener("gap", readOn);

/** Read what follows the newest message that is shown; if that is too much, mark where it begins. */
async function readOn() {
  // Looked at before what is replayed arrives: that does not tell what was written before it.
  const newest = newestShown();
  let reached = false;
  try {
    reached = await readBackTo(newest, 1);
  } catch {
    // What cannot be read now may be missing.
  }
  if (!reached && newest > 0) {
    mark(newest);
  }
}

/** Show the newest messages, page by page; return whether an `id`, or the first of all, was reached. */
async function readBackTo(id, pages) {
  for (let page = 1; page <= pages; page++) {
    const { messages } = await request("GET", `/messages/list?limit=${NEWEST}&page=${page}`);
    const reached = messages.length < NEWEST || messages.some((message) => message.id <= id);
    addAll(messages);
    if (reached) {
      return true;
    }
  }
  return false;
}

function newestShown() {
  return Math.floor(Number(at("messages").lastElementChild?.dataset.id ?? 0));
}

/** Say that messages may be missing after the one with this `id`, and offer to read them. */
function mark(id) {
  const place = String(id + 0.5);
  if (at("messages").querySelector(`[data-id="${place}"]`)) {
    return;
  }
  const item = make("li", "gap");
  item.dataset.id = place;
  const button = make("button", "quiet", "Show them");
  button.type = "button";
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await readBackTo(id, Infinity);
      item.remove();
      at("messages").focus();
    } catch (error) {
      button.disabled = false;
      at("writing-error").textContent = error.message;
    }
  });
  item.append(make("span", "", "Some messages may be missing here."), button);
  put(item);
}

socket.addEventListener("refused", ({ detail }) => {
  if (SIGN_IN_AGAIN.has(detail.type)) {
    leave("You were signed out. Sign in again.");
  } else {
    at("connection").textContent = detail.message;
  }
});

// Signed out elsewhere: in another window, or by the server.
socket.addEventListener("left", () => leave("You were signed out. Sign in again."));

socket.addEventListener("state", ({ detail }) => {
  if (me === null) {
    return;
  }
  at("connection").dataset.state = detail;
  at("connection").textContent = { open: "Connected", connecting: "Connecting …", waiting: "Connection lost. Trying again …" }[detail] ?? "Not connected";
  if (detail === "open") {
    showStatus();
    look();
    if (entering) {
      // What was written after the first look, and before we were told of what is written.
      entering = false;
      readOn();
    }
  }
});

// --- who is here -----------------------------------------------------------------------------

let looking = false;
let lookAgain = false;

/** Show who is here now; however many come and go meanwhile, that is asked once more. */
async function look() {
  lookAgain = true;
  if (looking) {
    return;
  }
  looking = true;
  while (lookAgain) {
    lookAgain = false;
    try {
      await showPeople();
    } catch {
      // The connection is lost; when it is back, this is asked again.
    }
    await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
  }
  looking = false;
}

async function showPeople() {
  const { members } = await socket.call("channel:members", { channel: CHANNEL });
  const people = await Promise.all(members.map(Number).map(nameOf));
  at("here-count").textContent = `(${people.length})`;
  at("people").replaceChildren(...people.sort((a, b) => a.localeCompare(b)).map((name) => make("li", "", name)));
}

async function nameOf(id) {
  if (!names.has(id)) {
    // Over HTTP: a hundred names at once would be too many messages for a socket.
    names.set(id, (await request("GET", `/user/${id}`)).user.name);
  }
  return names.get(id);
}

// --- how the server is -----------------------------------------------------------------------

const calls = new Plot(at("calls-plot"), at("calls-now"), (value) => value.toFixed(value < 10 ? 1 : 0));
const latency = new Plot(at("latency-plot"), at("latency-now"), (value) => `${value.toFixed(1)} ms`);

// The browser opens it again by itself when it ends.
new EventSource("/api/status/live").addEventListener("pulse", ({ data }) => {
  const pulse = JSON.parse(data);
  calls.add(pulse.callsPerSecond);
  latency.add(pulse.latencyMs);
});

async function showStatus() {
  try {
    // Over the socket, if there is one: if it is dead without knowing, this finds out.
    const status = socket.isOpen ? await socket.call("status") : await request("GET", "/status");
    at("health").textContent = status.healthy ? "well" : "not well";
    at("uptime").textContent = duration(status.uptime);
    at("memory").textContent = `${status.consumedMemoryMB.toFixed(0)} MB`;
  } catch {
    at("health").textContent = "away";
  }
}

showStatus();
setInterval(showStatus, STATUS_EVERY_MS);

function duration(milliseconds) {
  const minutes = Math.floor(milliseconds / 60000);
  if (minutes < 1) {
    return `${Math.floor(milliseconds / 1000)} s`;
  }
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// --- small things ----------------------------------------------------------------------------

function show(id, visible) {
  at(id).hidden = !visible;
}

function make(tag, kind, text = "") {
  const element = document.createElement(tag);
  element.className = kind;
  element.textContent = text;
  return element;
}

begin();
