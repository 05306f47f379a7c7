import { adaptiveCard } from './adaptive.js';
import { group, isWithheld, json, label, member, note, text, textBlock } from './blocks.js';
import { classicCard, isClassicCard } from './classic.js';
import { fileBlock } from './files.js';

const ADAPTIVE = 'application/vnd.microsoft.card.adaptive';

/**
 * @param {unknown} attachment
 * @param {import('./blocks.js').Budget} budget
 * @returns {import('./blocks.js').Block[]}
 */
export function attachmentBlocks(attachment, budget) {
  const type = label(member(attachment, 'contentType')).toLowerCase();
  const content = member(attachment, 'content');
  if (isWithheld(content)) return [note('This attachment is withheld: it was a secret and was never stored.')];
  if (content !== null && typeof content === 'object') {
    if (type === ADAPTIVE || member(content, 'type') === 'AdaptiveCard') return adaptiveCard(content, budget);
    if (isClassicCard(type)) return classicCard(type, content, budget);
    return group([{ kind: 'note', text: type || 'An attachment' }, { kind: 'more', summary: 'Content', blocks: [json(content)] }], { look: 'card' });
  }
  return [...fileBlocks(attachment, type), ...textBlock(content, 'code')];
}

/**
 * The attachments of a message. Several cards are laid out beside each other, as
 * the visitor saw them.
 *
 * @param {unknown} activity
 * @param {import('./blocks.js').Budget} budget
 */
export function attachmentsOf(activity, budget) {
  const attachments = budget.items(member(activity, 'attachments'));
  const blocks = attachments.flatMap((attachment) => attachmentBlocks(attachment, budget));
  const isRow = attachments.length > 1 && member(activity, 'attachmentLayout') === 'carousel';
  return isRow ? group(blocks, { look: 'row', label: `${attachments.length} cards` }) : blocks;
}

function fileBlocks(attachment, type) {
  const address = member(attachment, 'contentUrl');
  const name = label(member(attachment, 'name'));
  if (text(address) || name) return [fileBlock({ what: kindOf(type), name, address, type })];
  return member(attachment, 'content') === undefined ? [note(`An attachment of type ${type || 'unknown'}`)] : [];
}

function kindOf(type) {
  if (type.startsWith('image/')) return 'Picture';
  if (type.startsWith('video/')) return 'Video';
  return type.startsWith('audio/') ? 'Sound' : 'File';
}
