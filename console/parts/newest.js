/* Finds what has changed among the runs of a view. The filter `updated_after` would return the same, but lists are in
   the order in which runs were created, so that filter would read thousands of rows for a few changes. */
import { get } from "../api.js";
import { isOpen } from "./status.js";

const NEWEST = 50, OPEN = 500, MOST_ENDED = 20;

/* The runs that are open now, and those of `open` that have ended since. */
const goingOn = async (open, query, signal) => {
  const lists = await Promise.all(["running", "pending"].map((status) => get("/runs", { ...query, status, limit: OPEN }, signal)));
  const listed = lists.flatMap(({ runs }) => runs);
  const ids = new Set(listed.map((run) => run.id));
  const left = open.filter((run) => !ids.has(run.id)).slice(0, MOST_ENDED);
  const ended = await Promise.all(left.map((run) => get(`/runs/${run.id}`, {}, signal).catch(() => null)));
  return [...listed, ...ended.filter(Boolean)];
};

/* Returns { runs, gap }: the newest runs, and the `known` older runs that were open, as they are now. `gap` says that
   other runs may lie between the newest and the known ones, as after a night in which the tab was hidden. */
export const newest = async (known, query, signal) => {
  const { runs, next_cursor: more } = await get("/runs", { ...query, limit: NEWEST }, signal);
  const ids = new Set(runs.map((run) => run.id));
  const open = known.filter((run) => isOpen(run) && !ids.has(run.id));
  return {
    runs: open.length ? [...await goingOn(open, query, signal), ...runs] : runs,
    gap: !!more && !known.some((run) => ids.has(run.id)),
  };
};
