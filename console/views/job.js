/* One job: its runs, their durations, its slots, its history, and its notifications. */
import { useCallback, useRef, useState } from "preact/hooks";
import { get } from "../api.js";
import { catalog as known, jobLink, putJob, useCatalog } from "../parts/catalog.js";
import { Days } from "../parts/days.js";
import { Deliveries } from "../parts/deliveries.js";
import { History } from "../parts/history.js";
import { Heading } from "../parts/heading.js";
import { html } from "../parts/html.js";
import { JobActions, JobState } from "../parts/job_actions.js";
import { Failure, Loading } from "../parts/notices.js";
import { DurationPlot } from "../parts/plot.js";
import { GOES_ON, useLoaded, usePolling } from "../parts/polling.js";
import { useTitle } from "../parts/route.js";
import { RunsTable } from "../parts/runs_table.js";
import { inWords } from "../parts/schedule.js";
import { Slots } from "../parts/slots.js";
import { CAUSES, Badge, isOpen } from "../parts/status.js";
import { Legend, Strip } from "../parts/strip.js";
import { Tabs } from "../parts/tabs.js";
import { Distance, Time, duration, utc } from "../parts/times.js";

const RUNS = 100, JOB_FRESH_MS = 30_000;

const useJob = (project, id) => {
  const [failed, setFailed] = useState(null);
  const { catalog } = useCatalog();
  const job = catalog?.jobs.get(id);
  const read = useCallback(() => get(`/projects/${project}/jobs/${id}`).then((found) => {
    setFailed(null);
    if (known.get()) putJob(found);
    return found;
  }, setFailed), [project, id]);
  const loaded = useLoaded(() => read(), [project, id]);
  return { job: job || loaded.data, error: failed, catalog, reload: loaded.reload, read };
};

const useRunsOf = (project, job, read) => {
  const loaded = useLoaded((signal) => get(`/projects/${project}/runs`, { job_id: job, limit: RUNS }, signal).then(({ runs }) => runs), [project, job]);
  const readAt = useRef(Date.now());
  usePolling(async (signal) => {
    const { runs } = await get(`/projects/${project}/runs`, { job_id: job, limit: RUNS }, signal);
    const changed = JSON.stringify(runs) !== JSON.stringify(loaded.data);
    if (changed) loaded.setData(runs);
    /* Others may change the job too, in another tab or by the API. */
    if (changed || Date.now() - readAt.current > JOB_FRESH_MS) { readAt.current = Date.now(); read(); }
    return changed || (runs.some(isOpen) && GOES_ON);
  }, { fastest: 4000, active: !!loaded.data });
  return loaded;
};

const Fact = ({ name, children }) => (children ? html`<div><dt>${name}</dt><dd>${children}</dd></div>` : null);

const Facts = ({ job, project }) => html`
  <dl class="facts">
    <${Fact} name="Schedule">${inWords(job.schedule)} ${job.schedule && html`<small><code>${job.schedule}</code> ${job.timezone}</small>`}<//>
    <${Fact} name="Next">${job.next_run_at && html`<${Distance} at=${job.next_run_at} /><small><${Time} at=${job.next_run_at} /> · ${utc(job.next_run_at)}</small>`}<//>
    <${Fact} name="If a run is open">${{ Allow: "start another", Forbid: "wait for it", Replace: "replace it" }[job.concurrency_policy || project?.concurrency_policy]}<//>
    <${Fact} name="Longest">${duration(job.timeout_seconds ?? project?.timeout_seconds)}<//>
    <${Fact} name="Retries">${job.retries ? `${job.retries}, after ${duration(job.retry_delay_seconds)}` : "none"}<//>
    <${Fact} name="Expected">${job.expect && [job.expect.finish_by && `by ${job.expect.finish_by}`, job.expect.max_minutes && `within ${job.expect.max_minutes} min`].filter(Boolean).join(", ")}<//>
    <${Fact} name="Alerts">${[job.slack_alerts_enabled && job.slack_channel, job.webhook_enabled && "webhook"].filter(Boolean).join(", ")}<//>
    <${Fact} name="In the cluster">${{ synced: "as it should be", pending: "being changed", error: job.sync.message || "refused", not_deployed: "not deployed" }[job.sync.state]}<//>
  </dl>`;

/* The job's predecessors and followers. */
const Chain = ({ job, catalog }) => {
  const jobs = [...(catalog?.jobs.values() || [])].filter((one) => one.project_id === job.project_id);
  const before = (job.run_after || []).map((one) => ({ ...one, job: catalog?.jobs.get(one.job_id) }));
  const after = jobs.filter((one) => one.run_after?.some((first) => first.job_id === job.id));
  if (!before.length && !after.length) return null;
  return html`
    <section class="card chain" aria-label="Chain"><h2>Chain</h2><div class="chain-row">
      ${before.length > 0 && html`<ul aria-label="Runs after">${before.map((one) => html`<li key=${one.job_id}>
        <a href=${jobLink({ project_id: job.project_id, id: one.job_id })}>${one.job?.name || one.job_id}</a><small>on ${(one.on || ["success"]).join(", ")}</small></li>`)}</ul>
        <span class="arrow" aria-hidden="true">→</span>`}
      <b>${job.name}</b>
      ${after.length > 0 && html`<span class="arrow" aria-hidden="true">→</span>
        <ul aria-label="Run after it">${after.map((one) => html`<li key=${one.id}><a href=${jobLink(one)}>${one.name}</a></li>`)}</ul>`}
    </div></section>`;
};

const Overview = ({ job, runs, catalog, error, reload }) => {
  if (!runs) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  return html`
    <div class="panels"><section class="card" aria-label="Last runs"><header><h2>Last runs</h2></header>
      <div class="big-strip"><${Strip} runs=${runs} label=${`Last runs of ${job.name}`} /></div><${Legend} /></section>
      <${Days} project=${job.project_id} job=${job.id} /></div>
    <section class="card" aria-label="Duration"><header><h2>Duration</h2></header><${DurationPlot} runs=${runs} /></section>
    <${Chain} job=${job} catalog=${catalog} />
    <section class="card" aria-label="Runs"><header><h2>Runs</h2></header><${RunsTable} runs=${runs} causes=${CAUSES} /></section>`;
};

const TABS = [["runs", "Runs"], ["slots", "Slots"], ["history", "History"], ["deliveries", "Deliveries"]];

export const JobView = ({ project: projectId, job: jobId, query }) => {
  const { job, error, catalog, reload, read } = useJob(projectId, jobId);
  const runs = useRunsOf(projectId, jobId, read);
  const tab = TABS.some(([key]) => key === query.tab) ? query.tab : "runs";
  useTitle(job?.name || "Job");
  const project = catalog?.projects.get(projectId);
  if (!job) return html`<${Heading}>Job<//>${error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} lines=${8} />`}`;
  return html`
    <div class="head">
      <nav class="crumbs" aria-label="Where this is"><a href="#/projects">Projects</a> / <a href=${`#/projects/${projectId}`}>${project?.name || projectId}</a></nav>
      <${Heading}>${job.name} <${JobState} job=${job} /><//>
      <${JobActions} job=${job} keys />
    </div>
    <${Failure} error=${error} />
    ${job.description && html`<p class="lead">${job.description}</p>`}
    <p class="command"><code>${job.command}</code> ${project && html`<${Badge}>${project.project_type}<//>`}</p>
    <${Facts} job=${job} project=${project} />
    <${Tabs} label="Parts of the job" tabs=${TABS} current=${tab} />
    ${tab === "runs" && html`<${Overview} job=${job} catalog=${catalog} runs=${runs.data} error=${runs.error} reload=${runs.reload} />`}
    ${tab === "slots" && html`<${Slots} job=${job} />`}
    ${tab === "history" && html`<${History} job=${job} />`}
    ${tab === "deliveries" && html`<${Deliveries} job=${job} />`}`;
};
