"use strict";

const page = document.getElementById("page");

SwaggerUIBundle({
  domNode: page,
  url: page.dataset.document,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  displayRequestDuration: true,
  // Nothing is asked of anybody else, not even whether the document is valid.
  validatorUrl: null,
});
