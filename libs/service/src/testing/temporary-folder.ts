import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for one test file; the caller removes it. */
export function temporaryFolder(): { readonly path: (name: string, content?: string) => string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'nat-service-'));
  return {
    path: (name, content) => {
      const path = join(folder, name);
      if (content !== undefined) writeFileSync(path, content);
      return path;
    },
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
