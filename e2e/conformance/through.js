// Run by the suite's client side with the address of its test server: puts the
// gateway in front of that server, and the official Go SDK's client in front of
// the gateway. What the server then sees is toolward as a client.
import { spawn } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';

import { freePort, startGateway } from '../gateway.js';
import { tokenProxy } from './gateway-proxy.js';

const upstream = process.argv[2];
const port = await freePort();
const g = await startGateway({
  policies: { 'all.rego': 'package gateway\n\nallow := true\n', 'reverse.rego': 'package reverse.up\n\nallow := true\n' },
  upstreams: { up: { url: upstream } },
  config: { http: { hosts: [`127.0.0.1:${port}`] } },
});
const proxy = await tokenProxy(port, g.url, g.mint('conformance'));
const client = spawn(path.join(process.env.CONFORMANCE_BIN, 'everything-client'), [`http://127.0.0.1:${port}/mcp/up`], { stdio: 'inherit' });
const code = await new Promise((resolve) => { client.on('exit', (c) => resolve(c ?? 1)); });
await proxy.close();
await g.cleanup();
process.exit(code);
