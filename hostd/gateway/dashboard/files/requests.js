// Requests, under way and over; one of them with its decisions.

import { card, h } from './dom.js';
import { milliseconds, number, usd } from './format.js';
import { getJson } from './api.js';
import { sentence } from './decisions.js';
import { liveCard } from './live.js';
import { pastCard } from './past.js';

let drawn = () => {};

export function enter(main, [id]) {
  main.append(h('h1', { class: 'unseen' }, 'Requests'));
  if (id) {
    main.append(detail(id));
    drawn = () => {};
    return;
  }
  const live = liveCard(), past = pastCard();
  main.append(live.node, past.node);
  drawn = () => { live.draw(); past.draw(); };
}

export const draw = () => drawn();
export const leave = () => { drawn = () => {}; };

const FACTS = ['state', 'status', 'asked', 'model', 'backend', 'route', 'reason', 'client', 'session', 'role', 'key', 'priority', 'attempt', 'position', 'at'];
const TIMES = ['queue_ms', 'load_ms', 'ttft_ms', 'total_ms', 'since_ms', 'expected_wait_ms'];

function detail(id) {
  const facts = h('dl', { class: 'facts' }), list = h('ol', { class: 'decisions' });
  const node = card(`Request ${id}`, h('a', { href: '#/requests' }, 'all requests'), facts, h('h3', {}, 'Decisions about it'), list);
  getJson(`hostd/v1/requests/${encodeURIComponent(id)}`).then(found => {
    const rows = FACTS.filter(name => found[name] !== null && found[name] !== undefined && found[name] !== '').map(name => [name, String(found[name]).replaceAll('_', ' ')]);
    rows.push(...TIMES.filter(name => found[name] !== null && found[name] !== undefined).map(name => [name.replace('_ms', '').replace('ttft', 'first token').replaceAll('_', ' '), milliseconds(found[name])]));
    if (found.prompt_tokens) rows.push(['tokens', `${number(found.prompt_tokens)} in, ${number(found.output_tokens)} out`]);
    if (found.cost_usd !== null && found.cost_usd !== undefined) rows.push(['cost', usd(found.cost_usd)]);
    facts.append(...rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', { class: 'n' }, value))));
    list.append(...found.decisions.map(sentence));
    if (!found.decisions.length) list.append(h('li', { class: 'empty' }, 'None is kept any more.'));
  }, error => facts.append(h('p', { class: 'empty' }, error.message)));
  return node;
}
