"use strict";

const page = document.getElementById("page");
const dark = window.matchMedia("(prefers-color-scheme: dark)");

/** Use the colors of Swagger UI for the color scheme of the browser. */
function applyColorScheme() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

/** Return the document, whose rows show the first line of each description after the name. */
async function fetchDocument(url) {
  const response = await fetch(url);
  if (!response.ok) {
    return null;
  }
  const api = await response.json();
  for (const operation of Object.values(api.paths).flatMap((item) => Object.values(item))) {
    const line = operation.description?.split("\n", 1)[0];
    if (line && operation.summary) {
      // Rows are plain text; the description below is Markdown, with its code as code.
      operation.summary += ` · ${line.replace(/(`+)(.+?)\1/g, "$2")}`;
    }
  }
  return api;
}

async function show() {
  const url = page.dataset.document;
  const api = await fetchDocument(url).catch(() => null);
  SwaggerUIBundle({
    domNode: page,
    // Without a document, Swagger UI loads it again, and shows the error.
    ...(api === null ? { url } : { spec: api, url }),
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    displayRequestDuration: true,
    // No request to another server, not even to validate the document.
    validatorUrl: null,
  });
}

applyColorScheme();
dark.addEventListener("change", applyColorScheme);
show();
