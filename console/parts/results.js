/* The results of a run's models, tests and other nodes: as a timeline and as a table. */
import { useMemo, useState } from "preact/hooks";
import { get } from "../api.js";
import { html } from "./html.js";
import { NodeTimeline } from "./node_timeline.js";
import { Failure, Loading } from "./notices.js";
import { useLoaded, usePolling } from "./polling.js";
import { Mark, STATUSES, Status, isOpen } from "./status.js";
import { duration } from "./times.js";

const PAGE = 200;
const ORDERS = { ended: null, longest: (one, other) => (other.seconds ?? -1) - (one.seconds ?? -1), name: (one, other) => one.name.localeCompare(other.name) };
const NONE_YET = ["run_not_completed", "no_results"];

const Took = ({ node, longest }) => html`<span class="number">${duration(node.seconds)}</span>
  ${node.seconds > 0 && html`<span class="took" aria-hidden="true"><span style=${{ width: `${Math.max(2, (100 * node.seconds) / longest)}%` }}></span></span>`}`;

const Table = ({ nodes, longest }) => {
  const [shown, setShown] = useState(PAGE);
  return html`
    <table class="nodes"><caption class="unseen">Results</caption>
      <thead><tr><th scope="col">Status</th><th scope="col">Name</th><th scope="col">What</th><th scope="col">Took</th><th scope="col">Rows</th></tr></thead>
      <tbody>${nodes.slice(0, shown).map((node, at) => html`<tr key=${`${node.unique_id || node.name} ${at}`}>
        <td><${Status} status=${node.status} /></td>
        <th scope="row">${node.name}${node.message && html`<small class="message">${node.message}</small>`}</th>
        <td class="soft">${node.resource_type}</td><td class="cell-took"><${Took} node=${node} longest=${longest} /></td>
        <td class="number">${node.rows?.toLocaleString()}</td></tr>`)}</tbody></table>
    ${nodes.length > shown && html`<button type="button" class="more" onClick=${() => setShown(shown + PAGE)}>Show ${Math.min(PAGE, nodes.length - shown)} more of ${nodes.length}</button>`}`;
};

const Filters = ({ counts, status, setStatus, text, setText, order, setOrder }) => html`
  <div class="choice" role="group" aria-label="Status">
    <button type="button" aria-pressed=${!status} onClick=${() => setStatus("")}>All</button>
    ${Object.entries(counts).filter(([, count]) => count).map(([name, count]) => html`<button type="button" key=${name} aria-pressed=${status === name}
      onClick=${() => setStatus(status === name ? "" : name)}><${Mark} status=${name} /> ${STATUSES[name]} <span class="count">${count}</span></button>`)}</div>
  <input type="search" class="search" placeholder="Search results" aria-label="Search results" value=${text} onInput=${(event) => setText(event.target.value)} />
  <label class="in-line">Order <select value=${order} onChange=${(event) => setOrder(event.target.value)}>
    <option value="ended">as they ended</option><option value="longest">longest first</option><option value="name">by name</option></select></label>`;

const Found = ({ results, open }) => {
  const [status, setStatus] = useState("");
  const [text, setText] = useState("");
  const [order, setOrder] = useState("ended");
  const nodes = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    const fitting = results.results.filter((node) => (!status || node.status === status) && (!wanted || node.name.toLowerCase().includes(wanted)));
    return ORDERS[order] ? [...fitting].sort(ORDERS[order]) : fitting;
  }, [results, status, text, order]);
  const longest = results.results.reduce((most, node) => Math.max(most, node.seconds || 0), 0);
  return html`
    <${NodeTimeline} nodes=${results.results} />
    <section class="card" aria-label="Results"><header class="filters"><${Filters} counts=${results.counts} ...${{ status, setStatus, text, setText, order, setOrder }} /></header>
      ${results.truncated && html`<p class="warning">Only the first nodes are listed; all are counted.</p>`}
      ${!results.complete && html`<p class="soft">${open ? "The run is still open; more results may follow." : "The log does not say that there were no others."}</p>`}
      ${nodes.length ? html`<${Table} nodes=${nodes} longest=${longest} />` : html`<p class="empty">No node matches.</p>`}
    </section>`;
};

const NO_NODE_YET = "No node has ended yet.";
const NONE = "This run has no results of single nodes. They are read from the log lines of dbt and SQLMesh.";

/* The counts of an ended run say whether it has results; for an open run, only the answer does. */
const load = async (run, signal) => {
  if (!isOpen(run) && !run.results) return { none: NONE };
  try {
    const found = await get(`/runs/${run.id}/results`, {}, signal);
    return isOpen(run) && !found.results.length ? { none: NO_NODE_YET } : found;
  } catch (error) {
    if (NONE_YET.includes(error.code)) return { none: isOpen(run) ? NO_NODE_YET : error.message };
    throw error;
  }
};

export const Results = ({ run }) => {
  const { data, error, reload, setData } = useLoaded((signal) => load(run, signal), [run.id, run.status]);
  usePolling(async (signal) => {
    const found = await load(run, signal);
    const changed = JSON.stringify(found) !== JSON.stringify(data);
    if (changed) setData(found);
    return changed;
  }, { fastest: 6000, active: isOpen(run) && !!data });
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  if (data.none) return html`<p class="empty">${data.none}</p>`;
  return html`<${Found} results=${data} open=${isOpen(run)} />`;
};
