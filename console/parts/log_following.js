/* Reads the log of a run from its first line until the run has ended. */
import { useEffect, useRef, useState } from "preact/hooks";
import { request } from "../api.js";
import { LogText } from "./log_text.js";

const WAIT_SECONDS = 20, PAUSE_MS = 300;
export const MOST_CHARACTERS = 64 * 1024 * 1024;

const visible = (signal) => (document.hidden ? new Promise((resolve, reject) => {
  document.addEventListener("visibilitychange", resolve, { once: true });
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
}) : null);

const follow = async (id, log, changed, signal) => {
  for (let after; ;) {
    await visible(signal);
    const part = await request("GET", `/runs/${id}/logs`, { query: { after, wait: WAIT_SECONDS }, signal, patient: true });
    signal.throwIfAborted();
    log.append(part.logs);
    if (part.message) log.note(part.message);
    after = part.after;
    changed({ done: part.done });
    if (part.done) return;
    if (log.size > MOST_CHARACTERS) {
      log.note("The page shows no more of this log. Download it to read the rest.");
      return changed({ done: true });
    }
    await new Promise((resolve) => setTimeout(resolve, part.logs.length > 500_000 ? 0 : PAUSE_MS));
  }
};

/* Returns { log, done, error, turn }; `turn` changes with each part of the log. */
export const useLog = (id) => {
  const log = useRef(new LogText());
  const [state, setState] = useState({ done: false, error: null, turn: 0 });
  useEffect(() => {
    const ending = new AbortController();
    const own = new LogText();
    log.current = own;
    follow(id, own, (what) => setState((before) => ({ ...before, ...what, turn: before.turn + 1 })), ending.signal)
      .catch((error) => ending.signal.aborted || setState((before) => ({ ...before, error, done: true })));
    return () => ending.abort();
  }, [id]);
  return { log: log.current, ...state };
};
