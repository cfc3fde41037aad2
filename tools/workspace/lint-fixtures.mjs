/**
 * Proves that the lint rules are on: each text in tools/fixtures/lint is linted as if it were the file that it names, and must be refused by
 * the rule that it names. (The boundary rule passes everything when it finds no project graph.)
 */
import fs from 'node:fs';
import path from 'node:path';
import { ESLint } from 'eslint';
import { root } from '../bootstrap/index.mjs';

const folder = path.join(root, 'tools', 'fixtures', 'lint');
const eslint = new ESLint({ cwd: root });
const names = fs.readdirSync(folder);
if (names.length === 0) throw new Error(`no fixtures in ${folder}`);
for (const name of names) {
  const text = fs.readFileSync(path.join(folder, name), 'utf8');
  const filePath = /^\/\/ as: (.+)$/m.exec(text)?.[1];
  const rule = /^\/\/ expect: (.+)$/m.exec(text)?.[1];
  if (filePath === undefined || rule === undefined || !fs.existsSync(path.join(root, filePath)))
    throw new Error(`${name}: name a file with "as:" and a rule with "expect:"`);
  const results = await eslint.lintText(text, { filePath: path.join(root, filePath) });
  const messages = results.flatMap((result) => result.messages);
  if (!messages.some((message) => message.ruleId === rule && message.severity === 2)) {
    console.error(`${name}: ${rule} did not refuse it; what did: ${messages.map((message) => message.ruleId ?? message.message).join(', ') || 'nothing'}`);
    process.exitCode = 1;
  }
}
console.log(`${names.length} fixtures that must fail lint were tried`);
