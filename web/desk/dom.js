/**
 * Elements made of their parts. Content goes in as text only: there is no way
 * here to hand over markup, so that nothing of a message can become any.
 */

const SVG = 'http://www.w3.org/2000/svg';

/** What the icons are drawn with, on a field of 24 by 24. */
const ICONS = {
  back: ['M15 5l-7 7 7 7'],
  link: ['M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.6-5.6l-1.5 1.4', 'M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.6 5.6l1.5-1.4'],
  file: ['M6 3h8l4 4v14H6Z', 'M14 3v4h4'],
  download: ['M12 4v11', 'M7 11l5 5 5-5', 'M5 20h14'],
  erase: ['M4 7h16', 'M9 7V4h6v3', 'M6 7l1 13h10l1-13', 'M10 11v5', 'M14 11v5'],
  person: ['M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z', 'M4 20c1-4 4-5 8-5s7 1 8 5'],
  chat: ['M5 4h14a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-8l-5 4v-4H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2Z', 'M8 9h8', 'M8 12.5h5'],
  picture: ['M4 5h16v14H4Z', 'M4 16l5-5 4 4 3-3 4 4', 'M15 9.2v.1'],
  search: ['M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14Z', 'M16.5 16.5 21 21'],
  shield: ['M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6l7-3Z', 'M9 12l2.2 2.2L15.5 10'],
  warning: ['M12 4 2.5 20h19L12 4Z', 'M12 10v4.5', 'M12 17.2v.3']
};

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] functions are listeners of the
 *   event so named; true is an attribute without value; undefined and false are left out
 * @param {...unknown} children elements and text; undefined, false and '' are left out
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false && child !== ''));
  return element;
}

/** @param {keyof typeof ICONS} name a picture that only repeats what text beside it says */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  for (const d of ICONS[name]) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}

/** @param {string} id */
export const byId = (id) => document.getElementById(id);

/**
 * A name or an id of somebody, which may be written from right to left and may
 * hold characters that turn the direction of what follows.
 *
 * @param {string} text
 */
export const isolated = (text) => h('bdi', {}, text);

/**
 * A link out of the page: in a new tab, which is told nothing of this one.
 *
 * @param {string} href that safeLink let through
 */
export function outerLink(href, ...content) {
  return h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, ...content);
}

/** Text for screen readers only. */
export const unseen = (...children) => h('span', { class: 'unseen' }, ...children);
