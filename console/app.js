// The router by hash, and the form for the token.
import { h, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import htm from "htm";
import { token } from "./api.js";
import { Now } from "./views/now.js";

const html = htm.bind(h);

function useHash() {
  const [hash, setHash] = useState(location.hash || "#/");
  useEffect(() => {
    const changed = () => setHash(location.hash || "#/");
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return hash;
}

function Login({ entered }) {
  const submit = (event) => {
    event.preventDefault();
    entered(event.target.elements.token.value.trim());
  };
  return html`<form class="login" onSubmit=${submit}>
    <label>Token <input name="token" type="password" autocomplete="off" required autofocus /></label>
    <button>Log in</button>
  </form>`;
}

function App() {
  const hash = useHash();
  const [known, setKnown] = useState(Boolean(token.get()));
  const enter = (value) => { token.set(value); setKnown(true); };
  const leave = () => { token.forget(); setKnown(false); };
  if (!known) return html`<main><h1>Jobs</h1><${Login} entered=${enter} /></main>`;
  return html`<header><h1>Jobs</h1><button onClick=${leave}>Log out</button></header>
    <main><${Now} key=${hash} expired=${leave} /></main>`;
}

render(html`<${App} />`, document.getElementById("app"));
