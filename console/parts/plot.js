/* The durations of a job's runs over time. Drawn in the available width, so that its text keeps its size. */
import { useEffect, useRef, useState } from "preact/hooks";
import { onArrows, stop } from "./arrows.js";
import { runLink } from "./catalog.js";
import { html } from "./html.js";
import { about } from "./strip.js";
import { duration, elapsed, moment, ms } from "./times.js";

const HEIGHT = 190, LEFT = 88, RIGHT = 12, TOP = 12, BOTTOM = 26;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400];

export const useWidth = () => {
  const element = useRef(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, width];
};

const ticks = (most) => {
  const step = STEPS.find((one) => most / one <= 4) || Math.ceil(most / 4 / 86_400) * 86_400;
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, at) => at * step);
};

const Point = ({ run, x, y, tab }) => html`
  <a href=${runLink(run)} tabindex=${tab} aria-label=${about(run)} class=${`point of-${run.status}`}><title>${about(run)}</title>
    ${run.status === "success" ? html`<circle cx=${x} cy=${y} r="4" />`
      : run.status === "failed" || run.status === "error" ? html`<path d=${`M${x} ${y - 5.5}L${x + 5.5} ${y + 4.5}H${x - 5.5}Z`} />`
        : html`<rect x=${x - 4} y=${y - 4} width="8" height="8" />`}</a>`;

const Drawing = ({ runs, width }) => {
  const took = runs.map((run) => elapsed(run));
  const most = Math.max(...took, 1) * 1.08;
  const [first, last] = [ms(runs[0].start_time), ms(runs.at(-1).start_time)];
  const x = (run) => LEFT + 8 + ((ms(run.start_time) - first) / (last - first || 1)) * (width - LEFT - RIGHT - 16);
  const y = (seconds) => HEIGHT - BOTTOM - (seconds / most) * (HEIGHT - TOP - BOTTOM);
  const line = runs.filter((run) => run.status === "success").map((run) => `${x(run).toFixed(1)} ${y(elapsed(run)).toFixed(1)}`);
  const dates = width < 330 ? [1] : width < 500 ? [0, 1] : [0, 0.5, 1];
  return html`
    <svg class="plot" width=${width} height=${HEIGHT} role="group" aria-label="How long the runs took" onKeyDown=${onArrows(".point")}>
      ${ticks(most).map((tick) => html`<g key=${tick}><line class="grid-line" x1=${LEFT} x2=${width - RIGHT} y1=${y(tick)} y2=${y(tick)} />
        <text class="axis" x=${LEFT - 8} y=${y(tick) + 4} text-anchor="end">${duration(tick)}</text></g>`)}
      ${line.length > 1 && html`<polyline class="plot-line" points=${line.join(" ")} />`}
      ${runs.map((run, at) => html`<${Point} key=${run.id} tab=${stop(at, runs.length)} run=${run} x=${x(run)} y=${y(elapsed(run))} />`)}
      ${first !== last && dates.map((part) => html`<text key=${part} class="axis" y=${HEIGHT - 6} x=${LEFT + 8 + part * (width - LEFT - RIGHT - 16)}
        text-anchor=${["start", "middle", "end"][part * 2]}>${moment(first + part * (last - first))}</text>`)}
    </svg>`;
};

export const DurationPlot = ({ runs }) => {
  const [element, width] = useWidth();
  const ended = runs.filter((run) => run.start_time && run.end_time).sort((one, other) => ms(one.start_time) - ms(other.start_time));
  return html`<div ref=${element} class="plot-room">
    ${!ended.length ? html`<p class="empty">No run has ended yet.</p>` : width > 0 && html`<${Drawing} runs=${ended} width=${width} />`}</div>`;
};
