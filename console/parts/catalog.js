/* The projects and their jobs, which several views name. They are read again when they are older than a minute. */
import { useEffect, useState } from "preact/hooks";
import { all, get, put, session } from "../api.js";
import { now } from "./clock.js";
import { watched } from "./watched.js";

const FRESH_MS = 60_000, DUE_MS = 10_000;
export const catalog = watched(null);
let reading = null, readAt = 0;

session.watch(({ token }) => { if (!token) { catalog.set(null); reading = null; readAt = 0; } });

/* The job that was changed last: a change may be made while an older answer is on its way. */
const newer = (job, known) => (known && known.updated_at > job.updated_at ? known : job);

const read = async () => {
  const { projects } = await get("/projects");
  const lists = await Promise.all(projects.map((project) => all(`/projects/${project.id}/jobs`, "jobs", { limit: 500 })));
  const jobs = lists.flat().map((job) => newer(job, catalog.get()?.jobs.get(job.id)));
  const found = {
    projects: new Map(projects.map((project) => [project.id, project])),
    jobs: new Map(jobs.map((job) => [job.id, job])),
  };
  readAt = Date.now();
  catalog.set(found);
  return found;
};

/* Whether a schedule has fired since the catalog was read, so that its job has a new next firing. */
const hasFired = () => [...catalog.get().jobs.values()].some((job) => Date.parse(job.next_run_at) < now());

/* Returns the catalog. It is read again if it is old, or soon after a schedule has fired. Concurrent callers share one
   request. */
export const readCatalog = async () => {
  const age = Date.now() - readAt;
  if (catalog.get() && (age < DUE_MS || (age < FRESH_MS && !hasFired()))) return catalog.get();
  if (!reading) {
    const own = read().finally(() => { if (reading === own) reading = null; });
    reading = own;
  }
  return reading;
};

/* Replaces a job in the catalog with an answer about it. */
export const putJob = (job) => {
  const { projects, jobs } = catalog.get() || {};
  if (jobs) catalog.set({ projects, jobs: new Map(jobs).set(job.id, newer(job, jobs.get(job.id))) });
};

export const pathOf = (job) => `/projects/${job.project_id}/jobs/${job.id}`;

/* Changes fields of a job, and shows the job as in the answer. */
export const changeJob = async (job, fields) => {
  const changed = await put(pathOf(job), fields);
  putJob(changed);
  return changed;
};

export const useCatalog = () => {
  const [found, setFound] = useState(catalog.get());
  const [error, setError] = useState(null);
  useEffect(() => {
    const end = catalog.watch(setFound);
    readCatalog().then(setFound, setError);
    return end;
  }, []);
  return { catalog: found, error };
};

/* The name of a run's job, from the catalog or, for a deleted job, from the name of its CronJob. */
export const nameOf = (found, run) => found?.jobs.get(run.job_id)?.name || run.cronjob_name || run.job_name;
export const projectOf = (found, run) => found?.projects.get(run.project_id)?.name || run.project_id;
export const jobLink = (of) => `#/projects/${of.project_id}/jobs/${of.job_id || of.id}`;
export const runLink = (run) => `#/runs/${run.id}`;
