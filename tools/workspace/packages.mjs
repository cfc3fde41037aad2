import fs from 'node:fs';
import path from 'node:path';
import { root } from '../bootstrap/index.mjs';

/**
 * The workspace's packages.
 * @returns {{name: string, folder: string, manifest: any}[]} `folder` relative to the root, such as `libs/base`
 */
export function workspacePackages() {
  return ['libs', 'apps'].flatMap((under) =>
    fs
      .readdirSync(path.join(root, under))
      .map((name) => `${under}/${name}`)
      .filter((folder) => fs.existsSync(path.join(root, folder, 'package.json')))
      .map((folder) => {
        const manifest = JSON.parse(fs.readFileSync(path.join(root, folder, 'package.json'), 'utf8'));
        return { name: manifest.name, folder, manifest };
      }),
  );
}
