// What runs and why, who waits, and where the memory goes.

import { h, parts, setText } from './dom.js';
import { compact, number, usd } from './format.js';
import { memoryCard } from './memory.js';
import { modelsCard } from './models.js';
import { liveCard } from './live.js';
import { decisionsCard } from './decisions.js';
import { pastCard } from './past.js';
import { perMinute, state } from './state.js';

let drawn = [];

export function enter(main) {
  const pieces = [strip(), memoryCard(), modelsCard(), liveCard(), decisionsCard(), pastCard(12)];
  drawn = pieces.map(each => each.draw);
  const [figures, memory, models, live, decisions, past] = pieces.map(each => each.node);
  main.append(h('h1', { class: 'unseen' }, 'Overview'), figures,
    h('div', { class: 'columns now' }, h('div', { class: 'stack' }, models, live, past), h('div', { class: 'stack' }, memory, decisions)));
}

export function draw() {
  for (const each of drawn) each();
}

export function leave() {
  drawn = [];
}

const WIDTH = 240, HEIGHT = 44;

function strip() {
  const figures = [
    ['answering', 'answered now', () => number(state.models.reduce((sum, each) => sum + each.in_flight, 0))],
    ['waiting', 'waiting', () => number(state.models.reduce((sum, each) => sum + each.queued, 0))],
    ['minute', 'requests a minute', () => compact(perMinute('requests'))],
    ['tokens', 'tokens out a minute', () => compact(perMinute('tokens'))],
    ['fallbacks', 'fallbacks a minute', () => compact(perMinute('fallbacks'))],
    ['today', 'at providers today', () => usd((state.status?.providers ?? []).reduce((sum, each) => sum + each.today_usd, 0))],
  ];
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  const [flight, waiting] = ['flight', 'wait'].map(name => {
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('class', name);
    svg.append(path);
    return path;
  });
  const node = h('section', { class: 'card strip', 'aria-label': 'Now' },
    figures.map(([key, name]) => h('div', { class: 'figure' }, h('b', { 'data-part': key, class: 'n' }, '–'), h('span', { class: 'hint' }, name))),
    h('div', { class: 'chart' }, svg, h('span', { class: 'hint' }, 'answered and waiting, 4 minutes')));
  return {
    node,
    draw() {
      const found = parts(node);
      for (const [key, , value] of figures) setText(found[key], state.linked || state.models.length ? value() : '–');
      const most = Math.max(4, ...state.samples.map(each => each.inFlight + each.waiting));
      flight.setAttribute('d', area(each => each.inFlight, most));
      waiting.setAttribute('d', area(each => each.inFlight + each.waiting, most));
      const last = state.samples.at(-1);
      svg.setAttribute('aria-label', last ? `At most ${most} requests at once in the last minutes; now ${last.inFlight} answered and ${last.waiting} waiting` : 'No samples yet');
    },
  };
}

function area(value, most) {
  const samples = state.samples, from = WIDTH - samples.length;
  if (!samples.length) return '';
  const points = samples.map((each, index) => `${from + index},${(HEIGHT - (value(each) / most) * (HEIGHT - 3)).toFixed(1)}`);
  return `M${from},${HEIGHT}L${points.join('L')}L${WIDTH - 1},${HEIGHT}Z`;
}
