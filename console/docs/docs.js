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

// What Swagger UI leaves out for those who do not see the page: links within buttons, which lead where the button does,
// and fields without a name.
const NAMES = { "#servers": "Server", ".operation-filter-input": "Filter by tag", ".examples-select-element": "Example" };
const repair = () => {
  for (const link of document.querySelectorAll(".opblock-summary-control a[href]")) link.removeAttribute("href");
  for (const [selector, name] of Object.entries(NAMES)) {
    for (const field of document.querySelectorAll(`${selector}:not([aria-label])`)) field.setAttribute("aria-label", name);
  }
};
new MutationObserver(repair).observe(document.getElementById("reference"), { childList: true, subtree: true });

// Its dark colours are a class of the page.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
