// Requests to the server. A rejected request throws an `ApiError` with the message of the server.

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const urlOf = (path, query = {}) => {
  const url = new URL(`api/${path}`, import.meta.url);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return url;
};

export const get = (path, query, signal) => decode(fetch(urlOf(path, query), { signal }));

export const post = (path, body, signal) =>
  decode(
    fetch(urlOf(path), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal,
    }),
  );

async function decode(request) {
  const response = await request;
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw new ApiError(body.error?.message ?? `The server returned ${response.status}`, response.status);
}
