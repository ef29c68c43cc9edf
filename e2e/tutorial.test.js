// What a newcomer is promised: each control seen to work on the running binary.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { auth, binary, modern, rest, servers, startGateway, until } from './gateway.js';

// A policy that allows one path prefix and one role.
const policies = {
  'read_text_file.rego': `package tools.files.read_text_file

import data.toolward.lib.path

allow if {
	"reader" in input.agent.roles
	path.under(input.args.path, "DIR/docs/public")
}

redact contains "result.content[*].text" if contains(input.args.path, "salaries")
redact contains "result.structuredContent.content" if contains(input.args.path, "salaries")
`,
  'demo.rego': `package servers.demo

allow if "reader" in input.agent.roles
`,
};

let g;
let reader;
let stranger;
const file = (name) => path.join(g.dir, 'docs', 'public', name);
const call = (token, tool, args) => rest(g, 'POST', `/v1/tools/${tool}/call`, token, args);

before(async () => {
  g = await startGateway({
    policies,
    upstreams: {
      files: { command: servers('.').files.command, args: ['./docs'] },
      demo: { command: binary, args: ['demo-server'] },
    },
    config: { limits: { default: { rate: '600000/min', burst: 100000 }, agents: { hasty: { rate: '1/min', burst: 3 } } } },
  });
  reader = g.mint('reader', '--role', 'reader');
  stranger = g.mint('stranger');
  fs.writeFileSync(file('plan.txt'), 'The plan is to ship.');
  fs.writeFileSync(file('salaries.txt'), 'Everyone earns 100.');
  fs.writeFileSync(path.join(g.dir, 'docs', 'secret.txt'), 'Not for readers.');
});
after(() => g?.cleanup());

describe('policy', () => {
  test('allows the prefix and the role', async () => {
    const r = await call(reader, 'files__read_text_file', { path: file('plan.txt') });
    assert.equal(r.status, 200, r.text);
    assert.match(r.text, /The plan is to ship/);
  });

  for (const [name, where] of [['outside', 'docs/secret.txt'], ['dot-dot', 'docs/public/../secret.txt'], ['a longer name', 'docs/public2/x.txt']]) {
    test(`denies a path ${name}`, async () => {
      const r = await call(reader, 'files__read_text_file', { path: path.join(g.dir, '') + '/' + where });
      assert.equal(r.status, 403, r.text);
      assert.equal(r.json.code, 'policy');
      assert.ok(r.json.reasons.length > 0 && r.json.call);
    });
  }

  test('denies another role', async () => {
    const r = await call(stranger, 'files__read_text_file', { path: file('plan.txt') });
    assert.equal(r.status, 403, r.text);
  });

  test('redacts', async () => {
    const r = await call(reader, 'files__read_text_file', { path: file('salaries.txt') });
    assert.equal(r.status, 200, r.text);
    assert.doesNotMatch(r.text, /100/);
    assert.match(r.text, /redacted/);
  });

  test('hides the tool from those who could never call it', async () => {
    const names = async (t) => (await rest(g, 'GET', '/v1/tools', t)).json.tools.map((x) => x.name);
    assert.ok((await names(reader)).includes('files__read_text_file'));
    assert.ok(!(await names(stranger)).includes('files__read_text_file'));
    assert.ok(!(await names(reader)).includes('files__write_file'));
  });

  test('is the same over MCP, with a reason the model can act on', async () => {
    const client = new Client({ name: 'e2e', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL(`${g.url}/mcp`), { requestInit: { headers: auth(reader) } }));
    const r = await client.callTool({ name: 'files__read_text_file', arguments: { path: path.join(g.dir, 'docs', 'secret.txt') } });
    assert.equal(r.isError, true);
    assert.equal(r._meta['toolward/decision'].effect, 'deny');
    assert.ok(r._meta['toolward/decision'].reasons.length > 0);
    await client.close();
  });

  test('is reloaded when it changes, and a broken one is refused', async () => {
    const where = path.join(g.dir, 'policies', 'demo.rego');
    const good = fs.readFileSync(where, 'utf8');
    assert.equal((await call(stranger, 'demo__echo', { text: 'x' })).status, 403);
    fs.writeFileSync(where, 'package servers.demo\n\nallow if {\n');
    await until(() => /policy/.test(g.log()) && /rego_parse_error|demo\.rego/.test(g.log()), () => g.log());
    assert.equal((await call(reader, 'demo__echo', { text: 'x' })).status, 200);
    fs.writeFileSync(where, 'package servers.demo\n\nallow if true\n');
    await until(async () => (await call(stranger, 'demo__echo', { text: 'x' })).status === 200);
    fs.writeFileSync(where, good);
    await until(async () => (await call(stranger, 'demo__echo', { text: 'x' })).status === 403);
  });
});

describe('refusals', () => {
  test('no token, or a bad one, is 401 with where to get one', async () => {
    for (const t of [undefined, 'x.y.z', `${reader}x`]) {
      for (const [method, where, body] of [['GET', '/v1/tools'], ['POST', '/mcp', { jsonrpc: '2.0', id: 1, method: 'ping' }]]) {
        const r = await rest(g, method, where, t, body);
        assert.equal(r.status, 401, `${where}: ${r.text}`);
        assert.match(r.headers.get('www-authenticate'), /^Bearer .*resource_metadata="http/);
      }
    }
    const metadata = await rest(g, 'GET', '/.well-known/oauth-protected-resource/mcp');
    assert.equal(metadata.status, 200, metadata.text);
    assert.ok(metadata.json.resource.endsWith('/mcp'));
  });

  test('over the rate is 429 with when to come back', async () => {
    const hasty = g.mint('hasty', '--role', 'reader');
    const statuses = [];
    let last;
    for (let i = 0; i < 5; i++) {
      last = await call(hasty, 'demo__echo', { text: `${i}` });
      statuses.push(last.status);
    }
    assert.deepEqual(statuses, [200, 200, 200, 429, 429]);
    assert.ok(Number(last.headers.get('retry-after')) > 0);
    const mcp = await modern(g, hasty, 'tools/call', { name: 'demo__echo', arguments: { text: 'x' } });
    assert.equal(mcp.status, 429, mcp.text);
    assert.ok(Number(mcp.headers.get('retry-after')) > 0);
  });

  test('an injected prompt is blocked and logged', async () => {
    const r = await call(reader, 'demo__read_mail', { id: 2 });
    assert.equal(r.status, 403, r.text);
    assert.doesNotMatch(r.text, /collect@example/);
    const [row] = g.sql(`select * from calls where id = '${r.json.call}'`);
    assert.match(row.result_findings, /injection/);
    assert.equal(row.outcome, 'withheld');
  });

  test('a secret is redacted on its way to the agent and in the record', async () => {
    const r = await call(reader, 'demo__read_mail', { id: 3 });
    assert.equal(r.status, 200, r.text);
    assert.doesNotMatch(r.text, /AKIA/);
  });

  test('malformed payloads are refused and recorded', async () => {
    const bodies = ['{"text":', '{"text":"a","text":"b"}', '{"text":"a","Text":"b"}', '{"text":0.1000000000000000055}', `{"text":${'['.repeat(70)}${']'.repeat(70)}}`];
    for (const body of bodies) {
      const r = await rest(g, 'POST', '/v1/tools/demo__echo/call', reader, body);
      assert.ok([400, 413].includes(r.status), `${body}: ${r.status}`);
      const [row] = g.sql(`select * from calls where id = '${r.json.call}'`);
      assert.ok(row, `${body} is not on record`);
    }
    const broken = await rest(g, 'POST', '/mcp', reader, '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"demo__echo","Name":"demo__read_mail","arguments":{}}}');
    assert.equal(broken.status, 400, broken.text);
  });

  test('an unknown tool and broken arguments', async () => {
    assert.equal((await call(reader, 'demo__nothing', {})).status, 404);
    assert.equal((await call(reader, 'demo__echo', { text: 5 })).status, 422);
  });

  test('a foreign Host or Origin is refused', async () => {
    const r = await fetch(`${g.url}/v1/tools`, { headers: { ...auth(reader), Origin: 'https://evil.example' } });
    assert.equal(r.status, 403);
  });
});

describe('upstreams that die', () => {
  test('a dead upstream is 502, and comes back by itself', async () => {
    const pids = execFileSync('pgrep', ['-P', String(g.child.pid), '-f', 'demo-server'], { encoding: 'utf8' }).trim().split('\n');
    const during = call(reader, 'demo__echo', { text: 'x' });
    for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
    const statuses = [(await during).status];
    await until(async () => {
      const r = await call(reader, 'demo__echo', { text: 'x' });
      statuses.push(r.status);
      return r.status === 200;
    });
    assert.ok(statuses.every((s) => s === 200 || s === 502), `${statuses}`);
    assert.equal((await call(reader, 'files__read_text_file', { path: file('plan.txt') })).status, 200);
  });
});

describe('afterwards', () => {
  test('nothing sensitive is in the log or the database, and the record verifies', async () => {
    g.cli('audit', 'verify');
    const { code } = await g.stop();
    assert.equal(code, 0, g.log());
    const everything = fs.readdirSync(g.dir).filter((f) => f.startsWith('toolward.db')).map((f) => fs.readFileSync(path.join(g.dir, f), 'latin1')).join('') + g.log();
    for (const secret of [reader, stranger, reader.split('.')[2], 'AKIAQ3EGRZ7TOOLWARD5']) {
      assert.ok(!everything.includes(secret), `${secret.slice(0, 12)}… leaked`);
    }
    assert.ok(g.sql('select count(*) as n from calls')[0].n > 10);
  });
});
