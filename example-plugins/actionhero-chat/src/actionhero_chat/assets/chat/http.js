// Calls over HTTP: for what sets or ends the cookie, and what is read once.

import { CallFailed } from "./socket.js";

/** Run an action by its route, and return its answer. Throws `CallFailed`. */
export async function request(method, path, body) {
  const answer = await fetch(`/api${path}`, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const told = await answer.json();
  if (told.error) {
    throw new CallFailed(told.error);
  }
  return told;
}
