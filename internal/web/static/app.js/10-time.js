// Gatehouse's scripts, sent as one file in the order of their names. All is added to
// pages that work without. What they look for is at the top of each part.

// Times.
//   <time datetime data-relative>   "3 minutes ago", kept right
//   <time datetime data-until>      "4 min 30 s", ticking; class is-over once reached
//   <time datetime data-exact>      the exact time, in the viewer's zone
//   [data-zone]                     the zone that the server reckoned in: if it is not the
//                                   viewer's, the page is loaded once more
// Titles get the exact time in the viewer's zone. The zone is left in the cookie "tz".
(() => {
  'use strict';
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
  const units = [[86400, 'day', 'd'], [3600, 'hour', 'h'], [60, 'minute', 'min'], [1, 'second', 's']];
  const two = (n) => String(n).padStart(2, '0');

  function rememberZone() {
    const cookie = () => (document.cookie.match(/(?:^|; )tz=([^;]*)/) || [])[1];
    if (cookie() !== zone) {
      const secure = location.protocol === 'https:' ? '; Secure' : '';
      document.cookie = `tz=${zone}; Path=/; Max-Age=31536000; SameSite=Strict${secure}`;
    }
    const reckoned = document.querySelector('[data-zone]');
    if (!reckoned || reckoned.dataset.zone === zone || cookie() !== zone) return;
    const key = `zone ${zone} ${location.pathname}`;
    try {
      if (sessionStorage.getItem(key)) return; // the server does not know the zone
      sessionStorage.setItem(key, '1');
      location.reload();
    } catch { /* no storage: better the wrong zone than loading for ever */ }
  }

  const ago = (seconds) => {
    for (const [length, name] of units) {
      const n = Math.floor(Math.abs(seconds) / length);
      if (n === 0) continue;
      const words = `${n.toLocaleString('en')} ${name}${n === 1 ? '' : 's'}`;
      return seconds < 0 ? `in ${words}` : `${words} ago`;
    }
    return 'just now';
  };

  const left = (seconds) => {
    for (let i = 0; i < units.length; i++) {
      const [length, , name] = units[i];
      if (seconds < length) continue;
      const next = units[i + 1];
      const rest = next ? ` ${Math.floor((seconds % length) / next[0])} ${next[2]}` : '';
      return `${Math.floor(seconds / length)} ${name}${rest}`;
    }
    return 'over';
  };

  const exact = (t) => `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;

  function tick(root = document) {
    const now = Date.now();
    for (const e of root.querySelectorAll('time[data-relative], time[data-until], time[data-exact]')) {
      const t = new Date(e.dateTime);
      if (Number.isNaN(t.getTime())) continue;
      if (!e.dataset.titled) {
        e.dataset.titled = '1';
        e.title = `${exact(t)} ${zone}` + (t.getTimezoneOffset() ? ` · ${t.toISOString().slice(11, 19)} UTC` : '');
        if ('exact' in e.dataset) e.textContent = exact(t);
      }
      let text = e.textContent;
      if ('relative' in e.dataset) text = ago((now - t) / 1000);
      if ('until' in e.dataset) {
        text = left((t - now) / 1000);
        e.classList.toggle('is-over', t <= now);
      }
      if (text !== e.textContent) e.textContent = text;
    }
  }

  rememberZone();
  tick();
  setInterval(() => { if (!document.hidden) tick(); }, 1000);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) tick(); });
  document.addEventListener('htmx:load', (e) => tick(e.target.parentNode || document));
})();
