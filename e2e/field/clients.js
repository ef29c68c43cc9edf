// The official clients, as a table: each connects to a URL with a token. With
// `person` it hears notifications and answers questions.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import * as types from '@modelcontextprotocol/sdk/types.js';
import * as v2 from '@modelcontextprotocol/client';

import { auth } from '../gateway.js';

const requestInit = (token) => ({ requestInit: { headers: auth(token) } });

// The names that the first generation has instead of methods.
const schemas = {
  'notifications/progress': types.ProgressNotificationSchema, 'notifications/message': types.LoggingMessageNotificationSchema,
  'notifications/resources/updated': types.ResourceUpdatedNotificationSchema, 'notifications/tools/list_changed': types.ToolListChangedNotificationSchema,
  'notifications/tasks/status': types.TaskStatusNotificationSchema, 'notifications/elicitation/complete': types.ElicitationCompleteNotificationSchema,
  'sampling/createMessage': types.CreateMessageRequestSchema, 'elicitation/create': types.ElicitRequestSchema, 'roots/list': types.ListRootsRequestSchema,
};

const capabilities = { sampling: { tools: {} }, elicitation: { form: {}, url: {} }, roots: {} };

// make makes a client. A person is {heard(method, params), answers: {method: result},
// error(err)}.
function make(first, person, more) {
  const Kind = first ? Client : v2.Client;
  const client = new Kind({ name: 'field', version: '1' }, { ...more, ...(person && { capabilities }) });
  if (!person) return client;
  const name = (method) => (first ? schemas[method] : method);
  client.onerror = person.error;
  for (const method of Object.keys(schemas).filter((m) => m.startsWith('notifications/'))) {
    try { client.setNotificationHandler(name(method), (n) => person.heard(method, n.params)); } catch { /* the second generation has no tasks */ }
  }
  client.fallbackNotificationHandler = async (n) => person.heard(n.method, n.params);
  for (const [method, answer] of Object.entries(person.answers)) client.setRequestHandler(name(method), async (r) => { person.heard(method, r.params); return answer; });
  return client;
}

async function connect(client, transport) {
  await client.connect(transport);
  return client;
}

const modern = { versionNegotiation: { mode: { pin: '2026-07-28' } } };

export const clients = {
  'TypeScript 1': (url, token, person) => connect(make(true, person), new StreamableHTTPClientTransport(new URL(url), requestInit(token))),
  'TypeScript 1 over SSE': (url, token, person) => connect(make(true, person), new SSEClientTransport(new URL(url.replace(/\/mcp$/, '/sse')), {
    ...requestInit(token), eventSourceInit: { fetch: (u, init) => fetch(u, { ...init, headers: { ...init?.headers, ...auth(token) } }) },
  })),
  'TypeScript 2': (url, token, person) => connect(make(false, person), new v2.StreamableHTTPClientTransport(new URL(url), requestInit(token))),
  'TypeScript 2 of 2026-07-28': (url, token, person) => connect(make(false, person, modern), new v2.StreamableHTTPClientTransport(new URL(url), requestInit(token))),
};

// direct connects the two generations to answers without a server between.
export const direct = {
  'TypeScript 1': (answers, person) => connect(make(true, person), new Memory(answers)),
  'TypeScript 2': (answers, person) => connect(make(false, person), new Memory(answers)),
};

class Memory {
  constructor(answers) { this.answers = { initialize: () => ({ protocolVersion: '2025-11-25', capabilities: { tools: {}, prompts: {}, resources: {}, logging: {} }, serverInfo: { name: 'direct', version: '1' } }), ...answers }; }
  async start() {}
  async close() {}
  async send(m) {
    if (m.id === undefined) return;
    if (m.method === undefined) return void this.answers.answered?.(m);
    const answer = JSON.parse(JSON.stringify(this.answers[m.method]?.(m.params) ?? {}));
    queueMicrotask(() => this.onmessage({ jsonrpc: '2.0', id: m.id, result: answer }));
  }
}
