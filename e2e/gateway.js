// Starts the built binary with real MCP servers from npm behind it.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
export const binary = path.join(here, '..', 'bin', 'toolward');
export const bin = (name) => path.join(here, 'node_modules', '.bin', name); // a command of a package from npm

// servers are the reference servers, each a process of its own.
export const servers = (dir) => ({
  everything: { command: bin('mcp-server-everything') },
  files: { command: bin('mcp-server-filesystem'), args: [path.join(dir, 'docs')] },
  memory: { command: bin('mcp-server-memory'), env: { MEMORY_FILE_PATH: path.join(dir, 'memory.jsonl') } },
});

export async function freePort() {
  return new Promise((resolve, reject) => {
    const s = net.createServer();
    s.on('error', reject);
    s.listen(0, '127.0.0.1', () => {
      const { port } = s.address();
      s.close(() => resolve(port));
    });
  });
}

// startGateway writes a configuration and policies into a folder of its own,
// starts the gateway there and waits until every upstream is up, or without
// `ready` until it answers.
export async function startGateway({ policies = {}, upstreams, config = {}, ready = true } = {}) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'toolward-e2e-'));
  fs.mkdirSync(path.join(dir, 'docs', 'public'), { recursive: true });
  fs.mkdirSync(path.join(dir, 'policies'));
  for (const [name, text] of Object.entries(policies)) {
    fs.writeFileSync(path.join(dir, 'policies', name), text.replaceAll('DIR', dir));
  }
  const port = await freePort();
  // JSON is YAML.
  fs.writeFileSync(path.join(dir, 'toolward.yaml'), JSON.stringify({
    listen: `127.0.0.1:${port}`,
    upstreams: upstreams ?? servers(dir),
    policy: { path: './policies' },
    limits: { default: { rate: '600000/min', burst: 100000 }, lists: { rate: '600000/min', burst: 100000 } },
    ...config,
  }, null, 2));

  let child;
  let log = '';
  let exited;
  const launch = () => {
    child = spawn(binary, ['serve', '--config', 'toolward.yaml'], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (b) => { log += b; });
    child.stderr.on('data', (b) => { log += b; });
    exited = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
  };
  launch();

  const g = {
    dir,
    url: `http://127.0.0.1:${port}`,
    get child() { return child; },
    log: () => log,
    mint: (subject, ...flags) => execFileSync(binary, ['token', 'mint', '--config', 'toolward.yaml', '--subject', subject, ...flags], { cwd: dir, encoding: 'utf8' }).trim(),
    // A command of toolward waits until the database has what was answered; sqlite3 does not.
    sql: (query) => {
      g.cli('audit', 'list', '--limit', '1');
      return JSON.parse(execFileSync('sqlite3', ['-json', '-readonly', path.join(dir, 'toolward.db'), query], { encoding: 'utf8' }) || '[]');
    },
    cli: (...args) => execFileSync(binary, [...args, '--config', 'toolward.yaml'], { cwd: dir, encoding: 'utf8' }),
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
    // restart ends the gateway and starts it again, on the files that are there.
    async restart(signal) {
      await g.stop(signal);
      launch();
      await isReady();
    },
    async cleanup() {
      if (child.exitCode === null && child.signalCode === null) await g.stop();
      fs.rmSync(dir, { recursive: true, force: true });
    },
  };
  const isReady = () => until(async () => {
    if (child.exitCode !== null) throw new Error(`the gateway ended:\n${log}`);
    const r = await fetch(`${g.url}/readyz`).catch(() => null);
    if (r && !ready) return true;
    if (r?.status !== 200) return false;
    const body = await r.json();
    return Object.entries(body.parts).every(([, state]) => state === 'ok');
  }, () => `the gateway is not ready:\n${log}`);
  await isReady();
  return g;
}

// until waits for a condition, asking ever less often, for a minute at most.
export async function until(condition, what = () => 'it did not come true') {
  const deadline = Date.now() + 60_000;
  for (let pause = 20; Date.now() < deadline; pause = Math.min(pause * 1.5, 500)) {
    if (await condition()) return;
    await new Promise((r) => setTimeout(r, pause));
  }
  throw new Error(what());
}

// allowAll lets the role `tester` do everything, so that a test of transport is
// not a test of policy.
export const allowAll = {
  'all.rego': 'package gateway\n\nallow if "tester" in input.agent.roles\n',
};

export const auth = (token) => ({ Authorization: `Bearer ${token}` });

// rest sends JSON to the gateway's REST surface.
export async function rest(g, method, where, token, body) {
  const r = await fetch(g.url + where, {
    method,
    headers: { ...(token ? auth(token) : {}), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await r.text();
  let json;
  try { json = JSON.parse(text); } catch { json = undefined; }
  return { status: r.status, headers: r.headers, text, json };
}

// modern sends one stateless MCP request of revision 2026-07-28.
export async function modern(g, token, method, params = {}, where = '/mcp') {
  const version = '2026-07-28';
  const r = await fetch(g.url + where, {
    method: 'POST',
    headers: {
      ...auth(token), 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': version, 'Mcp-Method': method, ...(params.name ? { 'Mcp-Name': params.name } : {}),
    },
    body: JSON.stringify({
      jsonrpc: '2.0', id: 1, method,
      params: { ...params, _meta: { 'io.modelcontextprotocol/protocolVersion': version, 'io.modelcontextprotocol/clientCapabilities': {}, 'io.modelcontextprotocol/clientInfo': { name: 'e2e', version: '1' } } },
    }),
  });
  const text = await r.text();
  let json;
  try { json = JSON.parse(text); } catch { json = undefined; }
  return { status: r.status, headers: r.headers, text, json };
}
