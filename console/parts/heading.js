/* The heading of a view. Who has gone to another view goes on from its heading, also with a screen reader. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { html } from "./html.js";

let hasMoved = false;
export const moved = () => { hasMoved = true; };

/* Of a page that was just opened the browser's own beginning stays, so that the first Tab leads to the skip link. */
export const Heading = ({ children }) => {
  const heading = useRef(null);
  useLayoutEffect(() => { if (hasMoved && document.activeElement === document.body) heading.current.focus({ preventScroll: true }); }, []);
  return html`<h1 ref=${heading} tabindex="-1">${children}</h1>`;
};
