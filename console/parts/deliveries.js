/* The deliveries of a job's runs: messages and webhooks with their results. */
import { useState } from "preact/hooks";
import { get, mayWrite, post } from "../api.js";
import { pathOf, runLink } from "./catalog.js";
import { html } from "./html.js";
import { Failure, Loading, notify } from "./notices.js";
import { GOES_ON, useLoaded, usePolling } from "./polling.js";
import { Status } from "./status.js";
import { Distance, Time } from "./times.js";

const PAGE = 50;
const CHANNELS = { slack: "Slack", webhook: "Webhook" };

const Again = ({ job, delivery, onDone }) => {
  const [busy, setBusy] = useState(false);
  const send = async () => {
    setBusy(true);
    try {
      await post(`${pathOf(job)}/deliveries/${delivery.id}/redeliver`, undefined);
      notify("It is sent again");
      onDone();
    } catch (error) { notify(error.message, "bad"); }
    setBusy(false);
  };
  return html`<button type="button" disabled=${busy} aria-label=${`Send again: ${delivery.event}, ${CHANNELS[delivery.channel]}`} onClick=${send}>Send again</button>`;
};

/* The newest deliveries, followed by the older ones that the user has loaded. */
const renewed = (data, found) => {
  const ids = new Set(found.deliveries.map((one) => one.id));
  const older = data.deliveries.filter((one) => !ids.has(one.id));
  const joins = older.length < data.deliveries.length;
  return joins && data.deliveries.length > PAGE ? { ...data, deliveries: [...found.deliveries, ...older] } : found;
};

const why = (one) => one.error || one.reason || "";

export const Deliveries = ({ job }) => {
  const load = (signal) => get(`${pathOf(job)}/deliveries`, { limit: PAGE }, signal);
  const { data, error, reload, setData } = useLoaded(load, [job.id]);
  usePolling(async (signal) => {
    const found = await load(signal);
    const changed = JSON.stringify(found.deliveries) !== JSON.stringify(data.deliveries.slice(0, found.deliveries.length));
    if (changed) setData(renewed(data, found));
    return changed || (found.deliveries.some((one) => ["pending", "sending"].includes(one.status)) && GOES_ON);
  }, { active: !!data });
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  if (!data.deliveries.length) return html`<p class="empty">Nothing was sent about this job. Alerts go to Slack or to a webhook of the job.</p>`;
  const more = () => get(`${pathOf(job)}/deliveries`, { limit: PAGE, cursor: data.next_cursor })
    .then((next) => setData({ ...next, deliveries: [...data.deliveries, ...next.deliveries] }), (problem) => notify(problem.message, "bad"));
  return html`
    <section class="card" aria-label="Deliveries"><header><h2>Deliveries</h2></header>
      <table class="deliveries"><caption class="unseen">Deliveries of ${job.name}</caption>
        <thead><tr><th scope="col">Status</th><th scope="col">Event</th><th scope="col">Through</th><th scope="col">When</th><th scope="col">Tries</th><th scope="col">Answer</th>
          ${mayWrite() && html`<th scope="col"><span class="unseen">Actions</span></th>`}</tr></thead>
        <tbody>${data.deliveries.map((one) => html`<tr key=${one.id}>
          <td><${Status} status=${one.status} /></td><td><a href=${runLink({ id: one.run_id })}>${one.event}</a></td><td>${CHANNELS[one.channel] || one.channel}</td>
          <td><${Time} at=${one.delivered_at || one.created_at} /></td><td class="number">${one.attempts}</td>
          <td class="wide-cell">${one.status_code && html`<code>${one.status_code}</code>`} <span class="one-line" title=${why(one)}>${why(one)}</span>
            ${one.next_attempt_at && one.status === "pending" && html`<small>again <${Distance} at=${one.next_attempt_at} /></small>`}</td>
          ${mayWrite() && html`<td class="cell-actions">${["delivered", "failed"].includes(one.status) && html`<${Again} job=${job} delivery=${one} onDone=${reload} />`}</td>`}
        </tr>`)}</tbody></table>
      ${data.next_cursor && html`<button type="button" class="more" onClick=${more}>Show older</button>`}
    </section>`;
};
