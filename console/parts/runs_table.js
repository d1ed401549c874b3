/* Runs as a table, the newest first. */
import { useState } from "preact/hooks";
import { runLink } from "./catalog.js";
import { html } from "./html.js";
import { CAUSES, Status } from "./status.js";
import { Elapsed, Time } from "./times.js";

const PAGE = 20;

const outcome = (run) => run.error_message || run.message || counts(run.results);

const counts = (results) => results && Object.entries(results).filter(([, count]) => count).map(([name, count]) => `${count} ${name}`).join(", ");

export const RunsTable = ({ runs }) => {
  const [shown, setShown] = useState(PAGE);
  if (!runs.length) return html`<p class="empty">It has not run yet.</p>`;
  return html`
    <table class="runs"><caption class="unseen">Runs</caption>
      <thead><tr><th scope="col">Status</th><th scope="col">Began</th><th scope="col">Took</th><th scope="col">Started</th><th scope="col">What it says</th></tr></thead>
      <tbody>${runs.slice(0, shown).map((run) => html`<tr key=${run.id}>
        <td><a data-row href=${runLink(run)} class="plain"><${Status} status=${run.status} /></a></td>
        <td><${Time} at=${run.start_time || run.created_at} withSeconds /></td>
        <td class="number"><${Elapsed} run=${run} /></td>
        <td>${CAUSES[run.triggered_by]}${run.attempt ? `, attempt ${run.attempt}` : ""}</td>
        <td class="wide-cell"><span class="one-line" title=${outcome(run)}>${outcome(run)}</span></td></tr>`)}</tbody>
    </table>
    ${runs.length > shown && html`<button type="button" class="more" onClick=${() => setShown(shown + PAGE)}>Show more</button>`}`;
};
