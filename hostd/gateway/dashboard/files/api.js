// What the page asks the daemon: by addresses below its own, with the key of this tab where the daemon wants one.

const KEY = 'hostd-key';

export class Refused extends Error {
  constructor(message, response) {
    super(message);
    this.headers = response.headers;
  }
}

let asking = null;
function askForKey(why) {
  asking ??= new Promise(resolve => {
    const dialog = document.getElementById('key'), field = document.getElementById('key-field');
    document.getElementById('key-why').textContent = why;
    field.value = '';
    dialog.addEventListener('close', () => {
      asking = null;
      const given = dialog.returnValue === 'use' ? field.value.trim() : '';
      if (given) sessionStorage.setItem(KEY, given);
      dialog.returnValue = '';
      resolve(Boolean(given));
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

export async function request(path, options = {}) {
  for (;;) {
    const key = sessionStorage.getItem(KEY);
    const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
    const response = await fetch(path, { ...options, headers, cache: 'no-store', redirect: 'error', credentials: 'omit' });
    if (response.ok || response.status === 422) return response;
    let message = `${path} was answered with ${response.status}`, code = null;
    try {
      const { error } = await response.json();
      message = error.message;
      code = error.code;
    } catch { /* what answers is no hostd: its status is all that there is */ }
    const locked = response.status === 401 || code === 'scope_not_allowed';
    if (!locked || !await askForKey(message)) throw new Refused(message, response);
  }
}

export const getJson = async (path, options) => (await request(path, options)).json();

export const postJson = async (path, body, options = {}) => (await request(path, {
  method: 'POST', ...options,
  ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { ...options.headers, 'Content-Type': 'application/json' } }),
})).json();

export const modelPath = (model, rest) => `hostd/v1/models/${encodeURIComponent(model)}${rest}`;

// Server-sent events over fetch, which can carry a key. `heard` is called whenever something has come, comments included.
export async function* events(path, options = {}) {
  yield* eventsOf(await request(path, options), options.heard);
}

export async function* eventsOf(response, heard = () => {}) {
  let rest = '', id = '';
  for await (const piece of pieces(response)) {
    heard();
    const blocks = (rest + piece).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      let name = 'message';
      const data = [];
      for (const line of block.split('\n')) {
        if (line.startsWith('event: ')) name = line.slice(7);
        else if (line.startsWith('data: ')) data.push(line.slice(6));
        else if (line.startsWith('id: ')) id = line.slice(4);
      }
      yield { name, data: data.join('\n'), id };
    }
  }
}

export async function* lines(path, signal) {
  let rest = '';
  for await (const piece of pieces(await request(path, { signal }))) {
    const whole = (rest + piece).split('\n');
    rest = whole.pop();
    yield whole;
  }
  if (rest) yield [rest];
}

async function* pieces(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    // A body that is left unread would keep its connection, of which a browser has six.
    reader.cancel().catch(() => {});
  }
}
