// Requests to the server. A rejected request throws an `ApiError` with the message of the server.

export class ApiError extends Error {
  constructor(document, status) {
    super(document?.message ?? `The server returned ${status}`);
    this.status = status;
    this.problems = document?.errors ?? [];
  }
}

/** Servers and proxies refuse longer ones. */
const MAX_URL_LENGTH = 4000;

const urlOf = (path) => new URL(`../api/${path}`, import.meta.url);

/** Returns the panels of the operator. */
export const describe = (signal) => decode(fetch(urlOf("console"), { signal }));

/** Returns the results of queries: for each `panel.read`, its `value` or its `error`. */
export async function read(queries, signal) {
  const url = urlOf("read");
  for (const [name, inputs] of Object.entries(queries)) url.searchParams.set(name, JSON.stringify(inputs));
  const isLong = url.href.length > MAX_URL_LENGTH;
  const request = isLong ? fetch(urlOf("read"), { ...post(queries), signal }) : fetch(url, { signal });
  return (await decode(request)).results;
}

/** Makes a change of a panel, and returns its result. */
export async function change(panel, name, inputs) {
  const url = urlOf(`change/${encodeURIComponent(panel)}/${encodeURIComponent(name)}`);
  return (await decode(fetch(url, post(inputs)))).value;
}

const post = (body) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

async function decode(request) {
  const response = await request;
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw new ApiError(body.error, response.status);
}
