/* The page: it shows the form for a token, or the view that the address names. */
import { render } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { identify, session, signOut } from "./api.js";
import { Heading, moved } from "./parts/heading.js";
import { html } from "./parts/html.js";
import { Failure, Notices, Trouble } from "./parts/notices.js";
import { route } from "./parts/route.js";
import { KeysDialog, moveRow, useKeys } from "./parts/shortcuts.js";
import { useWatched } from "./parts/watched.js";
import { JobView } from "./views/job.js";
import { NowView } from "./views/now.js";
import { ProjectsView } from "./views/projects.js";
import { RunView } from "./views/run.js";
import { SignIn } from "./views/sign_in.js";

const VIEWS = [
  [/^\/?$/, NowView, [], "Now"],
  [/^\/projects$/, ProjectsView, [], "Projects"],
  [/^\/projects\/([^/]+)$/, ProjectsView, ["project"], "Projects"],
  [/^\/projects\/([^/]+)\/jobs\/([^/]+)$/, JobView, ["project", "job"], "Projects"],
  [/^\/runs\/([^/]+)$/, RunView, ["run"], ""],
];

const Nowhere = () => html`<${Heading}>This page does not exist<//><p><a href="#/">Go to Now</a></p>`;

/* The view for an address, with the ids in its path. */
const found = (path) => {
  for (const [pattern, View, names, area] of VIEWS) {
    const match = pattern.exec(path);
    if (match) return { View, area, named: Object.fromEntries(names.map((name, at) => [name, match[at + 1]])) };
  }
  return { View: Nowhere, area: "", named: {} };
};

const NAVIGATION = [["Now", "#/"], ["Projects", "#/projects"]];

const Header = ({ area, me, onKeys }) => html`
  <header class="top">
    <a class="brand" href="#/"><svg viewBox="0 0 20 20" aria-hidden="true"><rect x="2" y="11" width="4" height="7" rx="1.5" />
      <rect x="8" y="6" width="4" height="12" rx="1.5" /><rect x="14" y="2" width="4" height="16" rx="1.5" /></svg> Jobs</a>
    <nav aria-label="Views">${NAVIGATION.map(([name, to]) => html`
      <a key=${name} href=${to} aria-current=${area === name ? "page" : undefined}>${name}</a>`)}</nav>
    <div class="who">
      ${me && html`<span title=${me.token_name || me.token_id}>${me.organization_id} <span class="soft">· ${me.role}</span></span>`}
      <button type="button" class="icon" aria-label="Keys" title="Keys (?)" onClick=${onKeys}>?</button>
      <button type="button" onClick=${() => signOut()}>Log out</button>
    </div>
  </header>`;

const Signed = () => {
  const { me, token } = useWatched(session);
  const { path, query } = useWatched(route);
  const [keys, setKeys] = useState(false);
  const [error, setError] = useState(null);
  const who = () => { setError(null); identify().catch(setError); };
  useEffect(who, [token]);
  const { View, area, named } = found(path);
  const shown = useRef(path);
  /* Done at once and not after the next frame: by then the user may have moved the focus. */
  useLayoutEffect(() => {
    if (shown.current === path) return;
    shown.current = path;
    moved();
    document.querySelector("main h1")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [path]);
  useKeys({
    "?": () => setKeys(true), "g n": () => { location.hash = "#/"; }, "g p": () => { location.hash = "#/projects"; },
    j: () => moveRow(1), k: () => moveRow(-1), "/": () => document.querySelector("main input[type=search]")?.focus(),
  });
  return html`
    <${Header} area=${area} me=${me} onKeys=${() => setKeys(true)} />
    <${Trouble} />
    <main id="main" tabindex="-1">
      <${Failure} error=${error} retry=${who} />
      ${me && html`<${View} key=${path} ...${named} query=${query} />`}
    </main>
    ${keys && html`<${KeysDialog} onClose=${() => setKeys(false)} />`}`;
};

const App = () => {
  const { token, refused } = useWatched(session);
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.querySelector("main")?.focus(); }}>Skip to the content</a>
    ${token ? html`<${Signed} />` : html`<${SignIn} refused=${refused} />`}
    <${Notices} />`;
};

render(html`<${App} />`, document.getElementById("app"));
