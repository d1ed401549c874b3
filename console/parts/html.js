/* Markup without a build step. A value in ${} becomes text or an attribute's value, never markup. */
import { h } from "preact";
import htm from "htm";

export const html = htm.bind(h);
