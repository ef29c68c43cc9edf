// The first hour with toolward, from the clone to a refused call, as the README tells
// it, with the programs that people have: Claude Code and Codex (their models are a
// stub), and Claude Desktop's entry, started as that program starts it. One folder,
// one story: each test goes on where the one before ended.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

import { clients } from '../cli/clients.js';
import { login } from '../cli/logins.js';
import { model } from '../cli/model.js';
import { bin, until } from '../gateway.js';
import { browserIn } from '../owner.js';
import { newcomer, url } from './newcomer.js';

const secrets = { NOTION_TOKEN: 'ntn_synthetic0123456789synthetic0123456789abc', CONTEXT7_API_KEY: 'ctx7sk-synthetic-0123-4567' };

describe('the first hour', { timeout: 900_000 }, () => {
  let me;
  const agents = {}; // sessions that stay open through all of it
  const desktop = [];

  before(() => {
    assert.deepEqual(Object.keys(os.networkInterfaces()), ['lo'], 'these programs are run where nothing can be reached: use e2e/firsthour/run');
    me = newcomer();
  });
  after(async () => {
    for (const d of desktop) await d.close();
    for (const { session, stub } of Object.values(agents)) {
      await session.close();
      await stub.close();
    }
    await me?.close();
  });

  // asked is what the model of an agent was told by a tool.
  async function asked(who, tool, args) {
    const { session, stub } = agents[who];
    const before = stub.told.length;
    await session.say(`please use ${tool} with ${JSON.stringify(args)}`);
    return stub.told.slice(before).at(-1) ?? `not offered among ${stub.offered}\n${session.log()}`;
  }
  const called = async (client, name, args) => {
    const r = await client.callTool({ name, arguments: args });
    return { said: r.content.map((c) => c.text).join(''), refused: r.isError === true };
  };

  test('make run', async () => {
    const { log } = await me.gateway('make', 'run');
    assert.match(log(), /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/m, 'it prints a token');
    const token = '-H "Authorization: Bearer $(bin/toolward token mint --subject me --role demo)"';
    assert.match(me.sh(`curl -s 127.0.0.1:8080/v1/tools/demo__echo/call ${token} -d '{"text":"hello"}'`), /"text":"hello"/);
    assert.match(me.sh(`curl -s 127.0.0.1:8080/v1/tools/demo__read_mail/call ${token} -d '{"id":2}'`), /"status":403.*injection/);
  });

  // begin pastes the URL into an agent, which logs in by the browser, and opens a session
  // in which it can use the gateway.
  async function begin(who) {
    await agents[who]?.session.close();
    const home = path.join(me.home, who.replace(' ', '-')); // Codex does not find a browser whose path has a blank
    fs.rmSync(home, { recursive: true, force: true });
    const cwd = path.join(home, 'work');
    fs.mkdirSync(cwd, { recursive: true });
    const at = { home, cwd, env: { ...browserIn(path.join(home, 'bin'), me.env, 'demo reader'), HOME: home }, url: `${url}/mcp` };
    await login(who, at);
    const stub = agents[who]?.stub ?? await model();
    agents[who] = { session: await clients[who].begin({ ...at, model: stub.url, entered: true }), stub };
  }

  for (const who of ['Claude Code', 'Codex']) {
    test(`${who}: the URL pasted, a login, and a call`, async () => {
      await begin(who);
      assert.match(await asked(who, 'demo__echo', { text: `I am ${who}` }), new RegExp(`I am ${who}`));
    });
  }

  test("Claude Desktop's entry, in two windows at once", async () => {
    me.sh('bin/toolward connect claude-desktop --write --role demo --role reader');
    const entry = JSON.parse(fs.readFileSync(path.join(me.home, '.config/Claude/claude_desktop_config.json'), 'utf8')).mcpServers.toolward;
    assert.ok(path.isAbsolute(entry.command) && entry.env === undefined, JSON.stringify(entry));
    for (const window of ['one', 'two']) {
      const client = new Client({ name: 'claude-ai', version: '0.1.0' });
      await client.connect(new StdioClientTransport({ ...entry, cwd: '/', env: { PATH: '/usr/bin:/bin' } }));
      desktop.push(client);
      assert.match((await called(client, 'demo__echo', { text: `window ${window}` })).said, new RegExp(`window ${window}`));
    }
  });

  test('import six servers', () => {
    fs.mkdirSync(path.join(me.folder, 'papers', 'public'), { recursive: true });
    me.write('papers/public/plan.txt', 'the plan is good');
    me.write('papers/diary.txt', 'dear diary');
    me.write('mcp.json', JSON.stringify({ mcpServers: {
      files: { command: bin('mcp-server-filesystem'), args: [path.join(me.folder, 'papers')] },
      memory: { command: bin('mcp-server-memory'), env: { MEMORY_FILE_PATH: path.join(me.home, 'memory.jsonl') } },
      everything: { command: bin('mcp-server-everything') },
      thinking: { command: bin('mcp-server-sequential-thinking') },
      notion: { command: bin('notion-mcp-server'), env: { NOTION_TOKEN: secrets.NOTION_TOKEN } },
      context7: { command: bin('context7-mcp'), args: ['--api-key', secrets.CONTEXT7_API_KEY] },
    } }));
    me.sh('bin/toolward import mcp.json --env-file toolward.env > toolward.yaml');
    for (const [name, secret] of Object.entries(secrets)) {
      assert.ok(!me.read('toolward.yaml').includes(secret), `${name} is in toolward.yaml`);
      assert.ok(me.read('toolward.env').includes(`${name}=${secret}`), `${name} is not in toolward.env`);
    }
    assert.equal(fs.statSync(path.join(me.folder, 'toolward.env')).mode & 0o777, 0o600);
    assert.match(me.sh('bin/toolward config check'), /policy: none: every call is refused[^]*toolward\.yaml is fine: 6 upstreams/);
  });

  test('policy init, and the gateway on it', async () => {
    assert.match(me.sh('bin/toolward policy init ./policies --role reader --allow read-only'), /files: reader may use \d+ of \d+ tools/);
    me.sh("echo 'policy: {path: ./policies}' >> toolward.yaml");
    me.sh('bin/toolward config check');
    me.sh('bin/toolward policy check ./policies');
    me.sh('bin/toolward policy test ./policies');
    assert.match(me.sh('bin/toolward serve', 2), /stop that one/); // the one of `make run` is still there
    await me.running.interrupt();
    const { log } = await me.gateway('bin/toolward', 'serve');
    for (const name of ['files', 'memory', 'everything', 'thinking', 'notion', 'context7']) {
      await until(() => new RegExp(`upstream ${name} +\\d+ |upstream is up.*server=${name}\\b`).test(log()), () => `${name} is not up:\n${log()}`);
    }
  });

  // Whoever was connected before still is.
  const diary = () => ({ path: path.join(me.folder, 'papers/diary.txt') });
  const plan = () => ({ path: path.join(me.folder, 'papers/public/plan.txt') });

  test('what the policy allows, and what it does not', async () => {
    for (const client of desktop) {
      await until(async () => (await client.listTools()).tools.some((t) => t.name === 'files__read_text_file'));
      assert.deepEqual(await called(client, 'files__read_text_file', plan()), { said: 'the plan is good', refused: false });
      assert.deepEqual(await called(client, 'files__read_text_file', diary()), { said: 'dear diary', refused: false });
      const written = await called(client, 'files__write_file', { ...plan(), content: 'mine' });
      assert.ok(written.refused && /policy/.test(written.said), written.said);
    }
    await begin('Codex'); // a session of it keeps to the tools that it began with
    for (const who of Object.keys(agents)) {
      await until(async () => /the plan is good/.test(await asked(who, 'files__read_text_file', plan())), () => agents[who].session.log().slice(-4000));
    }
    assert.equal(me.read('papers/public/plan.txt'), 'the plan is good');
  });

  test('one edit, and it is governed', async () => {
    const rule = (line) => line.replace(/^# ?/, '');
    const starter = me.read('policies/files.rego');
    const [example] = /^# deny contains [^\n]*\n# \tinput\.tool\.name == "read_text_file"\n[^]*?^# \}/m.exec(starter) ?? assert.fail(`no example:\n${starter}`);
    me.write('policies/files.rego', starter
      .replace('# import data.toolward.lib.path', 'import data.toolward.lib.path')
      .replace(example, example.split('\n').map(rule).join('\n').replaceAll('/srv/docs', path.join(me.folder, 'papers/public'))));
    me.sh('bin/toolward policy check ./policies');
    // The starter's test says that something is allowed no more, and what is expected is one entry that moves.
    assert.match(me.sh('bin/toolward policy test ./policies', 1), /files__read_text_file by reader with .*deny: outside of what is open/);
    const tests = me.read('policies/files_test.rego');
    const [entry] = /\t\{\n\t\t"tool": \{"name": "read_text_file"[^]*?\n\t\},\n/.exec(tests) ?? assert.fail(tests);
    me.write('policies/files_test.rego', tests.replace(entry, '').replace('refused := [\n', `refused := [\n${entry}`));
    me.sh('bin/toolward policy test ./policies');
    const [client] = desktop;
    await until(async () => (await called(client, 'files__read_text_file', diary())).refused, () => me.running.log());
    assert.match((await called(client, 'files__read_text_file', diary())).said, /outside of what is open/);
    assert.deepEqual(await called(client, 'files__read_text_file', plan()), { said: 'the plan is good', refused: false });
    for (const who of Object.keys(agents)) {
      assert.match(await asked(who, 'files__read_text_file', diary()), /outside of what is open/);
      assert.match(await asked(who, 'files__read_text_file', plan()), /the plan is good/);
    }
  });

  test('the record has it, and holds', () => {
    const out = me.sh('bin/toolward audit list --limit 200');
    assert.match(out, /files__read_text_file +deny/);
    assert.match(out, /files__read_text_file +allow +ok/);
    assert.match(out, /files__write_file +deny/);
    me.sh('bin/toolward audit verify');
    for (const secret of Object.values(secrets)) {
      assert.ok(!me.running.log().includes(secret));
      me.sh(`grep -c '${secret}' toolward.db`, 1);
    }
  });
});
