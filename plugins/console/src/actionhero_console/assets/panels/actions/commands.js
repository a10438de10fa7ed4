// The commands that make the same call as a form.

const quote = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** Returns the text of a JSON value in a path or a query. */
function plainOf(json) {
  const value = JSON.parse(json);
  return typeof value === "string" ? value : json;
}

/** Returns the call with curl; an empty text if the action has no route. `values` are JSON. */
export function curlOf(action, values) {
  const route = action.routes[0];
  if (!route) return "";
  const [method, path] = route;
  const rest = { ...values };
  const filled = path.replace(/[{:](\w+)[^/}]*\}?/g, (match, name) => {
    const value = rest[name];
    delete rest[name];
    return value === undefined ? match : encodeURIComponent(plainOf(value));
  });
  const url = new URL(filled, location.origin);
  // Parameters of the path without a value stay readable.
  const text = () => quote(url.href.replaceAll("%7B", "{").replaceAll("%7D", "}"));
  const parts = ["curl"];
  if (["GET", "HEAD", "DELETE"].includes(method)) {
    for (const [name, value] of Object.entries(rest)) url.searchParams.set(name, plainOf(value));
    if (method !== "GET") parts.push("-X", method);
    return [...parts, text()].join(" ");
  }
  parts.push("-X", method, text());
  const members = Object.entries(rest).map(([name, value]) => `${JSON.stringify(name)}:${value}`);
  if (members.length) {
    parts.push("\\\n ", "-H", "'Content-Type: application/json'", "\\\n ", "-d", quote(`{${members.join(",")}}`));
  }
  return parts.join(" ");
}

/** Returns the call on the command line. */
export function cliOf(action, values, fields, user) {
  const secrets = new Set(fields.filter((field) => field.secret).map((field) => field.name));
  const options = Object.entries(values).flatMap(([name, [value]]) => [`--${name}`, secrets.has(name) ? "…" : quote(value)]);
  const asUser = user ? ["--as-user", quote(user)] : [];
  return ["actionhero", ...asUser, "call", action.name, ...options].join(" ");
}
