"use strict";

const page = document.getElementById("page");

SwaggerUIBundle({
  domNode: page,
  url: page.dataset.document,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  displayRequestDuration: true,
  // No request to another server, not even to validate the document.
  validatorUrl: null,
});
