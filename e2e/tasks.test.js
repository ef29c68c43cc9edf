// Tasks of MCP 2025-11-25 on the running gateway, with the official SDK's client
// and server: made, polled, listed, asked something, read, cancelled, and nobody
// else's.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { allowAll, auth, servers, startGateway } from './gateway.js';

const { everything } = servers('.');
let g;

before(async () => {
  g = await startGateway({
    policies: { ...allowAll, 'reverse.rego': 'package reverse.own\n\nallow if true\n' },
    upstreams: { shared: everything, own: { ...everything, isolate: 'session' } },
  });
});
after(() => g?.cleanup());

// connect is an agent. It answers questions, if it is given something to say.
async function connect(t, where, subject, says) {
  const capabilities = says ? { elicitation: { form: {} }, tasks: {} } : {};
  const client = new Client({ name: subject, version: '1' }, { capabilities });
  const asked = [];
  if (says) {
    client.setRequestHandler(ElicitRequestSchema, (request) => {
      asked.push(request.params.message);
      return { action: 'accept', content: { interpretation: says } };
    });
  }
  await client.connect(new StreamableHTTPClientTransport(new URL(g.url + where), { requestInit: { headers: auth(g.mint(subject, '--role', 'tester')) } }));
  t.after(() => client.close());
  await client.listTools(); // the SDK learns there which tools are tasks
  return { client, tasks: client.experimental.tasks, asked };
}

// start calls the tool as a task and returns what comes, until `enough`.
async function start(tasks, name, args, enough) {
  const seen = [];
  for await (const message of tasks.callToolStream({ name, arguments: args }, CallToolResultSchema, { task: { ttl: 300_000 } })) {
    seen.push(message);
    if (enough(message)) break;
  }
  return seen;
}

const made = (message) => message.type === 'taskCreated';
const over = (message) => message.type === 'result' || message.type === 'error';

describe('a task', () => {
  for (const [where, name] of [['/mcp/shared', 'simulate-research-query'], ['/mcp', 'shared__simulate-research-query']]) {
    test(`${where}: is made, polled and read`, async (t) => {
      const { tasks } = await connect(t, where, 'maker');
      const seen = await start(tasks, name, { topic: 'tides' }, over);
      assert.equal(seen[0].type, 'taskCreated');
      assert.ok(seen.filter((m) => m.type === 'taskStatus').length > 0, JSON.stringify(seen));
      assert.equal(seen.at(-1).type, 'result', JSON.stringify(seen.at(-1)));
      assert.match(seen.at(-1).result.content[0].text, /Research Report: tides/);
    });
  }

  for (const [where, name] of [['/mcp/own', 'simulate-research-query'], ['/mcp', 'own__simulate-research-query']]) {
    test(`${where}: asks the agent that made it`, async (t) => {
      const { tasks, asked } = await connect(t, where, 'answerer', 'scientific');
      const bystander = await connect(t, where, 'bystander', 'artistic');
      const seen = await start(tasks, name, { topic: 'python', ambiguous: true }, over);
      assert.equal(seen.at(-1).type, 'result', JSON.stringify(seen.at(-1)));
      assert.equal(asked.length, 1);
      assert.match(asked[0], /python/);
      assert.match(seen.at(-1).result.content[0].text, /scientific/);
      assert.deepEqual(bystander.asked, []);
    });
  }

  test('is cancelled by its maker, and to others it does not exist', async (t) => {
    const maker = await connect(t, '/mcp/shared', 'canceller');
    const thief = await connect(t, '/mcp/shared', 'thief');
    const [{ task: { taskId } }] = await start(maker.tasks, 'simulate-research-query', { topic: 'tides' }, made);
    for (const steal of ['getTask', 'cancelTask', 'getTaskResult']) {
      await assert.rejects(thief.tasks[steal](taskId), /there is no task/, steal);
    }
    const ids = async ({ tasks }) => (await tasks.listTasks()).tasks.map((task) => task.taskId);
    assert.ok((await ids(maker)).includes(taskId));
    assert.deepEqual(await ids(thief), []);
    assert.match((await maker.tasks.getTask(taskId)).status, /working|completed/);
    assert.equal((await maker.tasks.cancelTask(taskId)).status, 'cancelled');
    assert.equal((await maker.tasks.getTask(taskId)).status, 'cancelled');
  });
});
