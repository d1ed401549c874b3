/* One run: its times, its cause, its result and its log. */
import { useEffect, useRef } from "preact/hooks";
import { get } from "../api.js";
import { Artifacts } from "../parts/artifacts.js";
import { jobLink, nameOf, useCatalog } from "../parts/catalog.js";
import { Heading } from "../parts/heading.js";
import { html } from "../parts/html.js";
import { Log } from "../parts/log.js";
import { Failure, Loading, announce } from "../parts/notices.js";
import { GOES_ON, useLoaded, usePolling } from "../parts/polling.js";
import { Results } from "../parts/results.js";
import { useTitle } from "../parts/route.js";
import { RunActions } from "../parts/run_actions.js";
import { RunChain } from "../parts/run_chain.js";
import { Badge, CAUSES, Mark, STATUSES, Status, isOlder, isOpen } from "../parts/status.js";
import { Tabs } from "../parts/tabs.js";
import { Distance, Elapsed, Time, utc } from "../parts/times.js";

const useRun = (id) => {
  const loaded = useLoaded((signal) => get(`/runs/${id}`, {}, signal), [id]);
  const run = loaded.data;
  const known = useRef(null);
  known.current = run;
  const look = async (signal) => {
    const found = await get(`/runs/${id}`, {}, signal);
    const changed = !isOlder(found, known.current) && JSON.stringify(found) !== JSON.stringify(known.current);
    if (changed) loaded.setData(known.current = found);
    return changed || (isOpen(found) && GOES_ON);
  };
  usePolling(look, { fastest: 2500, slowest: 60_000, active: !!run });
  const before = useRef(null);
  useEffect(() => {
    if (run && before.current && before.current !== run.status) announce(`The run is now ${STATUSES[run.status]}`);
    before.current = run?.status;
  }, [run?.status]);
  return { ...loaded, run, look: () => look().catch(() => {}) };
};

const Fact = ({ name, children }) => (children || children === 0 ? html`<div><dt>${name}</dt><dd>${children}</dd></div>` : null);

const by = (actor) => (actor ? `, ${actor.name || actor.token_id}` : "");

const Facts = ({ run }) => html`
  <dl class="facts">
    <${Fact} name="Took"><${Elapsed} run=${run} /><//>
    <${Fact} name="Began">${run.start_time ? html`<${Time} at=${run.start_time} withSeconds /><small>${utc(run.start_time)}</small>`
      : run.launch_after ? html`starts <${Distance} at=${run.launch_after} />` : "not yet"}<//>
    <${Fact} name="Ended">${run.end_time && html`<${Time} at=${run.end_time} withSeconds /><small><${Distance} at=${run.end_time} /></small>`}<//>
    <${Fact} name="Started">${CAUSES[run.triggered_by]}${by(run.triggered_by_token)}${run.attempt ? html`<small>attempt ${run.attempt}</small>` : ""}<//>
    <${Fact} name="Due">${run.scheduled_for && html`<${Time} at=${run.scheduled_for} />`}<//>
    <${Fact} name="Why">${run.cause}<//>
    <${Fact} name="Commit">${run.git_sha && html`<code>${run.git_sha.slice(0, 12)}</code>`}<//>
    <${Fact} name="Expected">${(run.expected_by || run.expected_minutes) && html`${run.expected_by ? html`by <${Time} at=${run.expected_by} />` : `within ${run.expected_minutes} min`}
      ${(run.late_at || run.long_at) && html` <${Badge} kind="warn">${run.late_at ? "late" : "long"}<//>`}`}<//>
    <${Fact} name="Exit code">${run.exit_code !== undefined && html`<span class="number">${run.exit_code}</span>`}<//>
    <${Fact} name="Cancelled">${run.cancel_requested_at && html`<${Time} at=${run.cancel_requested_at} />${by(run.cancelled_by)}${run.cancel_reason && html`<small>${run.cancel_reason}</small>`}`}<//>
    <${Fact} name="Pod">${run.pod_name && html`<code>${run.pod_name}</code>`}<//>
    <${Fact} name="Variables">${run.environment && Object.keys(run.environment).length > 0 && html`<code>${Object.entries(run.environment).map(([name, value]) => `${name}=${value}`).join(" ")}</code>`}<//>
  </dl>`;

const Counts = ({ results }) => (results ? html`<ul class="counts" aria-label="Results">
  ${Object.entries(results).filter(([, count]) => count).map(([status, count]) => html`<li key=${status}><${Mark} status=${status} /> ${count} ${STATUSES[status].toLowerCase()}</li>`)}</ul>` : null);

const TABS = [["log", "Log"], ["results", "Results"], ["artifacts", "Artifacts"]];

export const RunView = ({ run: id, query }) => {
  const { run, error, reload, look } = useRun(id);
  const { catalog } = useCatalog();
  const name = run ? nameOf(catalog, run) : "Run";
  useTitle(run ? `${name}: ${STATUSES[run.status]}` : "Run");
  if (!run) return html`<${Heading}>Run<//>${error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} lines=${8} />`}`;
  const project = catalog?.projects.get(run.project_id);
  const tab = TABS.some(([key]) => key === query.tab) ? query.tab : "log";
  const line = Number.parseInt(query.line, 10) > 0 ? Number.parseInt(query.line, 10) : 0;
  return html`
    <div class="head">
      <nav class="crumbs" aria-label="Where this is"><a href="#/projects">Projects</a> / <a href=${`#/projects/${run.project_id}`}>${project?.name || run.project_id}</a>${" / "}
        <a href=${jobLink(run)}>${name}</a></nav>
      <${Heading}><${Status} status=${run.status} /> <span class="run-name">${run.job_name}</span><//>
      <${RunActions} run=${run} project=${project} onChange=${look} />
    </div>
    <p class="command"><code>${run.command || run.job_type}</code></p>
    ${run.error_message && html`<p class="failure">${run.error_message}</p>`}
    ${run.message && html`<p class="lead">${run.message}</p>`}
    <${Counts} results=${run.results} />
    <${Facts} run=${run} />
    <${RunChain} run=${run} />
    <${Tabs} label="Parts of the run" tabs=${TABS} current=${tab} />
    ${tab === "log" && html`<${Log} run=${run} line=${line} onEnd=${look} />`}
    ${tab === "results" && html`<${Results} run=${run} />`}
    ${tab === "artifacts" && html`<${Artifacts} run=${run} />`}`;
};
