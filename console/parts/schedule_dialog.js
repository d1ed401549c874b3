/* The dialog that changes a schedule; it shows the next firings before anything is saved. */
import { useEffect, useState } from "preact/hooks";
import { get } from "../api.js";
import { changeJob } from "./catalog.js";
import { Field, FormDialog } from "./dialog.js";
import { html } from "./html.js";
import { notify } from "./notices.js";
import { inWords } from "./schedule.js";
import { Mark } from "./status.js";
import { moment, utc } from "./times.js";

const TYPING_MS = 250;
const ZONES = ["UTC", ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC")];

/* The next firings, or why there are none; requested once typing pauses. */
const usePreview = (schedule, timezone) => {
  const [preview, setPreview] = useState({});
  useEffect(() => {
    if (!schedule.trim()) { setPreview({}); return undefined; }
    const ending = new AbortController();
    const timer = setTimeout(() => {
      get("/schedules/preview", { schedule, timezone, count: 10 }, ending.signal).then(
        (found) => ending.signal.aborted || setPreview({ found }),
        (error) => ending.signal.aborted || setPreview({ error }),
      );
    }, TYPING_MS);
    return () => { clearTimeout(timer); ending.abort(); };
  }, [schedule, timezone]);
  return preview;
};

const Firings = ({ found }) => html`
  ${found.warnings.map((warning) => html`<p key=${warning} class="warning"><${Mark} status="warn" /> <span>${warning[0].toUpperCase() + warning.slice(1)}.</span></p>`)}
  <table class="firings"><caption>The next ${found.next_run_at.length} firings</caption>
    <thead><tr><th scope="col">In its time zone</th><th scope="col">Here</th><th scope="col">UTC</th></tr></thead>
    <tbody>${found.next_run_at.map((at, index) => html`<tr key=${at}><td>${found.local[index].slice(0, 16).replace("T", " ")}
      <small>${found.local[index].slice(19)}</small></td><td>${moment(at)}</td><td>${utc(at)}</td></tr>`)}</tbody></table>`;

export const ScheduleDialog = ({ job, onClose }) => {
  const [schedule, setSchedule] = useState(job.schedule || "");
  const [timezone, setTimezone] = useState(job.timezone);
  const { found, error } = usePreview(schedule, timezone);
  const chained = !!job.run_after?.length;
  const act = () => changeJob(job, { schedule: schedule.trim() || null, timezone });
  const faults = error && (error.errors?.length ? error.errors.map((fault) => fault.message) : [error.message]);
  return html`
    <${FormDialog} title=${`Schedule of ${job.name}`} action="Save" act=${act} onClose=${onClose} wide
        onDone=${() => notify(`The schedule of ${job.name} is changed`)} ready=${!error && (chained || !!schedule.trim())}>
      <div class="side-by-side">
        <${Field} label="Schedule" name="schedule" hint=${schedule.trim() ? inWords(schedule) : chained ? "Empty: it runs after other jobs only." : "Five cron fields, or @daily and the like."}>
          ${(attributes) => html`<input ...${attributes} data-first class="code" value=${schedule} spellcheck=${false} autocomplete="off"
            onInput=${(event) => setSchedule(event.target.value)} />`}<//>
        <${Field} label="Time zone" name="timezone" hint="An IANA name, such as Europe/Berlin.">
          ${(attributes) => html`<input ...${attributes} list="zones" value=${timezone} spellcheck=${false} autocomplete="off" onInput=${(event) => setTimezone(event.target.value)} />`}<//>
      </div>
      <datalist id="zones">${ZONES.map((zone) => html`<option key=${zone} value=${zone} />`)}</datalist>
      <div class="preview" aria-live="polite">
        ${faults ? faults.map((fault) => html`<p key=${fault} class="failure">${fault}</p>`) : found && html`<${Firings} found=${found} />`}</div>
    <//>`;
};
