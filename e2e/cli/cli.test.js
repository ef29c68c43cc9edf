// The coding agents that people run survive what happens to the gateway and to
// what is behind it: each real program in one long session, a stub for its
// model, in a network in which there is nothing but loopback.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { serve } from '../field/upstream.js';
import { allowAll, startGateway, until } from '../gateway.js';
import { clients } from './clients.js';
import { model } from './model.js';

const answered = /all is well/; // what no name and no refusal has in it
const works = (told) => answered.test(told);
const server = (name) => ({ 'tools/list': () => ({ tools: [{ name, inputSchema: { type: 'object' } }] }), 'tools/call': () => ({ content: [{ type: 'text', text: 'all is well' }] }) });
const malformed = { 'tools/list': () => ({ tools: [{ name: 'bad', inputSchema: { type: 'string' } }, null, 7, { inputSchema: {} }, { name: 'worse', description: 7, inputSchema: [] }] }) };

const running = new Set();
let g;
let mended; // the upstream that is restarted

async function up(starting) {
  const s = await starting;
  running.add(s);
  return s;
}

before(async () => {
  assert.deepEqual(Object.keys(os.networkInterfaces()), ['lo'], 'these programs are run where nothing can be reached: use e2e/cli/run');
  mended = await up(serve(server('echo')));
  g = await startGateway({ policies: allowAll, upstreams: { fine: (await up(serve(server('good')))).config, odd: (await up(serve(malformed))).config, mended: mended.config } });
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

for (const [who, { begin, anew }] of Object.entries(clients)) {
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
      session = await begin({ home, cwd, env, url: `${g.url}/mcp`, model: stub.url });
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
      assert.ok(stub.offered.some((name) => name.endsWith('mended__echo')), `${stub.offered}`);
      assert.deepEqual(stub.offered.filter((name) => /__(bad|worse)$/.test(name)), []);
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
