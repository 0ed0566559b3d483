// Charts, drawn from tables. The table moves into a <details>, where it can be read.
//   <figure class="chart" data-chart="timeline"><figcaption>What it shows</figcaption><table>…</table></figure>
// The first column of the table is where a row stands, each other one a series, named by its head:
//   timeline      first column <time datetime>; th data-kind="line" (default) or "bar"; figure data-stack stacks them;
//                 th data-right has a scale of its own, at the right
//   bars          first column words; data-horizontal on the figure lays them down
//   distribution  bars without gaps; the first <tr data-threshold="Threshold: 5"> has a line before it, and it and what
//                 follows is drawn as over it; data-scale="log" on the figure shows few beside many
//   heatmap       is no canvas: cells with a data-value get the classes h0 … h9, if they have none, and the heads of
//                 row and column light up
// Numbers are read from data-value, or else from the text. th data-series="1" to "5", or "critical", "ok" … is the colour;
// tr data-href is where a click leads.
(() => {
  'use strict';
  const library = document.currentScript && document.currentScript.dataset.echarts;
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const charts = new Map(); // figure to {chart, model}
  let loading;

  function load() {
    if (window.echarts) return Promise.resolve();
    loading ||= new Promise((resolve, reject) => {
      const script = document.createElement('script');
      script.src = library;
      script.onload = resolve;
      script.onerror = reject;
      document.head.append(script);
    });
    return loading;
  }

  const number = (cell) => {
    const n = Number(cell.dataset.value ?? cell.textContent.replace(/[^\d.eE+-]/g, ''));
    return Number.isFinite(n) ? n : 0;
  };

  function read(figure) {
    const table = figure.querySelector('table');
    const [, ...heads] = table.tHead.rows[0].cells;
    const rows = [...table.tBodies[0].rows];
    const first = (row) => row.cells[0];
    return {
      kind: figure.dataset.chart,
      stack: 'stack' in figure.dataset,
      log: figure.dataset.scale === 'log',
      horizontal: 'horizontal' in figure.dataset,
      series: heads.map((h, i) => ({ name: h.textContent.trim(), kind: h.dataset.kind, right: 'right' in h.dataset, colour: h.dataset.series || String(i % 5 + 1) })),
      names: rows.map((r) => first(r).textContent.trim()),
      times: rows.map((r) => { const t = first(r).querySelector('time'); return t ? Date.parse(t.dateTime) : NaN; }),
      values: heads.map((_, i) => rows.map((r) => (r.cells[i + 1] ? number(r.cells[i + 1]) : 0))),
      links: rows.map((r) => r.dataset.href),
      threshold: rows.findIndex((r) => r.dataset.threshold),
      thresholdName: (rows.find((r) => r.dataset.threshold) || { dataset: {} }).dataset.threshold,
    };
  }

  // Colours are light-dark(): only the browser knows what they are now.
  const probe = document.createElement('span');
  probe.hidden = true;
  document.body.append(probe);
  const brush = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  function colour(name, alpha = 1) {
    probe.style.color = `var(--${/^\d$/.test(name) ? `series-${name}` : name})`;
    brush.clearRect(0, 0, 1, 1);
    brush.fillStyle = getComputedStyle(probe).color;
    brush.fillRect(0, 0, 1, 1);
    const [r, g, b] = brush.getImageData(0, 0, 1, 1).data;
    return `rgba(${r}, ${g}, ${b}, ${alpha})`;
  }

  // On a logarithmic scale 0 stands at 0, 1 at 1, 10 at 2, 100 at 3.
  const height = (m, n) => (m.log && n > 0 ? 1 + Math.log10(n) : n);
  const stands = (m, h) => (m.log && h > 0 ? 10 ** (h - 1) : h);

  const words = (n) => Number(n).toLocaleString('en');
  const two = (n) => String(n).padStart(2, '0');
  const clock = (t) => { const d = new Date(t); return `${two(d.getHours())}:${two(d.getMinutes())}`; };
  const day = (t) => new Date(t).toLocaleDateString('en-GB', { weekday: 'short', day: 'numeric', month: 'short' });

  function option(m) {
    const text = { color: colour('muted'), fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 11 };
    const timeline = m.kind === 'timeline';
    const spread = m.kind === 'distribution';
    const last = m.times.length - 1;
    const long = timeline && m.times[last] - m.times[0] > 36 * 3600e3;
    const where = timeline
      ? { type: 'time', axisLabel: { ...text, hideOverlap: true, formatter: (t) => (clock(t) === '00:00' ? day(t) : clock(t)) } }
      : { type: 'category', data: m.names, axisLabel: { ...text, hideOverlap: true, ...(m.horizontal && { width: 120, overflow: 'truncate' }) }, inverse: m.horizontal };
    Object.assign(where, { axisLine: { lineStyle: { color: colour('line') } }, axisTick: { show: spread, lineStyle: { color: colour('line') } }, splitLine: { show: false } });
    const size = {
      type: 'value', minInterval: 1, splitNumber: 4,
      axisLabel: { ...text, formatter: (h) => { const n = stands(m, h); return n >= 1e4 ? Intl.NumberFormat('en', { notation: 'compact' }).format(n) : words(n); } },
      splitLine: { lineStyle: { color: colour('line') } },
    };
    return {
      animation: !still.matches, animationDuration: 300, textStyle: text, backgroundColor: 'transparent',
      grid: { left: 4, right: 12, top: m.series.length > 1 ? 34 : 14, bottom: 2, containLabel: true, outerBoundsMode: 'same' },
      legend: { show: m.series.length > 1, top: 0, left: 0, icon: 'roundRect', itemWidth: 10, itemHeight: 10, itemGap: 16, textStyle: { ...text, color: colour('text') }, inactiveColor: colour('line-strong') },
      tooltip: {
        trigger: 'axis', renderMode: 'richText', confine: true, backgroundColor: colour('surface'), borderColor: colour('line-strong'), borderWidth: 1, padding: [8, 10],
        textStyle: { ...text, color: colour('text'), fontSize: 12 }, axisPointer: { type: spread || m.kind === 'bars' ? 'shadow' : 'line', lineStyle: { color: colour('line-strong') }, shadowStyle: { color: colour('muted', 0.1) } },
        formatter: (points) => {
          const i = points[0].dataIndex;
          const head = timeline ? `${day(m.times[i])} ${clock(m.times[i])}` : m.names[i];
          return [head, ...points.map((p) => `${p.seriesName}: ${words(m.values[p.seriesIndex][i])}`)].join('\n');
        },
      },
      xAxis: m.horizontal ? size : where,
      yAxis: m.horizontal ? where : [size, { ...size, splitNumber: 2, max: (v) => Math.max(4, Math.ceil(v.max * 2.5)), show: m.series.some((s) => s.right), splitLine: { show: false } }],
      series: m.series.map((s, k) => series(m, s, k, timeline, spread, text)),
    };
  }

  function series(m, s, k, timeline, spread, text) {
    const line = timeline && s.kind !== 'bar';
    const c = colour(s.colour);
    const over = (i) => m.threshold >= 0 && i >= m.threshold;
    return {
      name: s.name, yAxisIndex: s.right && !m.horizontal ? 1 : 0, type: line ? 'line' : 'bar', stack: m.stack ? 'all' : undefined, color: c,
      showSymbol: false, symbolSize: 6, lineStyle: { width: 1.75 }, areaStyle: line ? { color: colour(s.colour, m.stack ? 0.35 : 0.1) } : undefined,
      barMaxWidth: spread ? undefined : 28, barCategoryGap: spread ? '6%' : '35%', emphasis: { focus: m.series.length > 1 ? 'series' : 'none' },
      itemStyle: { borderRadius: line || m.stack ? 0 : m.horizontal ? [0, 3, 3, 0] : [3, 3, 0, 0] },
      cursor: m.links.some(Boolean) ? 'pointer' : 'default',
      data: m.values[k].map((n) => height(m, n)).map((v, i) => (timeline ? [m.times[i], v] : over(i) ? { value: v, itemStyle: { color: colour('critical') } } : v)),
      markLine: k === 0 && m.threshold >= 0 ? {
        silent: true, symbol: 'none', animation: false, lineStyle: { color: colour('critical'), type: 'dashed', width: 1.5 },
        label: { formatter: m.thresholdName, color: colour('critical'), fontFamily: text.fontFamily, fontSize: 11, fontWeight: 600, position: 'insideEndTop', rotate: 0, align: 'right' },
        data: [{ xAxis: m.threshold }],
      } : undefined,
    };
  }

  function draw(figure) {
    const known = charts.get(figure);
    const model = read(figure);
    if (known) {
      known.model = model;
      known.chart.setOption(option(model), { notMerge: true });
      return;
    }
    const canvas = document.createElement('div');
    canvas.className = 'chart-canvas';
    canvas.setAttribute('aria-hidden', 'true'); // the table says the same
    const table = figure.querySelector('table');
    const details = document.createElement('details');
    details.className = 'chart-table';
    const summary = document.createElement('summary');
    summary.textContent = 'As a table';
    const region = document.createElement('div');
    region.className = 'table-scroll';
    region.tabIndex = 0;
    region.setAttribute('role', 'region');
    region.setAttribute('aria-label', (figure.querySelector('figcaption') || figure).textContent.trim().slice(0, 100) || 'Table');
    table.classList.add('table');
    table.before(canvas, details);
    details.append(summary, region);
    region.append(table);
    figure.classList.add('is-ready');
    const chart = window.echarts.init(canvas, null, { renderer: 'canvas' });
    const entry = { chart, model };
    charts.set(figure, entry);
    chart.setOption(option(model));
    chart.on('click', (p) => { const href = entry.model.links[p.dataIndex]; if (href) location.assign(href); });
    new ResizeObserver(() => {
      if (!figure.isConnected || canvas.clientWidth < 40) return; // gone, or not to be seen
      chart.resize();
      chart.getZr().flush(); // with this frame, not the next
    }).observe(canvas);
  }

  function heatmap(figure) {
    const cells = [...figure.querySelectorAll('[data-value]')];
    const most = Math.max(1, ...cells.map(number));
    for (const cell of cells) {
      if (!/(^| )h\d( |$)/.test(cell.className)) cell.classList.add(`h${number(cell) > 0 ? Math.max(1, Math.ceil(9 * Math.sqrt(number(cell) / most))) : 0}`);
    }
    const light = (e, on) => {
      const cell = e.target instanceof Element && e.target.closest('td');
      if (!cell) return;
      const table = cell.closest('table');
      for (const head of [cell.parentNode.cells[0], table.tHead && table.tHead.rows[0].cells[cell.cellIndex]]) if (head) head.classList.toggle('is-lit', on);
    };
    for (const [event, on] of [['mouseover', true], ['mouseout', false], ['focusin', true], ['focusout', false]]) figure.addEventListener(event, (e) => light(e, on));
    figure.classList.add('is-ready');
  }

  function find(root) {
    for (const [figure, { chart }] of charts) {
      if (figure.isConnected) continue;
      chart.dispose();
      charts.delete(figure);
    }
    const figures = [...root.querySelectorAll('figure[data-chart]:not(.is-ready)')];
    for (const figure of figures.filter((f) => f.dataset.chart === 'heatmap')) heatmap(figure);
    const drawn = figures.filter((f) => f.dataset.chart !== 'heatmap' && f.querySelector('table'));
    if (!drawn.length) return;
    load().then(() => { for (const figure of drawn) if (figure.isConnected && !figure.classList.contains('is-ready')) draw(figure); },
      () => { for (const figure of drawn) figure.classList.add('is-ready'); }); // the tables stay
  }

  const redraw = () => { for (const figure of charts.keys()) draw(figure); };
  document.addEventListener('gatehouse:theme', redraw);
  document.addEventListener('htmx:load', (e) => find(e.target.parentNode || document));
  find(document);
})();
