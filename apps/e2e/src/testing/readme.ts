import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './nat.ts';

/** The fenced blocks of README.md in one language, in order. */
export function readmeBlocks(language: string): readonly string[] {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].filter(([, name]) => name === language).map(([, , body = '']) => body);
}

/** The one block that holds a text. */
export function readmeBlock(language: string, holds: string): string {
  const found = readmeBlocks(language).filter((block) => block.includes(holds));
  if (found.length !== 1) throw new Error(`README.md has ${found.length} ${language} blocks with "${holds}"`);
  return found[0]!;
}
