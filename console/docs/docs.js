// The API's reference. A token that the console keeps in this tab is used for the try-outs.
"use strict";

const reference = window.SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  // It would send the document to a server of Swagger.
  validatorUrl: null,
  onComplete: () => {
    const token = sessionStorage.getItem("token");
    if (token) reference.preauthorizeApiKey("bearer", token);
  },
});
