// What the browser of the machine's owner does with the page that lets a client in.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

// browserIn puts one (browser.js) where programs look for it, and returns the environment
// in which they find it. Its owner gives the roles that are named, or else those that the
// page suggests.
export function browserIn(folder, env, roles) {
  fs.mkdirSync(folder, { recursive: true });
  for (const name of ['xdg-open', 'browser']) fs.symlinkSync(fileURLToPath(new URL('./browser.js', import.meta.url)), path.join(folder, name));
  return { ...env, PATH: `${folder}:${env.PATH}`, BROWSER: path.join(folder, 'browser'), DISPLAY: ':0', ...(roles && { OWNER_ROLES: roles }) };
}

// answer opens the page, says yes or what else there is, and returns where the browser is sent.
export async function answer(url, change) {
  const at = new URL(url);
  const shown = await fetch(at, { redirect: 'manual', headers: { 'Sec-Fetch-Dest': 'document' } });
  const page = await shown.text();
  if (shown.status !== 200) throw new Error(`no page: ${shown.status} ${page.replace(/<style>.*<\/style>/s, '')}`);
  const form = new URLSearchParams({ answer: 'yes' });
  for (const [, name, value] of page.matchAll(/name="(page|agent|roles)" value="([^"]*)"/g)) form.set(name, value);
  for (const [name, value] of Object.entries(change ?? {})) form.set(name, value);
  const cookie = shown.headers.getSetCookie().map((c) => c.split(';')[0]).join('; ');
  const sent = await fetch(new URL('/oauth/authorize', at), { method: 'POST', redirect: 'manual', body: form, headers: { cookie, Origin: at.origin } });
  const to = sent.headers.get('location');
  if (!to) throw new Error(`not sent back: ${sent.status} ${(await sent.text()).replace(/<style>.*<\/style>/s, '')}`);
  return { page, to };
}
