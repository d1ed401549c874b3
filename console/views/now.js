// Now: what runs and what ran last, over all projects.
import { h } from "preact";
import { useEffect, useState } from "preact/hooks";
import htm from "htm";
import { call } from "../api.js";

const html = htm.bind(h);

export function Now({ expired }) {
  const [runs, setRuns] = useState(null);
  useEffect(() => {
    call("runs?limit=20").then((page) => setRuns(page.runs), (error) => error.status === 401 && expired());
  }, []);
  if (!runs) return html`<p>Loading</p>`;
  return html`<ul>${runs.map((run) => html`<li key=${run.id}>${run.job_name} ${run.status}</li>`)}</ul>`;
}
