// Models: state, who is answered and who waits, speed, memory, when they are unloaded; and what the owner may do.

import { card, h, keyed, parts, setAttribute, setText, setWidth, tell } from './dom.js';
import { bytes, NOTHING, percent, rate, seconds } from './format.js';
import { modelPath, postJson } from './api.js';
import { now, state } from './state.js';

const LOADED = ['loading', 'ready', 'draining', 'sleeping'];
const COLUMNS = ['model', 'state', 'answers', 'queue', 'read · write tok/s', 'cached', 'memory', 'unloads in', ''];

export function modelsCard() {
  const body = h('tbody', {}), hint = h('p', { class: 'hint' });
  const node = card('Models', hint, h('div', { class: 'wide' }, h('table', { class: 'models' },
    h('thead', {}, h('tr', {}, COLUMNS.map((name, index) => h('th', { class: index > 1 && index < 8 ? 'right' : null, scope: 'col' }, name || h('span', { class: 'unseen' }, 'actions'))))), body)));
  return {
    node,
    draw() {
      const loaded = state.models.filter(each => each.state === 'ready').length;
      setText(hint, state.models.length ? `${loaded} of ${state.models.length} ready` : 'none known yet');
      keyed(body, state.models, each => each.model, make, update);
    },
  };
}


function make(model) {
  const name = model.model;
  return h('tr', { 'data-model': name },
    h('th', { scope: 'row' }, h('a', { class: 'cut name', href: `#/logs/${encodeURIComponent(name)}`, 'data-part': 'model' }), h('span', { class: 'hint cut', 'data-part': 'variant' })),
    h('td', { 'data-label': 'state' }, h('span', { class: 'state', 'data-part': 'state' }), h('i', { class: 'progress', 'data-part': 'progress', hidden: true }, h('i', { 'data-part': 'done' })),
      h('span', { class: 'hint error', 'data-part': 'error' })),
    h('td', { 'data-label': 'answers', class: 'right' }, h('span', { class: 'slots', 'data-part': 'slots', role: 'img' }), h('span', { class: 'n', 'data-part': 'answers' })),
    h('td', { 'data-label': 'queue', class: 'right n', 'data-part': 'queue' }),
    h('td', { 'data-label': 'tok/s', class: 'right n', 'data-part': 'speed' }),
    h('td', { 'data-label': 'cached', class: 'right n', 'data-part': 'cached' }),
    h('td', { 'data-label': 'memory', class: 'right n', 'data-part': 'memory' }),
    h('td', { 'data-label': 'unloads in', class: 'right n', 'data-part': 'unloads' }),
    h('td', { class: 'right' }, h('div', { class: 'row end tight' },
      h('button', { 'data-part': 'pin', class: 'pin', onclick: event => act(name, event.currentTarget.getAttribute('aria-pressed') === 'true' ? 'unpin' : 'pin') }, 'Pin'),
      h('button', { 'data-part': 'act', onclick: event => act(name, event.currentTarget.dataset.act) }))));
}

const about = left => left < 120 ? seconds(left) : left < 7200 ? `${Math.round(left / 60)} min` : `${Math.round(left / 3600)} h`;

async function act(model, what) {
  try {
    await postJson(modelPath(model, `/${what}${what.endsWith('pin') ? '' : '?wait=0'}`));
  } catch (error) {
    tell(error.message);
  }
}

function update(row, model) {
  const found = parts(row), remote = model.pid === null && !Object.keys(model.pool_bytes).length && model.backend === 'cloud';
  setText(found.model, model.model);
  setAttribute(found.model, 'title', `${[model.model, ...model.aliases].join(', ')}: its log`);
  setText(found.variant, [model.variant, model.roles.length ? `for ${model.roles.join(', ')}` : ''].filter(Boolean).join(' · '));
  setText(found.state, stateText(model));
  setAttribute(found.state, 'data-state', model.breaker.state === 'closed' ? model.state : 'failed');
  found.progress.hidden = model.progress === null;
  setWidth(found.done, model.progress ?? 0);
  setText(found.error, model.state === 'failed' || model.breaker.state !== 'closed' ? (model.last_error ?? '').split('\n')[0] : '');
  setAttribute(found.error, 'title', model.last_error);
  drawSlots(found.slots, model);
  setText(found.answers, `${model.in_flight}/${model.slots}`);
  setText(found.queue, model.queued || NOTHING);
  found.queue.classList.toggle('strong', model.queued > 0);
  const { prefill_tokens_per_s: reads, decode_tokens_per_s: writes } = model.speed;
  setText(found.speed, reads === null && writes === null ? NOTHING : `${rate(reads)} · ${rate(writes)}`);
  setText(found.cached, percent(model.speed.cached_share));
  const held = Object.values(model.pool_bytes).reduce((sum, each) => sum + each, 0);
  setText(found.memory, held ? bytes(held) : NOTHING);
  setAttribute(found.memory, 'title', Object.entries(model.pool_bytes).map(([pool, count]) => `${bytes(count)} ${pool}`).join(', '));
  setText(found.unloads, model.pinned ? 'pinned' : model.unloads_at ? about((Date.parse(model.unloads_at) - now()) / 1000) : NOTHING);
  const loaded = LOADED.includes(model.state), what = loaded ? 'unload' : 'load';
  found.act.hidden = found.pin.hidden = remote;
  setAttribute(found.pin, 'aria-pressed', String(model.pinned));
  setAttribute(found.pin, 'aria-label', `Pin ${model.model}`);
  setAttribute(found.pin, 'title', 'Keep it loaded whatever others need and however long it is idle');
  setText(found.act, loaded ? 'Unload' : 'Load');
  setAttribute(found.act, 'data-act', what);
  setAttribute(found.act, 'aria-label', `${loaded ? 'Unload' : 'Load'} ${model.model}`);
  found.act.disabled = model.state === 'stopping';
}

function drawSlots(node, model) {
  if (model.slots > 12) { node.hidden = true; return; }
  node.hidden = false;
  keyed(node, [...Array(model.slots).keys()], each => each, () => h('i', {}), (dot, index) => dot.classList.toggle('on', index < model.in_flight));
  setAttribute(node, 'aria-label', `${model.in_flight} of ${model.slots} slots in use`);
}

function stateText(model) {
  if (model.breaker.state !== 'closed') return `left alone (${(model.breaker.cause ?? '').replaceAll('_', ' ')})`;
  if (model.progress !== null) return `${model.state} ${percent(model.progress)}`;
  return model.waits_for ? `${model.state}, waits for ${model.waits_for}` : model.state;
}
