// Run by the suite's client side with the address of a test server that wants a
// token: an operator's work with toolward's own commands, and nothing else. It
// configures the upstream, logs in where a person has to (the browser is a fetch
// that follows redirects), calls a tool through the gateway, and does what the
// gateway then says is to be done, twice at most.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';

import { allowAll, binary, rest, startGateway, until } from '../gateway.js';

const scenario = process.env.MCP_CONFORMANCE_SCENARIO;
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
const upstream = process.argv[2];
const secrets = fs.mkdtempSync(path.join(os.tmpdir(), 'toolward-login-'));

// issuer is what an operator looks up before trusting a server with a secret.
async function issuer() {
  if (context.issuer) return context.issuer;
  const { origin, pathname } = new URL(upstream);
  return (await (await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`)).json()).authorization_servers[0];
}

function file(name, content) {
  fs.writeFileSync(path.join(secrets, name), content, { mode: 0o600 });
  return path.join(secrets, name);
}

async function configuration() {
  const { client_id, client_secret, private_key_pem, valid_jwt, idp_client_id, idp_id_token, idp_token_endpoint } = context;
  switch (scenario) {
    case 'auth/client-credentials-basic':
      return { grant: 'client_credentials', issuer: await issuer(), client_id, client_secret };
    case 'auth/client-credentials-jwt':
      return { grant: 'client_credentials', issuer: await issuer(), client_id, client_key_file: file('key.pem', private_key_pem) };
    case 'auth/wif-jwt-bearer':
      return { grant: 'jwt_bearer', issuer: await issuer(), client_id, assertion_file: file('token', valid_jwt) };
    case 'auth/enterprise-managed-authorization':
    case 'auth/cross-app-access-complete-flow':
      return { grant: 'id_jag', issuer: await issuer(), client_id, client_secret, assertion_file: file('token', idp_id_token), identity: { token_url: idp_token_endpoint, client_id: idp_client_id } };
    case 'auth/pre-registration':
      return { grant: 'authorization_code', issuer: await issuer(), client_id, client_secret };
    default:
      return { grant: 'authorization_code', client_metadata_url: 'https://conformance-test.local/client-metadata.json' };
  }
}

// login runs the command in a folder and opens the address that it prints.
function login(dir, args) {
  const child = spawn(binary, ['login', 'up', ...args, '--config', 'toolward.yaml'], { cwd: dir, stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  let opened = false;
  child.stdout.on('data', (b) => {
    printed += b;
    const line = printed.split('\n').length > 1 && printed.split('\n')[0];
    if (!line || opened) return;
    opened = true;
    fetch(line).then((r) => r.text()).catch((e) => console.error(`the browser: ${e}`));
  });
  return new Promise((resolve) => { child.on('exit', (code) => resolve(code ?? 1)); });
}

// settled calls the tool until there is a result, or something for a person to
// do: in the answer, or in the log where the upstream never came up.
async function settled(g, token) {
  const from = g.log().length;
  let r;
  await until(async () => {
    r = await rest(g, 'POST', '/v1/tools/up__test-tool/call', token, {});
    return r.status === 200 || remedy(r, g, from);
  }, () => `neither a result nor a remedy: ${r.text}\n${g.log()}`);
  return r.status === 200 ? '' : remedy(r, g, from);
}

function remedy(r, g, from) {
  // 410 is how the suite says that it has seen enough.
  const hint = /toolward login up[^`]*|upstreams\.up\.oauth|HTTP status 410/;
  return (hint.exec(r.json?.remedy ?? '') ?? hint.exec(g.log().slice(from)))?.[0];
}

const oauth = await configuration();
const person = oauth.grant === 'authorization_code';
const g = await startGateway({ policies: allowAll, upstreams: { up: { url: upstream, oauth } }, ready: false });
let code = 1;
try {
  const token = g.mint('conformance', '--role', 'tester');
  code = person ? await login(g.dir, []) : 0;
  for (let more = 0; code === 0; more++) {
    const todo = await settled(g, token);
    if (!todo) break;
    console.error(`the gateway says: ${todo}`);
    code = todo.startsWith('toolward') && more < 2 ? await login(g.dir, todo.split(' ').slice(3)) : 1;
  }
} catch (e) {
  console.error(e);
  code = 1;
} finally {
  await g.cleanup();
  fs.rmSync(secrets, { recursive: true, force: true });
}
process.exit(code);
