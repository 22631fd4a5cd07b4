// What is known of the daemon, from its events alone. A tab that is not seen follows nothing.

import { events, Refused } from './api.js';

const MOST = 400, MINUTE = 60000, SAMPLES = 240, SILENCE = 40000, HIDDEN = 4000;

export const state = {
  linked: false, trouble: '', hello: null, status: null, models: [], pools: [], requests: [], leftOut: 0, decisions: [], past: [],
  counts: [], // {t, requests, tokens, fallbacks} of the last minute
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
  past(data, fresh) {
    state.past = [...(fresh ? [] : state.past), ...data.past].slice(-MOST);
    count(data, fresh);
  },
};

// What requests came to, by when it was told: of many at once some are told, and how many there were.
function count({ past, left_out: more }, fresh) {
  if (fresh) state.counts = past.map(each => ({ t: Date.parse(each.at) + each.total_ms - state.skew, ...sums([each]) }));
  else if (past.length) {
    const told = sums(past), times = (past.length + more) / past.length;
    state.counts.push({ t: Date.now(), requests: told.requests * times, tokens: told.tokens * times, fallbacks: told.fallbacks * times });
  }
  state.counts = state.counts.filter(each => Date.now() - each.t < MINUTE);
}

const sums = rows => ({
  requests: rows.length, tokens: rows.reduce((sum, each) => sum + (each.output_tokens ?? 0), 0), fallbacks: rows.filter(each => each.route === 'fallback').length,
});

export function perMinute(name) {
  return Math.round(state.counts.reduce((sum, each) => Date.now() - each.t < MINUTE ? sum + each[name] : sum, 0));
}
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
      state.trouble = error instanceof Refused ? error.message : error.name === 'AbortError' ? '' : 'no daemon answers';
    }
    if (state.linked) pause = 500;
    state.linked = false;
    changed();
    await wait(pause);
  }
}
