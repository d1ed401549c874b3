/* What has changed among the runs that a view knows. The filter `updated_after` would answer the same, but lists are in
   the order in which runs were made: to find the few that have changed it reads thousands of rows. */
import { get } from "../api.js";
import { isOpen } from "./status.js";

const NEWEST = 50, OPEN = 500, MOST_ENDED = 20;

/* The open runs of now, and of those that have ended since, how they ended. */
const goingOn = async (open, query, signal) => {
  const lists = await Promise.all(["running", "pending"].map((status) => get("/runs", { ...query, status, limit: OPEN }, signal)));
  const listed = lists.flatMap(({ runs }) => runs);
  const ids = new Set(listed.map((run) => run.id));
  const left = open.filter((run) => !ids.has(run.id)).slice(0, MOST_ENDED);
  const ended = await Promise.all(left.map((run) => get(`/runs/${run.id}`, {}, signal).catch(() => null)));
  return [...listed, ...ended.filter(Boolean)];
};

/* Returns { runs, gap }: the newest runs, and what became of the `known` ones that are older and were open. `gap` says
   that there may be others between the newest and the known ones, as after a night in which the tab was hidden. */
export const newest = async (known, query, signal) => {
  const { runs, next_cursor: more } = await get("/runs", { ...query, limit: NEWEST }, signal);
  const ids = new Set(runs.map((run) => run.id));
  const open = known.filter((run) => isOpen(run) && !ids.has(run.id));
  return {
    runs: open.length ? [...await goingOn(open, query, signal), ...runs] : runs,
    gap: !!more && !known.some((run) => ids.has(run.id)),
  };
};
