/* Puts bars into lanes, so that no two bars of a lane overlap. Starts are known to the second: a bar that seems to
   begin less than a second before the end of the bar before it is drawn after that. */
export const laid = (nodes) => {
  const bars = nodes.filter((node) => node.started_at && node.seconds >= 0)
    .map((node) => ({ node, from: Date.parse(node.started_at) / 1000, took: node.seconds })).sort((one, other) => one.from - other.from);
  const ends = [];
  for (const bar of bars) {
    const known = Number.isInteger(bar.from) ? 1 : 0;
    let lane = ends.findIndex((end) => end <= bar.from + known);
    if (lane < 0) lane = ends.length;
    else bar.from = Math.max(bar.from, ends[lane]);
    bar.lane = lane;
    ends[lane] = bar.from + bar.took;
  }
  return { bars, lanes: ends.length, first: bars[0]?.from ?? 0, last: Math.max(...ends, 0) };
};
