// Requests to the server. A rejected request throws an `ApiError` with the message of the server.

export class ApiError extends Error {
  constructor(document, status) {
    super(document?.message ?? `The server returned ${status}`);
    this.status = status;
    this.problems = document?.errors ?? [];
  }
}

const urlOf = (path) => new URL(`../api/${path}`, import.meta.url);

/** Returns the panels of the operator. */
export const describe = (signal) => decode(fetch(urlOf("console"), { signal }));

/** Returns the results of queries: for each `panel.read`, its `value` or its `error`. */
export async function read(queries, signal) {
  const url = urlOf("read");
  for (const [name, inputs] of Object.entries(queries)) url.searchParams.set(name, JSON.stringify(inputs));
  return (await decode(fetch(url, { signal }))).results;
}

/** Makes a change of a panel, and returns its result. */
export async function change(panel, name, inputs) {
  const url = urlOf(`change/${encodeURIComponent(panel)}/${encodeURIComponent(name)}`);
  const response = fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(inputs),
  });
  return (await decode(response)).value;
}

async function decode(request) {
  const response = await request;
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw new ApiError(body.error, response.status);
}
