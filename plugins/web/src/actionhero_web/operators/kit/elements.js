// Creates and updates elements. Unchanged elements are not touched, so that focus and selection are
// preserved.

export function create(name, attributes = {}, ...children) {
  const namespace = name === "svg" || attributes.svg ? "http://www.w3.org/2000/svg" : null;
  const element = namespace ? document.createElementNS(namespace, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "svg" || value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const createSvg = (name, attributes, ...children) =>
  create(name, { ...attributes, svg: true }, ...children);

/** Sets the text of an element, if it differs. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows or hides an element. */
export function setVisible(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

/** Updates the children of `parent`: one for each item, in the same order, identified by `keyOf`. */
export function reconcile(parent, items, keyOf, createChild, updateChild) {
  const remaining = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let position = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = remaining.get(key);
    if (child === undefined) {
      child = createChild(item);
      child.dataset.key = key;
      parent.insertBefore(child, position);
    } else {
      remaining.delete(key);
      if (child === position) position = position.nextElementSibling;
      else parent.insertBefore(child, position);
    }
    updateChild(child, item);
  }
  for (const child of remaining.values()) removeChild(child);
}

/** Removes a child, and moves the focus to the same control of its sibling if it had the focus. */
function removeChild(child) {
  const focused = child.contains(document.activeElement) ? document.activeElement : null;
  const sibling = child.nextElementSibling ?? child.previousElementSibling;
  child.remove();
  if (focused === null) return;
  const role = focused.dataset.role;
  const next = sibling?.querySelector(role ? `[data-role="${role}"]` : "a, button");
  (next ?? document.getElementById("main")).focus();
}
