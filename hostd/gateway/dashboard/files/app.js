// The frame: which view is shown, the link to the daemon, and what is amiss.

import { h, keyed, setAttribute, setText } from './dom.js';
import { onChange, run, state } from './state.js';
import * as overview from './overview.js';
import * as requests from './requests.js';
import * as cost from './cost.js';
import * as planner from './planner.js';
import * as playground from './playground.js';
import * as logs from './logs.js';

const VIEWS = { overview, requests, cost, planner, playground, logs };
const TITLES = { overview: 'Overview', requests: 'Requests', cost: 'Cost', planner: 'Planner', playground: 'Playground', logs: 'Logs' };
const main = document.getElementById('view'), tabs = document.getElementById('tabs'), link = document.getElementById('link');
const troubles = document.getElementById('troubles');
let shown = null;

Object.keys(VIEWS).forEach((name, index) => tabs.append(
  h('a', { href: `#/${name}`, 'data-view': name, 'aria-keyshortcuts': String(index + 1), title: `${TITLES[name]} (${index + 1})` }, TITLES[name])));

function show() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  const wanted = VIEWS[name] ? name : 'overview';
  shown?.view.leave?.();
  main.replaceChildren();
  shown = { name: wanted, view: VIEWS[wanted] };
  document.title = `${TITLES[wanted]} · hostd`;
  for (const tab of tabs.children) setAttribute(tab, 'aria-current', tab.dataset.view === wanted ? 'page' : null);
  shown.view.enter(main, rest);
  draw();
}

function draw() {
  if (!state.linked && state.trouble) setText(link, `not connected: ${state.trouble}`);
  else if (!state.linked) setText(link, 'connecting');
  else setText(link, `${location.host || state.hello.listen[0]} · hostd ${state.hello.version}`);
  link.classList.toggle('off', !state.linked && Boolean(state.trouble));
  keyed(troubles, state.status?.troubles ?? [], each => each, each => h('p', { class: 'trouble', role: 'alert' }, each));
  shown?.view.draw?.();
}

// Single keys may be turned off: speech and slips of the hand type them, too (WCAG 2.1.4).
const KEYS = 'hostd-keys', keys = document.getElementById('keys'), keysOn = document.getElementById('keys-on');
const ACTIONS = {
  ...Object.fromEntries(Object.keys(VIEWS).map((name, index) => [String(index + 1), [TITLES[name], () => { location.hash = `#/${name}`; }]])),
  '/': ['to the field of this view', () => main.querySelector('input[type="search"], textarea, input')?.focus()],
  '?': ['these keys', () => keys.showModal()],
};
document.getElementById('keys-list').append(...Object.entries(ACTIONS).flatMap(([key, [words]]) => [h('dt', { class: 'n' }, key), h('dd', {}, words)]));
document.getElementById('keys-button').addEventListener('click', () => keys.showModal());
keysOn.checked = localStorage.getItem(KEYS) !== 'off';
keysOn.addEventListener('change', () => localStorage.setItem(KEYS, keysOn.checked ? 'on' : 'off'));

document.addEventListener('keydown', event => {
  const busy = event.target instanceof Element && event.target.closest('input, textarea, select, dialog');
  if (busy || event.ctrlKey || event.metaKey || event.altKey || !keysOn.checked || !ACTIONS[event.key]) return;
  event.preventDefault();
  ACTIONS[event.key][1]();
});

addEventListener('hashchange', () => { show(); main.focus({ preventScroll: true }); scrollTo(0, 0); });
addEventListener('pagehide', () => shown?.view.leave?.());
addEventListener('pageshow', event => { if (event.persisted) show(); });
onChange(draw);
show();
run();
