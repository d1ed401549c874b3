// The API's reference. Calls that are tried use the token that the console stores in this tab.
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
  // The validator would send the document to a server of Swagger.
  validatorUrl: null,
  onComplete: () => {
    const token = sessionStorage.getItem("token");
    if (token) reference.preauthorizeApiKey("bearer", token);
  },
});

// Repairs what Swagger UI gets wrong for those who do not see the page or use no mouse: links within buttons, which lead
// where the button does; fields and buttons without a name, or whose name is not what they show; parts outside of its
// <main> that are in no landmark; examples that only a mouse can scroll; and headings whose levels jump.
const NAMES = {
  "#servers": "Server",
  ".operation-filter-input": "Filter by tag",
  ".examples-select-element": "Example",
  ".body-param__text": "Request body",
  ".close-modal": "Close",
};
const REGIONS = { ".information-container": "About", ".scheme-container": "Server and token", ".filter-container": "Filter" };
const LEVELS = {
  ".opblock-tag, .models > h4, .modal-ux-header > h3": 2,
  ".opblock-body h4, .auth-container h4": 3,
  ".opblock-body :is(h5, .headers__title)": 4,
};
const repair = () => {
  const each = (selector, change) => document.querySelectorAll(selector).forEach(change);
  each(".opblock-summary-control a[href]", (link) => link.removeAttribute("href"));
  each(".modal-btn.auth.authorize[aria-label]", (button) => button.removeAttribute("aria-label"));
  each(".parameters input:not([aria-label])", (field) => field.setAttribute("aria-label", field.placeholder));
  each(".microlight:not([tabindex])", (example) => example.setAttribute("tabindex", "0"));
  for (const [selector, name] of Object.entries({ ...NAMES, ...REGIONS })) {
    each(`${selector}:not([aria-label])`, (element) => element.setAttribute("aria-label", name));
  }
  each(`:is(${Object.keys(REGIONS)})`, (part) => part.setAttribute("role", "region"));
  for (const [selector, level] of Object.entries(LEVELS)) {
    each(selector, (heading) => heading.setAttribute("aria-level", level));
  }
};
new MutationObserver(repair).observe(document.getElementById("reference"), { childList: true, subtree: true });

// Swagger UI has its dark colours in a class of the page.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
