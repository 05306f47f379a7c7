import { h, icon, unseen } from './dom.js';
import { Problem } from './problem.js';

/**
 * What stands where content will be, is not, or could not be had.
 */

/** Grey shapes while something is fetched. */
export function loading(words, shapes = 6) {
  const shape = () => h('span', { class: 'shape' });
  return h('div', { class: 'loading', role: 'status' }, unseen(words), h('div', { 'aria-hidden': 'true' }, Array.from({ length: shapes }, shape)));
}

/** @param {{ picture?: string, title: string, text?: string }} what */
export function empty({ picture = 'chat', title, text }) {
  return h('div', { class: 'empty' }, icon(picture), h('p', { class: 'empty-title' }, title), text && h('p', {}, text));
}

/**
 * @param {unknown} error
 * @param {() => void} [retry]
 */
export function failure(error, retry) {
  const { detail, reference } = Problem.from(error);
  return h(
    'div',
    { class: 'failure', role: 'alert' },
    icon('warning'),
    h('div', {}, h('p', {}, detail), reference && h('p', { class: 'reference' }, 'Reference ', h('code', {}, reference))),
    retry && h('button', { type: 'button', class: 'button', click: retry }, 'Try again')
  );
}

/**
 * A whole screen.
 *
 * @param {{ title: string, text?: string, icon?: string, action?: string }} screen
 * @param {{ detail?: string, reference?: string, run?: () => void }} [more] run: what the button does
 */
export function screenElement({ title, text, icon: picture, action }, { detail, reference, run } = {}) {
  return h(
    'div',
    { class: 'screen' },
    picture ? icon(picture) : h('span', { class: 'spinner', 'aria-hidden': 'true' }),
    h('h2', { tabindex: '-1' }, title),
    text && h('p', {}, text),
    detail && h('p', { class: 'detail' }, detail),
    reference && h('p', { class: 'reference' }, 'Reference ', h('code', {}, reference)),
    action && run && h('button', { type: 'button', class: 'button primary', click: run }, action)
  );
}

let timer;

/** Says something in passing, also to screen readers. */
export function announce(words) {
  const toast = document.getElementById('toast');
  clearTimeout(timer);
  toast.textContent = words;
  toast.dataset.shown = '';
  timer = setTimeout(() => delete toast.dataset.shown, 5_000);
}
