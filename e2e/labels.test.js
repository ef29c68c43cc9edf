// What no text tells: where data came from decides where it may go.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { allowAll, binary, rest, servers, startGateway } from './gateway.js';

let g;
const call = (token, tool, args) => rest(g, 'POST', `/v1/tools/${tool}/call`, token, args);
const secretPlan = 'The Leeds office moves to Harbour Street 14 on the third of May, and only the board knows of it.';

before(async () => {
  g = await startGateway({
    policies: allowAll,
    upstreams: {
      files: { command: servers('.').files.command, args: ['./docs'], labels: ['private'] },
      mail: { command: binary, args: ['demo-server'], labels: ['untrusted'] },
      out: { command: binary, args: ['demo-server'], labels: ['external'] },
    },
  });
  fs.writeFileSync(path.join(g.dir, 'docs', 'plan.txt'), secretPlan);
});
after(() => g?.cleanup());

test('who has read private and untrusted data sends nothing out', async () => {
  const token = g.mint('courier', '--role', 'tester');
  assert.equal((await call(token, 'out__echo', { text: 'before' })).status, 200);
  assert.equal((await call(token, 'files__read_text_file', { path: path.join(g.dir, 'docs', 'plan.txt') })).status, 200);
  assert.equal((await call(token, 'out__echo', { text: 'private alone' })).status, 200);
  assert.equal((await call(token, 'mail__read_mail', { id: 1 })).status, 200);
  const refused = await call(token, 'out__echo', { text: 'nothing that looks bad' });
  assert.equal(refused.status, 403, refused.text);
  assert.match(refused.text, /private and untrusted/);
  const again = g.mint('courier', '--role', 'tester');
  assert.equal((await call(again, 'out__echo', { text: 'another token' })).status, 403, 'a new token sheds no labels');
  const other = g.mint('somebody-else', '--role', 'tester');
  assert.equal((await call(other, 'out__echo', { text: 'another agent' })).status, 200);
});

test('a copy of a private result is recognised in its disguise, with the call that it came from', async () => {
  const token = g.mint('carrier', '--role', 'tester');
  const read = await call(token, 'files__read_text_file', { path: path.join(g.dir, 'docs', 'plan.txt') });
  for (const text of [secretPlan.toUpperCase(), Buffer.from(secretPlan).toString('base64'), Buffer.from(secretPlan).toString('hex'), [...secretPlan].reverse().join('')]) {
    const sent = await call(token, 'out__echo', { text });
    const id = sent.headers.get('toolward-call');
    const [row] = g.sql(`select findings from calls where id = '${id}'`);
    const found = JSON.parse(row.findings ?? '[]').find((f) => f.kind === 'provenance');
    assert.ok(found, `${text.slice(0, 30)}…: ${row.findings}`);
    assert.equal(found.from, read.headers.get('toolward-call'));
  }
});
