// A newcomer's machine: a home and a clone of this repository, and commands in it.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { until } from '../gateway.js';

const here = path.dirname(fileURLToPath(import.meta.url));
export const url = 'http://127.0.0.1:8080';

// newcomer makes the machine. What Go has downloaded and compiled it shares with
// this one: there is no network.
export function newcomer() {
  const root = execFileSync('git', ['rev-parse', '--show-toplevel'], { cwd: here, encoding: 'utf8' }).trim();
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'toolward-firsthour-'));
  const folder = path.join(home, 'toolward');
  execFileSync('git', ['-c', 'safe.directory=*', 'clone', '-q', '--no-hardlinks', root, folder], { stdio: 'pipe' });
  const go = JSON.parse(execFileSync('go', ['env', '-json', 'GOCACHE', 'GOMODCACHE', 'GOROOT'], { cwd: root, encoding: 'utf8' }));
  const env = { ...go, PATH: process.env.PATH, HOME: home, GOPROXY: 'off', GOFLAGS: '-buildvcs=false' };
  const n = {
    home, folder, env,
    // sh runs one line in the clone, and returns what it printed.
    sh(line, code = 0) {
      try {
        const out = execFileSync('bash', ['-c', `{ ${line}\n} 2>&1`], { cwd: folder, env, encoding: 'utf8', timeout: 300_000 });
        assert.equal(0, code, `${line}\n${out}`);
        return out;
      } catch (err) {
        if (err.status === undefined || err.status === null) throw err;
        assert.equal(err.status, code, `${line}\n${err.stdout}`);
        return err.stdout;
      }
    },
    write: (name, text) => fs.writeFileSync(path.join(folder, name), text),
    read: (name) => fs.readFileSync(path.join(folder, name), 'utf8'),
    // gateway is what a terminal runs until ^C; it serves once this returns.
    async gateway(...command) {
      const child = spawn(command[0], command.slice(1), { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
      let log = '';
      for (const s of [child.stdout, child.stderr]) s.on('data', (b) => { log += b; });
      const ended = new Promise((resolve) => child.on('close', resolve));
      const g = {
        log: () => log,
        async interrupt() {
          try { process.kill(-child.pid, 'SIGINT'); } catch { /* it has ended */ }
          await ended;
        },
      };
      n.running = g;
      await until(async () => {
        if (child.exitCode !== null) throw new Error(`${command.join(' ')} ended with ${child.exitCode}:\n${log}`);
        return (await fetch(`${url}/readyz`).catch(() => null))?.status === 200;
      }, () => `nothing serves:\n${log}`);
      return g;
    },
    async close() {
      await n.running?.interrupt();
      fs.rmSync(home, { recursive: true, force: true });
    },
  };
  return n;
}
