/* How the runs of the last days ended: a bar for each day, as high as the number of its runs. */
import { get } from "../api.js";
import { html } from "./html.js";
import { Loading } from "./notices.js";
import { useLoaded, usePolling } from "./polling.js";
import { Mark, STATUSES } from "./status.js";
import { duration } from "./times.js";

const DAYS = 30, HEIGHT = 64, WIDTH = 12, GAP = 4;
/* The statuses from the bottom of a bar to its top. */
const KINDS = [["success", "successful_runs"], ["cancelled", "cancelled_runs"], ["error", "error_runs"], ["failed", "failed_runs"]];
/* Signs above days with failures, so that nobody depends on the colours. */
const SIGNS = { failed: "M-2 -2 2 2M2 -2 -2 2", error: "M0 -2.5V1M0 2.4V2.6" };
const named = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });

const told = (day) => `${named.format(new Date(day.date))}: ${KINDS.filter(([, name]) => day[name])
  .map(([status, name]) => `${day[name]} ${STATUSES[status].toLowerCase()}`).join(", ") || "no runs"}${
  day.avg_success_duration === undefined ? "" : `, ${duration(day.avg_success_duration)} on average`}`;

const Day = ({ day, at, most }) => {
  let below = HEIGHT;
  const sign = day.failed_runs ? "failed" : day.error_runs ? "error" : "";
  return html`<g><title>${told(day)}</title>
    <rect class="bar-reach" x=${at * (WIDTH + GAP)} y="0" width=${WIDTH + GAP} height=${HEIGHT} />
    ${KINDS.filter(([, name]) => day[name]).map(([status, name]) => {
      const high = Math.max(2, (day[name] / most) * (HEIGHT - 6));
      below -= high;
      return html`<rect key=${status} class=${`bar-fill of-${status}`} x=${at * (WIDTH + GAP)} y=${below} width=${WIDTH} height=${high} />`;
    })}
    ${sign && html`<path class=${`bar-sign of-${sign}`} d=${SIGNS[sign]} transform=${`translate(${at * (WIDTH + GAP) + WIDTH / 2} ${below - 3.5})`} />`}</g>`;
};

export const Days = ({ project, job }) => {
  const load = (signal) => get(`/projects/${project}/runs/daily-stats`, { days: DAYS, job_id: job }, signal).then(({ days }) => days);
  const { data, error, setData } = useLoaded(load, [project, job]);
  usePolling(async (signal) => {
    const found = await load(signal);
    const changed = JSON.stringify(found) !== JSON.stringify(data);
    if (changed) setData(found);
    return changed;
  }, { fastest: 30_000, slowest: 300_000, active: !!data });
  /* Runs that ended before counting began are not in these counts; only zeros here would contradict the runs above. */
  if (error || (data && !data.some((day) => day.total_runs))) return null;
  if (!data) return html`<${Loading} lines=${2} />`;
  const sum = (name) => data.reduce((total, day) => total + day[name], 0);
  const most = Math.max(1, ...data.map((day) => day.total_runs));
  const counts = KINDS.filter(([, name]) => sum(name)).map(([status, name]) => [status, sum(name)]);
  const summary = `The last ${data.length} days: ${counts.map(([status, count]) => `${count} ${STATUSES[status].toLowerCase()}`).join(", ") || "no runs"}`;
  return html`
    <section class="card" aria-label="Days"><header><h2>The last ${data.length} days</h2>
      <ul class="legend">${counts.map(([status, count]) => html`<li key=${status}><${Mark} status=${status} /> ${STATUSES[status]} <span class="count">${count.toLocaleString()}</span></li>`)}</ul></header>
      <svg class="days" viewBox=${`0 0 ${data.length * (WIDTH + GAP)} ${HEIGHT + 1}`} role="img" aria-label=${summary}>
        <line class="strip-ground" x1="0" x2=${data.length * (WIDTH + GAP)} y1=${HEIGHT + 0.5} y2=${HEIGHT + 0.5} />
        ${data.map((day, at) => html`<${Day} key=${day.date} day=${day} at=${at} most=${most} />`)}</svg>
      <small>${named.format(new Date(data[0].date))} to ${named.format(new Date(data.at(-1).date))}, days of UTC. ${data.at(-1).total_runs ? told(data.at(-1)) : ""}</small>
    </section>`;
};
