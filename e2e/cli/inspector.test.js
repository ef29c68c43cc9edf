// The Inspector's pages, in a real browser: its switch is put on, the gateway's page is
// answered by a click, and the browser comes back to a list of tools. What only a
// browser does is in it: the cookie, the origin of the form, where a redirect may go.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { serve } from '../field/upstream.js';
import { allowAll, bin, startGateway, until } from '../gateway.js';

let g;
let upstream;
let home;
let browser;
let inspector;
let log = '';
before(async () => {
  assert.deepEqual(Object.keys(os.networkInterfaces()), ['lo'], 'these programs are run where nothing can be reached: use e2e/cli/run');
  upstream = await serve({ 'tools/list': () => ({ tools: [{ name: 'good', inputSchema: { type: 'object' } }] }), 'tools/call': () => ({ content: [{ type: 'text', text: 'all is well' }] }) });
  g = await startGateway({ policies: allowAll, upstreams: { fine: upstream.config }, config: { auth: { local: { roles: ['tester'] } } } });
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'toolward-inspector-'));
  const env = { PATH: process.env.PATH, HOME: home, MCP_INSPECTOR_SECRET_STORE: 'memory', MCP_AUTO_OPEN_ENABLED: 'false' };
  inspector = spawn(bin('mcp-inspector'), ['--web', `${g.url}/mcp`, '--transport', 'http'], { env, cwd: home, detached: true });
  for (const s of [inspector.stdout, inspector.stderr]) s.on('data', (b) => { log += b; });
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium-headless-shell', args: ['--no-sandbox'] });
});
after(async () => {
  await browser?.close();
  try { process.kill(-inspector.pid, 'SIGKILL'); } catch { /* it has ended */ }
  await g?.cleanup();
  await upstream?.close();
  fs.rmSync(home, { recursive: true, force: true });
});

for (const [answer, look] of Object.entries({ Deny: { colorScheme: 'light', viewport: { width: 1400, height: 900 } }, Allow: { colorScheme: 'dark', viewport: { width: 320, height: 700 } } })) {
  test(`${answer}, on a page of ${look.viewport.width} pixels`, { timeout: 120_000 }, async () => {
    const given = () => g.sql(`SELECT count(*) AS n FROM events WHERE type = 'grant.given'`)[0].n;
    const before = given();
    await until(() => /http:\/\/\S+API_TOKEN=\S+/.test(log), () => log);
    const page = await (await browser.newContext(look)).newPage();
    const wrong = [];
    page.on('pageerror', (err) => wrong.push(String(err)));
    page.on('console', (m) => { if (/Content Security Policy/.test(m.text())) wrong.push(m.text()); });
    await page.goto(/http:\/\/\S+API_TOKEN=\S+/.exec(log)[0]);
    await page.getByRole('switch').first().click({ force: true }); // what is drawn lies on it
    await page.waitForURL(`${g.url}/oauth/authorize?*`);
    assert.match(await page.locator('body').innerText(), /Let MCP Inspector use your tools\?/);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), look.viewport.width, 'it is wider than the window');
    await page.getByRole('button', { name: answer }).click();
    await page.waitForURL((url) => url.origin !== g.url);
    if (answer === 'Allow') {
      await page.getByText('Tools', { exact: true }).first().click();
      await page.getByText('fine__good').first().waitFor();
    } else {
      await page.getByText(/denied|did not allow|refused/i).first().waitFor();
    }
    assert.equal(given() - before, answer === 'Allow' ? 1 : 0);
    assert.deepEqual(wrong, []);
    await page.context().close();
  });
}
