// Live lists. Server-sent events bring elements, newest first.
//   <ol class="feed" id="feed" data-feed="finding findings" hx-ext="sse" sse-connect="/live" sse-swap="finding">
//   [data-feed-for="feed"]        around what belongs to the list:
//     button[data-feed-pause]     while it is pressed, what comes waits; [data-feed-waiting] says how much
//     select[data-feed-filter="severity"], …="rule"   shows only items whose data-severity is at least, data-rule is
//                                 equal to, the value; "" shows all
//     [data-feed-summary]         role="status": says now and then how many came
//     [data-feed-empty]           shown while no item is
//     [data-live-state]           "Connecting", "Live", "Reconnecting"; what it says before is for those without scripts
// An item with the id of one in the list takes its place, at the top. A list keeps 200.
(() => {
  'use strict';
  const most = 200;
  const severities = ['info', 'warning', 'high', 'critical'];
  const feeds = new WeakMap();
  const parts = (list, selector) => document.querySelectorAll(`[data-feed-for="${CSS.escape(list.id)}"] ${selector}, [data-feed-for="${CSS.escape(list.id)}"]${selector}`);

  function state(list) {
    if (!feeds.has(list)) feeds.set(list, { waiting: [], paused: false, scheduled: false, news: 0, worst: 0, told: 0, timer: 0, flushed: 0 });
    return feeds.get(list);
  }

  function fits(list, item) {
    for (const f of parts(list, '[data-feed-filter]')) {
      const name = f.dataset.feedFilter;
      if (!f.value) continue;
      const value = item.dataset[name] || '';
      if (name === 'severity' ? severities.indexOf(value) < severities.indexOf(f.value) : value !== f.value) return false;
    }
    return true;
  }

  function filter(list) {
    let shown = 0;
    for (const item of list.children) {
      item.hidden = !fits(list, item);
      if (!item.hidden) shown++;
    }
    for (const e of parts(list, '[data-feed-empty]')) e.hidden = shown > 0;
  }

  // A reader of the screen is told of sums, at most every five seconds.
  function tell(list, s) {
    s.timer = 0;
    if (!s.news) return;
    const [one, many = `${one}s`] = (list.dataset.feed || 'item').split(' ');
    const text = `${s.news} new ${s.news === 1 ? one : many}` + (s.worst ? `, up to ${severities[s.worst]}` : '');
    for (const e of parts(list, '[data-feed-summary]')) e.textContent = text;
    s.news = s.worst = 0;
    s.told = Date.now();
  }

  function flush(list) {
    const s = state(list);
    s.scheduled = false;
    if (s.paused) return;
    s.flushed = Date.now();
    const stay = list.scrollTop > 8 ? list.scrollHeight : 0; // who has scrolled down goes on reading
    const t = document.createElement('template');
    t.innerHTML = s.waiting.splice(0).join(''); // from this server's own templates, which escape
    const came = [...t.content.children].slice(-most);
    const fresh = document.createDocumentFragment();
    const known = new Map([...list.children].filter((e) => e.id).map((e) => [e.id, e]));
    for (const item of came) {
      if (item.id) {
        known.get(item.id)?.remove();
        known.set(item.id, item);
      }
      if (came.length <= 20) {
        item.classList.add('is-new');
        item.addEventListener('animationend', () => item.classList.remove('is-new'));
      }
      fresh.prepend(item);
      s.news++;
      s.worst = Math.max(s.worst, severities.indexOf(item.dataset.severity || 'info'));
    }
    const acts = fresh.querySelector('[hx-get], [hx-post]');
    list.prepend(fresh);
    if (acts && window.htmx) window.htmx.process(list);
    while (list.children.length > most) list.lastElementChild.remove();
    filter(list);
    list.dispatchEvent(new CustomEvent('htmx:load', { bubbles: true })); // their times are to be kept
    if (stay) list.scrollTop += list.scrollHeight - stay;
    if (!s.timer) s.timer = setTimeout(tell, Math.max(500, s.told + 5000 - Date.now()), list, s);
    count(list, s);
  }

  function count(list, s) {
    for (const e of parts(list, '[data-feed-waiting]')) {
      const text = s.waiting.length ? `${s.waiting.length >= most ? `${most} or more` : s.waiting.length} waiting` : '';
      if (text !== e.textContent) e.textContent = text;
    }
  }

  document.addEventListener('htmx:sseBeforeMessage', (e) => {
    const list = e.target;
    if (!(list instanceof Element) || !list.matches('[data-feed]')) return;
    e.preventDefault(); // put in here, at most four times a second
    const s = state(list);
    s.waiting.push(e.detail.data);
    if (s.waiting.length > most) s.waiting.shift();
    if (s.paused) count(list, s);
    else if (!s.scheduled) {
      s.scheduled = true;
      setTimeout(() => requestAnimationFrame(() => flush(list)), Math.max(0, s.flushed + 250 - Date.now()));
    }
  });

  function listOf(control) {
    const box = control.closest('[data-feed-for]');
    return box && document.getElementById(box.dataset.feedFor);
  }
  document.addEventListener('click', (e) => {
    const button = e.target instanceof Element && e.target.closest('[data-feed-pause]');
    const list = button && listOf(button);
    if (!list) return;
    const s = state(list);
    s.paused = !s.paused;
    button.setAttribute('aria-pressed', String(s.paused));
    if (!s.paused) flush(list);
  });
  document.addEventListener('change', (e) => {
    const list = e.target instanceof Element && e.target.matches('[data-feed-filter]') && listOf(e.target);
    if (list) filter(list);
  });

  function connection(text, on) {
    for (const e of document.querySelectorAll('[data-live-state]')) {
      if (e.textContent !== text) e.textContent = text;
      e.classList.toggle('is-on', on);
      e.classList.toggle('is-off', !on);
    }
  }
  document.addEventListener('htmx:sseOpen', () => connection('Live', true));
  document.addEventListener('htmx:sseError', () => connection('Reconnecting', false));
  document.addEventListener('htmx:sseClose', () => connection('Not live', false));
  for (const e of document.querySelectorAll('[data-live-state]')) e.textContent = 'Connecting';
  for (const list of document.querySelectorAll('[data-feed]')) filter(list);
})();
