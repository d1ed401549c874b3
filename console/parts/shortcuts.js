/* Keys that work everywhere outside of fields. A view adds its own with useKeys. */
import { useEffect, useRef } from "preact/hooks";
import { Dialog } from "./dialog.js";
import { html } from "./html.js";

const KEYS = [
  ["?", "show these keys"], ["g then n", "go to Now"], ["g then p", "go to Projects"], ["/", "search in this view"],
  ["j and k", "next and previous row"], ["Enter", "open it"], ["arrows", "go from run to run, slot to slot, model to model"], ["r", "run this job now"], ["e", "edit its schedule"], ["l", "its log: follow the end"],
  ["n and N", "next and previous match in a log"], ["Esc", "close a dialog"],
];
const SECOND_KEY_MS = 1200;

const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable]");

/* `keys` maps a key, or two keys in sequence such as "g n", to a function. */
export const useKeys = (keys) => {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    let first = "", at = 0;
    const pressed = (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
      const both = first && Date.now() - at < SECOND_KEY_MS ? `${first} ${event.key}` : event.key;
      const act = latest.current[both] || latest.current[event.key];
      [first, at] = [event.key, Date.now()];
      if (!act) return;
      event.preventDefault();
      first = "";
      act();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
};

/* Moves the focus to the link of the next (1) or the previous (-1) row. */
export const moveRow = (by) => {
  const rows = [...document.querySelectorAll("[data-row]")];
  const at = rows.indexOf(document.activeElement);
  rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))]?.focus();
};

export const KeysDialog = ({ onClose }) => html`
  <${Dialog} title="Keys" onClose=${onClose}>
    <dl class="keys">${KEYS.map(([key, what]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${what}</dd></div>`)}</dl>
  <//>`;
