// The least that answers HTTP in Node.
import { createServer } from 'node:http';

createServer((_, answer) => answer.end('ready\n')).listen(Number(process.env.FUNCTIONS_CUSTOMHANDLER_PORT), '127.0.0.1');
