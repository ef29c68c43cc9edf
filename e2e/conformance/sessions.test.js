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
let upstream;
let g;
let token;

before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'toolward-sessions-'));
  execFileSync('go', ['build', '-o', path.join(dir, 'server'), 'github.com/modelcontextprotocol/go-sdk/conformance/everything-server'], { cwd: path.join(here, '..', '..'), stdio: 'inherit' });
  const port = await freePort();
  server = spawn(path.join(dir, 'server'), ['-http', `127.0.0.1:${port}`, '-stateless=false'], { stdio: 'ignore' });
  upstream = `http://127.0.0.1:${port}/mcp`;
  await until(() => fetch(upstream).then(() => true, () => false));
  g = await startGateway({ policies, upstreams: { up: { url: upstream, concurrency: 256 } }, config: { limits } });
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

test('ten thousand sessions that are opened, used and dropped leave nothing', async (t) => {
  const other = await startGateway({ policies, upstreams: { up: { url: upstream, concurrency: 256 } }, config: { limits } });
  try {
    const headers = { ...auth(other.mint('dropper', '--role', 'tester')), 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
    const post = (message, extra) => fetch(`${other.url}/mcp/up`, { method: 'POST', headers: { ...headers, ...extra }, body: JSON.stringify({ jsonrpc: '2.0', ...message }) });
    const end = (session) => fetch(`${other.url}/mcp/up`, { method: 'DELETE', headers: { ...headers, ...session } });
    // use opens a session and its stream, calls a tool, and is gone without a word.
    const use = async () => {
      const opened = await post({ id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: { sampling: {} }, clientInfo: { name: 'x', version: '1' } } });
      assert.equal(opened.status, 200, await opened.text());
      const session = { 'Mcp-Session-Id': opened.headers.get('mcp-session-id'), 'Mcp-Protocol-Version': '2025-06-18' };
      const gone = new AbortController();
      const stream = await fetch(`${other.url}/mcp/up`, { headers: { ...headers, ...session }, signal: gone.signal });
      assert.equal(stream.status, 200);
      const called = await post({ id: 2, method: 'tools/call', params: { name: 'test_simple_text', arguments: {} } }, session);
      assert.match(await called.text(), /simple text/);
      gone.abort();
      return session;
    };
    const times = async (n, act) => {
      const results = [];
      for (let i = 0; i < n; i += 50) results.push(...await Promise.all(Array.from({ length: 50 }, (_, j) => act(i + j))));
      return results;
    };
    const measure = async () => {
      const text = await (await fetch(`${other.url}/metrics`)).text();
      const metric = (name) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)[1]);
      return { goroutines: metric('go_goroutines'), files: metric('process_open_fds'), heap: metric('go_memstats_heap_inuse_bytes') };
    };
    const callAndEnd = async () => end(await use());
    // settled waits until no more is held than before. Calls go on, so that memory
    // is collected; the connections of 50 at once come and go.
    const settled = async (what, than) => {
      let now;
      await until(async () => {
        await times(50, callAndEnd);
        now = await measure();
        return now.goroutines < than.goroutines + 200 && now.files < than.files + 100 && now.heap < than.heap + 64 * 2 ** 20;
      }, () => `not given back: ${JSON.stringify({ than, now })}`);
      t.diagnostic(`${what}: ${JSON.stringify(now)}, before: ${JSON.stringify(than)}`);
    };

    await times(50, callAndEnd);
    const idle = await measure();
    await times(1_500, use); // a principal has 1,000 at most: from here on each new session ends an old one
    const full = await measure();
    const sessions = await times(8_500, use);
    await settled('after 10,000', full);
    const ended = await times(1_000, (i) => end(sessions.at(-1 - i)));
    assert.ok(ended.filter((r) => r.ok).length >= 900, 'the newest were not open any more');
    await settled('after their end', idle);
  } finally {
    await other.cleanup();
  }
});
