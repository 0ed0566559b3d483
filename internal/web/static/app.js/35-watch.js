// Live connections that nobody looks at. A browser has six connections to a server over HTTP/1.1, so a tab in the
// background gives its live one back after a while; looked at again, or connected again after an outage, it loads the
// page anew, since what came meanwhile was not sent.
(() => {
  'use strict';
  const patience = 30_000; // ms
  const open = new Set();
  let timer = 0, gaveUp = false, broken = false;

  const create = window.htmx && window.htmx.createEventSource; // set by the extension
  if (!create) return;
  window.htmx.createEventSource = (url) => {
    const source = create(url);
    open.add(source);
    source.addEventListener('error', () => { broken = true; });
    source.addEventListener('open', () => { if (broken && !document.hidden) location.reload(); });
    return source;
  };

  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    if (!document.hidden) {
      if (gaveUp || broken) location.reload();
      return;
    }
    timer = setTimeout(() => {
      if (!open.size) return;
      gaveUp = true;
      for (const source of open) source.close();
      open.clear();
    }, patience);
  });
})();
