/* The slots of a job's week as a grid: a row for each day, or for each hour where there are many. */
import { useMemo, useState } from "preact/hooks";
import { get } from "../api.js";
import { onArrows } from "./arrows.js";
import { pathOf, runLink } from "./catalog.js";
import { html } from "./html.js";
import { Failure, Loading } from "./notices.js";
import { useLoaded } from "./polling.js";
import { Mark, STATUSES } from "./status.js";
import { moment, ms, utc } from "./times.js";

const DAY_ROWS_UP_TO = 48, FEW = 4;
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const hour = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

const rowOf = (time, hourly) => {
  const at = new Date(time);
  if (hourly) at.setMinutes(0, 0, 0); else at.setHours(0, 0, 0, 0);
  return at.getTime();
};

/* The place of a slot in its row: slots of one time of day are below each other. A time that clocks repeat has two
   places. */
const placeOf = (slot, hourly, before) => {
  const at = new Date(slot.scheduled_for);
  const place = (hourly ? at.getMinutes() : at.getHours() * 60 + at.getMinutes()) * 10;
  return before.some((one) => one.place === place) ? place + 1 : place;
};

const grouped = (slots) => {
  const days = new Map();
  for (const slot of slots) days.set(rowOf(slot.scheduled_for, false), (days.get(rowOf(slot.scheduled_for, false)) || 0) + 1);
  const hourly = Math.max(...days.values()) > DAY_ROWS_UP_TO;
  const rows = new Map();
  for (const slot of slots) {
    const row = rowOf(slot.scheduled_for, hourly);
    const before = rows.get(row) || [];
    rows.set(row, [...before, { slot, place: placeOf(slot, hourly, before) }]);
  }
  const places = [...new Set([...rows.values()].flat().map(({ place }) => place))].sort((one, other) => one - other);
  const columns = new Map(places.map((place, at) => [place, at + 1]));
  return { hourly, rows: [...rows].reverse(), columns };
};

/* The times of day above the columns: all of them if they are few, otherwise every sixth. */
const Times = ({ columns, hourly }) => html`
  <div class="slot-row" aria-hidden="true"><span></span><div class="slot-row-slots">
    ${[...columns].filter(([, at]) => columns.size <= FEW || at % 6 === 1).map(([place, at]) => html`
      <span key=${place} class="slot-time" style=${{ gridColumn: `${at} / span ${columns.size <= FEW ? 1 : 6}` }}>
        ${hourly ? `:${String(Math.floor(place / 10)).padStart(2, "0")}` : clock(Math.floor(place / 10))}</span>`)}</div></div>`;

const clock = (minutes) => `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;

const Slot = ({ slot, column, tab, chosen, choose }) => {
  const name = `${moment(slot.scheduled_for)}: ${STATUSES[slot.outcome]}${slot.reason ? `, ${slot.reason}` : ""}`;
  const same = { class: `slot of-${slot.outcome}`, "aria-label": name, title: name, tabindex: tab, style: { gridColumn: column } };
  return slot.run_id ? html`<a ...${same} href=${runLink({ id: slot.run_id })} onFocus=${() => choose(slot)} onMouseEnter=${() => choose(slot)}><${Mark} status=${slot.outcome} /></a>`
    : html`<button type="button" ...${same} aria-pressed=${chosen} onClick=${() => choose(slot)} onFocus=${() => choose(slot)} onMouseEnter=${() => choose(slot)}><${Mark} status=${slot.outcome} /></button>`;
};

/* The reasons of slots that did not run. Consecutive slots with the same reason are shown as one. */
const reasons = (slots) => {
  const found = [];
  for (const slot of slots) {
    const last = found.at(-1);
    if (slot.outcome === "ran" || (slot.outcome === "upcoming" && !slot.reason)) { found.push(null); continue; }
    if (last && last.outcome === slot.outcome && last.reason === slot.reason) { last.to = slot.scheduled_for; last.count += 1; }
    else found.push({ outcome: slot.outcome, reason: slot.reason, from: slot.scheduled_for, to: slot.scheduled_for, count: 1 });
  }
  return found.filter(Boolean).reverse();
};

export const Slots = ({ job }) => {
  const { data, error, reload } = useLoaded((signal) => get(`${pathOf(job)}/slots`, {}, signal).then(({ slots }) => slots), [job.id, job.updated_at, job.next_run_at]);
  const [chosen, setChosen] = useState(null);
  const { rows, hourly, columns } = useMemo(() => (data?.length ? grouped(data) : { rows: [] }), [data]);
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  if (!data.length) return html`<p class="empty">${job.schedule ? "Its schedule has had no slot in the last week." : "It has no schedule, so it has no slots."}</p>`;
  const outcomes = Object.entries(Object.groupBy(data, (slot) => slot.outcome));
  const why = reasons(data);
  return html`
    <section class="card" aria-label="Slots"><header><h2>Slots</h2>
      <ul class="legend">${outcomes.map(([outcome, of]) => html`<li key=${outcome}><${Mark} status=${outcome} /> ${STATUSES[outcome]} <span class="count">${of.length}</span></li>`)}</ul></header>
      <div class=${`slot-rows${hourly ? " dense" : ""}${columns.size <= FEW ? " few" : ""}`} onKeyDown=${onArrows(".slot")}><${Times} columns=${columns} hourly=${hourly} />${rows.map(([at, slots]) => html`
        <div class="slot-row" key=${at}><span class="slot-row-name" id=${`slots-${at}`}>${(hourly ? hour : day).format(at)}</span>
          <div class="slot-row-slots" role="group" aria-labelledby=${`slots-${at}`}>${slots.map(({ slot, place }) => html`
            <${Slot} key=${slot.scheduled_for} slot=${slot} column=${columns.get(place)} tab=${slot === data.at(-1) ? "0" : "-1"} chosen=${chosen === slot} choose=${setChosen} />`)}</div></div>`)}</div>
      <p class="slot-chosen" aria-live="polite">${chosen ? html`<b>${moment(chosen.scheduled_for)}</b> <span class="soft">${utc(chosen.scheduled_for)}</span>
        · ${STATUSES[chosen.outcome]}${chosen.reason ? `: ${chosen.reason}` : ""}` : html`<span class="soft">Point at a slot, or go there by the arrow keys, to read whether it ran.</span>`}</p>
    </section>
    ${why.length > 0 && html`<section class="card" aria-label="Why not"><h2>Why slots did not run</h2>
      <ul class="items">${why.slice(0, 30).map((one) => html`<li class="item why" key=${one.from}><span class="status of-${one.outcome}"><${Mark} status=${one.outcome} /> ${STATUSES[one.outcome]}</span>
        <div class="item-what"><span>${one.reason || "no reason is known"}</span>
          <small>${moment(one.from)}${one.count > 1 ? ` to ${moment(one.to)}, ${one.count} slots` : ""}${ms(one.from) ? ` · ${utc(one.from)}` : ""}</small></div></li>`)}</ul></section>`}`;
};
