// Requests that are under way: who waits at which place, how much of a prompt has been read, and who is answered.

import { card, h, keyed, parts, setAttribute, setText, setWidth } from './dom.js';
import { milliseconds, NOTHING, seconds } from './format.js';
import { now, state } from './state.js';

const COLUMNS = ['request', 'client', 'model', 'state', 'for', 'expected wait', 'why not the first'];

export function liveCard() {
  const body = h('tbody', {}), hint = h('p', { class: 'hint' });
  const empty = h('p', { class: 'empty' }, 'No request is under way.');
  const table = h('table', { class: 'live' }, h('thead', {}, h('tr', {}, COLUMNS.map((name, index) => h('th', { scope: 'col', class: index === 4 || index === 5 ? 'right' : null }, name)))), body);
  return {
    node: card('Requests under way', hint, h('div', { class: 'wide low', tabindex: '0', role: 'region', 'aria-label': 'Requests under way, table' }, table), empty),
    draw() {
      const rows = state.requests;
      keyed(body, rows, each => each.id, make, update);
      table.hidden = !rows.length;
      empty.hidden = Boolean(rows.length);
      const waiting = rows.filter(each => each.state === 'waiting').length;
      setText(hint, rows.length ? `${rows.length - waiting} answered, ${waiting} waiting${state.leftOut ? `, ${state.leftOut} more not shown` : ''}` : '');
    },
  };
}

const make = request => h('tr', {},
  h('th', { scope: 'row' }, h('a', { class: 'n cut', href: `#/requests/${encodeURIComponent(request.id)}` }, request.id)),
  h('td', { 'data-label': 'client' }, h('span', { class: 'cut soft', 'data-part': 'client' })),
  h('td', { 'data-label': 'model' }, h('span', { class: 'cut', 'data-part': 'model' })),
  h('td', { 'data-label': 'state' }, h('div', { class: 'beside' }, h('span', { class: 'state', 'data-part': 'state' }), h('i', { class: 'progress', 'data-part': 'progress' }, h('i', { 'data-part': 'done' })))),
  h('td', { 'data-label': 'for', class: 'right n', 'data-part': 'since' }),
  h('td', { 'data-label': 'expected wait', class: 'right n', 'data-part': 'wait' }),
  h('td', { 'data-label': 'why not the first', 'data-part': 'reason' }));

function update(row, request) {
  const found = parts(row), { prompt } = request;
  setText(found.client, [request.client ?? request.session, request.priority === 'batch' ? 'batch' : ''].filter(Boolean).join(' · ') || NOTHING);
  setText(found.model, request.asked === request.model ? request.model : `${request.asked} → ${request.model}`);
  const reading = request.state === 'prefill' && prompt?.total_tokens;
  const share = reading ? prompt.read_tokens / prompt.total_tokens : 0;
  setText(found.state, request.state === 'waiting' ? `waits, place ${request.position}` : reading ? `prefill ${Math.round(share * 100)} %` : request.state);
  setAttribute(found.state, 'data-state', request.state);
  setAttribute(found.state, 'title', reading ? `${prompt.read_tokens} of ${prompt.total_tokens} tokens read` : null);
  found.progress.hidden = !reading;
  setWidth(found.done, share);
  setText(found.since, seconds((now() - Date.parse(request.at)) / 1000));
  setText(found.wait, request.expected_wait_ms === null ? NOTHING : milliseconds(request.expected_wait_ms));
  setText(found.reason, (request.reason ?? NOTHING).replaceAll('_', ' '));
}
