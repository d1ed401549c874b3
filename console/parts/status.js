/* The status of a run, a node or a slot: a colour, a shape and a word, each of which is enough alone. */
import { html } from "./html.js";

export const STATUSES = {
  pending: "Pending", running: "Running", success: "Success", failed: "Failed", error: "Error", cancelled: "Cancelled",
  warn: "Warning", skipped: "Skipped",
  ran: "Ran", missed: "Missed", paused: "Paused", skipped_by_clock: "Skipped by clocks", upcoming: "Upcoming",
  delivered: "Delivered", sending: "Sending", folded: "Folded",
};

const CHECK = "M4 8.5 7 11.5 12 5", CROSS = "M5 5 11 11M11 5 5 11", BANG = "M8 4V9M8 11.5V11.6", DASH = "M5 8H11", BARS = "M6.3 5V11M9.7 5V11";
const SHAPES = {
  success: CHECK, ran: CHECK, delivered: CHECK, failed: CROSS, missed: CROSS, error: BANG, warn: BANG, cancelled: DASH,
  skipped: DASH, folded: DASH, skipped_by_clock: DASH, paused: BARS,
};

export const Mark = ({ status }) => html`
  <svg class=${`mark of-${status}`} viewBox="0 0 16 16" aria-hidden="true">
    <circle cx="8" cy="8" r="7" class="mark-ground" />
    ${SHAPES[status] ? html`<path d=${SHAPES[status]} class="mark-sign" />` : html`<circle cx="8" cy="8" r="2.5" class="mark-dot" />`}
  </svg>`;

export const Status = ({ status, quiet }) => html`
  <span class=${`status of-${status}${quiet ? " quiet" : ""}`}><${Mark} status=${status} /> ${STATUSES[status] || status}</span>`;

export const isOpen = (run) => run.status === "pending" || run.status === "running";
const stage = (run) => (run.status === "pending" ? 0 : run.status === "running" ? 1 : 2);

/* Whether an answer about a run is older than what is known of the run: answers may overtake each other. The times are in
   whole seconds, within which the status tells, because it never goes back. */
export const isOlder = (run, known) => run.updated_at < known.updated_at || (run.updated_at === known.updated_at && stage(run) < stage(known));
export const isFailure = (run) => run.status === "failed" || run.status === "error";

/* Why a run was started. */
export const CAUSES = { scheduled: "by schedule", manual: "by hand", retry: "as a retry", chained: "after another job" };

export const Badge = ({ kind = "", children, title }) => html`<span class=${`badge ${kind}`} title=${title}>${children}</span>`;
