import { toJSON } from './blocks.js';
import { h, isolated } from './dom.js';
import { renderBlocks, whenOpened } from './render.js';

/**
 * Groups neighbouring events, which are technical and many, into one.
 *
 * @param {import('./activities.js').Entry[]} entries
 * @returns {import('./activities.js').Entry[][]} messages alone, events with their neighbours
 */
export function groupEvents(entries) {
  const groups = [];
  for (const entry of entries) {
    const isMore = entry.kind === 'event' && groups.at(-1)?.[0].kind === 'event';
    if (isMore) groups.at(-1).push(entry);
    else groups.push([entry]);
  }
  return groups;
}

/**
 * @param {import('./activities.js').Entry} entry a message
 * @param {boolean} goesOn whether the same party spoke just before
 * @param {object} dates
 */
export function messageElement(entry, goesOn, dates) {
  const isText = (block) => block.kind === 'markdown' || (block.kind === 'text' && block.tone !== 'code');
  const words = entry.blocks.filter(isText);
  const rest = entry.blocks.filter((block) => !isText(block));
  const name = h('span', { class: goesOn ? 'unseen' : 'name' }, isolated(entry.name));
  const item = h(
    'li',
    { class: 'entry', 'data-side': entry.side, 'data-goes-on': goesOn },
    words.length > 0 && h('div', { class: 'bubble' }, renderBlocks(words)),
    rest.length > 0 && h('div', { class: 'attached' }, renderBlocks(rest))
  );
  item.prepend(h('div', { class: 'meta' }, name, timeElement(entry.at, dates), rawButton(entry, item)));
  return item;
}

/**
 * @param {import('./activities.js').Entry[]} events neighbours, at least one
 * @param {object} dates
 */
export function eventsElement(events, dates) {
  if (events.length === 1) return h('li', { class: 'events' }, eventElement(events[0], dates));
  const summary = `${events[0].line} and ${events.length - 1} more`;
  const details = h('details', {}, h('summary', {}, isolated(summary), ' ', timeElement(events[0].at, dates)));
  const list = () => h('ol', {}, events.map((event) => h('li', {}, eventElement(event, dates))));
  return h('li', { class: 'events' }, whenOpened(details, list));
}

function eventElement(event, dates) {
  const details = h('details', {}, h('summary', {}, isolated(event.line), ' ', timeElement(event.at, dates)));
  return whenOpened(details, () => {
    const box = h('div', { class: 'box' }, renderBlocks(event.blocks));
    box.append(rawButton(event, box));
    return box;
  });
}

/** Shows the activity as it was stored, at the end of the element. */
function rawButton({ activity }, element) {
  let raw;
  const toggle = () => {
    if (raw) raw = void raw.remove();
    else element.append((raw = h('pre', { class: 'code', tabindex: '0', role: 'group', 'aria-label': 'Raw JSON' }, toJSON(activity))));
    button.setAttribute('aria-expanded', String(raw !== undefined));
  };
  const button = h('button', { type: 'button', class: 'raw', 'aria-expanded': 'false', click: toggle }, 'Raw JSON');
  return button;
}

function timeElement(at, dates) {
  return at && h('time', { datetime: at.toISOString(), title: dates.full(at) }, dates.time(at));
}
