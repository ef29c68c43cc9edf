// Sessions on the running gateway: what belongs to one reaches no other, and
// nothing is left of those that are gone.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';

import { allowAll, auth, binary, freePort, startGateway, until } from '../gateway.js';

const here = path.dirname(fileURLToPath(import.meta.url));
const policies = { ...allowAll, 'up.rego': 'package reverse.up\n\nallow if true\n' };
const limits = { default: { rate: '600000/min', burst: 100000 }, concurrency: 1000 };

let dir;
let server;
let g;
let token;

before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'toolward-sessions-'));
  execFileSync('go', ['build', '-o', path.join(dir, 'server'), 'github.com/modelcontextprotocol/go-sdk/conformance/everything-server'], { cwd: path.join(here, '..', '..'), stdio: 'inherit' });
  const port = await freePort();
  server = spawn(path.join(dir, 'server'), ['-http', `127.0.0.1:${port}`, '-stateless=false'], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}/mcp`;
  await until(() => fetch(url).then(() => true, () => false));
  g = await startGateway({ policies, upstreams: { up: { url, concurrency: 256 } }, config: { limits } });
  token = g.mint('sessions', '--role', 'tester');
});
after(async () => {
  await g?.cleanup();
  server?.kill();
  fs.rmSync(dir, { recursive: true, force: true });
});

const transport = (url, t = token) => new StreamableHTTPClientTransport(new URL(`${url}/mcp/up`), { requestInit: { headers: auth(t) } });

test('a hundred sessions: questions, answers, logs and progress reach their own', async () => {
  await Promise.all(Array.from({ length: 100 }, async (_, i) => {
    const mine = `marker-${i}-of-this-session`;
    const seen = { asked: [], logs: 0, progress: [] };
    const client = new Client({ name: `agent-${i}`, version: '1' }, { capabilities: { sampling: {} } });
    client.setRequestHandler(CreateMessageRequestSchema, (request) => {
      seen.asked.push(request.params.messages[0].content.text);
      return { role: 'assistant', model: 'stub', content: { type: 'text', text: `answer to ${mine}` } };
    });
    client.setNotificationHandler(LoggingMessageNotificationSchema, () => { seen.logs++; });
    await client.connect(transport(g.url));
    await client.setLoggingLevel('info');
    const [sampled, , progressed] = await Promise.all([
      client.callTool({ name: 'test_sampling', arguments: { prompt: mine } }),
      client.callTool({ name: 'test_tool_with_logging', arguments: {} }),
      client.callTool({ name: 'test_tool_with_progress', arguments: {} }, undefined, { onprogress: (p) => seen.progress.push(p.progress) }),
    ]);
    assert.equal(sampled.content[0].text, `LLM response: answer to ${mine}`);
    assert.deepEqual(seen.asked, [mine]);
    assert.ok(!progressed.isError);
    assert.ok(seen.progress.length > 0 && seen.progress.every((p, n) => n === 0 || p > seen.progress[n - 1]), `${seen.progress}`);
    assert.equal(seen.logs, 3);
    await client.close();
  }));
});

test('a client of a gateway that was restarted recovers by the book', async () => {
  const headers = { ...auth(token), 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
  const post = (message, extra = {}) => fetch(`${g.url}/mcp/up`, { method: 'POST', headers: { ...headers, ...extra }, body: JSON.stringify({ jsonrpc: '2.0', ...message }) });
  const hello = { id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } } };
  const first = await post(hello);
  const session = first.headers.get('mcp-session-id');
  assert.ok(session);
  await g.stop();
  const again = spawn(binary, ['serve', '--config', 'toolward.yaml'], { cwd: g.dir, stdio: 'ignore' });
  try {
    await until(async () => (await fetch(`${g.url}/readyz`).catch(() => null))?.status === 200);
    const stale = await post({ id: 2, method: 'tools/list' }, { 'Mcp-Session-Id': session, 'Mcp-Protocol-Version': '2025-06-18' });
    assert.equal(stale.status, 404);
    const fresh = await post(hello);
    assert.equal(fresh.status, 200);
    await until(async () => {
      const listed = await post({ id: 3, method: 'tools/list' }, { 'Mcp-Session-Id': fresh.headers.get('mcp-session-id'), 'Mcp-Protocol-Version': '2025-06-18' });
      return listed.status === 200 && /test_sampling/.test(await listed.text());
    });
  } finally {
    again.kill();
    await new Promise((resolve) => { again.on('exit', resolve); });
  }
});

test('ten thousand sessions that are opened and dropped leave nothing', async () => {
  const other = await startGateway({ policies, upstreams: {}, config: { limits } });
  const t = other.mint('dropper', '--role', 'tester');
  const metric = async (name) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await (await fetch(`${other.url}/metrics`)).text())[1]);
  const before10k = await metric('go_goroutines');
  const open = async () => {
    const r = await fetch(`${other.url}/mcp`, {
      method: 'POST',
      headers: { ...auth(t), 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
      body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}',
    });
    assert.equal(r.status, 200);
    await r.text();
  };
  for (let i = 0; i < 10_000; i += 50) await Promise.all(Array.from({ length: 50 }, open));
  await until(async () => (await metric('go_goroutines')) < before10k + 80, () => 'goroutines are left'); // up to 50 are this client's idle connections
  const rss = await metric('process_resident_memory_bytes');
  assert.ok(rss < 160 * 2 ** 20, `${rss} bytes are resident`);
  await other.cleanup();
});
