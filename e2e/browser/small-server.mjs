/**
 * As much of Chatgate and of Direct Line as the browser tests need when no
 * BASE_URL names the real thing: the files of web/, the two token calls, and a
 * bot that echoes, over WebSocket and polling.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const WEB = join(ROOT, 'web');
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.html': 'text/html; charset=utf-8' };
const LIFETIME_SECONDS = 3600;

/** Starts the server on a free port of loopback. */
export async function startSmallServer() {
  const world = { conversations: new Map() };
  const server = createServer((request, response) => {
    answer(world, request, response).catch((error) => fail(response, error));
  });
  server.on('upgrade', (request, socket) => openSocket(world, request, socket));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  world.port = server.address().port;
  return {
    url: `http://localhost:${world.port}`,
    stop: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
      world.conversations.forEach(({ socket }) => socket?.destroy());
    })
  };
}

function fail(response, error) {
  const { status = 500, code = String(error.stack) } = error;
  reply(response, status, { title: code, code, error: { code, message: code } });
}

const refusal = (status, code) => Object.assign(new Error(code), { status, code });

function reply(response, status, body, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
}

async function answer(world, request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  allowOrigin(request, response);
  if (request.method === 'OPTIONS') return reply(response, 204, '');
  if (pathname.startsWith('/api/site/')) return site(world, pathname.slice('/api/site/'.length), response);
  if (pathname === '/local/webchat.js') return reply(response, 200, await bundle(), { 'Content-Type': 'text/javascript' });
  const body = await readBody(request);
  const token = request.headers.authorization?.replace('Bearer ', '');
  if (pathname.startsWith('/api/GetNewToken')) return reply(response, 200, issue(world, body));
  if (pathname.startsWith('/api/RefreshToken')) return reply(response, 200, refresh(world, token));
  if (pathname.startsWith('/v3/directline/')) return directLine(world, { request, response, pathname, searchParams, body, token });
  throw refusal(404, 'not_found');
}

function allowOrigin(request, response) {
  response.setHeader('Access-Control-Allow-Origin', request.headers.origin ?? '*');
  response.setHeader('Access-Control-Allow-Headers', 'Authorization, Content-Type, X-Requested-With, x-ms-bot-agent');
  response.setHeader('Access-Control-Expose-Headers', 'Retry-After');
}

async function readBody(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return text ? JSON.parse(text) : {};
}

// --- files

async function site(world, path, response) {
  const file = normalize(path.endsWith('/') ? `${path}index.html` : path);
  const content = await readFile(join(WEB, file)).catch(() => { throw refusal(404, 'not_found'); });
  const isPage = file === 'chat/index.html';
  const headers = { 'Content-Type': TYPES[extname(file)], ...(isPage && { 'Content-Security-Policy': policy(world) }) };
  reply(response, 200, isPage ? await samplePage(content) : content, headers);
}

async function samplePage(template) {
  const { integrity } = JSON.parse(await readFile(join(WEB, 'webchat.json'), 'utf8'));
  return template.toString().replace('{{.URL}}', '/local/webchat.js').replace('{{.Integrity}}', integrity);
}

// What ContentSecurityPolicy of web.go returns for this server.
const policy = ({ port }) =>
  "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; " +
  `connect-src 'self' blob: http://127.0.0.1:${port} ws://127.0.0.1:${port}; ` +
  "img-src 'self' https: data: blob:; media-src https: data: blob:; worker-src blob:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

async function bundle() {
  const { version } = JSON.parse(await readFile(join(WEB, 'webchat.json'), 'utf8'));
  return readFile(join(ROOT, '.cache/webchat', version, 'webchat.js'));
}

// --- tokens: unsigned, because only this server reads them

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function mint(world, conv, user) {
  const exp = Math.floor(Date.now() / 1000) + LIFETIME_SECONDS;
  return {
    token: `${encode({ alg: 'none' })}.${encode({ conv, user, exp, jti: randomUUID() })}.none`,
    expires_in: LIFETIME_SECONDS,
    expiresAt: new Date(exp * 1000).toISOString(),
    conversationId: conv,
    userId: user,
    domain: `http://127.0.0.1:${world.port}/v3/directline`
  };
}

function read(token) {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  } catch {
    throw refusal(403, 'token_invalid');
  }
}

function issue(world, { visitor }) {
  const user = visitor?.replace('visitor-of-', '') ?? `dl_${randomUUID()}`;
  return { ...mint(world, randomUUID(), user), visitor: `visitor-of-${user}` };
}

function refresh(world, token) {
  const { conv, user } = read(token);
  return mint(world, conv, user);
}

// --- Direct Line

function directLine(world, { request, response, pathname, searchParams, body, token }) {
  const { conv, user } = read(token);
  const [, id, rest] = pathname.match(/^\/v3\/directline\/conversations(?:\/([^/]+))?(\/activities)?$/) ?? [];
  if (id && id !== conv) throw refusal(403, 'BadArgument');
  if (!id) return reply(response, start(world, conv), opened(world, conv, user));
  const conversation = world.conversations.get(id);
  if (!conversation) throw refusal(404, 'ConversationNotFound');
  // Without a watermark the stream brings only what is yet to come.
  if (!rest) return reply(response, 200, opened(world, conv, user, searchParams.get('watermark') ?? String(conversation.activities.length)));
  if (request.method === 'GET') return reply(response, 200, activitySet(conversation, searchParams.get('watermark')));
  return reply(response, 200, { id: say(conversation, { ...body, from: { ...body.from, id: user } }) });
}

function start(world, id) {
  if (world.conversations.has(id)) return 200;
  world.conversations.set(id, { id, activities: [] });
  say(world.conversations.get(id), { type: 'message', text: 'Welcome! Say something.', from: { id: 'bot', role: 'bot' } });
  return 201;
}

function opened(world, conv, user, watermark) {
  const { token, expires_in } = mint(world, conv, user);
  const streamUrl = `ws://127.0.0.1:${world.port}/stream?watermark=${watermark || '-'}&t=${token}`;
  return { conversationId: conv, token, expires_in, streamUrl };
}

function activitySet({ activities }, watermark) {
  const from = /^\d+$/.test(watermark ?? '') ? Number(watermark) : 0;
  return { activities: activities.slice(from), watermark: String(activities.length) };
}

function say(conversation, activity) {
  const number = conversation.activities.length;
  const id = `${conversation.id}|${String(number).padStart(7, '0')}`;
  const told = { ...activity, id, conversation: { id: conversation.id }, channelId: 'directline', timestamp: new Date().toISOString() };
  conversation.activities.push(told);
  send(conversation.socket, activitySet(conversation, String(number)));
  if (activity.type === 'message' && activity.from.role === 'user') {
    say(conversation, { type: 'message', from: { id: 'bot', role: 'bot' }, replyToId: id, ...botAnswer(activity.text) });
  }
  return id;
}

function botAnswer(text) {
  if (text !== 'card') return { text: `You said: ${text}` };
  const content = { type: 'AdaptiveCard', version: '1.3', body: [{ type: 'Input.Text', id: 'remark', placeholder: 'Fine' }], actions: [{ type: 'Action.Submit', title: 'Send' }] };
  return { text: 'A card with a [link](https://example.org/):', attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content }] };
}

// --- WebSocket, text frames to the browser only (RFC 6455); what comes is ignored

function openSocket(world, request, socket) {
  const query = new URL(request.url, 'http://localhost').searchParams;
  const conversation = world.conversations.get(read(query.get('t')).conv);
  if (!conversation) return socket.destroy();
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.on('error', () => socket.destroy());
  // A client that closes sends a frame whose first byte is 0x88.
  socket.on('data', (frame) => frame[0] === 0x88 && socket.end());
  // One WebSocket a conversation: the newer one wins.
  conversation.socket?.destroy();
  conversation.socket = socket;
  const missed = activitySet(conversation, query.get('watermark'));
  if (missed.activities.length > 0) send(socket, missed);
}

function send(socket, value) {
  if (!socket?.writable) return;
  const text = Buffer.from(JSON.stringify(value));
  socket.write(Buffer.concat([frameHead(text.length), text]));
}

// The length takes the fewest bytes possible; browsers insist.
function frameHead(length) {
  if (length < 126) return Buffer.from([0x81, length]);
  if (length < 65_536) return Buffer.from([0x81, 126, length >> 8, length & 255]);
  const head = Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(length, 6);
  return head;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startSmallServer();
  console.log(`${url}/api/site/chat/`);
}
