// What a model would take: before it is downloaded, and for machines that are not here.

import { card, h, setAttribute, setText, setWidth } from './dom.js';
import { getJson, postJson } from './api.js';
import { bytes } from './format.js';
import { state } from './state.js';

const PARTS = [['weights', 'weights'], ['kv', 'KV cache'], ['recurrent', 'recurrent state'], ['compute', 'working memory'], ['overhead', 'overhead']];
const CLASSES = { weights: 'weights', kv: 'kv', recurrent: 'growth', compute: 'work', overhead: 'others' };
const VERDICTS = { fits: 'fits', fits_after_evicting: 'fits after evicting', does_not_fit: 'does not fit', cannot_say: 'cannot be told' };
const PAUSE = 350;
// Kept while the page is: a visit to another view loses nothing.
const asked = { model: '', machine: '', context: 0, slots: 0, kv: '' };
let pending = null, timer = null, drawn = () => {};

const contexts = ['as declared', ...[...Array(10).keys()].map(each => 1024 * 2 ** each)];
const slots = ['as declared', 1, 2, 3, 4, 6, 8, 12, 16, 24, 32];

export function enter(main) {
  const result = h('div', { class: 'stack', 'aria-live': 'polite', 'aria-busy': 'false' });
  const names = h('datalist', { id: 'planner-models' });
  const model = h('input', { list: 'planner-models', value: asked.model, placeholder: 'a declared model, or hf:unsloth/Qwen3.5-9B-GGUF/…gguf', spellcheck: false, autocomplete: 'off', name: 'model', oninput: ask });
  const machine = h('select', { name: 'machine', onchange: ask }, h('option', { value: '' }, 'this machine, beside what is loaded'));
  const context = slider('context', contexts, each => typeof each === 'number' ? `${each.toLocaleString('en')} tokens` : each, asked.context, ask);
  const slot = slider('slots', slots, each => typeof each === 'number' ? `${each} at once` : each, asked.slots, ask);
  const kv = h('select', { name: 'kv', onchange: ask }, ['', 'f16', 'q8_0', 'q5_1', 'q4_0'].map(each => h('option', { value: each, selected: each === asked.kv }, each || 'as declared')));
  main.append(h('h1', { class: 'unseen' }, 'Planner'), h('div', { class: 'columns planner' }, h('div', { class: 'stack' }, result),
    card('What to plan for', null, h('form', { class: 'stack', onsubmit: event => { event.preventDefault(); ask(event, 0); } },
      h('label', {}, 'Model', model), names, h('label', {}, 'Machine', machine), context.node, slot.node, h('label', {}, 'KV cache type', kv), h('p', { class: 'hint' }, 'For what begins with hf: or ollama: the header alone is read from its hub.')))));
  getJson('hostd/v1/presets').then(found => {
    machine.append(...found.presets.map(each => h('option', { value: each.name, selected: each.name === asked.machine }, `${each.name}: ${each.pools.map(pool => `${bytes(pool.total_bytes)} ${pool.id}`).join(', ')}`)));
  }, () => {}).then(() => asked.model && ask(null, 0));
  say(result, 'Name a model.');
  drawn = () => {
    const local = state.models.filter(each => each.backend !== 'cloud');
    if (!local.length || names.firstChild) return;
    names.append(...local.map(each => h('option', { value: each.model })));
    if (asked.model) return;
    model.value = (local.find(each => each.state === 'ready') ?? local[0]).model;
    ask(null, 0);
  };
  drawn();

  function ask(_event, pause = PAUSE) {
    Object.assign(asked, { model: model.value.trim(), machine: machine.value, context: context.index(), slots: slot.index(), kv: kv.value });
    clearTimeout(timer);
    pending?.abort();
    if (asked.model) timer = setTimeout(() => plan(result), pause);
  }
}

export const draw = () => drawn();

export function leave() {
  drawn = () => {};
  clearTimeout(timer);
  pending?.abort();
}

function slider(name, values, words, start, changed) {
  const output = h('output', { class: 'n' });
  const input = h('input', { type: 'range', min: '0', max: String(values.length - 1), step: '1', name, oninput: event => { told(); changed(event); } });
  input.value = String(start);
  const told = () => { setText(output, words(values[Number(input.value)])); setAttribute(input, 'aria-valuetext', output.textContent); };
  told();
  return { node: h('label', { class: 'slider' }, h('span', { class: 'row' }, name[0].toUpperCase() + name.slice(1), output), input), index: () => Number(input.value) };
}

const say = (result, text) => result.replaceChildren(card('Plan', null, h('p', { class: 'empty' }, text)));

async function plan(result) {
  const controller = pending = new AbortController();
  const query = new URLSearchParams();
  const [tokens, places] = [contexts[asked.context], slots[asked.slots]];
  if (typeof tokens === 'number') query.set('ctx', tokens);
  if (typeof places === 'number') query.set('slots', places);
  if (asked.kv) query.set('kv_type', asked.kv);
  if (asked.machine) query.set('host', asked.machine);
  setAttribute(result, 'aria-busy', 'true');
  if (!result.querySelector('.why')) say(result, 'Reading the model …');
  try {
    const found = await postJson(`hostd/v1/plan/${encodeURIComponent(asked.model)}?${query}`, undefined, { signal: controller.signal });
    result.replaceChildren(...found.models.map(shown), ...found.notes.map(each => h('p', { class: 'hint' }, each)));
  } catch (error) {
    if (error.name !== 'AbortError') say(result, error.message);
  } finally {
    if (pending === controller) setAttribute(result, 'aria-busy', 'false');
  }
}

function shown(row) {
  const components = PARTS.filter(([key]) => row.components[key]), sum = components.reduce((all, [key]) => all + row.components[key], 0);
  const pools = Object.entries(row.pool_bytes), most = Math.max(1, ...pools.map(([, span]) => span.high));
  return card(row.model, h('p', { class: 'row' }, h('span', { class: 'verdict', 'data-verdict': row.verdict }, VERDICTS[row.verdict] ?? row.verdict), h('span', { class: 'hint' }, [row.backend, row.tier === 'measured' ? 'measured here' : 'from its header'].filter(Boolean).join(' · '))),
    h('p', { class: 'why' }, row.why),
    row.evict.length ? h('p', {}, 'Evicts ', row.evict.join(', ')) : null,
    sum ? h('div', { class: 'pool' }, bar(components.map(([key, name]) => [CLASSES[key], row.components[key] / sum, `${name} ${bytes(row.components[key])}`])),
      h('dl', { class: 'legend' }, components.map(([key, name]) => h('div', {}, h('dt', {}, h('i', { class: `dot ${CLASSES[key]}` }), name), h('dd', { class: 'n' }, bytes(row.components[key])))))) : null,
    pools.length ? h('div', { class: 'wide' }, h('table', {}, h('thead', {}, h('tr', {}, ['pool', '', 'least', 'expected', 'at most'].map((each, index) => h('th', { scope: 'col', class: index > 1 ? 'right' : null }, each || h('span', { class: 'unseen' }, 'picture'))))),
      h('tbody', {}, pools.map(([pool, span]) => h('tr', {}, h('th', { scope: 'row', class: 'n' }, pool), h('td', { class: 'grow' }, bar([['weights', span.low / most, ''], ['work', (span.expected - span.low) / most, ''], ['growth', (span.high - span.expected) / most, '']], `${pool}: ${bytes(span.low)} to ${bytes(span.high)}`)),
        ['low', 'expected', 'high'].map(key => h('td', { class: 'right n', 'data-label': key }, bytes(span[key])))))))) : null,
    row.levers.length ? h('div', {}, h('h3', {}, 'What would save memory'), h('ul', { class: 'levers' }, row.levers.map(each => h('li', {}, h('span', { class: 'n' }, bytes(each.saves_bytes)), each.change)))) : null);
}

function bar(segments, label) {
  const made = h('div', { class: 'bar', role: 'img', 'aria-label': label ?? segments.map(([, , text]) => text).join(', ') });
  for (const [kind, share, text] of segments) {
    const piece = h('i', { class: `seg ${kind}`, title: text });
    setWidth(piece, share);
    made.append(piece);
  }
  return made;
}
