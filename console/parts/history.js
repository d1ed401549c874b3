/* The versions of a job: who changed what, and a button for a rollback. */
import { useMemo, useState } from "preact/hooks";
import { get, mayWrite, post } from "../api.js";
import { pathOf, putJob } from "./catalog.js";
import { FormDialog } from "./dialog.js";
import { html } from "./html.js";
import { Failure, Loading, notify } from "./notices.js";
import { useLoaded } from "./polling.js";
import { Badge } from "./status.js";
import { Time } from "./times.js";

const ACTIONS = { "job.create": "Created", "job.update": "Changed", "job.rollback": "Rolled back" };

const shown = (value) => (value === undefined || value === null ? "–" : typeof value === "string" ? value : JSON.stringify(value));

const Differences = ({ fields }) => {
  const names = Object.keys(fields);
  if (!names.length) return html`<p class="soft">The differences are not known.</p>`;
  return html`<dl class="differences">${names.map((name) => html`<div key=${name}><dt>${name.replaceAll("_", " ")}</dt>
    <dd>${fields[name].before !== undefined && html`<del><span class="unseen">before: </span>${shown(fields[name].before)}</del>`}
      <ins><span class="unseen">after: </span>${shown(fields[name].after)}</ins></dd></div>`)}</dl>`;
};

const RollbackDialog = ({ job, version, onClose, onDone }) => {
  const key = useMemo(() => crypto.randomUUID(), [version]);
  return html`<${FormDialog} title=${`Back to version ${version.version}`} action="Roll back" onClose=${onClose} onDone=${onDone}
      act=${() => post(`${pathOf(job)}/rollback`, { version: version.version }, key)}>
    <p>The job gets the settings of version ${version.version} again, of <${Time} at=${version.changed_at} />. This is a change like others and
      makes a new version; runs that are open go on as they are.</p>
  <//>`;
};

export const History = ({ job }) => {
  const { data, error, reload, setData } = useLoaded((signal) => get(`${pathOf(job)}/history`, { limit: 50 }, signal), [job.id, job.updated_at]);
  const [rollback, setRollback] = useState(null);
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  if (!data.versions.length) return html`<p class="empty">No changes are known.</p>`;
  const newest = data.versions[0].version;
  const more = async () => {
    const next = await get(`${pathOf(job)}/history`, { limit: 50, cursor: data.next_cursor });
    setData({ ...next, versions: [...data.versions, ...next.versions] });
  };
  return html`
    <ol class="versions">${data.versions.map((version) => html`
      <li class="card" key=${version.version}>
        <header><h2>Version ${version.version}</h2> ${version.version === newest && html`<${Badge} kind="good">now<//>`}
          <span class="soft">${ACTIONS[version.action] || "Made"}${version.changed_by ? ` by ${version.changed_by.name || version.changed_by.token_id}` : ""},${" "}
            <${Time} at=${version.changed_at} /></span>
          ${version.version !== newest && mayWrite() && html`<button type="button" class="push" aria-label=${`Roll back to version ${version.version}`}
            onClick=${() => setRollback(version)}>Roll back to this</button>`}</header>
        <${Differences} fields=${version.fields} />
      </li>`)}</ol>
    ${data.next_cursor && html`<button type="button" class="more" onClick=${() => more().catch((problem) => notify(problem.message, "bad"))}>Show older</button>`}
    ${rollback && html`<${RollbackDialog} job=${job} version=${rollback} onClose=${() => setRollback(null)}
      onDone=${(changed) => { putJob(changed); reload(); notify("The job is rolled back"); }} />`}`;
};
