/* The heading of a view. After a change of view the focus is on the heading, also for a screen reader. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { html } from "./html.js";

let hasMoved = false;
export const moved = () => { hasMoved = true; };

/* When the page was just opened, the focus stays at its beginning, so that the first Tab leads to the skip link. */
export const Heading = ({ children }) => {
  const heading = useRef(null);
  useLayoutEffect(() => { if (hasMoved && document.activeElement === document.body) heading.current.focus({ preventScroll: true }); }, []);
  return html`<h1 ref=${heading} tabindex="-1">${children}</h1>`;
};
