// The agent frameworks that people use, each listing and calling a tool through
// the gateway. Where one wants a model, a stub on loopback plays it.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { createMCPClient } from '@ai-sdk/mcp';
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { MCPClient } from '@mastra/mcp';
import { Agent, MCPServerStreamableHttp, run, setDefaultOpenAIClient, setOpenAIAPI, setTracingDisabled } from '@openai/agents';
import OpenAI from 'openai';

import { allowAll, auth, servers, startGateway } from '../gateway.js';

let g;
let headers;

before(async () => {
  g = await startGateway({ policies: allowAll, upstreams: { everything: { command: servers('.').everything.command } } });
  headers = auth(g.mint('frameworks', '--role', 'tester'));
});
after(() => g?.cleanup());

test('LangChain.js', async () => {
  const client = new MultiServerMCPClient({ mcpServers: { toolward: { transport: 'http', url: `${g.url}/mcp`, headers } } });
  const tools = await client.getTools();
  const echo = tools.find((t) => t.name === 'everything__echo');
  assert.ok(echo, `${tools.map((t) => t.name)}`);
  assert.match(JSON.stringify(await echo.invoke({ message: 'by LangChain' })), /by LangChain/);
  await client.close();
});

test('Vercel AI SDK', async () => {
  const client = await createMCPClient({ transport: { type: 'http', url: `${g.url}/mcp`, headers } });
  const tools = await client.tools();
  assert.ok(tools.everything__echo, `${Object.keys(tools)}`);
  const result = await tools.everything__echo.execute({ message: 'by the AI SDK' }, { toolCallId: '1', messages: [] });
  assert.match(JSON.stringify(result), /by the AI SDK/);
  await client.close();
});

test('Mastra', async () => {
  const client = new MCPClient({ servers: { toolward: { url: new URL(`${g.url}/mcp`), requestInit: { headers } } } });
  const tools = await client.listTools();
  const name = Object.keys(tools).find((n) => n.endsWith('everything__echo'));
  assert.ok(name, `${Object.keys(tools)}`);
  assert.match(JSON.stringify(await tools[name].execute({ message: 'by Mastra' }, {})), /by Mastra/);
  await client.disconnect();
});

// model plays a chat model that calls a tool once and then repeats what it got.
function model() {
  const server = http.createServer(async (req, res) => {
    let body = '';
    for await (const chunk of req) body += chunk;
    const { messages, tools } = JSON.parse(body);
    const got = messages.findLast((m) => m.role === 'tool');
    const message = got
      ? { role: 'assistant', content: `The tool said: ${JSON.stringify(got.content)}` }
      : { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: tools.find((t) => t.function.name.endsWith('everything__echo')).function.name, arguments: '{"message":"by an agent"}' } }] };
    res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({
      id: 'c', object: 'chat.completion', created: 1, model: 'stub', usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
      choices: [{ index: 0, message, finish_reason: got ? 'stop' : 'tool_calls' }],
    }));
  });
  return new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve({ url: `http://127.0.0.1:${server.address().port}/v1`, close: () => server.close() })); });
}

test('OpenAI Agents', async () => {
  const stub = await model();
  setTracingDisabled(true);
  setOpenAIAPI('chat_completions');
  setDefaultOpenAIClient(new OpenAI({ apiKey: 'none', baseURL: stub.url }));
  const server = new MCPServerStreamableHttp({ url: `${g.url}/mcp`, name: 'toolward', requestInit: { headers } });
  await server.connect();
  const agent = new Agent({ name: 'tester', instructions: 'Echo.', model: 'stub', mcpServers: [server] });
  const result = await run(agent, 'Echo something.');
  assert.match(result.finalOutput, /by an agent/);
  await server.close();
  stub.close();
  const [row] = g.sql("select count(*) as n from calls where tool = 'everything__echo' and outcome = 'ok'");
  assert.equal(row.n, 4);
});
