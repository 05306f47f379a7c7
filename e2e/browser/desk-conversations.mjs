/**
 * Conversations for the tests of the service desk.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Where real transcripts are: whole and larger ones beside the repository, small ones in it. */
const TRANSCRIPTS = ['../../../shared/data/transcripts/', '../../internal/transcript/storetest/testdata/'].map((path) => new URL(path, import.meta.url));
const MINUTE = 60_000;

/** An id that no other run has used. What is added is in digits, so that no search for words finds it. */
export const unique = (name) => `${name}-${process.pid}-${Date.now()}`;

/**
 * The activities of a conversation, a minute apart.
 *
 * @param {object} about
 * @param {string} about.id
 * @param {string | number} about.at when it begins
 * @param {{ id?: string, name?: string }} [about.visitor]
 * @param {...['visitor' | 'bot', string | object]} lines who says what; an object
 *   has members of the activity
 */
export function talk({ id, at, visitor = {}, channelId = 'directline' }, ...lines) {
  const parties = {
    visitor: { id: `dl_${id}`, name: 'Vera Visitor', role: 'user', ...visitor },
    bot: { id: 'demo-bot', name: 'Demo bot', role: 'bot' }
  };
  return lines.map(([who, said], index) => ({
    type: 'message',
    id: `${id}|${String(index).padStart(5, '0')}`,
    timestamp: new Date(new Date(at).getTime() + index * MINUTE).toISOString(),
    channelId,
    conversation: { id },
    from: parties[who],
    recipient: parties[who === 'bot' ? 'visitor' : 'bot'],
    ...(typeof said === 'string' ? { text: said } : said)
  }));
}

/** A real transcript, or undefined where there is none. */
export async function readTranscript(name) {
  const path = TRANSCRIPTS.map((folder) => fileURLToPath(new URL(`${name}.transcript`, folder))).find(existsSync);
  return path && JSON.parse(await readFile(path, 'utf8'));
}

export const TRANSCRIPT_NAMES = [
  'chatdown-attachments',
  'hospitalitysample-faqs',
  'skills-automotive',
  'skills-calendar',
  'skills-itsm',
  'skills-news',
  'skills-pointofinterest'
];

/** What is stored of an activity: all but what would let somebody sign in. */
export function withoutSecrets(activity) {
  const isSecret = activity.type === 'event' && activity.name === 'tokens/response' && 'value' in activity;
  return isSecret ? { ...activity, value: { redacted: true } } : activity;
}

const hero = {
  contentType: 'application/vnd.microsoft.card.hero',
  content: {
    title: 'A loan for your home',
    subtitle: 'From 1.9 %',
    text: 'Talk to us **about it**.',
    images: [{ url: 'https://pictures.example/house.png', alt: 'A house' }],
    buttons: [
      { type: 'openUrl', title: 'Read more', value: 'https://bank.example/loans?from=chat' },
      { type: 'imBack', title: 'Not now', value: 'Not now' }
    ]
  }
};

const adaptive = {
  contentType: 'application/vnd.microsoft.card.adaptive',
  content: {
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      { type: 'TextBlock', text: 'Your appointment', size: 'Large', weight: 'Bolder' },
      {
        type: 'FactSet',
        facts: [
          { title: 'Branch', value: 'Harbour Street' },
          { title: 'Adviser', value: 'Ms Okoye' }
        ]
      },
      { type: 'TextBlock', text: 'Please bring:\n\n- your **passport**\n- [the form](https://files.example/form.pdf)', wrap: true, isSubtle: true },
      {
        type: 'ColumnSet',
        columns: [
          { type: 'Column', items: [{ type: 'TextBlock', text: 'Tuesday' }] },
          { type: 'Column', items: [{ type: 'TextBlock', text: '10:30' }] }
        ]
      },
      { type: 'Input.Text', id: 'phone', label: 'Your phone number' },
      { type: 'Input.ChoiceSet', id: 'topic', label: 'Topic', value: '2', choices: [{ title: 'Savings', value: '1' }, { title: 'Loans', value: '2' }] }
    ],
    actions: [
      { type: 'Action.Submit', title: 'Confirm', data: { confirm: true } },
      { type: 'Action.OpenUrl', title: 'Route', url: 'https://maps.example/harbour-street' }
    ]
  }
};

const receipt = {
  contentType: 'application/vnd.microsoft.card.receipt',
  content: {
    title: 'Transfer',
    facts: [{ key: 'To', value: 'Green Energy Ltd' }],
    items: [{ title: 'Amount', price: '€ 42.00' }],
    total: '€ 42.00'
  }
};

const file = { contentType: 'application/pdf', name: 'terms.pdf', contentUrl: 'https://files.example/terms.pdf' };

/** A conversation with something of all that is shown in a way of its own. */
export const cards = (id, at, visitor = { name: 'Carla Cards' }) =>
  talk(
    { id, at, visitor },
    ['visitor', 'Show me what you can do'],
    ['bot', { text: '**A card**, and [more about it](https://bank.example/loans?from=chat):\n\n- `help` shows *this*\n- anything else', attachments: [hero] }],
    ['bot', { attachments: [adaptive] }],
    ['visitor', { value: { phone: '+49 30 1234567', topic: '2' } }],
    ['bot', { text: 'All of these:', attachmentLayout: 'carousel', attachments: [hero, receipt, hero] }],
    ['bot', { text: 'The terms', attachments: [file, { contentType: 'image/png', name: 'map.png', contentUrl: 'data:image/png;base64,iVBORw0KGgo=' }] }],
    ['bot', { text: 'Anything else?', suggestedActions: { actions: [{ type: 'imBack', title: 'Yes', value: 'Yes' }, { type: 'imBack', title: 'No', value: 'No' }] } }],
    ['visitor', { type: 'event', name: 'page/left', value: { after: 12 } }],
    ['bot', { type: 'endOfConversation', code: 'completedSuccessfully', text: 'Goodbye' }]
  );
