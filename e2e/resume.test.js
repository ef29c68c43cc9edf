// Streams that break on the way, on the running gateway: the agent comes back
// with the ID of the last event that it has, and goes on from there.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { allowAll, auth, freePort, servers, startGateway } from './gateway.js';

const steps = 20;
const slow = { name: 'trigger-long-running-operation', arguments: { duration: 2, steps } };
const everyStep = Array.from({ length: steps }, (_, i) => i + 1);

let g;
let proxyPort;

before(async () => {
  proxyPort = await freePort();
  g = await startGateway({
    policies: allowAll,
    upstreams: { everything: servers('.').everything },
    config: { http: { hosts: [`127.0.0.1:${proxyPort}`] } },
  });
});
after(() => g?.cleanup());

// take reads an event stream until five messages have come or it ends, drops the
// connection, and returns the first three, with the ID of the last of these: what
// came after them counts as lost on the way.
async function take(response, drop) {
  const came = [];
  let text = '';
  try {
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
        const field = (name) => text.slice(0, end).split('\n').find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1).trim();
        if (field('data')) came.push({ id: field('id'), message: JSON.parse(field('data')) });
      }
      if (came.length >= 5) break;
    }
  } finally {
    drop.abort();
  }
  const had = came.slice(0, 3);
  return { messages: had.map((e) => e.message), id: had.at(-1)?.id };
}

for (const revision of ['2025-03-26', '2025-06-18', '2025-11-25']) {
  test(`${revision}: a stream dropped again and again is resumed with nothing lost or doubled`, async () => {
    const agent = `resumes-${revision}`;
    const headers = { ...auth(g.mint(agent, '--role', 'tester')), 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
    const send = (method, init) => fetch(`${g.url}/mcp/everything`, { method, ...init, headers: { ...headers, ...init.headers } });
    const post = (message, signal) => send('POST', { body: JSON.stringify({ jsonrpc: '2.0', ...message }), signal });

    const opened = await post({ id: 1, method: 'initialize', params: { protocolVersion: revision, capabilities: {}, clientInfo: { name: 'x', version: '1' } } });
    headers['Mcp-Session-Id'] = opened.headers.get('mcp-session-id');
    headers['Mcp-Protocol-Version'] = revision;
    await opened.text();
    await (await post({ method: 'notifications/initialized' })).text();

    const got = [];
    let drop = new AbortController();
    let response = await post({ id: 2, method: 'tools/call', params: { ...slow, _meta: { progressToken: 'p' } } }, drop.signal);
    let connections = 1;
    for (;;) {
      assert.equal(response.status, 200);
      const { messages, id } = await take(response, drop);
      assert.ok(messages.length > 0, 'the stream ended before the result');
      got.push(...messages);
      if (messages.some((m) => m.id === 2)) break;
      drop = new AbortController();
      response = await send('GET', { headers: { 'Last-Event-ID': id }, signal: drop.signal });
      connections++;
    }
    assert.deepEqual(got.slice(0, -1).map((m) => m.params.progress), everyStep);
    assert.match(JSON.stringify(got.at(-1).result.content), /completed/i);
    assert.ok(connections > steps / 3, `${connections} connections`);
    assert.equal(g.sql(`select id from calls where agent = '${agent}'`).length, 1, 'coming back is no second call');
  });
}

test('the official client behind a network that breaks gets every step and the result', async () => {
  let cuts = 0;
  // The proxy cuts the first three connections that carry an event with progress.
  const proxy = net.createServer((agent) => {
    const gateway = net.connect(new URL(g.url).port, '127.0.0.1');
    agent.pipe(gateway);
    gateway.on('data', (chunk) => {
      agent.write(chunk);
      if (cuts < 3 && chunk.includes('notifications/progress')) {
        cuts++;
        agent.destroySoon();
        gateway.destroy();
      }
    });
    gateway.on('end', () => agent.end());
    agent.on('close', () => gateway.destroy());
    for (const s of [agent, gateway]) s.on('error', () => {}); // a reset is what this is about
  });
  await new Promise((resolve) => { proxy.listen(proxyPort, '127.0.0.1', resolve); });
  try {
    const client = new Client({ name: 'resumes', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${proxyPort}/mcp/everything`), {
      requestInit: { headers: auth(g.mint('resumes', '--role', 'tester')) },
      reconnectionOptions: { initialReconnectionDelay: 50, maxReconnectionDelay: 500, reconnectionDelayGrowFactor: 2, maxRetries: 10 },
    }));
    const seen = [];
    const result = await client.callTool(slow, undefined, { onprogress: (p) => seen.push(p.progress) });
    assert.match(JSON.stringify(result.content), /completed/i);
    assert.deepEqual(seen, everyStep);
    assert.equal(cuts, 3);
    await client.close();
  } finally {
    proxy.close();
  }
});
