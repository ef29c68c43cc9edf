// Pasting the URL works: the coding agents that log in are given the gateway's URL
// and nothing else, as their documentation has it, and call a tool after that.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { serve } from '../field/upstream.js';
import { allowAll, startGateway, until } from '../gateway.js';
import { answer } from '../owner.js';
import { model } from './model.js';
import { clients as sessions } from './clients.js';

const modules = path.join(path.dirname(fileURLToPath(import.meta.url)), 'node_modules');
const claude = [path.join(modules, `@anthropic-ai/claude-code-${process.platform}-${process.arch}/claude`)];
const codex = [process.execPath, path.join(modules, '@openai/codex/bin/codex.js')];

const opencode = [path.join(modules, `opencode-${process.platform}-${process.arch}/bin/opencode`)];

// clients say how each is told of the URL, how it logs in, and how it shows that it did.
const clients = {
  'Claude Code': {
    add: (url) => [...claude, 'mcp', 'add', '--transport', 'http', '--scope', 'user', 'toolward', url],
    login: () => [...claude, 'mcp', 'login', 'toolward'],
    list: [...claude, 'mcp', 'list'], connected: /toolward.*Connected/,
    logout: [...claude, 'mcp', 'logout', 'toolward'], givesBack: true,
  },
  Codex: { // its `mcp add` logs in where it can
    login: (url) => [...codex, 'mcp', 'add', 'toolward', '--url', url],
    list: [...codex, 'mcp', 'list'], connected: /toolward.*OAuth/, // its `mcp logout` fails on a machine without a keyring
  },
  OpenCode: {
    write: { '.config/opencode/opencode.json': (url) => ({ mcp: { toolward: { type: 'remote', url } } }) },
    login: () => [...opencode, 'mcp', 'auth', 'toolward'],
    list: [...opencode, 'mcp', 'list'], connected: /✓ toolward/,
    logout: [...opencode, 'mcp', 'logout', 'toolward'],
  },
};

let g;
let upstream;
before(async () => {
  assert.deepEqual(Object.keys(os.networkInterfaces()), ['lo'], 'these programs are run where nothing can be reached: use e2e/cli/run');
  upstream = await serve({ 'tools/list': () => ({ tools: [{ name: 'good', inputSchema: { type: 'object' } }] }), 'tools/call': () => ({ content: [{ type: 'text', text: 'all is well' }] }) });
  g = await startGateway({ policies: allowAll, upstreams: { fine: upstream.config }, config: { auth: { local: { roles: ['tester'] } } } });
});
after(async () => {
  await g?.cleanup();
  await upstream?.close();
});

for (const [who, c] of Object.entries(clients)) {
  describe(who, { timeout: 120_000 }, () => {
    let at;
    let stub;

    before(async () => {
      const home = fs.mkdtempSync(path.join(os.tmpdir(), 'toolward-login-'));
      const cwd = path.join(home, 'work');
      fs.mkdirSync(cwd);
      // A browser that writes down where it was sent.
      const opened = path.join(home, 'opened');
      for (const name of ['xdg-open', 'browser']) fs.writeFileSync(path.join(home, name), `#!/bin/sh\necho "$1" >>${opened}\n`, { mode: 0o755 });
      stub = await model();
      const env = {
        PATH: `${home}:${process.env.PATH}`, HOME: home, BROWSER: path.join(home, 'browser'), DISPLAY: ':0', TERM: 'xterm',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1',
      };
      at = { home, cwd, env, opened, url: `${g.url}/mcp`, model: stub.url };
    });
    after(async () => {
      await stub?.close();
      fs.rmSync(at.home, { recursive: true, force: true });
    });

    const run = ([command, ...args]) => execFileSync(command, args, { env: at.env, cwd: at.cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

    // interactive runs a command in a terminal of its own: without one, clients do not log in.
    function interactive(command) {
      const child = spawn('script', ['-qec', command.map((word) => `'${word}'`).join(' '), '/dev/null'], { env: at.env, cwd: at.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
      let said = '';
      child.stdout.on('data', (b) => { said += b; });
      child.stderr.on('data', (b) => { said += b; });
      return { said: () => said, ended: new Promise((resolve) => child.on('close', resolve)) };
    }

    test('logs in with the URL alone', async () => {
      for (const [file, entry] of Object.entries(c.write ?? {})) {
        fs.mkdirSync(path.dirname(path.join(at.home, file)), { recursive: true });
        fs.writeFileSync(path.join(at.home, file), JSON.stringify(entry(at.url)));
      }
      if (c.add) run(c.add(at.url));
      const login = interactive(c.login(at.url));
      await until(() => fs.existsSync(at.opened), () => `no browser was opened:\n${login.said()}`);
      const { to } = await answer(fs.readFileSync(at.opened, 'utf8').trim().split('\n').at(-1));
      assert.equal((await fetch(to)).status, 200);
      assert.equal(await login.ended, 0, login.said());
      assert.match(run(c.list), c.connected);
      const [given] = g.sql(`SELECT body ->> '$.endpoint' AS endpoint, body ->> '$.roles[0]' AS role, body ->> '$.client' AS client FROM events WHERE type = 'grant.given' ORDER BY seq DESC LIMIT 1`);
      assert.equal(given.endpoint, '/mcp');
      assert.equal(given.role, 'tester');
    });

    test('calls a tool, and again after the gateway was restarted', async () => {
      const session = await sessions[who].begin({ ...at, entered: true });
      try {
        for (const happens of [() => {}, () => g.restart('SIGKILL')]) {
          await happens();
          const told = stub.told.length;
          await session.say('please use fine__good');
          assert.match(stub.told.slice(told).at(-1) ?? `not offered among ${stub.offered}\n${session.log()}`, /all is well/);
        }
      } finally {
        await session.close();
      }
    });

    test('logs out', { skip: !c.logout }, () => {
      const given = () => g.sql(`SELECT count(*) AS n FROM events WHERE type = 'grant.revoked' AND body ->> '$.reason' = 'the client gave it back'`)[0].n;
      const before = given();
      run(c.logout);
      assert.doesNotMatch(run(c.list), c.connected);
      assert.equal(given() - before, c.givesBack ? 1 : 0);
    });
  });
}
