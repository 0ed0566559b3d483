// Projects the countries of world-atlas and writes them as lines of
// code, name, north, east, path: what internal/worldmap embeds. See refresh-worldmap.
// A country that is too small for the map has no path.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { geoArea, geoBounds, geoCentroid, geoContains, geoEqualEarth, geoPath } from 'd3-geo';
import { merge } from 'topojson-client';

const require = createRequire(`${process.cwd()}/`);
const json = (file) => JSON.parse(readFileSync(require.resolve(file)));

// The same numbers are in internal/worldmap/projection.go.
const east = 11; // the meridian in the middle: the map is cut in the Bering Strait
const scale = 2000 / (2 * 2.7066297); // the width of Equal Earth at scale 1
const top = 83.7, bottom = -56; // Antarctica is left out

const projection = geoEqualEarth().rotate([-east, 0]).scale(scale).translate([0, 0]).precision(0.3);
const offset = projection([east, top])[1];
projection.translate([1000, -offset]);

// Codes of ISO 3166-1, and XK, by which everybody knows Kosovo.
const codes = new Map(json('i18n-iso-countries/codes.json').map(([two, , numeric]) => [numeric, two]));
const alpha2 = (g) => codes.get(g.id) ?? { Kosovo: 'XK', 'N. Cyprus': 'CY', Somaliland: 'SO' }[g.properties.name];
const territories = json('cldr-localenames-full/main/en/territories.json').main.en.localeDisplayNames.territories;
const shorter = new Set(['HK', 'MM', 'MO', 'PS']);
const name = (code) => (shorter.has(code) && territories[`${code}-alt-short`]) || territories[code];

function countries(file) { // code to one geometry
  const atlas = json(file);
  const parts = new Map();
  for (const g of atlas.objects.countries.geometries) {
    const code = alpha2(g);
    if (code) parts.set(code, [...(parts.get(code) ?? []), g]);
  }
  return new Map([...parts].map(([code, list]) => [code, merge(atlas, list)]));
}

// The middle of the largest part: where people would point at.
function middle(geometry) {
  const parts = geometry.coordinates.map((coordinates) => ({ type: 'Polygon', coordinates }));
  const largest = parts.reduce((a, b) => (geoArea(a) >= geoArea(b) ? a : b));
  const centre = geoCentroid(largest);
  if (geoContains(largest, centre)) return centre;
  const [[w, s], [e, n]] = geoBounds(largest);
  let best = centre, nearest = Infinity;
  for (let i = 1; i < 40; i++) {
    for (let k = 1; k < 40; k++) {
      const p = [w + (e - w) * i / 40, s + (n - s) * k / 40];
      const d = (p[0] - centre[0]) ** 2 + (p[1] - centre[1]) ** 2;
      if (d < nearest && geoContains(largest, p)) [best, nearest] = [p, d];
    }
  }
  return best;
}

// Whole numbers, relative to the point before, without repetitions.
function compact(geometry) {
  const rings = [];
  let ring;
  geoPath(projection, {
    moveTo(x, y) { rings.push(ring = [[Math.round(x), Math.round(y)]]); },
    lineTo(x, y) {
      const [px, py] = ring[ring.length - 1];
      if (Math.round(x) !== px || Math.round(y) !== py) ring.push([Math.round(x), Math.round(y)]);
    },
    closePath() {},
    arc() {},
  })(geometry);
  let path = '', px = 0, py = 0;
  for (const r of rings) {
    const [fx, fy] = r[0], [lx, ly] = r[r.length - 1];
    if (r.length > 1 && fx === lx && fy === ly) r.pop();
    if (r.length < 3) continue;
    r.forEach(([x, y], i) => {
      const dx = i ? x - px : x, dy = i ? y - py : y;
      path += (i ? (i === 1 ? 'l' : dx < 0 ? '' : ' ') : 'M') + dx + (dy < 0 ? '' : ' ') + dy;
      [px, py] = [x, y];
    });
    path += 'z';
  }
  return path;
}

// Natural Earth counts these to others.
const overseas = {
  BQ: [12.2, -68.3], BV: [-54.42, 3.36], CC: [-12.17, 96.83], CX: [-10.49, 105.63], GF: [3.9, -53.1], GP: [16.2, -61.5],
  MQ: [14.65, -61.0], RE: [-21.1, 55.5], SJ: [78.5, 16], TK: [-9.2, -171.85], YT: [-12.8, 45.15],
};

const shapes = countries('world-atlas/countries-110m.json');
const precise = countries('world-atlas/countries-10m.json');
const bottomEdge = projection([east, bottom])[1];
const lines = [`#\t${Math.ceil(bottomEdge)}`];
for (const code of [...codes.values(), 'XK'].sort()) {
  const [lat, lon] = overseas[code] ?? middle(precise.get(code) ?? shapes.get(code)).reverse();
  const path = code !== 'AQ' && shapes.has(code) ? compact(shapes.get(code)) : '';
  lines.push([code, name(code), lat.toFixed(2), lon.toFixed(2), path].join('\t'));
}
process.stdout.write(`${lines.join('\n')}\n`);
