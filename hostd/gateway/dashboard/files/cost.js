// What requests came to: by role, by model and by day, how many stayed on this host, and what providers have cost today.

import { card, h, keyed, setText, setWidth } from './dom.js';
import { getJson } from './api.js';
import { compact, NOTHING, number, percent, usd } from './format.js';
import { state } from './state.js';

let providers = null;

export function enter(main) {
  const days = h('select', { 'aria-label': 'Days', onchange: load }, [7, 30, 90].map(each => h('option', { value: String(each), selected: each === 30 }, `${each} days`)));
  const total = h('dl', { class: 'facts' }), byRole = h('tbody', {}), byModel = h('tbody', {}), byDay = h('ol', { class: 'days' });
  const title = h('p', { class: 'hint' });
  providers = h('tbody', {});
  const sums = (name, body) => h('div', { class: 'wide' }, h('table', {}, h('thead', {}, h('tr', {}, [name, 'requests', 'local', 'tokens in · out', 'cost'].map((each, index) => h('th', { scope: 'col', class: index ? 'right' : null }, each)))), body));
  main.append(h('h1', { class: 'unseen' }, 'Cost'),
    card('Cost and local share', h('div', { class: 'row' }, days, title), total),
    h('div', { class: 'halves' }, card('By role', 'requests that asked for a role', sums('role', byRole)), card('By model', 'the model that answered, or was tried last', sums('model', byModel))),
    h('div', { class: 'halves' }, card('By day', 'requests, those answered here in colour', byDay),
      card('Providers today', 'since midnight', h('div', { class: 'wide' }, h('table', {}, h('thead', {}, h('tr', {}, ['provider', 'cost', 'reserved', 'at most a day'].map((each, index) => h('th', { scope: 'col', class: index ? 'right' : null }, each)))), providers)))));

  async function load() {
    try {
      const ask = by => getJson(`hostd/v1/cost?by=${by}&days=${days.value}`);
      const [roles, models, dates] = await Promise.all(['role', 'model', 'day'].map(ask));
      setText(title, `since ${roles.since.slice(0, 10)}`);
      const all = models.total;
      total.replaceChildren(...[['requests', number(all.requests)], ['answered', number(all.answered)], ['answered on this host', percent(all.local_share, 1)], ['tokens in', compact(all.prompt_tokens)],
        ['tokens out', compact(all.output_tokens)], ['cost', usd(all.usd)]].map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', { class: 'n big' }, value))));
      fill(byRole, roles.groups);
      fill(byModel, models.groups);
      const most = Math.max(1, ...dates.groups.map(each => each.requests));
      byDay.replaceChildren(...[...dates.groups].sort((one, other) => one.name < other.name ? 1 : -1).map(each => day(each, most)));
    } catch (error) {
      setText(title, error.message);
    }
  }
  load();
  draw();
}

const fill = (body, groups) => body.replaceChildren(...groups.map(each => h('tr', {},
  h('th', { scope: 'row' }, h('span', { class: 'cut' }, each.name ?? 'none')), h('td', { class: 'right n', 'data-label': 'requests' }, number(each.requests)), h('td', { class: 'right n', 'data-label': 'local' }, percent(each.local_share)),
  h('td', { class: 'right n', 'data-label': 'tokens in · out' }, `${compact(each.prompt_tokens)} · ${compact(each.output_tokens)}`), h('td', { class: 'right n', 'data-label': 'cost' }, usd(each.usd)))));

function day(each, most) {
  const here = h('i', { class: 'seg kv' }), rest = h('i', { class: 'seg others' });
  setWidth(here, each.answered_locally / most);
  setWidth(rest, (each.requests - each.answered_locally) / most);
  return h('li', {}, h('time', { class: 'n' }, each.name), h('div', { class: 'bar thin', role: 'img', 'aria-label': `${each.name}: ${each.requests} requests, ${each.answered_locally} answered on this host` }, here, rest),
    h('span', { class: 'n soft' }, `${number(each.requests)} · ${percent(each.local_share)} · ${usd(each.usd)}`));
}

export function draw() {
  const rows = state.status?.providers ?? [];
  keyed(providers, rows.length ? rows : [{ provider: '' }], each => each.provider, () => h('tr', {}), (row, each) => {
    const cells = each.provider ? [each.provider, usd(each.today_usd), usd(each.reserved_usd), each.daily_usd === null ? 'no limit' : usd(each.daily_usd)] : ['none is configured', NOTHING, NOTHING, NOTHING];
    if (row.textContent !== cells.join('')) row.replaceChildren(...cells.map((text, index) => h(index ? 'td' : 'th', index ? { class: 'right n' } : { scope: 'row' }, text)));
  });
}
