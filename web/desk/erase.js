import { h, isolated } from './dom.js';
import { nameOf } from './listing.js';
import { Problem } from './problem.js';
import { failure } from './states.js';

/**
 * Asks in words before something is erased: whoever types them has read what
 * will be gone.
 *
 * @param {object} options
 * @param {HTMLDialogElement} options.dialog
 * @param {'conversation' | 'user'} options.kind
 * @param {{ userId?: string, userName?: string, conversationId?: string }} options.about
 * @param {() => Promise<void>} options.erase
 * @param {(error: unknown) => boolean} options.onError whether the error has been dealt with
 * @returns {Promise<boolean>} whether it has been erased
 */
export function confirmErasure({ dialog, kind, about, erase, onError }) {
  const wanted = kind === 'user' ? about.userId : 'ERASE';
  const { form, input, hint, problem, submit, cancel } = formOf(kind, about, wanted);
  let isErased = false;
  let isBusy = false;

  const setBusy = (busy) => {
    isBusy = busy;
    submit.disabled = cancel.disabled = input.readOnly = busy;
    submit.textContent = busy ? 'Erasing…' : 'Erase';
  };
  const onSubmit = async (event) => {
    event.preventDefault();
    const isRight = isSame(input.value, wanted);
    input.setAttribute('aria-invalid', String(!isRight));
    hint.classList.toggle('wrong', !isRight);
    if (!isRight) return input.focus();
    problem.replaceChildren();
    setBusy(true);
    try {
      await erase();
      isErased = true;
      dialog.close();
    } catch (error) {
      setBusy(false);
      if (onError(Problem.from(error))) dialog.close();
      else problem.replaceChildren(failure(error));
    }
  };

  form.addEventListener('submit', onSubmit);
  cancel.addEventListener('click', () => dialog.close());
  dialog.replaceChildren(form);
  dialog.setAttribute('aria-labelledby', 'erase-title');
  dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    // What is under way is not called back by leaving the dialog.
    const onCancel = (event) => isBusy && event.preventDefault();
    const onClose = () => {
      dialog.removeEventListener('cancel', onCancel);
      dialog.replaceChildren();
      resolve(isErased);
    };
    dialog.addEventListener('cancel', onCancel);
    dialog.addEventListener('close', onClose, { once: true });
  });
}

function formOf(kind, about, wanted) {
  const input = h('input', { id: 'erase-word', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', 'aria-describedby': 'erase-hint', required: true });
  const hint = h('p', { id: 'erase-hint', class: 'hint' }, 'Type ', h('code', {}, isolated(wanted)), ' to confirm.');
  const problem = h('div');
  const cancel = h('button', { type: 'button', class: 'button' }, 'Cancel');
  const submit = h('button', { type: 'submit', class: 'button danger filled' }, 'Erase');
  const form = h(
    'form',
    { novalidate: true },
    h('h2', { id: 'erase-title' }, kind === 'user' ? 'Erase this visitor?' : 'Erase this conversation?'),
    warning(kind, about),
    h('label', { for: 'erase-word' }, kind === 'user' ? 'The visitor’s id' : 'Confirmation'),
    input,
    hint,
    problem,
    h('div', { class: 'buttons' }, cancel, submit)
  );
  return { form, input, hint, problem, submit, cancel };
}

function warning(kind, about) {
  const name = h('strong', {}, isolated(nameOf(about)));
  const lost = 'This cannot be undone, and it is recorded in the audit trail.';
  if (kind === 'user') return h('p', {}, 'All conversations of ', name, ' with this assistant will be gone for good, for everybody. ', lost);
  return h('p', {}, 'The conversation with ', name, ' will be gone for good, for everybody. ', lost);
}

/** Case and blanks around do not count in the word, but do in an id. */
export function isSame(typed, wanted) {
  return typed === wanted || typed.trim() === wanted || (wanted === 'ERASE' && typed.trim().toUpperCase() === wanted);
}
