// The last decisions in words, with the numbers that led to them; newest first.

import { card, h, keyed } from './dom.js';
import { clock } from './format.js';
import { state } from './state.js';

const SHOWN = 60;
const MOVED = new Set(['fell_back', 'evicted', 'loop_detected']);
const GRAVE = new Set(['refused', 'engine_failed', 'breaker_opened', 'insufficient_memory', 'request_suspected']);

export function decisionsCard() {
  const list = h('ol', { class: 'decisions', tabindex: '0', 'aria-label': 'Last decisions, newest first' });
  return {
    node: card('Why', 'the last decisions', list),
    draw() {
      const rows = state.decisions.slice(-SHOWN).reverse();
      keyed(list, rows, each => `${each.at} ${each.decision} ${each.model} ${each.request}`, sentence);
    },
  };
}

export function sentence(decision) {
  const at = decision.why.indexOf(' [');
  const said = at < 0 ? decision.why : decision.why.slice(0, at), numbers = at < 0 ? '' : decision.why.slice(at + 2, -1);
  return h('li', { class: GRAVE.has(decision.decision) ? 'grave' : MOVED.has(decision.decision) ? 'moved' : null },
    h('time', { class: 'n', datetime: decision.at }, clock(decision.at)),
    h('p', {}, said, numbers ? h('span', { class: 'hint numbers' }, numbers) : null));
}
