/* A dialog of the browser's own: the focus stays in it, Escape closes it, and the focus goes back to where it was. */
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "./html.js";

export const Dialog = ({ title, onClose, children, wide }) => {
  const dialog = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    const own = dialog.current;
    own.showModal();
    own.querySelector("[data-first]")?.focus();
    return () => { own.close(); if (before?.isConnected) before.focus(); };
  }, []);
  return html`
    <dialog ref=${dialog} class=${wide ? "wide" : ""} aria-label=${title}
        onCancel=${(event) => { event.preventDefault(); onClose(); }}
        onMouseDown=${(event) => event.target === dialog.current && onClose()}>
      <div class="dialog">
        <header><h2>${title}</h2>
          <button type="button" class="icon" aria-label="Close" onClick=${onClose}>×</button></header>
        ${children}
      </div>
    </dialog>`;
};

/* A form in a dialog: `act` sends it. Meanwhile the buttons are disabled; an error is shown in the dialog, which keeps
   what was typed. */
export const FormDialog = ({ title, action, act, onClose, onDone, danger, wide, children, ready = true }) => {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    if (busy || !ready) return;
    setBusy(true);
    setError(null);
    try {
      const done = await act();
      onClose();
      onDone?.(done);
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return html`
    <${Dialog} title=${title} onClose=${onClose} wide=${wide}>
      <form onSubmit=${submit} class="form">
        ${children}
        ${error && html`<div class="failure" role="alert">${error.errors?.length
          ? error.errors.map((fault) => html`<div key=${fault.field}><b>${fault.field}</b>: ${fault.message}</div>`) : error.message}</div>`}
        <footer>
          <button type="button" onClick=${onClose}>Close</button>
          <button type="submit" class=${danger ? "danger" : "primary"} disabled=${busy || !ready} aria-busy=${busy}>${action}</button>
        </footer>
      </form>
    <//>`;
};

let fields = 0;
export const Field = ({ label, hint, children }) => {
  const [id] = useState(() => `field-${++fields}`);
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children({ id, "aria-describedby": hint ? `${id}-hint` : undefined })}
    ${hint && html`<small id=${`${id}-hint`}>${hint}</small>`}
  </div>`;
};
