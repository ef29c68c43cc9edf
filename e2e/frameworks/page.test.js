// The snippets of docs/clients.md, as they stand there: each in JavaScript and in Go
// is run through the gateway; what it prints says that the tool was called. Those
// in Python are read by Python, where there is one.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { allowAll, binary, startGateway } from '../gateway.js';

const here = path.dirname(fileURLToPath(import.meta.url));
const page = fs.readFileSync(path.join(here, '../../docs/clients.md'), 'utf8');

// snippets are the blocks of one language, by the heading that they stand under.
function snippets(language) {
  const all = [];
  let heading = '';
  for (const m of page.matchAll(/^#+ (.*)$|^```(\w*)\n([\s\S]*?)^```$/gm)) {
    if (m[1] !== undefined) heading = m[1];
    else if (m[2] === language) all.push({ heading, text: m[3] });
  }
  return all;
}

let g;

before(async () => {
  g = await startGateway({ policies: allowAll, upstreams: { demo: { command: binary, args: ['demo-server'] } } });
});
after(() => g?.cleanup());

// A snippet with a transport alone is the middle of one that stands before it.
const whole = snippets('js').filter(({ text }) => /^import /m.test(text));

test('there are as many as the page promises', () => {
  assert.deepEqual(whole.map((s) => s.heading), ['TypeScript SDK (1.x)', 'TypeScript SDK (2.x)', 'LangChain.js', 'Vercel AI SDK', 'OpenAI Agents (JavaScript)', 'Mastra']);
  assert.equal(snippets('python').length, 6);
});

for (const { heading, text } of whole) {
  test(heading, () => {
    const file = path.join(here, `page-${heading.replace(/\W+/g, '-')}.mjs`);
    fs.writeFileSync(file, `const { URL_OF_GATEWAY: url, TOKEN: token } = process.env;\n${text}`);
    try {
      const env = { ...process.env, URL_OF_GATEWAY: `${g.url}/mcp`, TOKEN: g.mint('page', '--role', 'tester') };
      const { stdout, stderr, status } = spawnSync(process.execPath, [file], { env, encoding: 'utf8', timeout: 60_000 });
      assert.equal(status, 0, `${stdout}\n${stderr}`);
      assert.match(stdout, /hi/);
    } finally {
      fs.rmSync(file);
    }
  });
}

test('Go SDK', () => {
  const [{ text }] = snippets('go');
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'toolward-page-')), 'main.go');
  fs.writeFileSync(file, text);
  try {
    const env = { ...process.env, TOKEN: g.mint('page', '--role', 'tester') };
    assert.match(execFileSync('go', ['run', file, `${g.url}/mcp`], { cwd: path.join(here, '../..'), env, encoding: 'utf8' }), /^hi$/m);
  } finally {
    fs.rmSync(path.dirname(file), { recursive: true });
  }
});

test('each called the tool', () => {
  const [row] = g.sql("select count(*) as n from calls where tool = 'demo__echo' and outcome = 'ok'");
  assert.equal(row.n, whole.length + 1);
});

test('Python', { skip: spawnSync('python3', ['--version']).status !== 0 }, () => {
  for (const { heading, text } of snippets('python')) {
    execFileSync('python3', ['-c', 'import ast, sys; ast.parse(sys.stdin.read(), sys.argv[1])', heading], { input: text, stdio: ['pipe', 'pipe', 'inherit'] });
  }
});
