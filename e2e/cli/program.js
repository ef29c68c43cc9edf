// A program that speaks JSON on its standard input and output, a message a line.
import { spawn } from 'node:child_process';
import readline from 'node:readline';

// start runs one in a process group of its own. answer says what is sent back
// to a request of the program's, if anything.
export function start([command, ...args], { env, cwd, answer = () => undefined }) {
  const child = spawn(command, args, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  let log = '';
  let id = 0;
  const waiting = new Set();
  const ended = new Promise((resolve) => child.on('close', resolve));
  child.on('error', (err) => { log += err; });
  child.stdin.on('error', () => {}); // it ended: `ended` says so
  child.stderr.on('data', (b) => { log += b; });
  ended.then((code) => waiting.forEach((w) => w.reject(new Error(`${command} ended with ${code}:\n${log.slice(-4000)}`))));
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    log += `${line}\n`;
    let m;
    try { m = JSON.parse(line); } catch { return; } // Gemini CLI writes words between the lines
    const back = m.method !== undefined && m.id !== undefined && answer(m);
    if (back) p.send({ jsonrpc: '2.0', id: m.id, result: back });
    for (const w of waiting) if (w.wanted(m)) w.resolve(m);
  });

  const p = {
    log: () => log,
    send: (m) => child.stdin.write(`${JSON.stringify(m)}\n`),
    // next is the next message that is wanted; it fails if the program ends.
    next(wanted) {
      let w;
      return new Promise((resolve, reject) => {
        w = { wanted, resolve, reject };
        waiting.add(w);
        if (child.exitCode !== null) reject(new Error(`${command} has ended:\n${log.slice(-4000)}`));
      }).finally(() => waiting.delete(w));
    },
    async request(method, params) {
      const mine = ++id;
      const answered = p.next((m) => m.id === mine && m.method === undefined);
      p.send({ jsonrpc: '2.0', id: mine, method, params });
      const { result, error } = await answered;
      if (error) throw new Error(`${method}: ${JSON.stringify(error)}\n${log.slice(-4000)}`);
      return result;
    },
    async close() {
      try { process.kill(-child.pid, 'SIGKILL'); } catch { /* it has ended */ }
      await ended;
    },
  };
  return p;
}
