/* The view «Now»: runs that are open, late or failed last, and the next slots, over all projects. */
import { useMemo, useRef } from "preact/hooks";
import { get } from "../api.js";
import { jobLink, nameOf, projectOf, readCatalog, runLink, useCatalog } from "../parts/catalog.js";
import { now as currentTime } from "../parts/clock.js";
import { Heading } from "../parts/heading.js";
import { html } from "../parts/html.js";
import { RunTimeline } from "../parts/lanes.js";
import { newest } from "../parts/newest.js";
import { Empty, Failure, Loading, announce } from "../parts/notices.js";
import { GOES_ON, useLoaded, useNow, usePolling } from "../parts/polling.js";
import { useTitle } from "../parts/route.js";
import { Badge, CAUSES, STATUSES, Status, isFailure, isOlder, isOpen } from "../parts/status.js";
import { Distance, Elapsed, Time, duration, elapsed, ms, utc } from "../parts/times.js";

const RECENT = 100, FAILURES = 6, NEXT = 6, KEPT = 400;
/* A slot's run normally exists within seconds; after these milliseconds the slot is shown as late. */
const SLOT_GRACE_MS = 120_000;

const later = (one, other) => (one.created_at < other.created_at ? 1 : -1);

const first = async (signal) => {
  const lists = await Promise.all([{ limit: RECENT }, { status: "running", limit: 100 }, { status: "pending", limit: 100 },
    { status: "failed", limit: FAILURES }, { status: "error", limit: FAILURES }].map((query) => get("/runs", query, signal)));
  const [recent] = lists;
  return { runs: merged([], lists.flatMap((list) => list.runs)), since: recent.next_cursor ? recent.runs.at(-1)?.created_at : undefined };
};

const merged = (before, runs) => {
  const byId = new Map([...before, ...runs].map((run) => [run.id, run]));
  const sorted = [...byId.values()].sort(later);
  return sorted.filter((run, at) => at < KEPT || isOpen(run));
};

const isChanged = (run, known) => !known || (!isOlder(run, known) && (run.updated_at !== known.updated_at || run.status !== known.status));

/* The runs, kept up to date. All runs since `since` are among them. */
const useRuns = () => {
  const loaded = useLoaded(first, []);
  const runs = loaded.data?.runs;
  const known = useRef([]);
  known.current = runs || [];
  usePolling(async (signal) => {
    const { runs: found, gap } = await newest(known.current, {}, signal);
    if (gap) return loaded.setData(await first(signal)), true;
    const before = new Map(known.current.map((run) => [run.id, run]));
    const fresh = found.filter((run) => isChanged(run, before.get(run.id)));
    if (fresh.length) {
      loaded.setData({ ...loaded.data, runs: merged(known.current, fresh) });
      tell(fresh.filter((run) => before.get(run.id)?.status !== run.status));
    }
    await readCatalog();
    return fresh.length > 0 || (known.current.some(isOpen) && GOES_ON);
  }, { active: !!runs });
  return { ...loaded, runs, since: loaded.data?.since };
};

const tell = (runs) => {
  if (runs.length > 3) announce(`${runs.length} runs have changed`);
  else if (runs.length) announce(runs.map((run) => `${run.cronjob_name}: ${STATUSES[run.status]}`).join(". "));
};

const Row = ({ run, found, children }) => html`
  <li class="item">
    <${Status} status=${run.status} quiet />
    <div class="item-what"><a data-row href=${runLink(run)}>${nameOf(found, run)}</a>
      <small>${projectOf(found, run)} · ${CAUSES[run.triggered_by]}${run.attempt ? ` · attempt ${run.attempt}` : ""}</small>
      ${isFailure(run) && run.error_message && html`<small class="one-line" title=${run.error_message}>${run.error_message}</small>`}</div>
    <div class="item-when">${children}</div>
  </li>`;

/* The progress of a run, estimated from how long its job usually takes. */
const Progress = ({ run, usual }) => {
  const now = useNow(1000);
  if (!usual || run.status !== "running") return null;
  const part = elapsed(run, now) / usual;
  return html`<progress class=${part > 1.5 ? "over" : ""} max="1" value=${Math.min(part, 1)}
    aria-label=${`${Math.round(part * 100)} % of the usual ${duration(usual)}`} title=${`usually ${duration(usual)}`}></progress>`;
};

const median = (numbers) => [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)];

const Running = ({ runs, all, found }) => {
  const usual = useMemo(() => {
    const took = new Map();
    for (const run of all) if (run.status === "success" && run.duration_seconds) took.set(run.job_id, [...(took.get(run.job_id) || []), run.duration_seconds]);
    return new Map([...took].map(([job, seconds]) => [job, median(seconds)]));
  }, [all]);
  return html`<ul class="items">${runs.map((run) => html`
    <${Row} key=${run.id} run=${run} found=${found}>
      <${Progress} run=${run} usual=${usual.get(run.job_id)} />
      ${run.status === "running" ? html`<${Elapsed} run=${run} />` : run.launch_after ? html`<${Distance} at=${run.launch_after} />` : "waits"}
    <//>`)}</ul>`;
};

const lateOnes = (runs, jobs, now) => [
  ...runs.filter((run) => (isOpen(run) && (run.late_at || run.long_at || ms(run.expected_by) < now))),
  ...jobs.filter((job) => job.next_run_at && now - ms(job.next_run_at) > SLOT_GRACE_MS),
];

const Late = ({ ones, found }) => html`<ul class="items">${ones.map((one) => (one.command && one.name ? html`
  <li class="item" key=${one.id}><${Badge} kind="warn">Not started<//>
    <div class="item-what"><a data-row href=${jobLink(one)}>${one.name}</a><small>${projectOf(found, one)}</small></div>
    <div class="item-when">due <${Distance} at=${one.next_run_at} /></div></li>` : html`
  <${Row} key=${one.id} run=${one} found=${found}>${one.expected_by ? html`expected <${Distance} at=${one.expected_by} />`
    : html`longer than ${one.expected_minutes} min`}<//>`))}</ul>`;

const Next = ({ jobs, found }) => html`<ul class="items">${jobs.map((job) => html`
  <li class="item" key=${job.id}>
    <div class="item-what"><a data-row href=${jobLink(job)}>${job.name}</a><small>${projectOf(found, job)}</small></div>
    <div class="item-when"><${Distance} at=${job.next_run_at} /><small><${Time} at=${job.next_run_at} /> · ${utc(job.next_run_at)}</small></div>
  </li>`)}</ul>`;

const Failed = ({ runs, found }) => html`<ul class="items">${runs.map((run) => html`
  <${Row} key=${run.id} run=${run} found=${found}><${Distance} at=${run.end_time || run.created_at} /><//>`)}</ul>`;

const Panel = ({ title, count, children, empty, kind }) => html`
  <section class=${`card panel ${kind || ""}`} aria-label=${title}>
    <h2>${title} <span class="count">${count}</span></h2>
    ${count ? children : html`<${Empty}>${empty}<//>`}
  </section>`;

export const NowView = () => {
  const { runs, since, error, reload } = useRuns();
  const { catalog: found, error: catalogError } = useCatalog();
  const now = useNow(5000);
  const open = (runs || []).filter(isOpen);
  useTitle(open.length ? `${open.length} running` : "Now");
  /* The runs do not wait for the list of jobs, which is long where there are a thousand. */
  if (!runs) return html`<${Heading}>Now<//>${error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} lines=${8} />`}`;
  const jobs = [...(found?.jobs.values() || [])];
  const late = lateOnes(runs, jobs, now);
  const repeated = new Set(runs.filter((run) => run.attempt).map((run) => run.retry_of));
  const failed = runs.filter((run) => isFailure(run) && !run.retried_as && !repeated.has(run.id))
    .sort((one, other) => (ms(other.end_time || other.created_at) - ms(one.end_time || one.created_at))).slice(0, FAILURES);
  const next = jobs.filter((job) => ms(job.next_run_at) > now - SLOT_GRACE_MS).sort((a, b) => ms(a.next_run_at) - ms(b.next_run_at)).slice(0, NEXT);
  return html`
    <${Heading}>Now<//>
    <${Failure} error=${error || catalogError} retry=${reload} />
    <${RunTimeline} runs=${runs} since=${since} found=${found} next=${next} />
    <div class="panels">
      <${Panel} title="Running" count=${open.length} empty="Nothing runs."><${Running} runs=${open} all=${runs} found=${found} /><//>
      <${Panel} title="Late" count=${late.length} kind=${late.length ? "warns" : ""} empty="Nothing is late."><${Late} ones=${late} found=${found} /><//>
      <${Panel} title="Failed last" count=${failed.length} empty="Nothing failed."><${Failed} runs=${failed} found=${found} /><//>
      <${Panel} title="Next" count=${next.length} empty=${found || catalogError ? "No job has a next slot." : "…"}><${Next} jobs=${next} found=${found} /><//>
    </div>`;
};
