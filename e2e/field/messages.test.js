// What an upstream tells and asks during a call, with one member wrong: it never
// reaches a client as what the client cannot read, and nothing else is lost.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import * as types from '@modelcontextprotocol/sdk/types.js';

import { allowAll, startGateway } from '../gateway.js';
import { clients, direct } from './clients.js';
import { mutants, valid } from './mutants.js';
import { serve } from './upstream.js';

const notifications = Object.keys(valid).filter((kind) => kind.startsWith('notifications/'));
const questions = { 'sampling/createMessage': 'sampling/createMessage', 'elicitation/create': 'elicitation/create', page: 'elicitation/create', 'roots/list': 'roots/list' };
const answers = Object.fromEntries(['sampling/createMessage', 'elicitation/create', 'roots/list'].map((method) => [method, valid[`${method}:result`]]));
const table = Object.fromEntries([...notifications, ...Object.keys(questions), ...Object.keys(answers).map((m) => `${m}:result`)].map((kind) => [kind, mutants(kind)]));

const got = new Map(); // what the upstream was answered, by call
let g;
let token;
let odd;

before(async () => {
  odd = await serve({
    'tools/list': () => ({ tools: [{ name: 'call', inputSchema: { type: 'object' } }] }),
    'tools/call': async ({ arguments: { kind, i, ask, mark }, _meta }, { tell, ask: question }) => {
      if (ask) got.set(mark, await question(ask, i === undefined ? valid[kind] : table[kind][i].value));
      else {
        const params = i === undefined ? valid[kind] : table[kind][i].value;
        tell(kind, params.progressToken === 'TOKEN' ? { ...params, progressToken: _meta?.progressToken } : params);
        tell('notifications/message', { level: 'info', data: mark });
      }
      return { content: [{ type: 'text', text: mark }] };
    },
  }, { capabilities: { tools: {}, logging: {} } });
  g = await startGateway({
    policies: { ...allowAll, 'reverse.rego': 'package reverse.odd\n\nallow := true\n' }, upstreams: { odd: odd.config },
    config: { guard: { injection: 'observe', pii: 'observe', secrets: 'observe' }, limits: { default: { rate: '600000/min', burst: 100000 } } },
  });
  token = g.mint('field', '--role', 'tester');
});
after(async () => {
  await g?.cleanup();
  await odd?.close();
});

// someone is a person for a client, with what was heard and what went wrong.
const someone = (given = answers) => {
  const p = { heardOf: [], errors: [], answers: given, heard: (method, params) => { p.heardOf.push({ method, params }); }, error: (err) => { p.errors.push(String(err)); } };
  return p;
};
const turn = () => new Promise((r) => setImmediate(r));

// Whether the clients read a message that nothing stands in front of.
async function read(connect, message) {
  const person = someone();
  let answer;
  const client = await connect({ answered: (m) => { answer = m; } }, person);
  client.transport.onmessage({ jsonrpc: '2.0', ...message });
  for (let n = 0; n < 5; n++) await turn();
  await client.close();
  return person.errors.length === 0 && !answer?.error;
}

async function readByAll(message) {
  for (const connect of Object.values(direct)) if (!await read(connect, message)) return false;
  return true;
}

for (const kind of notifications) {
  for (const [who, connect] of Object.entries(clients)) {
    test(`${who}: ${table[kind].length} of ${kind}`, async () => {
      const person = someone();
      const client = await connect(`${g.url}/mcp`, token, person);
      try {
        if (!who.endsWith('2026-07-28')) await client.setLoggingLevel('debug');
        for (const [i] of table[kind].entries()) {
          const mark = `${kind} ${i}`;
          const meta = who.endsWith('2026-07-28') ? { _meta: { 'io.modelcontextprotocol/logLevel': 'debug' } } : {};
          const r = await client.callTool({ name: 'odd__call', arguments: { kind, i, mark }, ...meta }, undefined, { onprogress: () => {} });
          assert.equal(r.content[0].text, mark);
        }
      } finally { await client.close(); }
      assert.deepEqual(person.errors, []);
      const marks = person.heardOf.filter((n) => n.method === 'notifications/message' && String(n.params.data).startsWith(`${kind} `));
      assert.equal(marks.length, table[kind].length, 'what was told after it is lost');
    });
  }
}

// What clients read past: a choice without its choices, and schemas that are none.
const stricter = /^requestedSchema\/properties\/[eo]\/(enum|oneOf)|^tools\/0\/inputSchema\/properties/;

for (const [kind, method] of Object.entries(questions)) {
  describe(`${table[kind].length} questions: ${kind}`, () => {
    const fine = new Set();
    before(async () => {
      for (const m of table[kind]) if (await readByAll({ id: 1, method, params: m.value })) fine.add(m);
    });

    for (const [who, connect] of Object.entries(clients)) {
      test(`${who} is asked what it can read, or nothing`, async () => {
        const person = someone();
        const client = await connect(`${g.url}/mcp`, token, person);
        const wrong = [];
        try {
          for (const [i, m] of table[kind].entries()) {
            const mark = `${who} ${kind} ${i}`;
            const r = await client.callTool({ name: 'odd__call', arguments: { kind, i, ask: method, mark } }).catch((err) => ({ content: [{ text: err.message }] }));
            const answer = got.get(mark);
            if (r.content[0].text !== mark || !answer) wrong.push(`${m.what}: the call ended with ${r.content[0].text}`);
            else if (answer.error && !/does not fit MCP/.test(answer.error.message)) wrong.push(`${m.what}: the client was asked, and said ${answer.error.message}`);
            else if (answer.error && answer.error.code !== -32602) wrong.push(`${m.what}: ${answer.error.code}`);
            else if (answer.error && fine.has(m) && !stricter.test(m.what)) wrong.push(`${m.what}: the clients read it: ${answer.error.message}`);
          }
        } finally { await client.close(); }
        assert.deepEqual(wrong.map((w) => w.slice(0, 300)), []);
        assert.deepEqual(person.errors, []);
      });
    }
  });
}

const schemas = { 'sampling/createMessage': types.CreateMessageResultWithToolsSchema, 'elicitation/create': types.ElicitResultSchema, 'roots/list': types.ListRootsResultSchema };

for (const [method, schema] of Object.entries(schemas)) {
  const kind = `${method}:result`;
  test(`an upstream gets none of ${table[kind].length} answers to ${method} that it cannot read`, async () => {
    const client = await clients['TypeScript 1'](`${g.url}/mcp`, token, someone());
    const send = client.transport.send.bind(client.transport);
    let next;
    client.transport.send = (m, o) => send(m.result && m.method === undefined ? { ...m, result: next } : m, o);
    const wrong = [];
    try {
      for (const [i, m] of table[kind].entries()) {
        const mark = `${kind} ${i}`;
        next = m.value;
        await client.callTool({ name: 'odd__call', arguments: { kind: method, ask: method, mark } });
        const answer = got.get(mark);
        if (answer.error && (answer.error.code !== -32603 || !/the agent's answer does not fit MCP/.test(answer.error.message))) wrong.push(`${m.what}: ${JSON.stringify(answer.error)}`);
        else if (!answer.error && !schema.safeParse(answer.result).success) wrong.push(`${m.what}: ${JSON.stringify(answer.result)} came through`);
        else if (answer.error && schema.safeParse(m.value).success) wrong.push(`${m.what}: could be read: ${answer.error.message}`);
      }
    } finally { await client.close(); }
    assert.deepEqual(wrong.map((w) => w.slice(0, 300)), []);
  });
}

test('what is right comes as it is', async () => {
  const person = someone();
  const client = await clients['TypeScript 1'](`${g.url}/mcp`, token, person);
  await client.setLoggingLevel('debug');
  for (const kind of ['notifications/message', 'notifications/elicitation/complete', 'notifications/tasks/status', 'notifications/x-later']) {
    await client.callTool({ name: 'odd__call', arguments: { kind, mark: 'right' } });
    assert.deepEqual(person.heardOf.find((n) => n.method === kind)?.params, valid[kind], kind);
  }
  for (const [kind, method] of Object.entries(questions)) {
    person.heardOf.length = 0;
    await client.callTool({ name: 'odd__call', arguments: { kind, ask: method, mark: kind } });
    assert.deepEqual(person.heardOf[0].params, types[kind.startsWith('sampling') ? 'CreateMessageRequestParamsSchema' : kind.startsWith('roots') ? 'BaseRequestParamsSchema' : 'ElicitRequestParamsSchema']?.parse(valid[kind]) ?? valid[kind], kind);
    assert.deepEqual(got.get(kind).result, answers[method], kind);
  }
  await client.close();
});

test('what is wrong is counted and on record', async () => {
  const [said] = g.sql("SELECT sum(body ->> '$.said.withheld') AS withheld, sum(body ->> '$.said.sent') AS sent FROM events WHERE type = 'call.outcome'");
  assert.ok(said.withheld > 200 && said.sent > said.withheld, JSON.stringify(said));
  const refused = g.sql("SELECT count(*) AS n FROM calls WHERE code = 'upstream_invalid' AND kind IN ('sampling', 'elicitation', 'roots')")[0].n;
  assert.ok(refused > 500, `${refused} questions`);
});
