// What `toolward connect` writes is what the clients read: each real program, by
// each kind of entry that its file can have, in a home of its own, calls a tool
// once.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { serve } from '../field/upstream.js';
import { allowAll, binary, startGateway, until } from '../gateway.js';
import { clients } from './clients.js';
import { model } from './model.js';

let g;
let upstream;

before(async () => {
  assert.deepEqual(Object.keys(os.networkInterfaces()), ['lo'], 'these programs are run where nothing can be reached: use e2e/cli/run');
  upstream = await serve({ 'tools/list': () => ({ tools: [{ name: 'good', inputSchema: { type: 'object' } }] }), 'tools/call': () => ({ content: [{ type: 'text', text: 'all is well' }] }) });
  g = await startGateway({ policies: allowAll, upstreams: { fine: upstream.config } });
});
after(async () => {
  await g?.cleanup();
  await upstream?.close();
});

for (const [who, { begin, id, kinds = ['program', 'variable', 'token'] }] of Object.entries(clients)) {
  describe(who, () => {
    for (const by of kinds) {
      test(`by ${by}`, { timeout: 120_000 }, async () => {
        const home = fs.mkdtempSync(path.join(os.tmpdir(), 'toolward-connect-'));
        const cwd = path.join(home, 'work');
        fs.mkdirSync(cwd);
        const stub = await model();
        const env = { PATH: process.env.PATH, HOME: home, TOOLWARD_TOKEN: g.mint(who, '--role', 'tester') };
        const config = path.join(g.dir, 'toolward.yaml');
        let session;
        try {
          if (by !== 'variable') delete env.TOOLWARD_TOKEN;
          session = await begin({ home, cwd, env, config, by, token: by === 'token' ? g.mint(who, '--role', 'tester') : '', model: stub.url });
          await until(async () => { // some connect while the first turn is on
            await session.say('please use fine__good');
            return /all is well/.test(stub.told.at(-1));
          }, () => `not offered among ${stub.offered}\n${session.log()}`);
          const listed = JSON.parse(execFileSync(binary, ['connect', '-o', 'json', '--config', config], { env, encoding: 'utf8' })).filter((c) => c.entry !== '');
          assert.deepEqual(listed.map((c) => [c.client, c.installed, c.entry]), [[id, true, by]]);
        } finally {
          await session?.close();
          await stub.close();
          fs.rmSync(home, { recursive: true, force: true });
        }
      });
    }
  });
}
