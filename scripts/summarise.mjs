// Prints what `go test -json` found: the output of what failed, the names of
// what was skipped with the reason, and the counts.
import { readFileSync } from 'node:fs';

const outputs = new Map();
const results = { pass: [], fail: [], skip: [] };

for (const line of readFileSync(process.argv[2], 'utf8').split('\n')) {
  if (!line.startsWith('{')) {
    if (line) console.log(line);
    continue;
  }
  const event = JSON.parse(line);
  const name = event.Test ? `${event.Package} ${event.Test}` : event.Package ?? event.ImportPath;
  if (event.Action === 'output' || event.Action === 'build-output') {
    outputs.set(name, (outputs.get(name) ?? '') + event.Output);
  } else if (event.Action in results && (event.Test || event.Action === 'fail')) {
    results[event.Action].push(name);
  } else if (event.Action === 'build-fail') {
    results.fail.push(name);
  }
}

for (const name of results.fail) console.log(`FAILED ${name}\n${outputs.get(name) ?? ''}`);
for (const name of results.skip) console.log(`SKIPPED ${name}\n${outputs.get(name) ?? ''}`);
console.log(`${results.pass.length} passed, ${results.fail.length} failed, ${results.skip.length} skipped`);
if (results.fail.length > 0 || results.pass.length === 0) process.exit(1);
