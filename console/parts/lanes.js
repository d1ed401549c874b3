/* The runs of the last hours, with a lane for each job, so that runs at the same time are seen beside each other. */
import { useState } from "preact/hooks";
import { onArrows, stop } from "./arrows.js";
import { nameOf, runLink } from "./catalog.js";
import { html } from "./html.js";
import { useNow } from "./polling.js";
import { about } from "./strip.js";
import { isOpen } from "./status.js";
import { moment, ms } from "./times.js";

const SPANS = [["1 h", 1], ["6 h", 6], ["24 h", 24]];
const LANES = 8;
const AHEAD = 0.12;
const percent = (part) => `${(part * 100).toFixed(3)}%`;

const lanesOf = (runs, from) => {
  const lanes = new Map();
  for (const run of runs) {
    const ends = run.end_time ? ms(run.end_time) : isOpen(run) ? Infinity : ms(run.created_at);
    if (ends >= from) lanes.set(run.job_id, [...(lanes.get(run.job_id) || []), run]);
  }
  return [...lanes].slice(0, LANES);
};

const Bars = ({ runs, place, now }) => [...runs].reverse().map((run, at) => {
  const from = ms(run.start_time || run.scheduled_for || run.created_at);
  const to = run.end_time ? ms(run.end_time) : isOpen(run) ? now : from;
  const left = Math.max(0, place(from));
  return html`<a key=${run.id} tabindex=${stop(at, runs.length)} href=${runLink(run)} class=${`lane-bar of-${run.status}`} aria-label=${about(run)} title=${about(run)}
    style=${{ left: percent(left), width: percent(Math.max(0, place(to) - left)) }}></a>`;
});

export const RunTimeline = ({ runs, since, found, next }) => {
  const [hours, setHours] = useState(1);
  const now = useNow(5000);
  const length = hours * 3_600_000;
  const from = now - length;
  const place = (at) => ((at - from) / length) * (1 - AHEAD);
  const lanes = lanesOf(runs, from);
  const ahead = new Map(next.filter((job) => place(ms(job.next_run_at)) < 1).map((job) => [job.id, job]));
  const ticks = Array.from({ length: 5 }, (_, at) => from + (length * at) / 4);
  return html`
    <section class="card timeline" aria-label="Timeline of runs">
      <header><h2>Timeline</h2>
        <div class="choice" role="group" aria-label="Span">${SPANS.map(([name, value]) => html`
          <button type="button" key=${name} aria-pressed=${hours === value} onClick=${() => setHours(value)}>${name}</button>`)}</div></header>
      ${lanes.length ? html`<div class="lanes">
        ${lanes.map(([job, ofJob]) => html`
          <div class="lane" key=${job}>
            <div class="lane-name">${nameOf(found, ofJob[0])}</div>
            <div class="lane-room" role="group" aria-label=${`Runs of ${nameOf(found, ofJob[0])}`} onKeyDown=${onArrows(".lane-bar")}><${Bars} runs=${ofJob} place=${place} now=${now} />
              <span class="lane-now" style=${{ left: percent(1 - AHEAD) }}></span>
              ${ahead.has(job) && html`<span class="lane-next" title=${`next ${moment(ahead.get(job).next_run_at)}`}
                style=${{ left: percent(place(ms(ahead.get(job).next_run_at))) }}></span>`}</div>
          </div>`)}
        <div class="lane ticks" aria-hidden="true"><div class="lane-name"></div><div class="lane-room">
          ${ticks.map((tick, at) => html`<span key=${at} style=${{ left: percent(place(tick)) }}>${at === 4 ? "now" : moment(tick)}</span>`)}</div></div>
      </div>
      ${ms(since) > from && html`<small>Here are the newest runs only: those since ${moment(since)}, and older ones that still run.</small>`}` : html`<p class="empty">No runs in the last ${hours === 1 ? "hour" : `${hours} hours`}.</p>`}
    </section>`;
};
