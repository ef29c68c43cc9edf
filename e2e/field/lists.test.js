// One bad part never takes the whole: every way in which a definition or a
// result can be wrong, through the gateway, with the official clients.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import { allowAll, binary, startGateway } from '../gateway.js';
import { clients, direct } from './clients.js';
import { mutants, valid } from './mutants.js';
import { good, serve } from './upstream.js';

const kinds = {
  tool: { method: 'tools/list', array: 'tools', list: (c, p) => c.listTools(p), good: ['a__good', 'c__good'], name: 'name' },
  prompt: { method: 'prompts/list', array: 'prompts', list: (c, p) => c.listPrompts(p), good: ['a__good', 'c__good'], name: 'name' },
  resource: { method: 'resources/list', array: 'resources', list: (c, p) => c.listResources(p), good: ['toolward://a/test://good', 'toolward://c/test://good'], name: 'uri' },
  template: { method: 'resources/templates/list', array: 'resourceTemplates', list: (c, p) => c.listResourceTemplates(p), good: ['toolward://a/test://good/{id}', 'toolward://c/test://good/{id}'], name: 'uriTemplate' },
};
const results = {
  called: (c, i) => c.callTool({ name: 'odd__call', arguments: { i } }),
  got: (c, i) => c.getPrompt({ name: 'odd__get', arguments: { i: String(i) } }),
  read: (c, i) => c.readResource({ uri: `toolward://odd/odd://read/${i}` }),
};
const table = Object.fromEntries([...Object.keys(kinds), ...Object.keys(results)].map((kind) => [kind, mutants(kind)]));

const opened = [];
let g;
let token;

before(async () => {
  const lists = Object.fromEntries(Object.entries(kinds).map(([kind, k]) => [k.method, () => ({ [k.array]: table[kind].map((m) => m.value) })]));
  lists['tools/list'] = () => ({ tools: [...table.tool.map((m) => m.value), { name: 'call', inputSchema: { type: 'object' } }] });
  lists['prompts/list'] = () => ({ prompts: [...table.prompt.map((m) => m.value), { name: 'get' }] });
  const odd = await serve({
    ...lists,
    'tools/call': (p) => table.called[p.arguments.i].value,
    'prompts/get': (p) => table.got[p.arguments.i].value,
    'resources/read': (p) => table.read[p.uri.split('/').at(-1)].value,
  });
  const [a, c] = [await good(), await good()];
  opened.push(odd, a, c);
  g = await startGateway({ policies: allowAll, upstreams: { a: a.config, odd: odd.config, c: c.config }, config: { guard: { injection: 'observe', poisoning: 'observe' }, limits: { default: { rate: '600000/min', burst: 100000 } } } });
  token = g.mint('field', '--role', 'tester');
});
after(async () => {
  await g?.cleanup();
  for (const s of opened) await s.close();
});

async function using(connecting, use) {
  const client = await connecting;
  try { return await use(client); } finally { await client.close(); }
}

// all is every entry of a list, page by page.
async function all(client, k) {
  const entries = [];
  let cursor;
  do {
    const page = await k.list(client, cursor ? { cursor } : undefined);
    entries.push(...page[k.array]);
    cursor = page.nextCursor;
  } while (cursor);
  return entries;
}

// What the clients say of a definition that nothing stands in front of.
async function accepted(k, value) {
  for (const connect of Object.values(direct)) {
    const client = await connect({ [k.method]: () => ({ [k.array]: [value] }) });
    try { await k.list(client); } catch { return false; }
  }
  return true;
}

for (const [kind, k] of Object.entries(kinds)) {
  describe(`${table[kind].length} ${kind} definitions of which one member is wrong`, () => {
    const fine = new Set();
    before(async () => {
      for (const m of table[kind]) if (await accepted(k, m.value)) fine.add(m);
    });

    test('most break the clients where nothing stands in front of them', () => {
      assert.ok(table[kind].length - fine.size > table[kind].length / 3, `${fine.size} of ${table[kind].length} are accepted`);
    });

    for (const [who, connect] of Object.entries(clients)) {
      for (const where of ['/mcp', '/mcp/odd']) {
        if (where !== '/mcp' && who.endsWith('SSE')) continue;
        test(`${who} reads the list of ${where}`, async () => {
          const names = (await using(connect(g.url + where, token), (client) => all(client, k))).map((e) => e[k.name]);
          if (where === '/mcp') for (const n of k.good) assert.ok(names.includes(n), `${n} is gone`);
          // What the clients take is not taken away, but for schemas that are none.
          const prefix = where !== '/mcp' ? '' : k.name === 'name' ? 'odd__' : 'toolward://odd/';
          const kept = new Set(names);
          const lost = table[kind].filter((m) => fine.has(m) && m.value?.[k.name] && !/inputSchema|header|uri is|name is/.test(m.what) && !kept.has(prefix + m.value[k.name]));
          assert.deepEqual(lost.map((m) => m.what), []);
        });
      }
    }
  });
}

for (const [kind, ask] of Object.entries(results)) {
  for (const [who, connect] of Object.entries(clients)) {
    test(`${who}: none of ${table[kind].length} ${kind} results is an exception of the client's`, async () => {
      const broken = [];
      await using(connect(`${g.url}/mcp`, token), async (client) => {
        for (const [i, m] of table[kind].entries()) {
          try {
            const r = await ask(client, i);
            if (kind === 'called' && r.isError && m.value.isError !== true) assert.match(JSON.stringify(r.content), /does not fit MCP/, m.what);
          } catch (err) {
            if (!/does not fit MCP/.test(err.message)) broken.push(`${m.what}: ${err.message}`.slice(0, 300));
          }
        }
      });
      assert.deepEqual(broken, []);
    });
  }
}

test('what was left out is named, with the reason, in `tools list` and in the record', async () => {
  // Not execFileSync: the upstream is in this process.
  const listed = await promisify(execFile)(binary, ['tools', 'list', '--output', 'json', '--config', 'toolward.yaml'], { cwd: g.dir, maxBuffer: 64 << 20 });
  const rows = JSON.parse(listed.stdout).filter((t) => t.quarantined);
  const recorded = g.sql("SELECT body FROM events WHERE type = 'tool.quarantined'").map((r) => JSON.parse(r.body));
  assert.ok(rows.length > 200, `${rows.length} rows`);
  assert.equal(recorded.length, rows.length);
  for (const t of rows) assert.ok(recorded.some((r) => r.tool === t.name && r.reason === t.quarantined), JSON.stringify(t));
  const whole = rows.find((t) => t.name === `odd tools[${table.tool.findIndex((m) => m.what === 'the whole is 7')}]`);
  assert.equal(whole?.quarantined, 'its definition is not a JSON object');
  const hint = rows.find((t) => t.name === `odd__${table.tool.find((m) => m.what === 'annotations/readOnlyHint is 7').value.name}`);
  assert.equal(hint?.quarantined, 'its definition does not fit MCP, and clients would reject the whole list: at /annotations/readOnlyHint: a boolean is wanted, not this number');
});

test('a good definition and a good result are as they were', async () => {
  const extra = table.tool.findIndex((m) => m.what === 'annotations/title is "x"');
  const i = table.called.findIndex((m) => m.what === 'content/0/text is "x"');
  const [tool, result] = await using(clients['TypeScript 1'](`${g.url}/mcp/odd`, token), async (client) => [
    (await all(client, kinds.tool)).find((t) => t.name === `m${extra}`), await client.callTool({ name: 'call', arguments: { i } }),
  ]);
  assert.deepEqual(tool, { ...valid.tool, name: `m${extra}`, annotations: { ...valid.tool.annotations, title: 'x' } });
  assert.deepEqual(result, table.called[i].value);
});
