// The official MCP conformance suite against a server, direct and through the
// gateway: what passes direct must pass through the gateway, scenario by scenario.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { freePort, startGateway, until } from '../gateway.js';
import { tokenProxy } from './gateway-proxy.js';

const here = path.dirname(fileURLToPath(import.meta.url));
export const node22 = path.join(here, 'node_modules', '.bin', 'node');
const suite = { latest: '@modelcontextprotocol/conformance', next: 'conformance-next' };
const policies = {
  'all.rego': 'package gateway\n\nallow if "tester" in input.agent.roles\n',
  'legacy.rego': 'package reverse.legacy\n\nallow if true\n',
  'modern.rego': 'package reverse.modern\n\nallow if true\n',
};

let bins;
let servers = [];
let g;
let proxy;
let base;
const direct = {};

// build makes the official Go SDK's conformance programs: the server that passes
// everything the suite requires, and a client.
export function build() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'toolward-conformance-'));
  for (const name of ['everything-server', 'everything-client']) {
    execFileSync('go', ['build', '-o', path.join(dir, name), `github.com/modelcontextprotocol/go-sdk/conformance/${name}`], { cwd: path.join(here, '..', '..'), stdio: 'inherit' });
  }
  return dir;
}

before(async () => {
  bins = build();
  for (const [name, stateless] of [['legacy', 'false'], ['modern', 'true']]) {
    const port = await freePort();
    direct[name] = `http://127.0.0.1:${port}/mcp`;
    servers.push(spawn(path.join(bins, 'everything-server'), ['-http', `127.0.0.1:${port}`, `-stateless=${stateless}`], { stdio: 'ignore' }));
    await until(() => fetch(direct[name]).then(() => true, () => false));
  }
  const port = await freePort();
  base = `http://127.0.0.1:${port}`;
  g = await startGateway({
    policies,
    upstreams: { legacy: { url: direct.legacy }, modern: { url: direct.modern } },
    config: {
      http: { hosts: [`127.0.0.1:${port}`, `localhost:${port}`], origins: [base, `http://localhost:${port}`] },
      limits: { default: { rate: '600000/min', burst: 100000 } },
    },
  });
  proxy = await tokenProxy(port, g.url, g.mint('conformance', '--role', 'tester'));
});

after(async () => {
  await proxy?.close();
  await g?.cleanup();
  servers.forEach((s) => s.kill());
  fs.rmSync(bins, { recursive: true, force: true });
});

// run returns passed and failed checks by scenario.
function run(which, url, flags) {
  const entry = path.join(here, 'node_modules', suite[which], 'dist', 'index.js');
  return new Promise((resolve, reject) => {
    execFile(node22, [entry, 'server', '--url', url, ...flags], { timeout: 300_000, maxBuffer: 64 << 20, cwd: os.tmpdir() }, (err, stdout, stderr) => {
      const results = {};
      for (const [, name, passed, failed] of stdout.matchAll(/^[✓✗] ([\w-]+): (\d+) passed, (\d+) failed/gm)) results[name] = { passed: Number(passed), failed: Number(failed) };
      if (Object.keys(results).length === 0) reject(new Error(`the suite gave no results: ${err ?? ''}\n${stdout.slice(-2000)}\n${stderr.slice(-2000)}`));
      else resolve(results);
    });
  });
}

describe('the same scenarios pass through the gateway as pass direct', () => {
  for (const [which, server, flags, least] of [
    ['latest', 'legacy', ['--suite', 'all'], 30],
    ['next', 'legacy', ['--requirements', '2025-11-25'], 30],
    ['next', 'modern', ['--requirements', '2026-07-28'], 37],
  ]) {
    test(`${which}: ${flags.join(' ')}`, async () => {
      const without = await run(which, direct[server], flags);
      const through = await run(which, `${base}/mcp/${server}`, flags);
      const good = (results) => Object.entries(results).filter(([, r]) => r.failed === 0).map(([name]) => name);
      const lost = good(without).filter((name) => !through[name] || through[name].failed > 0);
      console.log(`${which} ${flags.join(' ')}: direct ${good(without).length}, through the gateway ${good(through).length} of ${Object.keys(without).length} scenarios`);
      assert.ok(good(without).length >= least, `only ${good(without).length} pass direct: the comparison would show nothing`);
      assert.deepEqual(lost, [], JSON.stringify(lost.map((name) => [name, through[name]])));
    });
  }
});

// Scenarios of the suite's client side that do not pass, and why.
const notPassed = {
  latest: {
    'auth/2025-03-26-oauth-metadata-backcompat': 'its metadata names another issuer than where it is, which RFC 8414 forbids; the pre-release has it right',
  },
  next: {
    'auth/dpop': 'DPoP is not there',
    'auth/dpop-nonce': 'DPoP is not there',
    ...Object.fromEntries(['no-prefetch', 'verify-digest', 'verify-size', 'verify-frontmatter'].map((s) => [`sep-2640-client-${s}`, 'skills are loaded by the agent, not by a gateway'])),
  },
};

function execute(which, args, timeout) {
  const entry = path.join(here, 'node_modules', suite[which], 'dist', 'index.js');
  return new Promise((resolve) => {
    execFile(node22, [entry, ...args], { timeout, maxBuffer: 64 << 20, cwd: os.tmpdir(), env: { ...process.env, CONFORMANCE_BIN: bins } },
      (err, stdout, stderr) => resolve({ code: err?.code ?? 0, text: stdout + stderr }));
  });
}

// wanted are the client scenarios of a release, once for each revision that the
// release can be told and whose requirements have it, once for the rest.
async function wanted(which, auth) {
  const { text } = await execute(which, ['list'], 60_000);
  const clients = text.slice(text.indexOf('Client scenarios'));
  const end = clients.indexOf('\n\n');
  return [...clients.slice(0, end < 0 ? undefined : end).matchAll(/^ *- (\S+) \[([^\]]+)\]/gm)]
    .filter(([, scenario]) => scenario.startsWith('auth/') === auth)
    .flatMap(([, scenario, versions]) => {
      const revisions = which === 'next' ? versions.split(',').filter((v) => v === '2025-11-25' || v === '2026-07-28') : [];
      return revisions.length > 0 ? revisions.map((revision) => ({ scenario, revision })) : [{ scenario }];
    });
}

describe('toolward passes as a client', () => {
  for (const [which, auth, script, least] of [['latest', false, 'through.js', 4], ['next', false, 'through.js', 15], ['latest', true, 'login.js', 22], ['next', true, 'login.js', 33]]) {
    const what = `client${auth ? ' auth' : ''} (${which})`;
    test(what, async () => {
      const todo = await wanted(which, auth);
      const names = new Set(todo.map((t) => t.scenario));
      assert.ok(names.size >= least, `only ${names.size} scenarios are listed`);
      const failed = new Map();
      const next = todo.values();
      const worker = async () => {
        for (const { scenario, revision } of next) {
          const flags = revision ? ['--spec-version', revision] : [];
          const out = await execute(which, ['client', '--command', `node ${path.join(here, script)}`, '--scenario', scenario, '--timeout', '90000', ...flags], 150_000);
          const passed = out.code === 0 && /OVERALL: PASSED/.test(out.text) && /Passed: [1-9]/.test(out.text); // none of none is no pass
          if (!passed) failed.set(scenario, out.text.slice(-3000));
        }
      };
      await Promise.all([worker(), worker()]);
      console.log(`${what}: ${names.size - failed.size} of ${names.size} scenarios, ${todo.length} runs`);
      for (const scenario of failed.keys()) console.log(`  not passed: ${scenario}: ${notPassed[which][scenario] ?? 'no reason is known'}`);
      const expected = Object.keys(notPassed[which]).filter((scenario) => scenario.startsWith('auth/') === auth);
      assert.deepEqual([...failed.keys()].sort(), expected.sort(),
        [...failed].filter(([name]) => !notPassed[which][name]).map(([name, text]) => `${name}\n${text}`).join('\n'));
    });
  }
});
