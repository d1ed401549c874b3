/* The actions of a job: run it, pause it, change its schedule. Each opens a dialog. */
import { useMemo, useState } from "preact/hooks";
import { mayWrite, post } from "../api.js";
import { catalog, changeJob, pathOf, runLink } from "./catalog.js";
import { now } from "./clock.js";
import { Field, FormDialog } from "./dialog.js";
import { html } from "./html.js";
import { notify } from "./notices.js";
import { ScheduleDialog } from "./schedule_dialog.js";
import { useKeys } from "./shortcuts.js";
import { Badge } from "./status.js";
import { Time, ms } from "./times.js";

export const isPaused = (job) => !job.enabled || ms(job.paused_until) > now();

export const JobState = ({ job }) => html`
  ${!job.enabled && html`<${Badge} kind="warn">disabled<//>`}
  ${job.enabled && ms(job.paused_until) > now() && html`<${Badge} kind="warn" title=${job.pause_reason}>paused until <${Time} at=${job.paused_until} /><//>`}
  ${job.sync?.state === "error" && html`<${Badge} kind="bad" title=${job.sync.message}>not in the cluster<//>`}`;

const TriggerDialog = ({ job, onClose }) => {
  const [command, setCommand] = useState("");
  const [cause, setCause] = useState("");
  const [overlap, setOverlap] = useState("allow");
  const isDbt = catalog.get()?.projects.get(job.project_id)?.project_type === "dbt";
  const body = { ...(command.trim() && { command_override: command.trim() }), ...(cause.trim() && { cause: cause.trim() }),
    ...(overlap !== "allow" && { on_overlap: overlap }) };
  /* A repeated request has the same key, so that a lost answer does not lead to a second run. */
  const key = useMemo(() => crypto.randomUUID(), [JSON.stringify(body)]);
  const done = (answer, stayed) => { notify(`Started ${answer.job_name}`); if (stayed) location.hash = runLink({ id: answer.job_run_id }); };
  return html`
    <${FormDialog} title=${`Run ${job.name}`} action="Run now" onClose=${onClose} onDone=${done}
        act=${() => post(`${pathOf(job)}/trigger`, body, key)}>
      ${isDbt ? html`<${Field} label="Command of this run" name="command_override" hint=${`Left empty: ${job.command}`}>
        ${(attributes) => html`<input ...${attributes} data-first class="code" value=${command} placeholder=${job.command} spellcheck=${false}
          onInput=${(event) => setCommand(event.target.value)} />`}<//>`
        : html`<p>Runs <code>${job.command}</code>.</p>`}
      <${Field} label="Why" name="cause" hint="Everybody who may read runs sees it.">
        ${(attributes) => html`<input ...${attributes} data-first=${!isDbt} maxlength="255" value=${cause} onInput=${(event) => setCause(event.target.value)} />`}<//>
      <${Field} label="If another run of this job is open" name="on_overlap">
        ${(attributes) => html`<select ...${attributes} value=${overlap} onChange=${(event) => setOverlap(event.target.value)}>
          <option value="allow">start beside it</option><option value="wait">wait until it has ended</option><option value="skip">start nothing</option></select>`}<//>
    <//>`;
};

const local = (date) => new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
const tomorrow = () => { const at = new Date(now()); at.setDate(at.getDate() + 1); at.setHours(8, 0, 0, 0); return at; };

const PauseDialog = ({ job, onClose }) => {
  const [forever, setForever] = useState(false);
  const [until, setUntil] = useState(local(tomorrow()));
  const [reason, setReason] = useState("");
  const act = () => changeJob(job, forever ? { enabled: false }
    : { paused_until: new Date(until).toISOString(), ...(reason.trim() && { pause_reason: reason.trim() }) });
  return html`
    <${FormDialog} title=${`Pause ${job.name}`} action="Pause" act=${act} onClose=${onClose} onDone=${() => notify(`${job.name} is paused`)} ready=${forever || !!until}>
      <p class="soft">Meanwhile its schedule starts no runs, and they are not started later. It can still be run by hand.</p>
      <fieldset><legend>How long</legend>
        <label class="option"><input type="radio" name="how" data-first checked=${!forever} onChange=${() => setForever(false)} /> until a time</label>
        <label class="option"><input type="radio" name="how" checked=${forever} onChange=${() => setForever(true)} /> until somebody resumes it</label></fieldset>
      ${!forever && html`
        <${Field} label="Until" name="paused_until" hint="In your local time.">${(attributes) => html`<input ...${attributes} type="datetime-local" value=${until} min=${local(new Date(now()))}
          onInput=${(event) => setUntil(event.target.value)} />`}<//>
        <${Field} label="Why" name="pause_reason">${(attributes) => html`<input ...${attributes} maxlength="255" value=${reason} onInput=${(event) => setReason(event.target.value)} />`}<//>`}
    <//>`;
};

const resume = (job) => changeJob(job, { ...(!job.enabled && { enabled: true }), ...(job.paused_until && { paused_until: null }) })
  .then(() => notify(`${job.name} is resumed`), (error) => notify(error.message, "bad"));

const DIALOGS = { run: TriggerDialog, pause: PauseDialog, schedule: ScheduleDialog };

/* The buttons. With `keys`, the keys r and e open the dialogs too. */
export const JobActions = ({ job, small, keys }) => {
  const [open, setOpen] = useState(null);
  const may = mayWrite();
  useKeys(keys && may ? { r: () => setOpen("run"), e: () => setOpen("schedule") } : {});
  if (!may) return null;
  const Open = open && DIALOGS[open];
  const named = (what) => (small ? { "aria-label": `${what} ${job.name}` } : {});
  return html`
    <div class="actions">
      <button type="button" class=${small ? "" : "primary"} ...${named("Run")} onClick=${() => setOpen("run")}>Run</button>
      ${isPaused(job) ? html`<button type="button" ...${named("Resume")} onClick=${() => resume(job)}>Resume</button>`
        : html`<button type="button" ...${named("Pause")} onClick=${() => setOpen("pause")}>Pause</button>`}
      <button type="button" ...${named("Edit schedule of")} onClick=${() => setOpen("schedule")}>Schedule</button>
      ${Open && html`<${Open} job=${job} onClose=${() => setOpen(null)} />`}
    </div>`;
};
