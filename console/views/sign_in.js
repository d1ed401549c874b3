/* The form for a token. The address does not change, so that the requested view follows. */
import { useEffect, useRef, useState } from "preact/hooks";
import { signIn } from "../api.js";
import { moved } from "../parts/heading.js";
import { html } from "../parts/html.js";
import { useTitle } from "../parts/route.js";

export const SignIn = ({ refused }) => {
  const [token, setToken] = useState("");
  const field = useRef(null);
  useTitle("Log in");
  useEffect(() => field.current.focus(), []);
  const submit = (event) => { event.preventDefault(); if (token.trim()) { moved(); signIn(token.trim()); } };
  return html`
    <main class="sign-in" id="main" tabindex="-1">
      <form onSubmit=${submit} class="card">
        <h1>Jobs</h1>
        <p class="soft">Runs of dbt and SQLMesh, and their results.</p>
        ${refused && html`<p class="failure" role="alert">The token was not accepted: it is wrong, revoked or has expired. Log in with
          another one, and go on where you were.</p>`}
        <label for="token">Token</label>
        <input id="token" ref=${field} type="password" autocomplete="off" spellcheck=${false} placeholder="jat_…" value=${token}
          aria-describedby="token-hint" onInput=${(event) => setToken(event.target.value)} />
        <small id="token-hint">It stays in this tab and is gone when you close it. An admin creates tokens with <code>POST /tokens</code>; on a
          laptop <code>make run</code> prints one.</small>
        <button type="submit" class="primary" disabled=${!token.trim()}>Log in</button>
      </form>
    </main>`;
};
