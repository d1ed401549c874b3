/* Related runs: the run that caused this one, its attempts, and the runs that it caused. */
import { useEffect, useRef } from "preact/hooks";
import { get } from "../api.js";
import { nameOf, runLink, useCatalog } from "./catalog.js";
import { html } from "./html.js";
import { useLoaded } from "./polling.js";
import { Status, isOpen } from "./status.js";
import { Distance } from "./times.js";

const MOST_ATTEMPTS = 8;
/* When to look again after the end of a run that was watched: the runs that it causes begin some seconds later. */
const AFTER_END_MS = [3_000, 10_000, 30_000];

const one = (id, signal) => (id ? get(`/runs/${id}`, {}, signal).catch(() => null) : null);

/* The attempts after a run, in their order. */
const attemptsAfter = async (run, signal) => {
  const found = [];
  for (let next = run.retried_as; next && found.length < MOST_ATTEMPTS;) {
    const attempt = await one(next, signal);
    if (!attempt) break;
    found.push(attempt);
    next = attempt.retried_as;
  }
  return found;
};

const followers = async (run, signal) => {
  if (isOpen(run)) return [];
  return (await get(`/projects/${run.project_id}/runs`, { caused_by: run.id, limit: 100 }, signal)).runs;
};

const load = async (run, signal) => {
  const first = await one(run.retry_of, signal);
  const [cause, attempts, caused] = await Promise.all([
    one(run.caused_by, signal), first && run.attempt ? attemptsAfter(first, signal) : attemptsAfter(run, signal), followers(run, signal).catch(() => [])]);
  const sequence = first && run.attempt ? [first, ...attempts] : attempts.length ? [run, ...attempts] : [];
  return { cause, first: run.attempt ? null : first, sequence, caused };
};

const Linked = ({ run, own, catalog, name }) => html`
  <li class=${run.id === own ? "here" : ""}>${run.id === own ? html`<b aria-current="true">${name || nameOf(catalog, run)}</b>`
    : html`<a href=${runLink(run)}>${name || nameOf(catalog, run)}</a>`} <${Status} status=${run.status} quiet />
    ${run.launch_after && isOpen(run) && html`<small><${Distance} at=${run.launch_after} /></small>`}</li>`;

const useLooksAfterEnd = (run, reload) => {
  const watched = useRef(null);
  useEffect(() => {
    if (isOpen(run)) watched.current = run.id;
    const looks = !isOpen(run) && watched.current === run.id ? AFTER_END_MS.map((wait) => setTimeout(reload, wait)) : [];
    return () => looks.forEach(clearTimeout);
  }, [run.id, run.status]);
};

export const RunChain = ({ run }) => {
  const { catalog } = useCatalog();
  const { data, reload } = useLoaded((signal) => load(run, signal), [run.id, run.status, run.retried_as]);
  useLooksAfterEnd(run, reload);
  const skipped = run.skipped || [];
  if (!data || !(data.cause || data.first || data.sequence.length || data.caused.length || skipped.length)) return null;
  const row = (name, runs, named) => runs.length > 0 && html`<div><dt>${name}</dt><dd><ol class="run-chain">
    ${runs.map((other, at) => html`<${Linked} key=${other.id} run=${other} own=${run.id} catalog=${catalog} name=${named?.(other, at)} />`)}</ol></dd></div>`;
  return html`<section class="card" aria-label="Chain"><h2>Chain</h2><dl class="facts rows">
    ${row("Caused by", data.cause ? [data.cause] : [])}
    ${row("Repeats", data.first ? [data.first] : [])}
    ${row("Attempts", data.sequence, (_, at) => `Attempt ${at + 1}`)}
    ${row("Caused", data.caused)}
    ${skipped.length > 0 && html`<div><dt>Not caused</dt><dd>${skipped.map((one) => html`<div key=${one.job_id}>${catalog?.jobs.get(one.job_id)?.name || one.job_id}: ${one.reason.replace("_", " ")}</div>`)}</dd></div>`}
  </dl></section>`;
};
