/* Opens a link that the API gives, in a tab of its own. The tab is opened with the click, or the browser would block it. */
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
