// Calls over HTTP: those that set or delete the cookie, and single reads.

import { CallFailed } from "/actionhero/client.js";

/** Call an action by its route, and return its result. Throws `CallFailed`. */
export async function request(method, path, body) {
  const response = await fetch(`/api${path}`, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const result = await response.json();
  if (result.error) {
    throw new CallFailed(result.error);
  }
  return result;
}
