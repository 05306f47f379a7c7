import { label, text } from './blocks.js';
import { describeAddress, safeLink } from './links.js';

/**
 * A picture or file by name, with a link where the address is one. It is never
 * loaded by itself: that would tell its server who reads the conversation.
 *
 * @param {{ what: string, name?: unknown, address: unknown, type?: string }} file
 *   what: the kind of file, in a word; type: its media type
 * @returns {import('./blocks.js').File}
 */
export function fileBlock({ what, name, address, type }) {
  const link = safeLink(text(address));
  const shown = label(name) || (link ? fileName(link) : what);
  const notes = [type, link ? link.host : label(describeAddress(address))].filter(Boolean);
  return { kind: 'file', what, name: shown, ...(link && { href: link.href }), note: notes.join(' · ') };
}

/**
 * Neighbours of which nothing but their being there is known, such as the icons
 * of a card, as one.
 *
 * @param {import('./blocks.js').Block[]} blocks
 */
export function mergeNameless(blocks) {
  const isNameless = (block) => block?.kind === 'file' && block.name === block.what && !block.href;
  const merged = [];
  let count = 0;
  for (const block of blocks) {
    const isMore = isNameless(block) && isNameless(merged.at(-1)) && merged.at(-1).what === block.what;
    count = isMore ? count + 1 : 1;
    if (isMore) merged[merged.length - 1] = { ...block, note: `${count} times` };
    else merged.push(block);
  }
  return merged;
}

function fileName(link) {
  const last = link.pathname.split('/').filter(Boolean).at(-1) ?? link.host;
  try {
    return label(decodeURIComponent(last));
  } catch {
    return label(last);
  }
}
