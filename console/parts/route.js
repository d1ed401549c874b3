/* The address: a path and a query behind the #, so that no view needs the server. */
import { useEffect } from "preact/hooks";
import { watched } from "./watched.js";

const read = () => {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  return { path: path || "/", query: Object.fromEntries(new URLSearchParams(query)) };
};

export const route = watched(read());
addEventListener("hashchange", () => route.set(read()));

/* Sets parts of the query; undefined values are removed. The browser's history gets no entry. */
export const setQuery = (parts) => {
  const { path, query } = read();
  const kept = Object.entries({ ...query, ...parts }).filter(([, value]) => value !== undefined && value !== "");
  history.replaceState(null, "", `#${path}${kept.length ? `?${new URLSearchParams(kept)}` : ""}`);
  route.set(read());
};

export const useTitle = (title) => {
  useEffect(() => { document.title = title ? `${title} · Jobs` : "Jobs"; }, [title]);
};
