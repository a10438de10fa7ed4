// Calls over HTTP: those that set or delete the cookie, and single reads.

import { CallError } from "./socket.js";

/** Call an action by its route, and return its result. Throws `CallError`. */
export async function request(method, path, body) {
  const response = await fetch(`/api${path}`, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const result = await response.json();
  if (result.error) {
    throw new CallError(result.error);
  }
  return result;
}
