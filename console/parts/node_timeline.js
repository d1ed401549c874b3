/* The nodes of a run over time: one bar each, in lanes where they ran at the same time. The longest one is marked. */
import { useMemo, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import { laid } from "./lanes_of_nodes.js";
import { Mark, STATUSES } from "./status.js";
import { duration } from "./times.js";

const ZOOMS = [1, 4, 16];
const percent = (part) => `${(part * 100).toFixed(4)}%`;

const told = ({ node }, isPole) => `${node.name}: ${STATUSES[node.status]}, ${duration(node.seconds)}${isPole ? ", the longest" : ""}`;

export const NodeTimeline = ({ nodes }) => {
  const { bars, lanes, first, last } = useMemo(() => laid(nodes), [nodes]);
  const [zoom, setZoom] = useState(1);
  const [active, setActive] = useState(-1);
  const room = useRef(null);
  if (!bars.length) return html`<p class="soft">When each began is not known, so there is no timeline.</p>`;
  const pole = bars.reduce((longest, bar, at) => (bar.took > bars[longest].took ? at : longest), 0);
  const length = Math.max(last - first, 0.001);
  const shown = active >= 0 ? active : pole;
  const move = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = Math.min(bars.length - 1, Math.max(0, active + by));
    setActive(next);
    room.current.scrollLeft = ((bars[next].from - first) / length) * room.current.scrollWidth - room.current.clientWidth / 2;
  };
  return html`
    <section class="card" aria-label="Timeline of nodes">
      <header><h2>Timeline</h2><span class="soft">${lanes === 1 ? "one at a time" : `up to ${lanes} at a time`}, ${duration(last - first)} in all</span>
        <div class="choice push" role="group" aria-label="Zoom">${ZOOMS.map((one) => html`
          <button type="button" key=${one} aria-pressed=${zoom === one} onClick=${() => setZoom(one)}>${one}×</button>`)}</div></header>
      <div class="nodes-room" ref=${room} tabindex="0" role="group" aria-label="Bars of the nodes; the arrow keys go from one to the next" onKeyDown=${move}>
        <div class="node-lanes" style=${{ width: `${zoom * 100}%`, height: `${lanes * 26 + 4}px` }}>
          ${bars.map((bar, at) => html`<div key=${at} class=${`node-bar of-${bar.node.status}${at === pole ? " pole" : ""}${at === active ? " active" : ""}`}
            title=${told(bar, at === pole)} onMouseEnter=${() => setActive(at)}
            style=${{ left: percent((bar.from - first) / length), width: percent(bar.took / length), top: `${bar.lane * 26 + 2}px` }}>
            <span>${at === pole ? "★ " : ""}${bar.node.name}</span></div>`)}
        </div></div>
      <p class="node-chosen" aria-live="polite"><${Mark} status=${bars[shown].node.status} /> ${shown === pole && html`<b>Longest:</b>`} ${told(bars[shown], false)}
        <span class="soft"> · began after ${duration(bars[shown].from - first)}</span></p>
    </section>`;
};
