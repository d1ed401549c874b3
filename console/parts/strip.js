/* The last runs of a job as bars, the newest at the right: the colour is the status, the height the duration. */
import { onArrows, stop } from "./arrows.js";
import { runLink } from "./catalog.js";
import { html } from "./html.js";
import { Mark, STATUSES, isOpen } from "./status.js";
import { duration, elapsed, moment } from "./times.js";

export const STRIP = 30;
const HEIGHT = 28, LEAST = 5, WIDTH = 6, GAP = 2;

export const about = (run) => {
  const took = duration(elapsed(run));
  const at = run.start_time || run.scheduled_for || run.created_at;
  return `${STATUSES[run.status]}, ${moment(at)}${took ? `, ${took}` : ""}${run.error_message ? `: ${run.error_message}` : ""}`;
};

/* Bars are as high as the square root of their duration: a run of ten times the usual length leaves the others visible. */
const height = (run, longest) => {
  const took = elapsed(run);
  if (!Number.isFinite(took) || !longest) return LEAST;
  return LEAST + (HEIGHT - LEAST) * Math.sqrt(took / longest);
};

const Bar = ({ run, at, longest, tab }) => {
  const high = height(run, longest);
  const sign = { failed: "M-2 -2 2 2M2 -2 -2 2", error: "M0 -2.5V1M0 2.4V2.6" }[run.status];
  return html`
    <a href=${runLink(run)} tabindex=${tab} aria-label=${about(run)} class=${`bar of-${run.status}${isOpen(run) ? " open" : ""}`}>
      <title>${about(run)}</title>
      <rect class="bar-reach" x=${at - GAP / 2} y="0" width=${WIDTH + GAP} height=${HEIGHT + 8} />
      <rect class="bar-fill" x=${at} y=${HEIGHT - high + 8} width=${WIDTH} height=${high} rx="1.5" />
      ${sign && html`<path class="bar-sign" d=${sign} transform=${`translate(${at + WIDTH / 2} ${Math.max(3.5, HEIGHT - high + 3.5)})`} />`}
    </a>`;
};

export const Strip = ({ runs, label }) => {
  if (!runs) return html`<div class="strip waiting" aria-hidden="true"></div>`;
  if (!runs.length) return html`<div class="strip none">no runs yet</div>`;
  const shown = runs.slice(0, STRIP).reverse();
  const longest = Math.max(...shown.map((run) => elapsed(run)).filter(Number.isFinite), 0);
  const wide = STRIP * (WIDTH + GAP);
  const first = STRIP - shown.length;
  return html`
    <svg class="strip" viewBox=${`0 0 ${wide} ${HEIGHT + 8}`} role="group" aria-label=${label} onKeyDown=${onArrows(".bar")}>
      <line class="strip-ground" x1="0" x2=${wide} y1=${HEIGHT + 7.5} y2=${HEIGHT + 7.5} />
      ${shown.map((run, index) => html`<${Bar} key=${run.id} run=${run} tab=${stop(index, shown.length)} at=${(first + index) * (WIDTH + GAP) + GAP / 2} longest=${longest} />`)}
    </svg>`;
};

/* The meaning of the colours; the shapes have the same meaning. */
export const Legend = () => html`
  <ul class="legend">
    ${["success", "failed", "error", "cancelled", "running"].map((status) => html`
      <li key=${status}><${Mark} status=${status} /> ${STATUSES[status]}</li>`)}
    <li class="soft">height: how long it took</li>
  </ul>`;
