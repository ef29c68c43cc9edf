// The coding agents, as a table: how each is set up in a home of its own and kept
// in one long session. say is one turn of the user's, over when it returns; renew
// opens another session in the same program. anew says after which accidents a
// session of that client has lost the gateway until there is a new one, and why.
// All keys are made up: the model that takes them is a stub.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { binary } from '../gateway.js';
import { start } from './program.js';

const modules = path.join(path.dirname(fileURLToPath(import.meta.url)), 'node_modules');
const native = `${process.platform}-${process.arch}`;

// programs are the commands that start them.
export const programs = {
  'Claude Code': [path.join(modules, `@anthropic-ai/claude-code-${native}/claude`)],
  Codex: [process.execPath, path.join(modules, '@openai/codex/bin/codex.js')],
  'Gemini CLI': [process.execPath, path.join(modules, '@google/gemini-cli/bundle/gemini.js')],
  OpenCode: [path.join(modules, `opencode-${native}/bin/opencode`)],
  'Copilot CLI': [path.join(modules, `@github/copilot-${native}/copilot`)],
};

const key = 'synthetic-not-a-key';

// gemini are settings with which Gemini CLI asks nothing before it starts.
export const gemini = { security: { auth: { selectedType: 'gemini-api-key' } }, privacy: { usageStatisticsEnabled: false }, general: { disableAutoUpdate: true } };

function write(home, file, text) {
  const where = path.join(home, file);
  fs.mkdirSync(path.dirname(where), { recursive: true });
  fs.writeFileSync(where, typeof text === 'string' ? text : JSON.stringify(text));
}

// connect has the gateway's own command write the client's entry, of the kind that
// is asked for, unless there is one.
const connect = (client, { env, config, by, token, entered }) => entered || execFileSync(binary, ['connect', client, '--write', '--config', config, '--by', by,
  ...(['program', 'helper'].includes(by) ? ['--role', 'tester'] : []), ...(by === 'token' ? ['--token', token] : [])], { env, stdio: 'pipe' });

// acp drives a client by the Agent Client Protocol, as an editor does.
async function acp(command, { env, cwd }) {
  const allow = (m) => m.method === 'session/request_permission' && { outcome: { outcome: 'selected', optionId: m.params.options.find((o) => o.kind.startsWith('allow')).optionId } };
  const program = start(command, { env, cwd, answer: allow });
  await program.request('initialize', { protocolVersion: 1, clientCapabilities: {}, clientInfo: { name: 'e2e', version: '1' } });
  const session = {
    ...program,
    async renew() { session.id = (await program.request('session/new', { cwd, mcpServers: [] })).sessionId; },
    say: (words) => program.request('session/prompt', { sessionId: session.id, prompt: [{ type: 'text', text: words }] }),
  };
  await session.renew();
  return session;
}

export const clients = {
  'Claude Code': {
    id: 'claude-code',
    kinds: ['helper', 'program', 'variable', 'token'],
    begin: async (at) => {
      Object.assign(at.env, {
        ANTHROPIC_BASE_URL: at.model, ANTHROPIC_API_KEY: key, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1',
        ENABLE_TOOL_SEARCH: 'false', // else the model is told of the tools only when it searches
      });
      connect('claude-code', at);
      const program = start([...programs['Claude Code'], '-p', '--verbose',
        '--input-format', 'stream-json', '--output-format', 'stream-json', '--allowedTools', 'mcp__toolward'], at);
      return {
        ...program,
        async say(words) {
          const over = program.next((m) => m.type === 'result');
          program.send({ type: 'user', message: { role: 'user', content: words } });
          await over;
        },
      };
    },
  },

  Codex: {
    id: 'codex',
    begin: async (at) => {
      at.env.STUB_KEY = key;
      write(at.home, '.codex/config.toml', `model = "stub"
model_provider = "stub"
approval_policy = "never"
sandbox_mode = "danger-full-access"

[model_providers.stub]
name = "stub"
base_url = "${at.model}/v1"
env_key = "STUB_KEY"
wire_api = "responses"
${at.entered ? fs.readFileSync(path.join(at.home, '.codex/config.toml'), 'utf8') : ''}`);
      connect('codex', at);
      const program = start([...programs.Codex, 'app-server'], at);
      await program.request('initialize', { clientInfo: { name: 'e2e', title: 'e2e', version: '1' } });
      program.send({ method: 'initialized' });
      const { thread } = await program.request('thread/start', { cwd: at.cwd });
      return {
        ...program,
        async say(words) {
          const over = program.next((m) => m.method === 'turn/completed');
          await program.request('turn/start', { threadId: thread.id, input: [{ type: 'text', text: words }] });
          await over;
        },
      };
    },
  },

  'Gemini CLI': {
    id: 'gemini-cli',
    anew: { after: /^the gateway/, why: 'it goes on with the id of the session that is gone, whatever a 404 says' },
    begin: (at) => {
      Object.assign(at.env, { GOOGLE_GEMINI_BASE_URL: at.model, GEMINI_API_KEY: key, GEMINI_CLI_TRUST_WORKSPACE: 'true' });
      if (!at.entered) write(at.home, '.gemini/settings.json', gemini);
      connect('gemini-cli', at);
      return acp([...programs['Gemini CLI'], '--acp', '--yolo', '--model', 'gemini-2.5-pro'], at);
    },
  },

  OpenCode: {
    id: 'opencode',
    begin: (at) => {
      write(at.home, '.config/opencode/opencode.json', {
        ...(at.entered && JSON.parse(fs.readFileSync(path.join(at.home, '.config/opencode/opencode.json'), 'utf8'))),
        autoupdate: false, share: 'disabled', model: 'stub/stub', small_model: 'stub/stub',
        provider: { stub: { npm: '@ai-sdk/openai-compatible', options: { baseURL: `${at.model}/v1`, apiKey: key }, models: { stub: { tool_call: true } } } },
      });
      connect('opencode', at);
      return acp([...programs.OpenCode, 'acp'], at);
    },
  },

  'Copilot CLI': {
    id: 'copilot-cli',
    anew: { after: /^the gateway is called while it is down/, why: 'it drops a server that a connection could not be made to' },
    begin: (at) => {
      Object.assign(at.env, { COPILOT_OFFLINE: 'true', COPILOT_PROVIDER_BASE_URL: `${at.model}/v1`, COPILOT_PROVIDER_API_KEY: key, COPILOT_MODEL: 'stub' });
      connect('copilot-cli', at);
      return acp([...programs['Copilot CLI'], '--acp', '--allow-all-tools', '--disable-builtin-mcps'], at);
    },
  },
};
