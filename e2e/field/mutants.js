// Definitions, results, notifications, questions and answers that are right, and
// every way in which one member of them can be wrong.

const icons = [{ src: 'https://example.com/i.png', mimeType: 'image/png', sizes: ['48x48'], theme: 'dark' }];
const annotations = { audience: ['user'], priority: 0.5, lastModified: '2026-01-12T15:00:58Z' };

export const valid = {
  tool: {
    name: 'tool', title: 'Tool', description: 'A tool.',
    inputSchema: { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object', properties: { a: { type: 'string', description: 'a' } }, required: ['a'] },
    outputSchema: { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
    annotations: { title: 'T', readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    execution: { taskSupport: 'forbidden' }, icons, _meta: { 'example.com/x': 1 },
  },
  prompt: { name: 'prompt', title: 'Prompt', description: 'A prompt.', arguments: [{ name: 'a', title: 'A', description: 'a', required: true }], icons, _meta: { 'example.com/x': 1 } },
  resource: { uri: 'test://resource', name: 'resource', title: 'R', description: 'r', mimeType: 'text/plain', size: 3, annotations, icons, _meta: { 'example.com/x': 1 } },
  template: { uriTemplate: 'test://template/{id}', name: 'template', title: 'T', description: 't', mimeType: 'text/plain', annotations, icons, _meta: { 'example.com/x': 1 } },
  called: {
    content: [
      { type: 'text', text: 'a', annotations, _meta: { 'example.com/x': 1 } },
      { type: 'image', data: 'AAEC', mimeType: 'image/png' },
      { type: 'audio', data: 'AAEC', mimeType: 'audio/wav' },
      { type: 'resource_link', uri: 'test://r', name: 'r', title: 'R', description: 'r', mimeType: 'text/plain', size: 3, icons, annotations },
      { type: 'resource', resource: { uri: 'test://t', mimeType: 'text/plain', text: 't', _meta: { 'example.com/x': 1 } } },
      { type: 'resource', resource: { uri: 'test://b', mimeType: 'application/octet-stream', blob: 'AAEC' }, annotations },
    ],
    structuredContent: { n: 1 }, isError: false, _meta: { progressToken: 'p', 'example.com/x': 1 },
  },
  got: {
    description: 'd', _meta: { 'example.com/x': 1 },
    messages: [{ role: 'user', content: { type: 'text', text: 'a', annotations } }, { role: 'assistant', content: { type: 'resource', resource: { uri: 'test://t', text: 't' } } }],
  },
  read: { contents: [{ uri: 'test://t', mimeType: 'text/plain', text: 't', _meta: { 'example.com/x': 1 } }, { uri: 'test://b', mimeType: 'application/octet-stream', blob: 'AAEC' }], _meta: { 'example.com/x': 1 } },

  'notifications/progress': { progressToken: 'TOKEN', progress: 1, total: 9, message: 'step', _meta: { progressToken: 'p', 'example.com/x': 1 } },
  'notifications/message': { level: 'info', logger: 'l', data: { a: [1] }, _meta: { progressToken: 'p', 'example.com/x': 1 } },
  'notifications/resources/updated': { uri: 'test://r', _meta: { 'example.com/x': 1 } },
  'notifications/tools/list_changed': { _meta: { 'example.com/x': 1 } },
  'notifications/cancelled': { requestId: 'q', reason: 'r' },
  'notifications/elicitation/complete': { elicitationId: 'e', _meta: { 'example.com/x': 1 } },
  'notifications/tasks/status': { taskId: 't', status: 'working', ttl: 1000, createdAt: '2026-01-12T15:00:58Z', lastUpdatedAt: '2026-01-12T15:00:58Z', pollInterval: 1, statusMessage: 's' },
  'notifications/x-later': { a: { b: 1 }, _meta: { progressToken: 'p' } },

  'sampling/createMessage': {
    messages: [
      { role: 'user', content: { type: 'text', text: 'a', annotations } }, { role: 'user', content: { type: 'image', data: 'AAEC', mimeType: 'image/png' } },
      { role: 'user', content: [{ type: 'audio', data: 'AAEC', mimeType: 'audio/wav' }] },
    ],
    modelPreferences: { hints: [{ name: 'm' }], costPriority: 0.5, speedPriority: 0, intelligencePriority: 1 },
    systemPrompt: 's', includeContext: 'none', temperature: 0.5, maxTokens: 5, stopSequences: ['x'], metadata: { a: 1 },
    tools: [{ name: 't', description: 'd', inputSchema: { type: 'object', properties: { a: { type: 'string' } } } }], toolChoice: { mode: 'auto' }, _meta: { 'example.com/x': 1 },
  },
  'elicitation/create': {
    mode: 'form', message: 'm', _meta: { 'example.com/x': 1 },
    requestedSchema: {
      type: 'object', required: ['s'],
      properties: {
        s: { type: 'string', title: 't', description: 'd', minLength: 1, maxLength: 9, format: 'email', default: 'a@b.c' }, n: { type: 'number', minimum: 0, maximum: 9, default: 1 },
        i: { type: 'integer', default: 1 }, b: { type: 'boolean', default: true }, e: { type: 'string', enum: ['x', 'y'], enumNames: ['X', 'Y'], default: 'x' },
        o: { type: 'string', oneOf: [{ const: 'x', title: 'X' }] }, m: { type: 'array', minItems: 1, maxItems: 2, items: { type: 'string', enum: ['x'] }, default: ['x'] },
        a: { type: 'array', items: { anyOf: [{ const: 'x', title: 'X' }] } },
      },
    },
  },
  page: { mode: 'url', message: 'm', url: 'https://example.com/visit', elicitationId: 'e', _meta: { 'example.com/x': 1 } },
  'roots/list': { _meta: { progressToken: 'p', 'example.com/x': 1 } },

  'sampling/createMessage:result': { model: 'm', role: 'assistant', content: { type: 'text', text: 't', annotations }, stopReason: 'endTurn', _meta: { 'example.com/x': 1 } },
  'elicitation/create:result': { action: 'accept', content: { s: 'a@b.c', n: 1, b: true, m: ['x'] }, _meta: { 'example.com/x': 1 } },
  'roots/list:result': { roots: [{ uri: 'file:///r', name: 'r', _meta: { 'example.com/x': 1 } }], _meta: { 'example.com/x': 1 } },
};

const others = [null, true, 7, 1.5, -1, 1e300, 2 ** 60, 'x', '', [], {}, [null], ['x'], [[]], { x: null }, { x: 7 }];

function* places(value, path = []) {
  if (path.length > 0) yield path;
  if (value === null || typeof value !== 'object') return;
  for (const key of Object.keys(value)) yield* places(value[key], [...path, key]);
}

function put(value, [key, ...rest], change) {
  const copy = Array.isArray(value) ? [...value] : { ...value };
  if (rest.length > 0) copy[key] = put(value[key], rest, change);
  else change(copy, key);
  return copy;
}

const at = (value, path) => path.reduce((v, key) => v[key], value);
const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);

const remove = (holder, key) => { if (Array.isArray(holder)) holder.splice(key, 1); else delete holder[key]; };

// mutants are all of a kind: {what, value}. A definition gets a name of its own
// unless its name is what is wrong.
export function mutants(kind) {
  const all = [];
  const add = (what, value, path) => {
    if (kind === 'template' && path[0] !== 'uriTemplate') value = { ...value, uriTemplate: `test://m${all.length}/{id}` };
    else if (kind === 'resource' && path[0] !== 'uri') value = { ...value, uri: `test://m${all.length}` };
    else if ((kind === 'tool' || kind === 'prompt') && path[0] !== 'name') value = { ...value, name: `m${all.length}` };
    all.push({ what, value });
  };
  for (const path of places(valid[kind])) {
    for (const other of others) add(`${path.join('/')} is ${JSON.stringify(other)}`, put(valid[kind], path, (holder, key) => { holder[key] = other; }), path);
    if (isObject(at(valid[kind], path))) add(`${path.join('/')} has one more`, put(valid[kind], path, (holder, key) => { holder[key] = { ...holder[key], 'x-more': [null] }; }), path);
    add(`${path.join('/')} is missing`, put(valid[kind], path, remove), path);
  }
  for (const [what, change] of Object.entries(more[kind] ?? {})) add(what, { ...valid[kind], ...change }, []);
  if (kind === 'tool' || kind === 'prompt' || kind === 'resource' || kind === 'template') {
    for (const other of [null, true, 7, 'x', [], {}]) all.push({ what: `the whole is ${JSON.stringify(other)}`, value: other });
  }
  return all;
}

const output = (schema) => ({ outputSchema: { type: 'object', ...schema } });
const input = (schema) => ({ inputSchema: schema });
const bound = { type: 'string', 'x-mcp-header': 'Region' };

// more are what one wrong member of the whole does not make.
const more = {
  tool: {
    'inputSchema of PHP': input([]), 'inputSchema a union': input({ anyOf: [{ type: 'object' }] }), 'inputSchema only a dialect': input({ $schema: 'http://json-schema.org/draft-07/schema#' }),
    'inputSchema a reference': input({ $ref: '#/$defs/a', $defs: { a: { type: 'object' } } }), 'inputSchema of two types': input({ type: ['object', 'null'] }),
    'a property true': input({ type: 'object', properties: { a: true, b: false } }), 'a property in a property true': input({ type: 'object', properties: { a: { properties: { b: true } } } }),
    'outputSchema of an array': { outputSchema: { type: 'array', items: { type: 'string' } } }, 'outputSchema without type': { outputSchema: { anyOf: [{ type: 'object' }, { type: 'null' }] } },
    'outputSchema a reference': { outputSchema: { $ref: '#/$defs/a', $defs: { a: { type: 'object' } } } }, 'outputSchema property true': output({ properties: { a: true } }),
    'outputSchema of no type': output({ properties: { a: { type: 'strin' } } }), 'outputSchema refers to nothing': output({ properties: { a: { $ref: '#/$defs/nope' } } }),
    'outputSchema refers elsewhere': output({ properties: { a: { $ref: 'https://example.com/x.json' } } }), 'outputSchema pattern broken': output({ properties: { a: { pattern: '(' } } }),
    'outputSchema pattern of Python': output({ properties: { a: { pattern: '(?P<x>a)' } } }), 'outputSchema pattern escapes too much': output({ properties: { a: { pattern: '^a\\-b$' } } }),
    'outputSchema pattern of PCRE': output({ properties: { a: { pattern: '\\A[[:alpha:]]+\\z' } } }), 'outputSchema patternProperties broken': output({ patternProperties: { '\\_': {} } }),
    'outputSchema of draft 4': output({ $schema: 'http://json-schema.org/draft-04/schema#', properties: { a: { type: 'number', minimum: 0, exclusiveMinimum: true } } }),
    'outputSchema required in place': output({ properties: { a: { type: 'string', required: true } } }), 'outputSchema nullable': output({ properties: { a: { nullable: true } } }),
    'outputSchema with an id': output({ $id: 'https://example.com/same' }), 'outputSchema with the same id': output({ $id: 'https://example.com/same', title: 'other' }),
    'outputSchema with an old id': output({ id: 'x' }), 'outputSchema with an id inside': output({ properties: { a: { $id: 'urn:x' } } }), 'outputSchema with an anchor': output({ properties: { a: { $ref: '#a' } }, $defs: { a: { $anchor: 'a' } } }),
    'outputSchema of an unknown dialect': output({ $schema: 'https://example.com/dialect' }), 'outputSchema with a discriminator': output({ discriminator: { propertyName: 'a' } }),
    'outputSchema of 2019-09': output({ $schema: 'https://json-schema.org/draft/2019-09/schema', $recursiveAnchor: true, properties: { a: { $recursiveRef: '#' } } }),
    'a header out of reach': input({ type: 'object', properties: { a: { type: 'array', items: bound } } }), 'a header in a union': input({ type: 'object', anyOf: [{ properties: { a: bound } }] }),
  },
  called: {
    'no content, an array': { content: undefined, structuredContent: [1] }, 'structuredContent a string': { structuredContent: 'x' }, 'URL-safe base64': { content: [{ type: 'image', data: 'a-_b', mimeType: 'image/png' }] },
    'base64 without padding': { content: [{ type: 'image', data: 'AAE', mimeType: 'image/png' }] }, 'a date without time': { content: [{ type: 'text', text: 'a', annotations: { lastModified: '2026-01-12' } }] },
    'an audience of models': { content: [{ type: 'text', text: 'a', annotations: { audience: ['model'] } }] }, 'a resource with neither': { content: [{ type: 'resource', resource: { uri: 'test://r' } }] },
  },
};
