// Memory: one bar for each pool, and what each model holds of it and may yet take.

import { card, h, keyed, parts, setAttribute, setText, setWidth } from './dom.js';
import { bytes } from './format.js';
import { state } from './state.js';

const USES = [
  ['others', 'other programs'], ['weights', 'weights'], ['kv', 'KV cache'], ['work', 'working memory'],
  ['growth', 'growth still promised'], ['room', 'free'], ['reserve', 'reserve'],
];
const OF_MODELS = { weights: 'weights_bytes', kv: 'kv_bytes', work: 'other_bytes', growth: 'growth_bytes' };

export function memoryCard() {
  const list = h('div', { class: 'pools' });
  const node = card('Memory', null, list);
  return {
    node,
    draw() {
      keyed(list, state.pools, each => each.id, makePool, drawPool);
    },
  };
}

const segment = (key, name) => h('i', { class: `seg ${key.replace('seg-', '')}`, 'data-part': key, title: name });

function makePool(pool) {
  return h('section', { class: 'pool', 'aria-label': `Memory of ${pool.id}` },
    h('header', {}, h('b', { 'data-part': 'id', class: 'n' }), h('span', { class: 'soft cut', 'data-part': 'name' }), h('span', { class: 'n', 'data-part': 'used' })),
    h('div', { class: 'bar', role: 'img', 'data-part': 'bar' }, USES.map(([key, name]) => segment(`seg-${key}`, name))),
    h('dl', { class: 'legend' }, USES.map(([key, name]) => h('div', {}, h('dt', {}, h('i', { class: `dot ${key}` }), name), h('dd', { class: 'n', 'data-part': key })))),
    h('ul', { class: 'holders', 'data-part': 'holders', 'aria-label': `Models in ${pool.id}` }));
}

function totals(pool) {
  const sums = { others: pool.others_bytes, reserve: pool.reserve_bytes, room: pool.room_bytes };
  for (const [key, field] of Object.entries(OF_MODELS)) sums[key] = pool.models.reduce((sum, each) => sum + each[field], 0);
  return sums;
}

function drawPool(node, pool) {
  const found = parts(node), sums = totals(pool);
  setText(found.id, pool.id);
  setText(found.name, pool.name);
  const promised = pool.total_bytes - pool.room_bytes - pool.reserve_bytes;
  setText(found.used, `${bytes(promised)} of ${bytes(pool.total_bytes)}`);
  for (const [key, name] of USES) {
    setText(found[key], bytes(sums[key]));
    // What is not there takes no line.
    found[key].parentElement.hidden = !sums[key] && key !== 'room';
    const part = found[`seg-${key}`];
    setWidth(part, sums[key] / pool.total_bytes);
    setAttribute(part, 'title', `${name}: ${bytes(sums[key])}`);
  }
  setAttribute(found.bar, 'aria-label', `${pool.id}, ${bytes(pool.total_bytes)}: ${USES.map(([key, name]) => `${name} ${bytes(sums[key])}`).join(', ')}`);
  const held = each => each.weights_bytes + each.kv_bytes + each.other_bytes;
  const most = Math.max(1, ...pool.models.map(each => held(each) + each.growth_bytes));
  keyed(found.holders, pool.models, each => each.model, makeHolder, (row, each) => {
    const piece = parts(row);
    setText(piece.model, each.model);
    setText(piece.size, `${bytes(held(each))} of ${bytes(held(each) + each.growth_bytes)}`);
    for (const [key, field] of Object.entries(OF_MODELS)) setWidth(piece[`seg-${key}`], each[field] / most);
    setAttribute(piece.bar, 'aria-label', `${each.model}: weights ${bytes(each.weights_bytes)}, KV cache ${bytes(each.kv_bytes)}, working memory ${bytes(each.other_bytes)}, growth still promised ${bytes(each.growth_bytes)}`);
    row.classList.toggle('going', ['draining', 'stopping'].includes(each.state));
  });
}

const makeHolder = () => h('li', {},
  h('span', { class: 'cut', 'data-part': 'model' }),
  h('div', { class: 'bar thin', role: 'img', 'data-part': 'bar' }, Object.keys(OF_MODELS).map(key => segment(`seg-${key}`, key))),
  h('span', { class: 'n soft', 'data-part': 'size' }));
