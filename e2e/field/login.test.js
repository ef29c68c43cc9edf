// The official TypeScript client logs in by itself: it is given the URL, and a provider
// that opens what it is told to in the owner's browser.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';

import { serve } from './upstream.js';
import { allowAll, startGateway } from '../gateway.js';
import { answer } from '../owner.js';

let g;
let upstream;
before(async () => {
  upstream = await serve({ 'tools/list': () => ({ tools: [{ name: 'good', inputSchema: { type: 'object' } }] }), 'tools/call': () => ({ content: [{ type: 'text', text: 'all is well' }] }) });
  g = await startGateway({ policies: allowAll, upstreams: { fine: upstream.config }, config: { auth: { local: { roles: ['tester'] } } } });
});
after(async () => {
  await g?.cleanup();
  await upstream?.close();
});

// provider keeps what the client is told to keep, in memory.
function provider(change = {}) {
  const kept = {};
  return {
    kept,
    redirectUrl: 'http://localhost:4711/callback',
    clientMetadata: { client_name: 'the SDK', redirect_uris: ['http://localhost:4711/callback'], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'none' },
    clientInformation: () => kept.client,
    saveClientInformation: (c) => { kept.client = c; },
    tokens: () => kept.tokens,
    saveTokens: (tokens) => { kept.tokens = tokens; },
    saveCodeVerifier: (v) => { kept.verifier = v; },
    codeVerifier: () => kept.verifier,
    async redirectToAuthorization(url) { kept.back = new URL((await answer(url)).to); },
    invalidateCredentials: (what) => { if (what === 'all') delete kept.client; delete kept.tokens; },
    ...change,
  };
}

// connect logs in if it has to, as the SDK's documentation has it.
async function connect(url, p) {
  const client = new Client({ name: 'login', version: '1' });
  let transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: p });
  try {
    await client.connect(transport);
  } catch (err) {
    if (!(err instanceof UnauthorizedError)) throw err;
    assert.ok(p.kept.back, 'it was not asked to open a page');
    await transport.finishAuth(p.kept.back.searchParams.get('code'));
    transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: p });
    await client.connect(transport);
  }
  return client;
}

const urls = {
  'all upstreams': (base) => `${base}/mcp`, 'one upstream': (base) => `${base}/mcp/fine`, 'a slash at the end': (base) => `${base}/mcp/`,
  'localhost instead of the address': (base) => `${base.replace('127.0.0.1', 'localhost')}/mcp`,
};
for (const [name, url] of Object.entries(urls)) {
  test(`logs in for ${name}`, async () => {
    const client = await connect(url(g.url), provider());
    const { tools } = await client.listTools();
    const result = await client.callTool({ name: tools[0].name, arguments: {} });
    assert.equal(result.content[0].text, 'all is well');
    await client.close();
  });
}

test('renews a token that does not work any more, and goes on', async () => {
  const p = provider();
  await (await connect(`${g.url}/mcp`, p)).close();
  const before = { ...p.kept.tokens };
  p.kept.tokens.access_token = 'eyJhbGciOiJub25lIn0.e30.x'; // synthetic: as good as expired
  const client = await connect(`${g.url}/mcp`, p);
  assert.notEqual(p.kept.tokens.refresh_token, before.refresh_token);
  assert.equal((await client.callTool({ name: 'fine__good', arguments: {} })).content[0].text, 'all is well');
  await client.close();
});
