/* Resolves once the tab is visible; rejects when the signal is aborted. */
export const visible = async (signal) => {
  signal?.throwIfAborted();
  if (!document.hidden) return;
  const ending = new AbortController();
  try {
    await new Promise((resolve, reject) => {
      document.addEventListener("visibilitychange", resolve, { signal: ending.signal });
      signal?.addEventListener("abort", () => reject(signal.reason), { signal: ending.signal });
    });
  } finally { ending.abort(); }
};
