/* The actions of a run: cancel it while it is open, run it again when it has ended. */
import { useMemo, useState } from "preact/hooks";
import { mayWrite, post } from "../api.js";
import { runLink } from "./catalog.js";
import { Field, FormDialog } from "./dialog.js";
import { html } from "./html.js";
import { notify } from "./notices.js";
import { isFailure, isOpen } from "./status.js";

const CancelDialog = ({ run, onClose, onDone }) => {
  const [reason, setReason] = useState("");
  const key = useMemo(() => crypto.randomUUID(), [reason]);
  return html`
    <${FormDialog} title="Cancel this run" action="Cancel the run" danger onClose=${onClose} onDone=${(answer) => { notify(answer.message); onDone(); }}
        act=${() => post(`/runs/${run.id}/cancel`, reason.trim() ? { reason: reason.trim() } : {}, key)}>
      <p>Its command gets SIGTERM, and is killed after the Pod's grace period. The log is kept. Nobody is alerted.</p>
      <${Field} label="Why" name="reason" hint="It is shown with the run.">${(attributes) => html`<input ...${attributes} data-first maxlength="255" value=${reason}
        onInput=${(event) => setReason(event.target.value)} />`}<//>
    <//>`;
};

const RetryDialog = ({ run, project, onClose }) => {
  const canContinue = project?.project_type === "dbt" && project.artifacts && isFailure(run);
  const [from, setFrom] = useState(canContinue ? "failure" : "start");
  const key = useMemo(() => crypto.randomUUID(), [from]);
  return html`
    <${FormDialog} title="Run it again" action="Run again" onClose=${onClose} act=${() => post(`/runs/${run.id}/retry`, { from }, key)}
        onDone=${(answer, stayed) => { notify(`Started ${answer.job_name}`); if (stayed) location.hash = runLink({ id: answer.job_run_id }); }}>
      <fieldset><legend>From where</legend>
        <label class="option"><input type="radio" name="from" data-first=${!canContinue} checked=${from === "start"} onChange=${() => setFrom("start")} />
          <span>from the start<small>with its command, its variables and its cause</small></span></label>
        <label class="option"><input type="radio" name="from" data-first=${canContinue} disabled=${!canContinue} checked=${from === "failure"} onChange=${() => setFrom("failure")} />
          <span>where it failed<small>${canContinue ? "dbt retry, with the artifacts of this run" : "only for dbt, after a failure, in a project that stores artifacts"}</small></span></label></fieldset>
    <//>`;
};

export const RunActions = ({ run, project, onChange }) => {
  const [open, setOpen] = useState("");
  if (!mayWrite()) return null;
  return html`
    <div class="actions">
      ${isOpen(run) ? html`<button type="button" class="danger" disabled=${!!run.cancel_requested_at} onClick=${() => setOpen("cancel")}>${run.cancel_requested_at ? "Being cancelled" : "Cancel"}</button>`
        : html`<button type="button" class="primary" onClick=${() => setOpen("retry")}>Run again</button>`}
      ${open === "cancel" && html`<${CancelDialog} run=${run} onClose=${() => setOpen("")} onDone=${onChange} />`}
      ${open === "retry" && html`<${RetryDialog} run=${run} project=${project} onClose=${() => setOpen("")} />`}
    </div>`;
};
