// Makes elements, and keeps lists of them in step with what is told, without touching what is the
// same: whoever reads, selects or tabs through the page is not disturbed by what is new.

export function make(name, facts = {}, ...children) {
  const space = name === "svg" || facts.svg ? "http://www.w3.org/2000/svg" : null;
  const element = space ? document.createElementNS(space, name) : document.createElement(name);
  for (const [key, value] of Object.entries(facts)) {
    if (key === "svg" || value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const svg = (name, facts, ...children) => make(name, { ...facts, svg: true }, ...children);

/** Sets the text of an element, if it is another one. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows or hides an element. */
export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

/** Lets `parent` have one child for each of `items`, in their order; a child is known by its key. */
export function keep(parent, items, key, create, update) {
  const there = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let child = there.get(name);
    if (child === undefined) {
      child = create(item);
      child.dataset.key = name;
      parent.insertBefore(child, place);
    } else {
      there.delete(name);
      if (child === place) place = place.nextElementSibling;
      else parent.insertBefore(child, place);
    }
    update(child, item);
  }
  for (const child of there.values()) leave(child);
}

/** Removes a child; if it had the focus, the one beside it gets that. */
function leave(child) {
  const had = child.contains(document.activeElement) ? document.activeElement : null;
  const beside = child.nextElementSibling ?? child.previousElementSibling;
  child.remove();
  if (had === null) return;
  const role = had.dataset.role;
  const next = beside?.querySelector(role ? `[data-role="${role}"]` : "a, button");
  (next ?? document.getElementById("body")).focus();
}
