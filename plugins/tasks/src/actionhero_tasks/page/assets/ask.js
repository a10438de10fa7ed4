// Asks the server. What it refuses is thrown, in its own words.

export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const url = (path, query = {}) => {
  const target = new URL(`api/${path}`, import.meta.url);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") target.searchParams.set(name, value);
  }
  return target;
};

export const read = (path, query, signal) => answered(fetch(url(path, query), { signal }));

export const change = (path, body, signal) =>
  answered(
    fetch(url(path), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal,
    }),
  );

async function answered(asked) {
  const answer = await asked;
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  throw new Refused(told.error?.message ?? `The server answered ${answer.status}`, answer.status);
}
