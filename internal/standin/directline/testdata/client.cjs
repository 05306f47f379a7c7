// Drives the real client library (npm botframework-directlinejs) for a test:
// takes one command a line on stdin, and writes what happens as one JSON object
// a line on stdout.
//
//   node client.cjs <node_modules> <options as JSON>
//
// Commands: {"post": <activity>}, {"session": true}. It ends with stdin.
'use strict';

const { createRequire } = require('node:module');
const path = require('node:path');
const readline = require('node:readline');

const library = createRequire(
  createRequire(path.join(process.argv[2], '/')).resolve('botframework-directlinejs')
);
globalThis.WebSocket = library('ws');
const { DirectLine } = library('./directLine');
const { Observable } = library('rxjs/Observable');

const origin = 'https://shop.example';

function tell(event) {
  process.stdout.write(JSON.stringify(event) + '\n');
}

// The library expects a browser's XMLHttpRequest; this gives it the same
// answers from fetch.
function ajax(request) {
  return Observable.create(subscriber => {
    exchange(request).then(
      answer => {
        if (answer.status >= 200 && answer.status < 300) {
          subscriber.next(answer);
          subscriber.complete();
        } else {
          subscriber.error(answer);
        }
      },
      cause => subscriber.error({ status: 0, cause: String(cause) })
    );
  });
}

async function exchange({ url, method, headers, body, responseType }) {
  const raw = body === undefined || body instanceof FormData ? body : JSON.stringify(body);
  const response = await fetch(url, { method, headers: { ...headers, Origin: origin }, body: raw });
  const binary = responseType === 'arraybuffer';
  const content = binary ? await response.arrayBuffer() : await response.text();
  return {
    status: response.status,
    response: binary || content === '' ? content : JSON.parse(content),
    xhr: { getResponseHeader: name => response.headers.get(name) }
  };
}

const client = new DirectLine({
  ...JSON.parse(process.argv[3]),
  ajax,
  // The pause before a reconnect is 3 s plus this many times 12 s.
  random: () => -0.245
});

client.connectionStatus$.subscribe(status => tell({ status }));
client.activity$.subscribe(
  activity => tell({ activity }),
  error => tell({ failed: String(error && error.message ? error.message : error) })
);

const commands = {
  post: activity =>
    client.postActivity(activity).subscribe(id => tell({ posted: id }), error => tell({ refused: error.status })),
  session: () => client.getSessionId().subscribe(session => tell({ session }))
};

readline
  .createInterface({ input: process.stdin })
  .on('line', line => Object.entries(JSON.parse(line)).forEach(([name, value]) => commands[name](value)))
  .on('close', () => process.exit(0));
