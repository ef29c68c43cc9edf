// The coding agents that people run survive what happens to the gateway and to
// what is behind it: each real program in one long session, a stub for its
// model, in a network in which there is nothing but loopback.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { mutants } from '../field/mutants.js';
import { serve } from '../field/upstream.js';
import { allowAll, modern, startGateway, until } from '../gateway.js';
import { clients } from './clients.js';
import { model } from './model.js';

// results are all ways in which a result can be wrong, but a content type that
// MCP does not have, which passes (docs/rough-edges.md). Each client gets others
// of them, one in thirty-five: a turn is slow in some.
const results = mutants('called').filter(({ what }) => !/type is "x?"$/.test(what));
const complaint = /invalid_(type|union|value|format)|Unexpected response type|schema validation|deserial/; // of the client, about what it got

const answered = /all is well/; // what no name and no refusal has in it
const works = (told) => answered.test(told);
const server = (name) => ({ 'tools/list': () => ({ tools: [{ name, inputSchema: { type: 'object' } }] }), 'tools/call': () => ({ content: [{ type: 'text', text: 'all is well' }] }) });
const values = (kind) => mutants(kind).map((m) => m.value);
const malformed = {
  'tools/list': () => ({ tools: values('tool') }), 'prompts/list': () => ({ prompts: values('prompt') }),
  'resources/list': () => ({ resources: values('resource') }), 'resources/templates/list': () => ({ resourceTemplates: values('template') }),
};

const running = new Set();
let g;
let result; // what the upstream `wrong` answers
let mended; // the upstream that is restarted

async function up(starting) {
  const s = await starting;
  running.add(s);
  return s;
}

before(async () => {
  assert.deepEqual(Object.keys(os.networkInterfaces()), ['lo'], 'these programs are run where nothing can be reached: use e2e/cli/run');
  mended = await up(serve(server('echo')));
  g = await startGateway({ policies: allowAll, upstreams: { fine: (await up(serve(server('good')))).config, wrong: (await up(serve({ ...server('result'), 'tools/call': () => result.value }))).config, odd: (await up(serve(malformed))).config, mended: mended.config } });
});
after(async () => {
  await g?.cleanup();
  for (const s of running) await s.close();
});

// accidents are what happens; each says which tool must work again after it.
const accidents = {
  'an upstream is called while it is down': async (use) => {
    await mended.close();
    running.delete(mended);
    assert.match(await use('mended__echo'), /upstream mended cannot be reached/);
    assert.match(await use('fine__good'), answered);
    mended = await up(serve(server('echo'), { port: mended.port }));
    return 'mended__echo';
  },
  'the gateway is stopped and started': async () => {
    await g.restart();
    return 'fine__good';
  },
  'the gateway is killed and started': async () => {
    await g.restart('SIGKILL');
    return 'fine__good';
  },
  'the gateway is called while it is down': async (use) => {
    await g.stop();
    assert.ok(!works(await use('fine__good')));
    await g.restart();
    return 'fine__good';
  },
};

for (const [nth, [who, { begin, anew }]] of Object.entries(clients).entries()) {
  describe(who, { timeout: 120_000 }, () => {
    let home;
    let stub;
    let session;

    before(async () => {
      home = fs.mkdtempSync(path.join(os.tmpdir(), 'toolward-cli-'));
      const cwd = path.join(home, 'work');
      fs.mkdirSync(cwd);
      stub = await model();
      const env = { PATH: process.env.PATH, HOME: home, TOOLWARD_TOKEN: g.mint(who, '--role', 'tester') };
      session = await begin({ home, cwd, env, config: path.join(g.dir, 'toolward.yaml'), by: 'variable', model: stub.url });
    });
    after(async () => {
      await session?.close();
      await stub?.close();
      fs.rmSync(home, { recursive: true, force: true });
    });

    // use is what the model was told when it called the tool, undefined if it
    // was not offered that tool.
    async function use(tool) {
      const before = stub.told.length;
      await session.say(`please use ${tool}`);
      return stub.told.slice(before).at(-1);
    }

    test('one malformed upstream among three', async () => {
      assert.match(await use('fine__good') ?? `not offered among ${stub.offered}\n${session.log()}`, answered);
      const listed = (await modern(g, g.mint('lists', '--role', 'tester'), 'tools/list')).json.result.tools.map((t) => t.name);
      assert.ok(listed.includes('mended__echo') && listed.filter((name) => name.startsWith('odd__')).length > 300, `${listed}`);
      assert.deepEqual(listed.filter((name) => !stub.offered.some((o) => o.endsWith(name))), []);
      assert.equal(stub.offered.filter((name) => /odd__/.test(name)).length, listed.filter((name) => name.startsWith('odd__')).length);
    });

    test('malformed results', async () => {
      for (result of results.filter((_, n) => n % 35 === nth)) {
        const told = await use('wrong__result');
        assert.ok(told !== undefined && !complaint.test(told), `${result.what}: ${told}`);
      }
      assert.match(await use('fine__good'), answered);
    });

    for (const [accident, happens] of Object.entries(accidents)) {
      test(accident, async (t) => {
        const tool = await happens(use);
        if (anew?.after.test(accident)) {
          assert.ok(!works(await use(tool)), `${who} comes back by itself: the table of clients is out of date`);
          await session.renew();
          t.diagnostic(`in a new session: ${anew.why}`);
        }
        let calls = 0;
        await until(async () => { calls++; return works(await use(tool)); }, () => `${g.log()}\n${session.log()}`);
        t.diagnostic(`came back with call ${calls}`);
      });
    }
  });
}
