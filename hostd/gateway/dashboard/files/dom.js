// Elements are made and changed here only. Text goes in as text: names of files and what models write are never markup.

export function h(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (name in made && typeof value !== 'string') made[name] = value;
    else made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.flat().filter(each => each !== null && each !== undefined && each !== false).map(each => each instanceof Node ? each : String(each)));
  return made;
}

export function setText(node, text) {
  const wanted = String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
}

export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

export function setWidth(node, share) {
  const wanted = `${(Math.max(0, Math.min(1, share)) * 100).toFixed(3)}%`;
  if (node.dataset.width !== wanted) {
    node.dataset.width = wanted;
    node.style.width = wanted;
  }
}

// Children of `parent` for `items`, in their order. Those that stay are changed, not made anew: focus and selection stay with them.
export function keyed(parent, items, keyOf, make, update) {
  parent.keyed ??= new Map();
  const known = parent.keyed, seen = new Set();
  let place = parent.firstChild;
  for (const item of items) {
    const key = String(keyOf(item));
    if (seen.has(key)) continue;
    seen.add(key);
    let child = known.get(key);
    if (!child) known.set(key, child = make(item));
    update?.(child, item);
    if (child === place) place = place.nextSibling;
    else parent.insertBefore(child, place);
  }
  for (const [key, child] of known) {
    if (!seen.has(key)) {
      child.remove();
      known.delete(key);
    }
  }
}

// The named parts of an element: those with data-part.
export function parts(node) {
  node.parts ??= Object.fromEntries([...node.querySelectorAll('[data-part]')].map(each => [each.dataset.part, each]));
  return node.parts;
}

export function card(title, hint, ...children) {
  return h('section', { class: 'card', 'aria-label': title },
    h('header', {}, h('h2', {}, title), hint ? (hint instanceof Node ? hint : h('p', { class: 'hint' }, hint)) : null), ...children);
}

let telling;
export function tell(text) {
  const told = document.getElementById('told');
  setText(told, text);
  clearTimeout(telling);
  telling = setTimeout(() => setText(told, ''), 8000);
}
