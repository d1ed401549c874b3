/* The log of a run as it is written. Only the lines in sight are in the page, so that a long one stays smooth. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { get } from "../api.js";
import { html } from "./html.js";
import { useLog } from "./log_following.js";
import { finder, pieces } from "./log_text.js";
import { Failure, notify } from "./notices.js";
import { openLink } from "./opening.js";
import { setQuery } from "./route.js";
import { useKeys } from "./shortcuts.js";
import { isOpen } from "./status.js";
import { bytes } from "./times.js";

const LINE = 20, BEYOND = 20, AT_END = 30;

const Line = ({ log, at, id, needle, chosen }) => html`
  <div class=${`log-line ${log.level(at)}${chosen ? " chosen" : ""}`} style=${{ top: `${at * LINE}px` }}>
    <a class="log-number" tabindex="-1" href=${`#/runs/${id}?line=${at + 1}`} aria-label=${`Line ${at + 1}`}>${at + 1}</a>
    <span class="log-text">${pieces(log.lines[at], needle).map((piece, index) => (index % 2 ? html`<mark key=${index}>${piece}</mark>` : piece))}</span>
  </div>`;

/* Which lines are in sight. */
const useWindow = (count, following, setFollowing) => {
  const room = useRef(null);
  const [sight, setSight] = useState({ from: 0, to: 60 });
  const look = () => {
    const { scrollTop, clientHeight } = room.current;
    const from = Math.max(0, Math.floor(scrollTop / LINE) - BEYOND), to = Math.ceil((scrollTop + clientHeight) / LINE) + BEYOND;
    setSight((before) => (before.from === from && before.to === to ? before : { from, to }));
  };
  const scrolled = () => {
    look();
    const { scrollTop, clientHeight, scrollHeight } = room.current;
    setFollowing(scrollHeight - scrollTop - clientHeight < AT_END);
  };
  useLayoutEffect(() => {
    if (following) room.current.scrollTop = room.current.scrollHeight;
    look();
  }, [count, following]);
  const show = (line) => {
    const own = room.current;
    own.scrollIntoView({ block: "nearest" });
    own.scrollTop = Math.max(0, line * LINE - own.clientHeight / 2);
    look();
  };
  return { room, sight, scrolled, show };
};

const save = (name, text) => {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(new Blob([text], { type: "text/plain" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};

const download = async (run, log) => {
  if (isOpen(run)) return save(`${run.job_name}.log`, `${log.lines.join("\n")}\n`);
  const stored = await get(`/runs/${run.id}/logs`);
  if (stored.download_url) await openLink(async () => stored.download_url);
  else save(`${run.job_name}.log`, stored.logs);
};

export const Log = ({ run, line, onEnd }) => {
  const { log, done, whole, error, turn, retry } = useLog(run.id);
  const [text, setText] = useState("");
  const [following, setFollowing] = useState(!line);
  const [at, setAt] = useState(0);
  const find = useMemo(finder, [log]);
  const found = useMemo(() => find(log, text), [log, text, turn]);
  const count = log.lines.length;
  /* The log shows the end of the run before any other part of the page does. */
  useEffect(() => { if (done && isOpen(run)) onEnd(); }, [done]);
  const { room, sight, scrolled, show } = useWindow(count, following, setFollowing);
  const chosen = line ? line - 1 : -1;
  const reached = chosen >= 0 && chosen < count;
  useEffect(() => { if (reached) { setFollowing(false); show(chosen); } }, [chosen, reached]);
  const go = (by) => {
    if (!found.length) return;
    const next = (at + by + found.length) % found.length;
    setAt(next);
    setQuery({ line: found[next] + 1 });
  };
  const typed = (event) => { setText(event.target.value); setAt(-1); };
  useKeys({ n: () => go(1), N: () => go(-1), l: () => { setQuery({ line: undefined }); setFollowing(true); } });
  const last = Math.min(sight.to, count);
  const lines = Array.from({ length: Math.max(0, last - sight.from) }, (_, index) => sight.from + index);
  return html`
    <section class="card log-card" aria-label="Log">
      <header>
        <input type="search" class="search" placeholder="Search the log" aria-label="Search the log" value=${text} onInput=${typed}
          onKeyDown=${(event) => { if (event.key === "Enter") { event.preventDefault(); go(event.shiftKey ? -1 : 1); } }} />
        <span class="soft number log-found" role="status">${text ? `${found.length ? `${Math.max(at, -1) + 1} of ${found.length}` : "not found"}` : ""}</span>
        ${text && html`<button type="button" aria-label="Previous match" onClick=${() => go(-1)}>↑</button>
          <button type="button" aria-label="Next match" onClick=${() => go(1)}>↓</button>`}
        <span class="soft number push">${count.toLocaleString()} lines · ${bytes(log.size)}</span>
        <button type="button" aria-pressed=${following} onClick=${() => { setQuery({ line: undefined }); setFollowing(!following); }}>${done ? "End" : "Follow"}</button>
        <button type="button" onClick=${() => download(run, log).catch((problem) => notify(problem.message, "bad"))}>Download</button>
      </header>
      <${Failure} error=${error} retry=${retry} />
      <div ref=${room} class="log" tabindex="0" role="region" aria-label="Lines of the log" onScroll=${scrolled}>
        <div class="log-room" style=${{ height: `${count * LINE}px` }}>
          ${lines.map((one) => html`<${Line} key=${one} log=${log} at=${one} id=${run.id} needle=${text} chosen=${one === chosen} />`)}
        </div>
        ${!count && html`<p class="empty">${whole ? "The log is empty." : "Nothing is written yet."}</p>`}
      </div>
      <p class="log-state" role="status">${whole ? "The log is complete." : done ? "The page does not follow this log any more." : html`<span class="live-dot" aria-hidden="true"></span> It follows the run.`}</p>
    </section>`;
};
