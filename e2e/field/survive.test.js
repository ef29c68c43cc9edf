// The official clients survive what happens to a gateway and to what is behind it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import { allowAll, bin, startGateway, until } from '../gateway.js';
import { clients } from './clients.js';
import { good, serve } from './upstream.js';

const running = new Set();
let g;
let token;
let mended; // the upstream that is restarted

const echo = { 'tools/list': () => ({ tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }), 'tools/call': () => ({ content: [{ type: 'text', text: 'back' }] }) };

async function up(starting) {
  const s = await starting;
  running.add(s);
  return s;
}

before(async () => {
  mended = await up(serve(echo));
  const malformed = await up(serve({ 'tools/list': () => ({ tools: [{ name: 'bad', inputSchema: { type: 'string' } }, null, { name: 'half', title: null }] }) }));
  g = await startGateway({ policies: allowAll, upstreams: { fine: (await up(good())).config, odd: malformed.config, mended: mended.config } });
  token = g.mint('survivor', '--role', 'tester');
});
after(async () => {
  await g?.cleanup();
  for (const s of running) await s.close();
});

const call = (client, name = 'fine__good') => client.callTool({ name, arguments: {} });
const works = async (client, name) => assert.match(JSON.stringify((await call(client, name)).content), /fine|back/);

for (const [who, connect] of Object.entries(clients)) {
  describe(who, () => {
    test('one malformed upstream among three', async () => {
      const client = await connect(`${g.url}/mcp`, token);
      const names = (await client.listTools()).tools.map((t) => t.name).sort();
      assert.deepEqual(names, ['fine__good', 'mended__echo', 'odd__half']);
      await works(client);
      await client.close();
    });

    test('its upstream is restarted: a refusal that a model can read, then it works', async () => {
      const client = await connect(`${g.url}/mcp`, token);
      await works(client, 'mended__echo');
      await mended.close();
      running.delete(mended);
      const down = await call(client, 'mended__echo');
      assert.ok(down.isError, JSON.stringify(down));
      await works(client);
      mended = await up(serve(echo, { port: mended.port }));
      await until(async () => !(await call(client, 'mended__echo')).isError, () => g.log());
      await client.close();
    });

    test('the gateway is restarted: it is told so in words that it knows, and comes back', async () => {
      const client = await connect(`${g.url}/mcp`, token);
      await works(client);
      await g.restart();
      const again = await call(client).then((r) => ({ r }), (err) => ({ err }));
      await client.close().catch(() => {}); // over SSE there is nothing left to close
      if (who.endsWith('2026-07-28')) assert.match(JSON.stringify(again.r?.content), /fine/); // it has no session to lose
      else if (!who.endsWith('SSE')) assert.match(String(again.err), /"code":-32001,"message":"Session not found/);
      else assert.ok(again.err);
      const next = await connect(`${g.url}/mcp`, token);
      await works(next);
      await next.close();
    });
  });
}

test('inspector CLI, with one malformed upstream among three, before and after a restart', async () => {
  const inspector = (...args) => promisify(execFile)(bin('mcp-inspector'),
    ['--cli', `${g.url}/mcp`, '--transport', 'http', '--header', `Authorization: Bearer ${token}`, ...args], { timeout: 60_000 });
  for (const round of ['before', 'after']) {
    const listed = JSON.parse((await inspector('--method', 'tools/list')).stdout).tools.map((t) => t.name);
    assert.ok(listed.includes('fine__good') && listed.includes('odd__half'), `${round}: ${listed}`);
    assert.match((await inspector('--method', 'tools/call', '--tool-name', 'fine__good')).stdout, /fine/);
    if (round === 'before') await g.restart();
  }
});
