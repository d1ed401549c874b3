/* A value that notifies the views that use it. */
import { useEffect, useState } from "preact/hooks";

export const watched = (value) => {
  const watchers = new Set();
  return {
    get: () => value,
    set: (next) => { value = next; for (const watcher of [...watchers]) watcher(value); },
    watch: (watcher) => { watchers.add(watcher); return () => watchers.delete(watcher); },
  };
};

export const useWatched = (source) => {
  const [value, setValue] = useState(source.get());
  useEffect(() => {
    /* It may have changed between the first rendering and this effect. */
    setValue(() => source.get());
    return source.watch((next) => setValue(() => next));
  }, [source]);
  return value;
};
