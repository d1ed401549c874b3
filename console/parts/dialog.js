/* A dialog of the browser's own: the focus stays in it, Escape closes it, and the focus goes back to where it was. */
import { createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import { notify } from "./notices.js";

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

/* What is wrong with the fields of a form, and which names they have in the API. */
const Faults = createContext({ errors: [], names: new Set() });

/* A form in a dialog: `act` sends it. Meanwhile its button is disabled; an error is shown in the dialog, which keeps what
   was typed, at the field that it is about. `onDone` gets the answer, and whether the dialog was still open then: a user
   who has closed it is doing something else, and gets a notice if the request fails. */
export const FormDialog = ({ title, action, act, onClose, onDone, danger, wide, children, ready = true }) => {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const [names] = useState(() => new Set());
  const form = useRef(null);
  const isOpen = useRef(true);
  useEffect(() => () => { isOpen.current = false; }, []);
  useEffect(() => { if (error) form.current.querySelector("[aria-invalid]")?.focus(); }, [error]);
  const errors = error?.errors || [];
  const others = errors.filter((fault) => !names.has(fault.field));
  const submit = async (event) => {
    event.preventDefault();
    if (busy || !ready) return;
    setBusy(true);
    setError(null);
    try {
      const done = await act();
      const stayed = isOpen.current;
      if (stayed) onClose();
      onDone?.(done, stayed);
    } catch (problem) {
      if (!isOpen.current) return notify(problem.message, "bad");
      setError(problem);
      setBusy(false);
    }
  };
  return html`
    <${Dialog} title=${title} onClose=${onClose} wide=${wide}>
      <form ref=${form} onSubmit=${submit} class="form">
        <${Faults.Provider} value=${{ errors, names }}>${children}<//>
        ${error && html`<div class="failure" role="alert">${others.length
          ? others.map((fault) => html`<div key=${fault.message}><b>${fault.field}</b>: ${fault.message}</div>`)
          : errors.length ? "Nothing was changed. What is marked above breaks a rule." : error.message}</div>`}
        <footer>
          <button type="button" onClick=${onClose}>Close</button>
          <button type="submit" class=${danger ? "danger" : "primary"} disabled=${busy || !ready} aria-busy=${busy}>${action}</button>
        </footer>
      </form>
    <//>`;
};

let fields = 0;

/* A field with its label; `name` is what the API calls it. */
export const Field = ({ label, name, hint, children }) => {
  const [id] = useState(() => `field-${++fields}`);
  const { errors, names } = useContext(Faults);
  useEffect(() => { names.add(name); return () => names.delete(name); }, [name]);
  const fault = errors.filter((one) => one.field === name).map((one) => one.message).join(". ");
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children({ id, "aria-invalid": fault ? "true" : undefined, "aria-describedby": [fault && `${id}-fault`, hint && `${id}-hint`].filter(Boolean).join(" ") || undefined })}
    ${fault && html`<small id=${`${id}-fault`} class="fault">${fault}</small>`}
    ${hint && html`<small id=${`${id}-hint`}>${hint}</small>`}
  </div>`;
};
