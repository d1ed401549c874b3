/* Opens a link from the API in a new tab. The tab is opened within the click, or the browser would block it. */
export const openLink = async (ask) => {
  const opened = window.open("about:blank", "_blank");
  if (opened) opened.opener = null;
  try {
    const url = await ask();
    if (opened) opened.location.replace(url); else location.assign(url);
  } catch (error) {
    opened?.close();
    throw error;
  }
};
