/* A group of links or buttons that the Tab key stops at once; the arrow keys move within it. */
const middle = (element) => { const box = element.getBoundingClientRect(); return [box.left + box.width / 2, box.top + box.height / 2]; };

/* The nearest item above (-1) or below (1). */
const nearest = (items, from, by) => {
  const [x, y] = middle(from);
  let found = null, least = Infinity;
  for (const item of items) {
    const [left, top] = middle(item);
    const away = (top - y) * by;
    if (away > 4 && away * 1000 + Math.abs(left - x) < least) [found, least] = [item, away * 1000 + Math.abs(left - x)];
  }
  return found;
};

/* Returns the onKeyDown of a group of `selector`s; the item with tabindex 0 is where the Tab key stops. */
export const onArrows = (selector) => (event) => {
  const own = event.target.closest?.(selector);
  if (!own || event.altKey || event.ctrlKey || event.metaKey) return;
  const items = [...event.currentTarget.querySelectorAll(selector)];
  const at = items.indexOf(own);
  const next = { ArrowRight: () => items[at + 1], ArrowLeft: () => items[at - 1], Home: () => items[0], End: () => items.at(-1),
    ArrowDown: () => nearest(items, own, 1), ArrowUp: () => nearest(items, own, -1) }[event.key];
  if (!next) return;
  event.preventDefault();
  const to = next();
  if (!to) return;
  for (const item of items) item.setAttribute("tabindex", item === to ? "0" : "-1");
  to.focus();
};

/* The Tab key stops at the last item of a group: the newest run, the next slot. */
export const stop = (at, count) => (at === count - 1 ? "0" : "-1");
