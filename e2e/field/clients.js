// The official clients, as a table: each connects to a URL with a token.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import * as v2 from '@modelcontextprotocol/client';

import { auth } from '../gateway.js';

const requestInit = (token) => ({ requestInit: { headers: auth(token) } });

async function connect(client, transport) {
  await client.connect(transport);
  return client;
}

export const clients = {
  'TypeScript 1': (url, token) => connect(new Client({ name: 'field', version: '1' }), new StreamableHTTPClientTransport(new URL(url), requestInit(token))),
  'TypeScript 1 over SSE': (url, token) => connect(new Client({ name: 'field', version: '1' }), new SSEClientTransport(new URL(url.replace(/\/mcp$/, '/sse')), {
    ...requestInit(token), eventSourceInit: { fetch: (u, init) => fetch(u, { ...init, headers: { ...init?.headers, ...auth(token) } }) },
  })),
  'TypeScript 2': (url, token) => connect(new v2.Client({ name: 'field', version: '2' }), new v2.StreamableHTTPClientTransport(new URL(url), requestInit(token))),
  'TypeScript 2 of 2026-07-28': (url, token) => connect(new v2.Client({ name: 'field', version: '2' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } }), new v2.StreamableHTTPClientTransport(new URL(url), requestInit(token))),
};

// direct connects the two generations to answers without a server between.
export const direct = {
  'TypeScript 1': (answers) => connect(new Client({ name: 'field', version: '1' }), new Memory(answers)),
  'TypeScript 2': (answers) => connect(new v2.Client({ name: 'field', version: '2' }), new Memory(answers)),
};

class Memory {
  constructor(answers) { this.answers = { initialize: () => ({ protocolVersion: '2025-11-25', capabilities: { tools: {}, prompts: {}, resources: {} }, serverInfo: { name: 'direct', version: '1' } }), ...answers }; }
  async start() {}
  async close() {}
  async send(m) {
    if (m.id === undefined) return;
    const answer = JSON.parse(JSON.stringify(this.answers[m.method]?.(m.params) ?? {}));
    queueMicrotask(() => this.onmessage({ jsonrpc: '2.0', id: m.id, result: answer }));
  }
}
