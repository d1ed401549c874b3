/* The projects and their jobs: each job's last runs, its schedule in words, and its actions. */
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, mayWrite } from "../api.js";
import { jobLink, readCatalog, useCatalog } from "../parts/catalog.js";
import { Heading } from "../parts/heading.js";
import { Days } from "../parts/days.js";
import { html } from "../parts/html.js";
import { JobActions, JobState, isPaused } from "../parts/job_actions.js";
import { newest } from "../parts/newest.js";
import { Empty, Failure, Loading } from "../parts/notices.js";
import { GOES_ON, usePolling } from "../parts/polling.js";
import { useTitle } from "../parts/route.js";
import { inWords } from "../parts/schedule.js";
import { Badge, isOlder, isOpen } from "../parts/status.js";
import { Legend, STRIP, Strip } from "../parts/strip.js";
import { Distance, Time, utc } from "../parts/times.js";

const PAGE = 50;

/* The last runs of each job. They come from one page of the project's runs. A job with too few runs there gets a list
   of its own once its row comes into view. */
const strips = new Map();

const addRuns = (runs) => {
  for (const run of runs) {
    const byId = new Map(strips.get(run.job_id)?.runs?.map((one) => [one.id, one]));
    if (byId.has(run.id) && isOlder(run, byId.get(run.id))) continue;
    byId.set(run.id, run);
    const sorted = [...byId.values()].sort((one, other) => (one.created_at < other.created_at ? 1 : -1)).slice(0, STRIP);
    strips.set(run.job_id, { runs: sorted, whole: strips.get(run.job_id)?.whole || sorted.length === STRIP });
  }
};

const useStrips = (projects) => {
  const [, redraw] = useState(0);
  const [turn, setTurn] = useState(0);
  const seen = useRef(new Map());
  const ids = projects.map((project) => project.id).join();
  const drawn = useCallback(() => redraw((before) => before + 1), []);
  useEffect(() => {
    const ending = new AbortController();
    /* The runs that an earlier view has loaded may be incomplete by now, and some may have ended since. */
    strips.clear();
    for (const { id } of projects) {
      get(`/projects/${id}/runs`, { limit: 200 }, ending.signal).then(({ runs }) => { addRuns(runs); drawn(); }, () => {});
    }
    return () => ending.abort();
  }, [ids, turn]);
  usePolling(async (signal) => {
    const known = [...strips.values()].flatMap((strip) => strip.runs || []);
    const { runs, gap } = await newest(known, { project_id: projects.length === 1 ? projects[0].id : undefined }, signal);
    await readCatalog();
    if (gap) return setTurn((before) => before + 1), true;
    const state = (run) => `${run.status} ${run.updated_at}`;
    const changed = runs.some((run) => seen.current.get(run.id) !== state(run));
    seen.current = new Map(runs.map((run) => [run.id, state(run)]));
    if (changed) { addRuns(runs); drawn(); }
    return changed || (runs.some(isOpen) && GOES_ON);
  }, { fastest: 4000, active: projects.length > 0 }, [ids]);
  return useCallback(async (job) => {
    if (strips.get(job.id)?.whole) return;
    strips.set(job.id, { runs: strips.get(job.id)?.runs, whole: true });
    try {
      const { runs } = await get(`/projects/${job.project_id}/runs`, { job_id: job.id, limit: STRIP });
      if (runs.length) addRuns(runs);
      else if (!strips.get(job.id).runs) strips.set(job.id, { runs: [], whole: true });
      drawn();
    } catch { strips.set(job.id, { ...strips.get(job.id), whole: false }); }
  }, [turn]);
};

/* Calls `seen` once, when the element comes into view, and once more for each other value of `again`. */
const useSeen = (seen, again) => {
  const element = useRef(null);
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) { observer.disconnect(); seen(); }
    }, { rootMargin: "200px" });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [again]);
  return element;
};

const Row = ({ job, fill }) => {
  const row = useSeen(() => fill(job), fill);
  const runs = strips.get(job.id);
  return html`
    <tr ref=${row} class=${isPaused(job) ? "paused" : ""}>
      <th scope="row"><a data-row href=${jobLink(job)}>${job.name}</a> <${JobState} job=${job} />
        <small class="one-line"><code>${job.command}</code></small></th>
      <td class="cell-strip"><${Strip} runs=${runs?.whole || runs?.runs ? runs.runs || undefined : undefined} label=${`Last runs of ${job.name}`} /></td>
      <td><span title=${job.schedule}>${inWords(job.schedule)}</span>
        ${job.schedule && job.timezone !== "UTC" && html`<small>${job.timezone}</small>`}</td>
      <td class="cell-next">${job.next_run_at ? html`<${Distance} at=${job.next_run_at} />
        <small><${Time} at=${job.next_run_at} /> · ${utc(job.next_run_at)}</small>` : html`<span class="soft">–</span>`}</td>
      ${mayWrite() && html`<td class="cell-actions"><${JobActions} job=${job} small /></td>`}
    </tr>`;
};

const Table = ({ jobs, fill, name }) => {
  const [shown, setShown] = useState(PAGE);
  return html`
    <table class="jobs">
      <caption class="unseen">Jobs of ${name}</caption>
      <thead><tr><th scope="col">Job</th><th scope="col">Last ${STRIP} runs</th><th scope="col">Schedule</th><th scope="col">Next</th>
        ${mayWrite() && html`<th scope="col"><span class="unseen">Actions</span></th>`}</tr></thead>
      <tbody>${jobs.slice(0, shown).map((job) => html`<${Row} key=${job.id} job=${job} fill=${fill} />`)}</tbody>
    </table>
    ${jobs.length > shown && html`<button type="button" class="more" onClick=${() => setShown(shown + PAGE)}>
      Show ${Math.min(PAGE, jobs.length - shown)} more of ${jobs.length}</button>`}`;
};

const Project = ({ project, jobs, fill, narrowed }) => html`
  <section class="card project" aria-label=${project.name}>
    <header><h2><a href=${`#/projects/${project.id}`}>${project.name}</a></h2>
      <${Badge}>${project.project_type === "dbt" ? "dbt" : "SQLMesh"}<//>
      ${!project.deployed && html`<${Badge} kind="warn" title="Without a deployment nothing can run">not deployed<//>`}
      ${project.suspended && html`<${Badge} kind="warn">suspended<//>`}
      ${project.paused_until && html`<${Badge} kind="warn" title=${project.pause_reason}>paused until <${Time} at=${project.paused_until} /><//>`}
      <span class="soft project-image" title="image">${project.image}</span></header>
    ${jobs.length ? html`<${Table} jobs=${jobs} fill=${fill} name=${project.name} />`
      : html`<${Empty}>${narrowed ? "No job here has this text." : html`No jobs yet. <code>POST /projects/${project.id}/jobs</code> makes one.`}<//>`}
  </section>`;

export const ProjectsView = ({ project: only }) => {
  const { catalog, error } = useCatalog();
  const [text, setText] = useState("");
  const projects = useMemo(() => [...(catalog?.projects.values() || [])].filter((one) => !only || one.id === only), [catalog, only]);
  const fill = useStrips(projects);
  const title = only ? projects[0]?.name || "Project" : "Projects";
  useTitle(title);
  const jobsOf = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    const grouped = new Map(projects.map((project) => [project.id, []]));
    for (const job of catalog?.jobs.values() || []) {
      if (!wanted || `${job.name} ${job.command} ${job.description || ""}`.toLowerCase().includes(wanted)) grouped.get(job.project_id)?.push(job);
    }
    return grouped;
  }, [catalog, projects, text]);
  if (!catalog) return html`<${Heading}>${title}<//>${error ? html`<${Failure} error=${error} />` : html`<${Loading} lines=${8} />`}`;
  return html`
    <div class="head">
      ${only && html`<nav class="crumbs" aria-label="Where this is"><a href="#/projects">Projects</a></nav>`}
      <${Heading}>${title}<//>
      <input type="search" class="search" placeholder="Search jobs" aria-label="Search jobs" value=${text} onInput=${(event) => setText(event.target.value)} />
    </div>
    ${only && !projects.length && html`<${Failure} error=${{ status: 404, message: "No project of yours has this id." }} />`}
    ${!only && !projects.length && html`<${Empty}>No projects yet. An admin creates one with <code>POST /projects</code>.<//>`}
    ${projects.map((project) => html`<${Project} key=${project.id} project=${project} jobs=${jobsOf.get(project.id)} fill=${fill} narrowed=${!!text} />`)}
    ${projects.length > 0 && html`<${Legend} />`}
    ${only && projects.length > 0 && html`<${Days} project=${only} />`}`;
};
