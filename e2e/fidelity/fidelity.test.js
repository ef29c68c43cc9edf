// Every listing, and a call of each tool, of the reference servers and of one
// that is as odd as the schema allows: direct, and through each endpoint of the
// gateway. Nothing may differ but the names and URIs that /mcp maps.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { binary, freePort, servers, startGateway, until } from '../gateway.js';
import { legacySSE, lines, streamable } from './clients.js';
import { canonical, map, member, parse } from './lossless.js';
import { spawn } from 'node:child_process';

const here = path.dirname(fileURLToPath(import.meta.url));
const odd = path.join(here, 'odd-server.js');
// What a server lists can depend on what its client can be asked, and only
// servers with a rule of their own may ask.
const policies = {
  'all.rego': 'package gateway\n\nallow := true\n',
  ...Object.fromEntries(['everything', 'files', 'memory', 'odd'].map((s) => [`${s}.rego`, `package reverse.${s}\n\nallow := true\n`])),
};
const observe = Object.fromEntries(['injection', 'secrets', 'pii', 'exfil', 'provenance', 'hidden', 'poisoning', 'honeytoken'].map((k) => [k, 'observe']));
const tick = '2026-01-01T00:00:00Z';

let g; // guard observes: the odd server holds what guard would act on
let defaults; // guard as it comes
let oddHTTP;
let world;

// reset puts files and memory back, so that every run meets the same world.
function reset() {
  const docs = path.join(world, 'docs');
  fs.rmSync(docs, { recursive: true, force: true });
  fs.mkdirSync(path.join(docs, 'sub'), { recursive: true });
  fs.writeFileSync(path.join(docs, 'a.txt'), 'one\ntwo\nthree\n');
  fs.writeFileSync(path.join(docs, 'sub', 'ü.json'), '{"n": 1.0}');
  fs.writeFileSync(path.join(docs, 'dot.png'), Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64'));
  for (const f of ['a.txt', 'dot.png', 'sub/ü.json', 'sub']) fs.utimesSync(path.join(docs, f), new Date(tick), new Date(tick));
  fs.rmSync(path.join(world, 'memory.jsonl'), { force: true });
}

const file = (name) => path.join(world, 'docs', name);

// calls are the arguments for each tool, in an order that makes sense.
const calls = () => ({
  everything: [
    ['echo', { message: 'hé\u0000llo \ud83d\ude00 <b>' }], ['get-annotated-message', { messageType: 'error', includeImage: true }], ['get-resource-links', { count: 2 }],
    ['get-resource-reference', { resourceType: 'Text', resourceId: 2 }], ['get-structured-content', { location: 'Chicago' }], ['get-sum', { a: 1.5, b: 2 }], ['get-tiny-image', {}],
    ['gzip-file-as-resource', { name: 'x.gz', data: 'data:text/plain;base64,SGVsbG8=', outputType: 'resource' }], ['trigger-long-running-operation', { duration: 0.1, steps: 1 }],
    ['simulate-research-query', { topic: 'tides' }],
  ],
  files: [
    ['list_allowed_directories', {}], ['read_file', { path: file('a.txt') }], ['read_text_file', { path: file('a.txt'), head: 2 }], ['read_media_file', { path: file('dot.png') }],
    ['read_multiple_files', { paths: [file('a.txt'), file('nothing')] }], ['list_directory', { path: file('') }], ['list_directory_with_sizes', { path: file('') }], ['directory_tree', { path: file('') }],
    ['search_files', { path: file(''), pattern: '**/*.json' }], ['get_file_info', { path: file('a.txt') }], ['write_file', { path: file('new.txt'), content: 'new' }],
    ['edit_file', { path: file('a.txt'), edits: [{ oldText: 'two', newText: '2' }] }], ['create_directory', { path: file('d') }], ['move_file', { source: file('new.txt'), destination: file('d/moved.txt') }],
    ['read_text_file', { path: '/etc/hostname' }],
  ],
  memory: [
    ['create_entities', { entities: [{ name: 'Ann', entityType: 'person', observations: ['likes tea'] }, { name: 'Tea', entityType: 'drink', observations: [] }] }],
    ['create_relations', { relations: [{ from: 'Ann', to: 'Tea', relationType: 'likes' }] }], ['add_observations', { observations: [{ entityName: 'Ann', contents: ['is tall'] }] }],
    ['read_graph', {}], ['search_nodes', { query: 'tea' }], ['open_nodes', { names: ['Ann'] }], ['delete_observations', { deletions: [{ entityName: 'Ann', observations: ['is tall'] }] }],
    ['delete_relations', { relations: [{ from: 'Ann', to: 'Tea', relationType: 'likes' }] }], ['delete_entities', { entityNames: ['Ann'] }], ['add_observations', { observations: [{ entityName: 'Nobody', contents: [] }] }],
  ],
  odd: [...['plain', 'UPPER_lower-9', 'dots.and.more', 'sp ace', 'sl/ash', 'ünïcode', 'emoji😀', 'double__underscore', `${'a'.repeat(100)}1`, `${'a'.repeat(100)}2`, 'quote"d'].map((n) => [n, { z: 0.5 }]), ['plain', { fail: true }]],
});

// Tools whose answers differ from run to run or from process to process, and
// those that ask the agent something (mcp/pairs_test.go has them).
const left = { everything: ['get-env', 'toggle-simulated-logging', 'toggle-subscriber-updates', 'get-roots-list', 'trigger-sampling-request', 'trigger-elicitation-request', 'trigger-url-elicitation', 'trigger-sampling-request-async', 'trigger-elicitation-request-async'] };
// What an agent says that it can do. Servers list more tools to those who can.
// Roots are left out: a process that many agents share is never told of one's.
const capabilities = { sampling: {}, elicitation: { form: {}, url: {} } };
const listings = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'];
const entries = { 'tools/list': ['tools', 'name'], 'prompts/list': ['prompts', 'name'], 'resources/list': ['resources', 'uri'], 'resources/templates/list': ['resourceTemplates', 'uriTemplate'] };

// steady takes out what no two runs share: times, and IDs of sessions.
const steady = (v) => map(v, (s) => s
  .replace(/\d+:\d\d:\d\d [AP]M/g, 'TIME')
  .replace(/\w{3} \w{3} \d\d \d{4} \d\d:\d\d:\d\d GMT[^\n"]*/g, 'TIME')
  .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME'));

// visit lists and calls everything of a server through one client. wire says
// how the endpoint calls what the server calls so; direct is what was seen
// without a gateway, nothing the first time.
async function visit(client, server, direct, wire = (n) => n) {
  reset();
  const seen = {};
  // A method that the server does not have is refused with the same code; the
  // words are whose answer it is.
  const keep = (what, { result, error }) => {
    const missing = member(error, 'code')?.n === '-32601' ? { o: [['code', member(error, 'code')]] } : error;
    seen[what] = canonical(steady(result ?? { o: [['error', missing]] }));
  };
  for (const method of listings) {
    const answer = await client.request(method, {});
    keep(method, answer);
    seen[`raw ${method}`] = answer.result;
  }
  const offered = (method) => namesIn((direct ?? seen)[`raw ${method}`], method);
  for (const [i, [tool, args]] of calls()[server].entries()) keep(`call ${i} ${tool}`, await client.request('tools/call', { name: wire(tool), arguments: args }));
  for (const p of offered('prompts/list').slice(0, 2)) keep(`prompt ${p}`, await client.request('prompts/get', { name: wire(p), arguments: { city: 'Rome', state: 'x', q: 'x' } }));
  for (const r of offered('resources/list').slice(0, 1)) keep('read', await client.request('resources/read', { uri: wire(r) }));
  if (server === 'odd') keep('complete', await client.request('completion/complete', { ref: { type: 'ref/resource', uri: wire('odd://t/{id}{?q*}') }, argument: { name: 'id', value: 'o' } }));
  await client.close();
  return seen;
}

const namesIn = (list, method) => (member(list, entries[method][0])?.a ?? []).map((e) => member(e, entries[method][1]));

// same compares all that was seen, byte for byte.
function same(direct, through) {
  const keys = Object.keys(direct).filter((k) => !k.startsWith('raw '));
  assert.deepEqual(Object.keys(through).filter((k) => !k.startsWith('raw ')), keys);
  for (const k of keys) assert.equal(through[k], direct[k], k);
}

const upstreams = () => ({
  ...servers(world),
  everything: { ...servers(world).everything, isolate: 'session' },
  odd: { command: 'node', args: [odd] },
  oddhttp: { url: `http://127.0.0.1:${oddHTTP.port}/mcp` },
});

const reach = {
  everything: () => lines(servers(world).everything.command, [], { capabilities }),
  files: () => lines(servers(world).files.command, servers(world).files.args),
  memory: () => lines(servers(world).memory.command, [], { env: { ...process.env, ...servers(world).memory.env } }),
  odd: () => lines('node', [odd]),
};

before(async () => {
  world = fs.mkdtempSync(path.join(os.tmpdir(), 'toolward-fidelity-'));
  reset();
  const port = await freePort();
  oddHTTP = { port, child: spawn('node', [odd, String(port)], { stdio: 'ignore' }) };
  await until(() => fetch(`http://127.0.0.1:${port}`).then(() => true, () => false));
  const limits = { default: { rate: '60000/min', burst: 10000 } };
  g = await startGateway({ policies, upstreams: upstreams(), config: { guard: observe, limits } });
  defaults = await startGateway({ policies, upstreams: upstreams(), config: { limits } });
});
after(async () => {
  oddHTTP?.child.kill();
  await g?.cleanup();
  await defaults?.cleanup();
  fs.rmSync(world, { recursive: true, force: true });
});

for (const server of Object.keys(reach)) {
  describe(server, () => {
    let direct;
    before(async () => { direct = await visit(await reach[server](), server); });

    test('a call of each tool is made', () => {
      const listed = member(direct['raw tools/list'], 'tools').a.map((t) => member(t, 'name'));
      const made = calls()[server].map(([t]) => t);
      assert.deepEqual(listed.filter((t) => !made.includes(t) && !(left[server] ?? []).includes(t)), []);
    });

    test('/mcp/{server}', async () => same(direct, await visit(await streamable(`${g.url}/mcp/${server}`, g.mint('f'), { capabilities }), server, direct)));

    test('lines to the running gateway', async () => {
      const entry = ['stdio', '--config', path.join(g.dir, 'toolward.yaml'), '--server', server, '--subject', 'f'];
      same(direct, await visit(await lines(binary, entry, { cwd: '/', env: {}, capabilities }), server, direct));
    });

    test('standard input and output', async () => {
      const other = await startGateway({ policies, upstreams: { [server]: upstreams()[server] }, config: { guard: observe } });
      await other.stop();
      const env = { ...process.env, TOOLWARD_TOKEN: other.mint('f') };
      same(direct, await visit(await lines(binary, ['stdio', '--standalone', '--config', 'toolward.yaml', '--server', server], { cwd: other.dir, env, capabilities }), server, direct));
      await other.cleanup();
    });

    for (const [where, connect] of [['/mcp', streamable], ['/sse', legacySSE]]) {
      test(`${where}, names mapped back`, async () => {
        const list = await connect(`${g.url}${where}`, g.mint('f'), { capabilities });
        const wires = await mapped(list, server, direct);
        const through = await visit(wires.client, server, direct, (n) => wires.out.get(n) ?? n);
        same(only(direct, server), only(through, server, wires));
      });
    }

    if (server !== 'odd') {
      test('/mcp/{server} with guard as it comes', async () => same(direct, await visit(await streamable(`${defaults.url}/mcp/${server}`, defaults.mint('f'), { capabilities }), server, direct)));
    } else {
      test('/mcp/{server} over HTTP upstream', async () => same(direct, await visit(await streamable(`${g.url}/mcp/oddhttp`, g.mint('f')), server)));
    }
  });
}

// mapped lists everything on /mcp and pairs this server's entries, in order,
// with what the server calls them.
async function mapped(client, server, direct) {
  const out = new Map();
  const back = new Map();
  for (const method of listings) {
    const all = namesIn((await client.request(method, {})).result, method);
    const own = namesIn(direct[`raw ${method}`], method);
    const mine = all.filter((n) => n.startsWith(`${server}__`) || n.startsWith(`toolward://${server}/`));
    assert.equal(mine.length, own.length, `${method}: ${mine}`);
    own.forEach((n, i) => { out.set(n, mine[i]); back.set(mine[i], n); });
    assert.equal(new Set(all).size, all.length, 'two entries share a name');
    if (entries[method][1] === 'name') for (const n of mine) assert.match(n, /^[a-zA-Z0-9_-]{1,64}$/);
  }
  return { client, out, back };
}

// only keeps of merged listings what belongs to a server, and undoes the names
// and URIs of /mcp.
function only(seen, server, wires) {
  const prefix = `toolward://${server}/`;
  const undo = (v) => map(v, (s) => wires?.back.get(s) ?? (s.startsWith(prefix) ? s.slice(prefix.length) : s));
  const kept = {};
  for (const [k, v] of Object.entries(seen)) {
    if (k.startsWith('raw ')) continue;
    kept[k] = listings.includes(k) ? undefined : canonical(undo(parse(v)));
  }
  for (const method of listings) {
    const [array, key] = entries[method];
    const list = member(seen[`raw ${method}`], array)?.a ?? [];
    kept[method] = canonical(steady(undo({ a: wires ? list.filter((e) => wires.back.has(member(e, key))) : list })));
  }
  return kept;
}
