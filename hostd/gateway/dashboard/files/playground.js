// One conversation with a model, and who answered, by which route and why.

import { card, h, setAttribute, setText } from './dom.js';
import { eventsOf, getJson, Refused, request } from './api.js';
import { milliseconds, rate } from './format.js';
import { sentence } from './decisions.js';
import { state } from './state.js';

// Kept while the page is; nothing of it is stored.
const chat = { model: '', messages: [] };
let controller = null, drawn = () => {};

export function enter(main) {
  const select = h('select', { name: 'model', onchange: () => { chat.model = select.value; } });
  const log = h('ol', { class: 'chat', 'aria-label': 'Conversation' }), decisions = h('ol', { class: 'decisions' }), facts = h('dl', { class: 'facts' });
  const field = h('textarea', { rows: 3, placeholder: 'Say something', 'aria-label': 'Message', onkeydown: event => { if (event.key === 'Enter' && !event.shiftKey) { event.preventDefault(); send(); } } });
  const button = h('button', { class: 'primary', type: 'submit' }, 'Send'), clear = h('button', { type: 'button', onclick: () => { controller?.abort(); chat.messages = []; log.replaceChildren(); facts.replaceChildren(); decisions.replaceChildren(); } }, 'Clear');
  const said = h('p', { class: 'empty' }, 'Nothing has been answered yet.');
  main.append(h('h1', { class: 'unseen' }, 'Playground'), h('div', { class: 'columns' },
    card('Playground', null, log, h('form', { class: 'stack', onsubmit: event => { event.preventDefault(); send(); } }, field,
      h('div', { class: 'row' }, h('label', { class: 'line' }, 'Model', select), h('span', { class: 'hint grow' }, 'Enter sends, Shift+Enter is a new line'), clear, button))),
    card('Who answered, and why', null, said, facts, decisions)));
  log.append(...chat.messages.map(each => bubble(each.role, each.content)));
  drawn = () => {
    const talk = state.models.filter(each => each.task === 'text'), names = [...new Set(talk.flatMap(each => [each.model, ...each.roles]))];
    if ([...select.options].map(each => each.value).join() === names.join()) return;
    select.replaceChildren(...names.map(each => h('option', { value: each }, each)));
    if (!names.includes(chat.model)) chat.model = (talk.find(each => each.state === 'ready') ?? talk[0])?.model ?? '';
    select.value = chat.model;
  };
  drawn();

  async function send() {
    if (controller) { controller.abort(); return; }
    const content = field.value.trim();
    if (!content || !chat.model) return;
    field.value = '';
    chat.messages.push({ role: 'user', content });
    log.append(bubble('user', content));
    const answer = bubble('assistant', ''), [words] = answer.children, began = performance.now();
    log.append(answer);
    setAttribute(answer, 'aria-busy', 'true');
    setText(button, 'Stop');
    controller = new AbortController();
    const meter = { first: null, pieces: 0, usage: null }, told = { text: '' };
    try {
      const id = await stream(chat, controller.signal, headers => { said.hidden = true; showFacts(facts, headers); }, piece => {
        meter.first ??= performance.now() - began;
        meter.pieces += 1;
        told.text += piece;
        words.textContent = told.text;
      }, usage => { meter.usage = usage; });
      chat.messages.push({ role: 'assistant', content: told.text });
      showSpeed(facts, meter, performance.now() - began);
      await why(decisions, id);
    } catch (error) {
      if (!told.text) chat.messages.pop();
      answer.append(h('p', { class: 'error', role: 'alert' }, error.name === 'AbortError' ? 'stopped' : error.message));
      if (error instanceof Refused) {
        said.hidden = true;
        showFacts(facts, error.headers);
        await why(decisions, error.headers.get('x-request-id'));
      }
    } finally {
      controller = null;
      setText(button, 'Send');
      setAttribute(answer, 'aria-busy', null);
    }
  }
}

export const draw = () => drawn();
export const leave = () => { controller?.abort(); drawn = () => {}; };

const bubble = (role, content) => h('li', { class: `said ${role}`, 'aria-label': role === 'user' ? 'You' : 'The model' }, h('p', {}, content));

async function stream({ model, messages }, signal, begun, said, used) {
  const body = JSON.stringify({ model, messages, stream: true, stream_options: { include_usage: true } });
  const options = { method: 'POST', body, headers: { 'Content-Type': 'application/json', 'x-hostd-client': 'dashboard' }, signal };
  const response = await request('v1/chat/completions', options);
  begun(response.headers);
  for await (const { data } of eventsOf(response)) {
    if (data === '[DONE]') return response.headers.get('x-request-id');
    const chunk = JSON.parse(data);
    if (chunk.error) throw new Error(chunk.error.message);
    if (chunk.usage) used(chunk.usage);
    const piece = chunk.choices?.[0]?.delta?.content;
    if (piece) said(piece);
  }
  throw new Error('the answer broke off before it was whole');
}

function showFacts(facts, headers) {
  const rows = [['answered by', headers.get('x-hostd-model')], ['backend', headers.get('x-hostd-backend')], ['route', headers.get('x-hostd-route')], ['attempts', headers.get('x-hostd-attempts')],
    ['in the queue', milliseconds(Number(headers.get('x-hostd-queue-ms')))], ['routed by', headers.get('x-hostd-routed-by')], ['private data', headers.get('x-hostd-private-data')], ['request', headers.get('x-request-id')]];
  facts.replaceChildren(...rows.filter(([, value]) => value).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', { class: 'n' }, value))));
}

function showSpeed(facts, meter, took) {
  const tokens = meter.usage?.completion_tokens ?? null, writing = (took - (meter.first ?? took)) / 1000;
  const rows = [['first token', milliseconds(meter.first)], ['total', milliseconds(took)]];
  if (tokens) rows.push(['tokens', `${meter.usage.prompt_tokens} in, ${tokens} out`]);
  if (tokens > 8 && writing > 0.01) rows.push(['speed', `${rate((tokens - 1) / writing)} tok/s`]);
  facts.append(...rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', { class: 'n' }, value))));
}

async function why(decisions, id) {
  const found = await getJson(`hostd/v1/requests/${encodeURIComponent(id)}`).catch(() => ({ decisions: [] }));
  decisions.replaceChildren(...found.decisions.map(sentence));
}
