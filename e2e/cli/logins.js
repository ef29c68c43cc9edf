// How each client is given the gateway's URL and nothing else, as its documentation has
// it, logs in, shows that it did, and logs out.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { bin } from '../gateway.js';
import { gemini, programs } from './clients.js';
import { terminal } from './terminal.js';

// A login is a command that ends when it is over, or what is typed into a program: the
// words that are waited for, and the keys that follow.
export const logins = {
  'Claude Code': {
    add: (url) => ['mcp', 'add', '--transport', 'http', '--scope', 'user', 'toolward', url],
    before: /toolward: .*Needs authentication/,
    login: () => ['mcp', 'login', 'toolward'],
    list: ['mcp', 'list'], connected: /toolward: .*Connected/,
    logout: ['mcp', 'logout', 'toolward'], givesBack: true,
  },
  Codex: { // its `mcp add` logs in where it can
    login: (url) => ['mcp', 'add', 'toolward', '--url', url],
    list: ['mcp', 'list'], connected: /^toolward .*OAuth/m, // its `mcp logout` fails on a machine without a keyring
  },
  'Gemini CLI': {
    env: { GEMINI_API_KEY: 'synthetic-not-a-key', GEMINI_CLI_TRUST_WORKSPACE: 'true' },
    write: { '.gemini/settings.json': gemini },
    add: (url) => ['mcp', 'add', '--scope', 'user', '--transport', 'http', 'toolward', url],
    login: () => [],
    types: [
      [/Type your message/, '/mcp auth toolward'], [/\/mcp auth toolward/, '\r'],
      [/Do you want to continue\?/, '\r'], [/Successfully authenticated and reloaded tools/],
    ],
    list: ['mcp', 'list'], connected: /toolward: .*Connected/,
  },
  OpenCode: {
    write: { '.config/opencode/opencode.json': (url) => ({ mcp: { toolward: { type: 'remote', url } } }) },
    login: () => ['mcp', 'auth', 'toolward'],
    list: ['mcp', 'list'], connected: /✓ toolward/,
    logout: ['mcp', 'logout', 'toolward'],
  },
  'Copilot CLI': {
    env: { COPILOT_OFFLINE: 'true', COPILOT_PROVIDER_BASE_URL: 'http://127.0.0.1:9/v1', COPILOT_PROVIDER_API_KEY: 'synthetic-not-a-key', COPILOT_MODEL: 'stub' },
    add: (url) => ['mcp', 'add', '--transport', 'http', 'toolward', url],
    login: () => ['--disable-builtin-mcps'],
    types: [
      [/Do you trust the files/, '\r'],
      [/1 server connected/],
    ],
    list: ['mcp', 'list'], connected: /toolward \(http\)/, // it lists what it was told of
  },
  'MCP Inspector': { // the first command that needs a login makes it
    env: { MCP_INSPECTOR_SECRET_STORE: 'file' },
    login: (url) => ['--cli', url, '--transport', 'http', '--method', 'tools/list'],
  },
};
const commands = { ...programs, 'MCP Inspector': [bin('mcp-inspector')] };

// run runs a command of a client's to its end and returns what it said.
export async function run(who, args, { env, cwd }) {
  const [command, ...rest] = [...commands[who], ...args];
  const started = promisify(execFile)(command, rest, { env: { ...env, ...logins[who].env }, cwd, timeout: 120_000 });
  started.child.stdin.end();
  try {
    const { stdout, stderr } = await started;
    return stdout + stderr;
  } catch (err) {
    throw new Error(`${err.message}\n${err.stdout}`);
  }
}

// login gives a client the URL and has it log in, in a home that has a browser.
export async function login(who, at) {
  const c = logins[who];
  for (const [file, text] of Object.entries(c.write ?? {})) {
    fs.mkdirSync(path.dirname(path.join(at.home, file)), { recursive: true });
    fs.writeFileSync(path.join(at.home, file), JSON.stringify(typeof text === 'function' ? text(at.url) : text));
  }
  if (c.add) await run(who, c.add(at.url), at);
  if (c.before) assert.match(await run(who, c.list, at), c.before);
  const screen = terminal([...commands[who], ...c.login(at.url)], { ...at, env: { ...at.env, ...c.env } });
  try {
    for (const [words, keys] of c.types ?? []) {
      await screen.sees(words);
      if (!keys) continue;
      await screen.still();
      screen.type(keys);
    }
    if (!c.types) assert.equal(await screen.ended, 0, screen.said());
  } finally {
    await screen.close();
  }
  if (c.list) assert.match(await run(who, c.list, at), c.connected);
}
