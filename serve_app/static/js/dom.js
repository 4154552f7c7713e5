/** Finding elements, making elements. */

/** @returns {HTMLElement} the element with this id; it must exist. */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`no element #${id}`);
  return element;
}

/** Make an element with properties, attributes in `set`, and children (elements or text). */
export function make(tag, { set = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(set)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
