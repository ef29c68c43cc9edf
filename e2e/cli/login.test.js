// Pasting the URL works: the clients that log in are given the gateway's URL and nothing
// else, as their documentation has it, and call a tool after that.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { serve } from '../field/upstream.js';
import { allowAll, startGateway, until } from '../gateway.js';
import { browserIn } from '../owner.js';
import { clients } from './clients.js';
import { login, logins, run } from './logins.js';
import { model } from './model.js';

let g;
let upstream;
before(async () => {
  assert.deepEqual(Object.keys(os.networkInterfaces()), ['lo'], 'these programs are run where nothing can be reached: use e2e/cli/run');
  upstream = await serve({ 'tools/list': () => ({ tools: [{ name: 'good', inputSchema: { type: 'object' } }] }), 'tools/call': () => ({ content: [{ type: 'text', text: 'all is well' }] }) });
  g = await startGateway({ policies: allowAll, upstreams: { fine: upstream.config }, config: { auth: { local: { roles: ['tester'] } } } });
});
after(async () => {
  await g?.cleanup();
  await upstream?.close();
});

// agent calls tools as a model would have it do.
async function agent(who, at) {
  const stub = await model();
  const session = await clients[who].begin({ ...at, model: stub.url, entered: true });
  return {
    async call(tool) {
      const told = stub.told.length;
      await session.say(`please use ${tool}`);
      return stub.told.slice(told).at(-1) ?? `not offered among ${stub.offered}\n${session.log()}`;
    },
    renew: () => session.renew?.(),
    async close() {
      await session.close();
      await stub.close();
    },
  };
}

// inspector calls one with each command.
const inspector = (who, at) => ({ call: (tool) => run(who, [...logins[who].login(at.url).slice(0, -1), 'tools/call', '--tool-name', tool], at), close() {} });

for (const [who, c] of Object.entries(logins)) {
  describe(who, { timeout: 300_000 }, () => {
    let at;

    before(() => {
      const home = fs.mkdtempSync(path.join(os.tmpdir(), 'toolward-login-'));
      const cwd = path.join(home, 'work');
      fs.mkdirSync(cwd);
      const env = { PATH: process.env.PATH, HOME: home, TERM: 'xterm', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1' };
      at = { home, cwd, env: browserIn(path.join(home, 'bin'), env), url: `${g.url}/mcp` };
    });
    after(() => fs.rmSync(at.home, { recursive: true, force: true }));

    test('logs in with the URL alone', async () => {
      const [{ n }] = g.sql(`SELECT count(*) AS n FROM events WHERE type = 'grant.given'`);
      await login(who, at);
      const given = g.sql(`SELECT body ->> '$.endpoint' AS endpoint, body ->> '$.roles[0]' AS role FROM events WHERE type = 'grant.given' ORDER BY seq LIMIT -1 OFFSET ${n}`);
      assert.deepEqual(given, [{ endpoint: '/mcp', role: 'tester' }]);
    });

    test('calls a tool, and again after the gateway was restarted', async () => {
      const session = await (clients[who] ? agent : inspector)(who, at);
      try {
        let said; // some connect while the first turn is on
        await until(async () => /all is well/.test(said = await session.call('fine__good')), () => said);
        await g.restart('SIGKILL');
        if (clients[who]?.anew?.after.test('the gateway')) await session.renew();
        assert.match(await session.call('fine__good'), /all is well/);
      } finally {
        await session.close();
      }
    });

    test('logs out', { skip: !c.logout }, async () => {
      const given = () => g.sql(`SELECT count(*) AS n FROM events WHERE type = 'grant.revoked' AND body ->> '$.reason' = 'the client gave it back'`)[0].n;
      const before = given();
      await run(who, c.logout, at);
      assert.doesNotMatch(await run(who, c.list, at), c.connected);
      assert.equal(given() - before, c.givesBack ? 1 : 0);
    });
  });
}
