// Requests that are over: who answered, by which route and why, and what it took.

import { card, h, keyed, setText } from './dom.js';
import { clock, compact, milliseconds, NOTHING, rate, route, usd } from './format.js';
import { state } from './state.js';

const SHOWN = 200;
// Of the last ones only, those that are not `more` are shown.
const COLUMNS = [['at'], ['request'], ['client', 'more'], ['asked → answered'], ['route'], ['outcome'], ['queue', 'right'], ['load', 'right more'], ['first token', 'right more'], ['total', 'right'], ['tokens', 'right', 'tokens in · out'], ['tok/s', 'right more'], ['cost', 'right more']];

const text = each => [each.id, each.asked, each.model, route(each), each.outcome, each.status, each.client, each.session, each.role, each.key].filter(Boolean).join(' ').toLowerCase();

// The last `most` of them: in full with a filter, or the most telling of their columns without.
export function pastCard(most = SHOWN) {
  const whole = most === SHOWN;
  const body = h('tbody', {}), count = h('span', { class: 'hint' });
  const search = h('input', { type: 'search', placeholder: 'model, route, client, outcome', 'aria-label': 'Filter requests', 'aria-keyshortcuts': '/', oninput: draw });
  const only = h('input', { type: 'checkbox', onchange: draw });
  const empty = h('p', { class: 'empty' }, 'None yet.');
  const table = h('table', { class: whole ? 'past' : 'past some' }, h('thead', {}, h('tr', {}, COLUMNS.map(([name, kind, title]) => h('th', { scope: 'col', class: kind }, title ?? name)))), body);
  const head = whole ? h('div', { class: 'row filter' }, search, h('label', { class: 'line' }, only, 'fallbacks and failures only'), count) : h('a', { href: '#/requests' }, 'all');
  return { node: card('Requests that are over', head, h('div', { class: 'wide' }, table), empty), draw };

  function draw() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = state.past.filter(each => (!only.checked || each.reason || each.outcome !== 'answered') && words.every(word => text(each).includes(word)));
    const rows = found.slice(-most).reverse();
    keyed(body, rows, each => `${each.at} ${each.id}`, make);
    empty.hidden = Boolean(rows.length);
    table.hidden = !rows.length;
    setText(empty, state.past.length ? 'None matches.' : 'None yet.');
    setText(count, `${rows.length} of the last ${state.past.length}`);
  }
}

const speed = each => {
  const spent = (each.total_ms - each.queue_ms - each.load_ms - (each.ttft_ms ?? 0)) / 1000;
  return each.stream && each.output_tokens > 8 && spent > 0.01 ? rate((each.output_tokens - 1) / spent) : NOTHING;
};

const right = (label, value) => h('td', { 'data-label': label, class: `${COLUMNS.find(([name]) => name === label)[1]} n` }, value);
const make = each => h('tr', { class: each.outcome === 'answered' ? null : 'grave' },
  h('td', { 'data-label': 'at', class: 'n' }, clock(each.at)),
  h('th', { scope: 'row' }, h('a', { class: 'n cut', href: `#/requests/${encodeURIComponent(each.id)}` }, each.id)),
  h('td', { 'data-label': 'client', class: 'more' }, h('span', { class: 'cut soft' }, [each.client ?? each.session, each.role && `as ${each.role}`].filter(Boolean).join(' ') || NOTHING)),
  h('td', { 'data-label': 'model' }, h('span', { class: 'cut' }, each.model === each.asked ? each.asked : `${each.asked} → ${each.model ?? 'nobody'}`)),
  h('td', { 'data-label': 'route' }, h('span', { class: 'route', 'data-route': each.route }, route(each))),
  h('td', { 'data-label': 'outcome' }, h('span', { class: 'state', 'data-state': each.outcome }, `${each.outcome} ${each.status}`)),
  right('queue', milliseconds(each.queue_ms)), right('load', each.load_ms ? milliseconds(each.load_ms) : NOTHING), right('first token', milliseconds(each.ttft_ms)), right('total', milliseconds(each.total_ms)),
  right('tokens', `${compact(each.prompt_tokens)} · ${compact(each.output_tokens)}`), right('tok/s', speed(each)), right('cost', usd(each.cost_usd)));
