/* Reads the log of a run from its first line until the run has ended. */
import { useEffect, useRef, useState } from "preact/hooks";
import { request } from "../api.js";
import { LogText } from "./log_text.js";
import { visible } from "./visible.js";

const WAIT_SECONDS = 20, PAUSE_MS = 300;
const MOST_CHARACTERS = 64 * 1024 * 1024;
/* With more lines of 20 pixels, the log would be higher than Firefox can show (17.9 million pixels). */
const MOST_LINES = 800_000;

const follow = async (id, log, changed, signal) => {
  for (let after; ;) {
    await visible(signal);
    const part = await request("GET", `/runs/${id}/logs`, { query: { after, wait: WAIT_SECONDS }, signal, patient: true });
    signal.throwIfAborted();
    log.append(part.logs);
    if (part.message) log.note(part.message);
    after = part.after;
    changed({ done: part.done, whole: part.done });
    if (part.done) return;
    if (log.size > MOST_CHARACTERS || log.lines.length > MOST_LINES) {
      log.note("The page shows no more of this log. Download it to read the rest.");
      return changed({ done: true });
    }
    await new Promise((resolve) => setTimeout(resolve, part.logs.length > 500_000 ? 0 : PAUSE_MS));
  }
};

/* Returns { log, done, whole, error, turn, retry }: `done` says that nothing follows, `whole` that nothing is missing;
   `turn` changes with each part of the log; `retry` reads the log again. */
export const useLog = (id) => {
  const log = useRef(new LogText());
  const [state, setState] = useState({ done: false, whole: false, error: null, turn: 0 });
  const [tries, setTries] = useState(0);
  useEffect(() => {
    const ending = new AbortController();
    setState((before) => ({ ...before, done: false, whole: false, error: null }));
    const own = new LogText();
    log.current = own;
    follow(id, own, (what) => setState((before) => ({ ...before, ...what, turn: before.turn + 1 })), ending.signal)
      .catch((error) => ending.signal.aborted || setState((before) => ({ ...before, error, done: true })));
    return () => ending.abort();
  }, [id, tries]);
  return { log: log.current, ...state, retry: () => setTries((before) => before + 1) };
};
