/* The files that a run has left, to download. */
import { get } from "../api.js";
import { html } from "./html.js";
import { Failure, Loading, notify } from "./notices.js";
import { openLink } from "./opening.js";
import { useLoaded } from "./polling.js";
import { isOpen } from "./status.js";
import { bytes } from "./times.js";

const link = async (run, { path }) =>
  (await get(`/runs/${run.id}/artifacts/${path.split("/").map(encodeURIComponent).join("/")}`)).url;

/* Which files the browser displays, and which it saves. */
const verb = (file) => (file.content_type === "application/json" ? "Open" : "Download");

/* A tab for a file that the browser saves would stay empty. */
const openFile = async (run, file) => (verb(file) === "Open" ? openLink(() => link(run, file)) : location.assign(await link(run, file)));

export const Artifacts = ({ run }) => {
  const { data, error, reload } = useLoaded((signal) => get(`/runs/${run.id}/artifacts`, {}, signal), [run.id, run.status]);
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  if (!data.artifacts.length) {
    return html`<p class="empty">${isOpen(run) ? "The files are stored when the command has ended." : "This run has stored no files. A project stores them with artifacts turned on."}</p>`;
  }
  return html`
    <section class="card" aria-label="Artifacts"><table><caption class="unseen">Artifacts</caption>
      <thead><tr><th scope="col">File</th><th scope="col">Size</th><th scope="col">Type</th><th scope="col"><span class="unseen">Download</span></th></tr></thead>
      <tbody>${data.artifacts.map((one) => html`<tr key=${one.path}><th scope="row"><code>${one.path}</code></th><td class="number">${bytes(one.size_bytes)}</td>
        <td class="soft">${one.content_type}</td><td class="cell-actions"><button type="button" aria-label=${`${verb(one)} ${one.path}`}
          onClick=${() => openFile(run, one).catch((problem) => notify(problem.message, "bad"))}>${verb(one)}</button></td></tr>`)}</tbody></table></section>`;
};
