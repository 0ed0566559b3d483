// Runs in <head> before anything is painted: the theme that the viewer chose, if any,
// and a mark that scripts run.
(() => {
  'use strict';
  const root = document.documentElement;
  root.classList.add('js');
  try {
    const theme = localStorage.getItem('theme');
    if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
  } catch { /* no storage: the system's theme it is */ }
})();
