// Every message is used, has each language, the same inputs, and all plural forms of that language.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const LANGUAGES = ['en', 'uk'];
const FOLDERS = ['messages', 'messages/admin'];
const problems = [];

const sources = readdirSync('src', { recursive: true })
  .filter((path) => /\.(svelte|ts)$/.test(path) && !path.includes('paraglide'))
  .map((path) => readFileSync(join('src', path), 'utf8'));
const used = new Set(sources.flatMap((text) => [...text.matchAll(/\bm\.(\w+)/g)].map(([, key]) => key)));

for (const folder of FOLDERS) {
  const read = (language) => JSON.parse(readFileSync(`${folder}/${language}.json`, 'utf8'));
  const all = LANGUAGES.map((language) => [language, read(language)]);
  const keys = new Set(all.flatMap(([, messages]) => Object.keys(messages)));
  for (const key of keys) {
    if (key === '$schema') continue;
    if (!used.has(key)) problems.push(`${folder}: ${key} is used nowhere`);
    const inputs = all.map(([language, messages]) => check(folder, key, language, messages[key]));
    if (new Set(inputs).size > 1) problems.push(`${folder}: ${key}: other inputs: ${inputs.join(' | ')}`);
  }
}

function check(folder, key, language, message) {
  const where = `${folder}/${language}.json: ${key}`;
  if (message === undefined) return void problems.push(`${where} is missing`);
  if (typeof message === 'string') {
    if (!message.trim()) problems.push(`${where} is empty`);
    return placeholders([message]);
  }
  const [{ match }] = message;
  const needed = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
  for (const form of needed) {
    if (!match[`form=${form}`]) problems.push(`${where} has no form "${form}"`);
  }
  return placeholders(Object.values(match));
}

function placeholders(texts) {
  const names = texts.flatMap((text) => [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1]));
  return [...new Set(names)].sort().join(',');
}

for (const problem of problems) console.error(`messages: ${problem}`);
process.exit(problems.length ? 1 : 0);
