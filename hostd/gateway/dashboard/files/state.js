// What is known of the daemon, from its events alone. A tab that is not seen follows nothing.

import { events, Refused } from './api.js';

export const MOST = 400;
const SAMPLES = 240, SILENCE = 40000, HIDDEN = 4000;

export const state = {
  linked: false, trouble: '', hello: null, status: null, models: [], pools: [], requests: [], leftOut: 0, decisions: [], past: [],
  samples: [], // {t, inFlight, waiting} of all models, and by model
  skew: 0, // what the daemon's clock is ahead of this one, ms
};

export const now = () => Date.now() + state.skew;

const listeners = new Set();
export const onChange = listener => { listeners.add(listener); return () => listeners.delete(listener); };

let scheduled = false;
function changed() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; for (const each of listeners) each(); });
}

function sample() {
  const last = state.samples.at(-1), t = Date.now();
  const taken = {
    t, inFlight: state.models.reduce((sum, each) => sum + each.in_flight, 0),
    waiting: state.models.reduce((sum, each) => sum + each.queued, 0),
  };
  if (last && t - last.t < 900) {
    last.inFlight = Math.max(last.inFlight, taken.inFlight);
    last.waiting = Math.max(last.waiting, taken.waiting);
  } else if (state.linked) {
    state.samples.push(taken);
    if (state.samples.length > SAMPLES) state.samples.shift();
  }
}

const entries = {
  decisions: (data, fresh) => { state.decisions = [...(fresh ? [] : state.decisions), ...data.decisions].slice(-MOST); },
  past: (data, fresh) => { state.past = [...(fresh ? [] : state.past), ...data.past].slice(-MOST); },
};
const take = {
  hello(data) {
    state.hello = data;
    state.skew = Date.parse(data.now) - Date.now();
  },
  status(data) { state.status = data; },
  models(data) { state.models = data.models; sample(); },
  memory(data) { state.pools = data.pools; },
  requests(data) { state.requests = data.requests; state.leftOut = data.left_out; },
};

let stop = null, lastId = '';
async function follow() {
  const controller = new AbortController();
  stop = () => controller.abort();
  let timer, fresh = new Set();
  const heard = () => { clearTimeout(timer); timer = setTimeout(() => controller.abort(), SILENCE); };
  heard();
  try {
    const headers = lastId ? { 'Last-Event-ID': lastId } : {};
    for await (const { name, data, id } of events('hostd/v1/events?last=200', { signal: controller.signal, headers, heard })) {
      lastId = id || lastId;
      if (!data) continue;
      const read = JSON.parse(data);
      if (name === 'hello' && !read.resumed) fresh = new Set(Object.keys(entries));
      if (entries[name]) entries[name](read, fresh.delete(name));
      else take[name]?.(read);
      state.linked = true;
      state.trouble = '';
      changed();
    }
    state.trouble = 'the daemon has ended the stream';
  } finally {
    clearTimeout(timer);
    stop = null;
  }
}

const wait = ms => new Promise(resolve => setTimeout(resolve, ms));
const visible = () => new Promise(resolve => {
  const look = () => {
    if (document.visibilityState === 'hidden') return;
    document.removeEventListener('visibilitychange', look);
    resolve();
  };
  document.addEventListener('visibilitychange', look);
  look();
});

export async function run() {
  let hiding;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(hiding);
    if (document.visibilityState === 'hidden') hiding = setTimeout(() => stop?.(), HIDDEN);
  });
  // A page that the browser keeps for the way back would keep its stream, and with it one of six connections.
  addEventListener('pagehide', () => stop?.());
  setInterval(() => { sample(); changed(); }, 1000);
  for (let pause = 500; ; pause = state.linked ? 500 : Math.min(5000, pause * 1.6)) {
    await visible();
    try {
      await follow();
    } catch (error) {
      state.trouble = error instanceof Refused ? error.message : 'no daemon answers';
    }
    if (state.linked) pause = 500;
    state.linked = false;
    changed();
    await wait(pause);
  }
}
