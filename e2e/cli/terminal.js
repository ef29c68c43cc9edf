// A program in a terminal of its own, and who types there: without one, most clients
// do not log in.
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

import { until } from '../gateway.js';

// plain is what a person reads of what a terminal was sent, without where it stands
// and in which colour: "\x1b[1m> \x1b[0m/mcp" is "> /mcp".
// eslint-disable-next-line no-control-regex
const plain = (sent) => sent.replace(/\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[[(][0-?]*[ -/]*[@-~]|\x1b[=>78]/g, '').replace(/\s+/g, ' ');

export function terminal(command, { env, cwd }) {
  const quoted = command.map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', `stty rows 50 cols 200; exec ${quoted}`, '/dev/null'], { env, cwd, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  let sent = '';
  let last = Date.now();
  for (const s of [child.stdout, child.stderr]) s.on('data', (b) => { sent += b; last = Date.now(); });
  child.stdin.on('error', () => {}); // it ended: `ended` says so
  const ended = new Promise((resolve) => child.on('close', resolve));
  let read = 0;
  return {
    said: () => plain(sent),
    ended,
    // sees waits for words that were not read yet.
    async sees(words) {
      await until(() => {
        if (child.exitCode !== null && !words.test(plain(sent.slice(read)))) throw new Error(`${command.join(' ')} ended:\n${plain(sent)}`);
        return words.test(plain(sent.slice(read)));
      }, () => `${words} is not in ${plain(sent.slice(read))}\nall of it:\n${plain(sent)}`);
      read = sent.length;
    },
    // still waits until the screen has not changed for a second: a key that comes while a
    // menu of completions is being made takes one of them instead. What never rests is
    // waited for ten seconds.
    async still() {
      for (const began = Date.now(); Date.now() - last < 1_000 && Date.now() - began < 10_000;) await sleep(100);
    },
    type: (keys) => child.stdin.write(keys),
    async close() {
      try { process.kill(-child.pid, 'SIGKILL'); } catch { /* it has ended */ }
      await ended;
    },
  };
}
