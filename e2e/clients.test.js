// The official clients, listing and calling tools of the reference servers.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import * as v2 from '@modelcontextprotocol/client';

import { allowAll, auth, bin, binary, rest, startGateway } from './gateway.js';

let g;
let token;

before(async () => {
  g = await startGateway({ policies: allowAll });
  token = g.mint('clients', '--role', 'tester');
  fs.writeFileSync(path.join(g.dir, 'docs', 'public', 'hello.txt'), 'Hello from a file.');
});
after(() => g?.cleanup());

// exercise lists and calls tools of all three servers through a connected client.
async function exercise(client, name = (server, tool) => `${server}__${tool}`, only) {
  const names = (await client.listTools()).tools.map((t) => t.name);
  const calls = {
    everything: ['echo', { message: 'across' }, /across/],
    files: ['read_text_file', { path: path.join(g.dir, 'docs', 'public', 'hello.txt') }, /Hello from a file/],
    memory: ['read_graph', {}, /entities/],
  };
  for (const [server, [tool, args, want]] of Object.entries(calls)) {
    if (only && only !== server) continue;
    assert.ok(names.includes(name(server, tool)), `${name(server, tool)} is not among ${names}`);
    const result = await client.callTool({ name: name(server, tool), arguments: args });
    assert.ok(!result.isError, JSON.stringify(result));
    assert.match(JSON.stringify(result.content), want);
  }
}

async function connected(transport) {
  const client = new Client({ name: 'e2e', version: '1' });
  await client.connect(transport);
  return client;
}

const headers = () => ({ requestInit: { headers: auth(token) } });

describe('TypeScript SDK 1.x', () => {
  test('/mcp', async () => {
    const client = await connected(new StreamableHTTPClientTransport(new URL(`${g.url}/mcp`), headers()));
    await exercise(client);
    await client.close();
  });

  for (const server of ['everything', 'files', 'memory']) {
    test(`/mcp/${server} with names unchanged`, async () => {
      const client = await connected(new StreamableHTTPClientTransport(new URL(`${g.url}/mcp/${server}`), headers()));
      await exercise(client, (_, tool) => tool, server);
      await client.close();
    });
  }

  test('progress reaches the call that asked for it', async () => {
    const client = await connected(new StreamableHTTPClientTransport(new URL(`${g.url}/mcp/everything`), headers()));
    const steps = [];
    const result = await client.callTool({ name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 4 } }, undefined, { onprogress: (p) => steps.push(p.progress) });
    assert.match(JSON.stringify(result.content), /completed/i);
    assert.deepEqual(steps, [1, 2, 3, 4]);
    await client.close();
  });

  test('prompts and resources', async () => {
    const client = await connected(new StreamableHTTPClientTransport(new URL(`${g.url}/mcp/everything`), headers()));
    const { prompts } = await client.listPrompts();
    assert.ok(prompts.length > 0);
    const prompt = await client.getPrompt({ name: 'simple-prompt' });
    assert.ok(prompt.messages.length > 0);
    const { resources } = await client.listResources();
    assert.ok(resources.length > 0);
    const read = await client.readResource({ uri: resources[0].uri });
    assert.equal(read.contents[0].uri, resources[0].uri);
    await client.close();
  });

  test('legacy SSE', async () => {
    const transport = new SSEClientTransport(new URL(`${g.url}/sse`), {
      ...headers(),
      eventSourceInit: { fetch: (url, init) => fetch(url, { ...init, headers: { ...init?.headers, ...auth(token) } }) },
    });
    const client = await connected(transport);
    await exercise(client);
    await client.close();
  });
});

describe('TypeScript SDK 2.x', () => {
  test('/mcp', async () => {
    const client = new v2.Client({ name: 'e2e', version: '2' });
    await client.connect(new v2.StreamableHTTPClientTransport(new URL(`${g.url}/mcp`), headers()));
    await exercise(client);
    await client.close();
  });
});

describe('inspector CLI', () => {
  const inspector = (...args) => promisify(execFile)(bin('mcp-inspector'),
    ['--cli', `${g.url}/mcp`, '--transport', 'http', '--header', `Authorization: Bearer ${token}`, ...args], { timeout: 60_000 });

  test('lists and calls', async () => {
    const listed = await inspector('--method', 'tools/list');
    const names = JSON.parse(listed.stdout).tools.map((t) => t.name);
    for (const n of ['everything__echo', 'files__read_text_file', 'memory__read_graph']) assert.ok(names.includes(n), n);
    const called = await inspector('--method', 'tools/call', '--tool-name', 'everything__echo', '--tool-arg', 'message=inspected');
    assert.match(called.stdout, /inspected/);
  });
});

describe('stdio', () => {
  test('clients of a running gateway, as a desktop program starts them', async () => {
    const other = await startGateway({ policies: allowAll });
    const entry = JSON.parse(other.cli('connect', 'claude-desktop', '--role', 'tester')).mcpServers.toolward;
    assert.equal(entry.env, undefined);
    const start = () => connected(new StdioClientTransport({ ...entry, cwd: '/', env: { PATH: '/usr/bin:/bin' } }));
    const [one, two] = await Promise.all([start(), start()]);
    const call = async (client, message) => JSON.stringify((await client.callTool({ name: 'everything__echo', arguments: { message } })).content);
    assert.match(await call(one, 'by bridge'), /by bridge/);
    assert.match(await call(two, 'at once'), /at once/);
    await other.restart();
    assert.match(await call(one, 'after a restart'), /after a restart/);
    assert.match(await call(two, 'and the other'), /and the other/);
    await one.close();
    await two.close();
    await other.cleanup();
  });

  test('a gateway of its own for one client on standard input and output', async () => {
    const other = await startGateway({ policies: allowAll });
    await other.stop();
    const client = await connected(new StdioClientTransport({
      command: binary, args: ['stdio', '--standalone', '--config', 'toolward.yaml'], cwd: other.dir,
      env: { ...process.env, TOOLWARD_TOKEN: other.mint('clients', '--role', 'tester') },
    }));
    const names = (await client.listTools()).tools.map((t) => t.name);
    assert.ok(names.includes('everything__echo'), `${names}`);
    const result = await client.callTool({ name: 'everything__echo', arguments: { message: 'by pipe' } });
    assert.match(JSON.stringify(result.content), /by pipe/);
    await client.close();
    await other.cleanup();
  });
});

describe('function calling over REST', () => {
  test('OpenAI: tools listed, parallel calls answered in order', async () => {
    const listed = await rest(g, 'GET', '/v1/tools?format=openai', token);
    assert.equal(listed.status, 200, listed.text);
    assert.ok(listed.json.tools.some((t) => t.type === 'function' && t.function.name === 'everything__echo'));
    const turn = {
      role: 'assistant', content: null,
      tool_calls: ['first', 'second', 'third'].map((m) => ({ id: `call_${m}`, type: 'function', function: { name: 'everything__echo', arguments: JSON.stringify({ message: m }) } })),
    };
    const r = await rest(g, 'POST', '/v1/tool_calls', token, turn);
    assert.equal(r.status, 200, r.text);
    assert.equal(r.json.format, 'openai');
    assert.deepEqual(r.json.messages.map((m) => [m.role, m.tool_call_id]), ['first', 'second', 'third'].map((m) => ['tool', `call_${m}`]));
    assert.match(r.json.messages[1].content, /second/);
  });

  test('OpenAI Responses', async () => {
    const r = await rest(g, 'POST', '/v1/tool_calls', token, {
      output: [{ type: 'reasoning', id: 'r1' }, { type: 'function_call', call_id: 'fc_1', name: 'everything__echo', arguments: '{"message":"responded"}' }],
    });
    assert.equal(r.status, 200, r.text);
    assert.equal(r.json.messages[0].type, 'function_call_output');
    assert.match(JSON.stringify(r.json.messages[0].output), /responded/);
  });

  test('Anthropic', async () => {
    const r = await rest(g, 'POST', '/v1/tool_calls', token, {
      role: 'assistant',
      content: [{ type: 'text', text: 'Let me see.' }, { type: 'tool_use', id: 'toolu_1', name: 'everything__echo', input: { message: 'used' } }],
    });
    assert.equal(r.status, 200, r.text);
    assert.equal(r.json.format, 'anthropic');
    const [block] = r.json.messages[0].content;
    assert.equal(block.tool_use_id, 'toolu_1');
    assert.match(JSON.stringify(block.content), /used/);
  });

  test('Gemini', async () => {
    const r = await rest(g, 'POST', '/v1/tool_calls', token, { candidates: [{ content: { role: 'model', parts: [{ functionCall: { name: 'everything__echo', args: { message: 'gem' } } }] } }] });
    assert.equal(r.status, 200, r.text);
    assert.match(JSON.stringify(r.json.messages[0].parts[0].functionResponse.response), /gem/);
  });

  test('one tool by its name', async () => {
    const r = await rest(g, 'POST', '/v1/tools/everything__echo/call', token, { message: 'plain' });
    assert.equal(r.status, 200, r.text);
    assert.match(JSON.stringify(r.json.content), /plain/);
    const [row] = g.sql(`select * from calls where id = '${r.headers.get('toolward-call')}'`);
    assert.equal(row.agent, 'clients');
  });
});
