/* Notices: short messages of the page, and announcements to screen readers. */
import { useEffect, useState } from "preact/hooks";
import { trouble } from "../api.js";
import { html } from "./html.js";
import { outdated } from "./polling.js";
import { useWatched, watched } from "./watched.js";

const SHOWN_MS = 6000;
const notices = watched([]);
const said = watched("");
let count = 0;

/* Announces to a screen reader a change that others see anyway. */
export const announce = (text) => said.set(text);

export const notify = (text, kind = "good") => {
  const notice = { id: ++count, text, kind };
  notices.set([...notices.get(), notice]);
  setTimeout(() => notices.set(notices.get().filter((one) => one !== notice)), SHOWN_MS);
};

export const Notices = () => html`
  <div class="notices" role="status">
    ${useWatched(notices).map((one) => html`<div key=${one.id} class=${`notice ${one.kind}`}>${one.text}</div>`)}
  </div>
  <div class="unseen" aria-live="polite">${useWatched(said)}</div>`;

/* Says why the page is not up to date, while it is not. */
export const Trouble = () => {
  const what = useWatched(trouble);
  const error = useWatched(outdated);
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (what?.kind !== "slow") return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [what]);
  const text = what?.kind === "away" ? "The API does not answer. The page shows its last state, and continues by itself."
    : what ? `The API asks for a pause. The page goes on in ${Math.max(1, Math.ceil((what.until - now) / 1000))} s.`
      : error ? `What you see may be out of date. ${error.message}` : "";
  return html`<div class="trouble" role="status" hidden=${!text}>
    <span class="trouble-dot" aria-hidden="true"></span> ${text}</div>`;
};

export const Failure = ({ error, retry }) => (error ? html`
  <div class="failure" role="alert">
    <b>${error.status === 404 ? "This does not exist." : "That did not work."}</b> ${error.message}
    ${retry && html` <button type="button" class="link" onClick=${retry}>Try again</button>`}
  </div>` : null);

export const Loading = ({ lines = 3 }) => html`
  <div class="loading" aria-busy="true" aria-label="Loading">${Array.from({ length: lines }, (_, at) => html`<div key=${at}></div>`)}</div>`;

export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;
