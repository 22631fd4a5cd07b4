// What an engine writes, as it writes it.

import { card, h, keyed, setAttribute, setText } from './dom.js';
import { lines, modelPath } from './api.js';
import { state } from './state.js';

const MOST = 2000;
let controller = null, drawn = () => {};

export function enter(main, [wanted]) {
  const out = h('pre', { class: 'log', tabindex: '0', role: 'log', 'aria-label': 'Log of the engine' }), search = h('input', { type: 'search', placeholder: 'lines with …', 'aria-label': 'Filter lines', 'aria-keyshortcuts': '/', oninput: fill });
  const select = h('select', { 'aria-label': 'Model', onchange: () => { location.hash = `#/logs/${encodeURIComponent(select.value)}`; } });
  const hold = h('button', { 'aria-pressed': 'false', onclick: () => { setAttribute(hold, 'aria-pressed', String(hold.getAttribute('aria-pressed') !== 'true')); fill(); } }, 'Hold');
  const count = h('span', { class: 'hint' });
  main.append(h('h1', { class: 'unseen' }, 'Logs'), card('Engines', h('div', { class: 'row filter' }, select, search, hold, count), out));
  let kept = [], model = wanted ?? '';

  drawn = () => {
    const names = state.models.map(each => each.model);
    keyed(select, names, each => each, each => h('option', { value: each }, each));
    if (!model && names.length) model = (state.models.find(each => each.state === 'ready') ?? state.models[0]).model;
    if (select.value !== model && names.includes(model)) select.value = model;
    if (model && !controller) follow();
  };
  drawn();

  function fill() {
    if (hold.getAttribute('aria-pressed') === 'true') return;
    const word = search.value.toLowerCase(), shown = word ? kept.filter(each => each.toLowerCase().includes(word)) : kept;
    const atEnd = out.scrollTop + out.clientHeight >= out.scrollHeight - 30;
    out.textContent = shown.join('\n');
    setText(count, `${shown.length} of ${kept.length} lines`);
    if (atEnd) out.scrollTop = out.scrollHeight;
  }

  async function follow() {
    const mine = controller = new AbortController();
    kept = [];
    try {
      for await (const more of lines(modelPath(model, '/logs?lines=400&follow=1'), mine.signal)) {
        kept = kept.concat(more).slice(-MOST);
        fill();
      }
    } catch (error) {
      if (error.name !== 'AbortError') { kept.push(error.message); fill(); }
    }
  }
}

export const draw = () => drawn();
export function leave() {
  controller?.abort();
  controller = null;
  drawn = () => {};
}
