/* Times and durations in words. */
import { now as currentTime } from "./clock.js";
import { html } from "./html.js";
import { useNow } from "./polling.js";

const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const clockSeconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const utcDay = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
const year = new Intl.DateTimeFormat(undefined, { year: "numeric" });

export const ms = (time) => (time ? Date.parse(time) : NaN);
const sameDay = (one, other) => new Date(one).toDateString() === new Date(other).toDateString();

/* "14:05" for today, "Tue 28 Apr, 14:05" for another day, with the year if it is another year. */
export const moment = (time, { withSeconds = false, now = currentTime() } = {}) => {
  const at = new Date(time);
  const told = (withSeconds ? clockSeconds : clock).format(at);
  if (sameDay(at, now)) return told;
  return `${day.format(at)}${year.format(at) === year.format(now) ? "" : ` ${year.format(at)}`}, ${told}`;
};

/* "02:00 UTC", with the day if it differs from the day here. */
export const utc = (time) => {
  const at = new Date(time);
  return `${at.getUTCDate() === at.getDate() ? "" : `${utcDay.format(at)}, `}${at.toISOString().slice(11, 16)} UTC`;
};

const both = (large, unit, small, smallUnit) => `${large} ${unit}${small ? ` ${String(small).padStart(2, "0")} ${smallUnit}` : ""}`;

export const duration = (seconds) => {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 10 && seconds % 1) return `${seconds.toFixed(1)} s`;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return both(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 172_800) return both(Math.floor(whole / 3600), "h", Math.floor(whole / 60) % 60, "min");
  return both(Math.floor(whole / 86_400), "d", Math.floor(whole / 3600) % 24, "h");
};

/* "in 5 min", "3 h ago". */
export const distance = (time, now) => {
  const seconds = Math.round((ms(time) - now) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return "now";
  const told = size < 60 ? `${size} s` : size < 3600 ? `${Math.round(size / 60)} min`
    : size < 129_600 ? `${Math.round(size / 3600)} h` : `${Math.round(size / 86_400)} d`;
  return seconds > 0 ? `in ${told}` : `${told} ago`;
};

export const Time = ({ at, withSeconds }) => (at
  ? html`<time datetime=${at} title=${`${new Date(at).toString()}\n${utc(at)}`}>${moment(at, { withSeconds })}</time>` : null);

/* How far away a time is; updates itself. */
export const Distance = ({ at }) => {
  const now = useNow(Math.abs(ms(at) - currentTime()) < 120_000 ? 1000 : 15_000);
  return html`<time datetime=${at} title=${`${moment(at)}, ${utc(at)}`}>${distance(at, now)}</time>`;
};

export const elapsed = (run, now = currentTime()) => {
  if (Number.isFinite(run.duration_seconds)) return run.duration_seconds;
  if (!run.start_time) return NaN;
  return Math.max(0, ((run.end_time ? ms(run.end_time) : now) - ms(run.start_time)) / 1000);
};

export const Elapsed = ({ run }) => {
  const now = useNow(1000, !run.end_time);
  return html`<span class="number">${duration(elapsed(run, now)) || "–"}</span>`;
};

export const bytes = (size) => {
  if (size < 1000) return `${size} B`;
  const power = Math.min(Math.floor(Math.log10(size) / 3), 3);
  return `${(size / 1000 ** power).toFixed(size / 1000 ** power < 10 ? 1 : 0)} ${["", "kB", "MB", "GB"][power]}`;
};
