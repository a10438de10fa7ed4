// The API keys of the user: create, list and revoke.

import { CallFailed } from "/actionhero/client.js";
import { request } from "./http.js";

const byId = (id) => document.getElementById(id);

/** Show the keys of the signed-in user; without API keys, the section stays hidden. */
export async function showKeys() {
  hideKeys();
  try {
    await loadKeys();
    byId("keys").hidden = false;
  } catch (error) {
    if (!(error instanceof CallFailed)) {
      throw error;
    }
  }
}

/** Hide the keys, and forget the secret of a new one. */
export function hideKeys() {
  byId("keys").hidden = true;
  byId("key-list").replaceChildren();
  showSecret("");
}

async function loadKeys() {
  const { keys } = await request("GET", "/keys");
  byId("key-list").replaceChildren(...keys.map(createItem));
}

function createItem({ id, name, expiresAt }) {
  const item = document.createElement("li");
  const text = document.createElement("span");
  text.textContent = expiresAt === null ? name : `${name}, until ${new Date(expiresAt).toLocaleDateString()}`;
  text.dir = "auto";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "Revoke";
  button.setAttribute("aria-label", `Revoke ${name}`);
  button.addEventListener("click", () => report(() => request("DELETE", `/key/${encodeURIComponent(id)}`)));
  item.append(text, " ", button);
  return item;
}

/** Make a change, show its error, and load the keys again. */
async function report(change) {
  byId("key-error").textContent = "";
  showSecret("");
  try {
    showSecret((await change()).secret ?? "");
    byId("key-name").value = "";
    await loadKeys();
  } catch (error) {
    byId("key-error").textContent = error.message;
  }
}

function showSecret(secret) {
  byId("new-key").hidden = secret === "";
  byId("new-key-secret").textContent = secret;
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  report(() => request("PUT", "/key", { name: byId("key-name").value }));
});
