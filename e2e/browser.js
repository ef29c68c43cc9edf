#!/usr/bin/env node
// The browser of the machine's owner, who has just asked for it and clicks "Allow":
// it opens the page that a client sends it to, answers, and goes where it is sent.
import { answer } from './owner.js';

const { OWNER_ROLES: roles } = process.env;
const { to } = await answer(process.argv[2], roles && { roles });
await (await fetch(to)).text();
