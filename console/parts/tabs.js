/* The parts of a view as links, so that each has its own address. */
import { html } from "./html.js";
import { route } from "./route.js";
import { useWatched } from "./watched.js";

export const Tabs = ({ tabs, current, label }) => {
  const { path } = useWatched(route);
  return html`<nav class="tabs" aria-label=${label}>
    ${tabs.map(([key, name, count], at) => html`
      <a key=${key} href=${`#${path}${at ? `?tab=${key}` : ""}`} aria-current=${current === key ? "true" : undefined}>
        ${name}${count === undefined ? null : html` <span class="count">${count}</span>`}</a>`)}
  </nav>`;
};
