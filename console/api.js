/* The one module that calls the API. The token is stored in this tab's sessionStorage, and never in an address. */
import { compare } from "./parts/clock.js";
import { visible } from "./parts/visible.js";
import { watched } from "./parts/watched.js";

const TOKEN = "token";
const LONGEST_PROBE_MS = 15_000;
/* The API answers within 29 seconds. A connection that broke while the computer slept may stay silent for ever. */
const LONGEST_ANSWER_MS = 60_000;
/* The page is at <stage>/console, the API at <stage>/api/v1. */
export const BASE = `${location.pathname.replace(/\/console(\/.*)?$/, "").replace(/\/$/, "")}/api/v1`;

export const session = watched({ token: sessionStorage.getItem(TOKEN), me: null, refused: false });
/* Why the page is not up to date: null, { kind: "away" } or { kind: "slow", until }. */
export const trouble = watched(null);

export class Refused extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.message || `The API answered ${status}.`);
    Object.assign(this, { status, code: problem.code || "", errors: problem.errors || [], retryAfter });
  }
}

export class Unreachable extends Error {}

export const signIn = (token) => {
  sessionStorage.setItem(TOKEN, token);
  session.set({ token, me: null, refused: false });
};

export const signOut = (refused = false) => {
  sessionStorage.removeItem(TOKEN);
  session.set({ token: null, me: null, refused });
};

export const mayWrite = () => ["developer", "admin"].includes(session.get().me?.role);

/* Asks who the token belongs to, once; a token that is not accepted ends the session. */
export const identify = async () => {
  const { token } = session.get();
  const me = await get("/me");
  if (session.get().token === token) session.set({ token, me, refused: false });
};

/* Waits so many milliseconds, or until the target has the event. */
const pause = (ms, target, event) => new Promise((resolve) => {
  const end = () => { clearTimeout(timer); target?.removeEventListener(event, end); resolve(); };
  const timer = setTimeout(end, ms);
  target?.addEventListener(event, end);
});

const seconds = async (ms, signal) => {
  await pause(ms, signal, "abort");
  signal?.throwIfAborted();
};

const address = (path, query = {}) => {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return `${BASE}${path}${given.length ? `?${new URLSearchParams(given)}` : ""}`;
};

const answerOf = async (response) => {
  const text = await response.text();
  try { return text ? JSON.parse(text) : {}; } catch { return { message: text.slice(0, 300) }; }
};

const send = async (method, path, { query, body, key, signal } = {}) => {
  const { token } = session.get();
  if (!token) throw new DOMException("Nobody is logged in.", "AbortError");
  const headers = { Accept: "application/json", Authorization: `Bearer ${token}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const sentAt = Date.now();
  let response, answer;
  const silent = new AbortController();
  const timer = setTimeout(() => silent.abort(), LONGEST_ANSWER_MS);
  try {
    response = await fetch(address(path, query), {
      method, headers, signal: AbortSignal.any([silent.signal, ...(signal ? [signal] : [])]), cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    compare(response.headers.get("Date"), sentAt);
    answer = await answerOf(response);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable("The API cannot be reached.", { cause: error });
  } finally { clearTimeout(timer); }
  /* An answer to a request with one token must not be shown to a user who has logged in with another one since. */
  if (session.get().token !== token) throw new DOMException("You have logged out meanwhile.", "AbortError");
  if (response.ok) return answer;
  if (response.status === 401) signOut(true);
  throw new Refused(response.status, answer, Number(response.headers.get("Retry-After")) || 0);
};

/* Tries until the API answers, while the tab is visible. All calls wait for the same probe, so that a server that comes
   back is not overrun. */
let returning = null;
const comeBack = () => {
  returning ??= (async () => {
    trouble.set({ kind: "away" });
    for (let wait = 1000; ; wait = Math.min(wait * 2, LONGEST_PROBE_MS)) {
      await pause(wait, window, "online");
      await visible();
      try { await send("GET", "/me"); break; } catch (error) { if (!isAway(error)) break; }
    }
    trouble.set(null);
    returning = null;
  })();
  return returning;
};

const isAway = (error) => error instanceof Unreachable || (error instanceof Refused && [502, 504].includes(error.status));

const slowDown = async (error, signal) => {
  const ms = Math.max(error.retryAfter, 1) * 1000;
  const notice = { kind: "slow", until: Date.now() + ms };
  trouble.set(notice);
  try { await seconds(ms, signal); } finally { if (trouble.get() === notice) trouble.set(null); }
};

/* Sends a request. After a 429 it waits as long as the API says and sends the request again, because the first did
   nothing. While the API is away, a GET waits for it; any other request fails, because it is unknown whether it took
   effect. */
export const request = async (method, path, options = {}) => {
  for (;;) {
    try {
      return await send(method, path, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof Refused && error.status === 429) await slowDown(error, options.signal);
      else if (method === "GET" && isAway(error)) await comeBack();
      else if (method === "GET" && error.status === 503 && options.patient) await seconds((error.retryAfter || 2) * 1000, options.signal);
      else throw error;
    }
  }
};

export const get = (path, query, signal) => request("GET", path, { query, signal });
export const post = (path, body, key) => request("POST", path, { body, key });
export const put = (path, body) => request("PUT", path, { body });

/* All items of a list, page by page. */
export const all = async (path, name, query, signal, most = 5000) => {
  const items = [];
  for (let cursor; ;) {
    const page = await get(path, { ...query, cursor }, signal);
    items.push(...page[name]);
    cursor = page.next_cursor;
    if (!cursor || items.length >= most) return items;
  }
};
