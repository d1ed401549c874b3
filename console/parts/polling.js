/* Loads the data of a view and keeps it up to date, without too many requests. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { now as currentTime } from "./clock.js";
import { watched } from "./watched.js";

/* Loads once, and again when `inputs` change. Returns { data, error, loading, reload, setData }. */
export const useLoaded = (load, inputs) => {
  const [state, setState] = useState({ data: null, error: null, loading: true });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const ending = new AbortController();
    setState((before) => ({ ...before, error: null, loading: true }));
    load(ending.signal).then(
      (data) => ending.signal.aborted || setState({ data, error: null, loading: false }),
      (error) => ending.signal.aborted || setState((before) => ({ ...before, error, loading: false })),
    );
    return () => ending.abort(new DOMException("The view has changed.", "AbortError"));
  }, [...inputs, turn]);
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  const setData = useCallback((data) => setState((before) => ({ ...before, data })), []);
  return { ...state, reload, setData };
};

/* The last error of those that cannot bring the page up to date, or null. */
export const outdated = watched(null);
const failing = new Map();
const failed = (own, error) => {
  if (error) failing.set(own, error); else failing.delete(own);
  outdated.set([...failing.values()].at(-1) ?? null);
};

const OPEN_MS = 10_000;
/* What `look` returns if nothing has changed but a run is open, so that something may change soon. */
export const GOES_ON = "goes on";

/* Calls `look(signal)` again and again: `fastest` ms after it returned true, which means that something has changed;
   after ever longer pauses, up to `slowest`, while it returns false or throws, and up to OPEN_MS while it returns
   GOES_ON. Nothing is requested while the tab is hidden. */
export const usePolling = (look, { fastest = 3000, slowest = 30_000, active = true }, inputs = []) => {
  const latest = useRef(look);
  latest.current = look;
  useEffect(() => {
    if (!active) return undefined;
    const ending = new AbortController();
    let timer, wait = fastest, busy = false;
    const plan = () => { clearTimeout(timer); if (!ending.signal.aborted && !document.hidden) timer = setTimeout(turn, wait); };
    const turn = async () => {
      if (busy) return;
      busy = true;
      try {
        const found = await latest.current(ending.signal);
        wait = found === true ? fastest : Math.min(wait * 1.5, found === GOES_ON ? OPEN_MS : slowest);
        if (!ending.signal.aborted) failed(ending, null);
      } catch (error) {
        wait = Math.min(wait * 2, slowest);
        if (!ending.signal.aborted && error.name !== "AbortError") failed(ending, error);
      }
      busy = false;
      plan();
    };
    const shown = () => { clearTimeout(timer); if (!document.hidden) { wait = fastest; turn(); } };
    document.addEventListener("visibilitychange", shown);
    plan();
    return () => {
      ending.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
      failed(ending, null);
    };
  }, [active, fastest, slowest, ...inputs]);
};

/* The current time, updated every `ms`, for durations that are still growing. */
export const useNow = (ms = 1000, active = true) => {
  const [now, setNow] = useState(currentTime());
  useEffect(() => {
    if (!active) return undefined;
    const timer = setInterval(() => document.hidden || setNow(currentTime()), ms);
    return () => clearInterval(timer);
  }, [ms, active]);
  return now;
};
