/**
 * Writes libs/contracts/src/gen and libs/contracts/image.binpb from proto/. With --check it writes nothing and exits
 * with 1 when what is committed differs.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const generated = join(root, 'libs/contracts/src/gen');
const image = join(root, 'libs/contracts/image.binpb');

/** What services serve and clients decode; everything else comes in only where one of these needs it. */
const isRoot = (path) =>
  /^(nat\/.*|grpc\/(health|reflection)\/.*|google\/rpc\/(status|error_details|code)|google\/longrunning\/operations)\.(proto|ts)$/.test(path);

/** The keys reachable from the root files, in the order of `files`. */
function reachable(files, dependenciesOf) {
  const seen = new Set();
  const visit = (path) => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const dependency of dependenciesOf(path)) visit(dependency);
  };
  for (const path of files) if (isRoot(path)) visit(path);
  return files.filter((path) => seen.has(path));
}

function listFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
}

function buf(...args) {
  execFileSync(process.execPath, [join(root, 'node_modules/@bufbuild/buf/bin/buf'), ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}` },
  });
}

/** TypeScript files by path below src/gen. */
function generateSources(scratch) {
  const out = join(scratch, 'gen');
  buf('generate', '-o', out);
  const sources = new Map(listFiles(out).map((path) => [path, readFileSync(join(out, path), 'utf8')]));
  const importsOf = (path) => {
    const imports = [...(sources.get(path) ?? '').matchAll(/from "(\.[^"]+)"/g)].map((match) => match[1]);
    return imports.map((specifier) => join(dirname(path), specifier).replaceAll('\\', '/'));
  };
  return new Map(reachable([...sources.keys()], importsOf).map((path) => [path, sources.get(path)]));
}

/** The descriptors of everything reachable, imports included; comments only of our own files. */
function generateImage(scratch) {
  const path = join(scratch, 'image.binpb');
  buf('build', '--as-file-descriptor-set', '-o', path);
  const { file } = fromBinary(FileDescriptorSetSchema, readFileSync(path));
  const byName = new Map(file.map((descriptor) => [descriptor.name, descriptor]));
  const kept = reachable([...byName.keys()], (name) => byName.get(name)?.dependency ?? []);
  for (const name of kept) if (!name.startsWith('nat/')) delete byName.get(name).sourceCodeInfo;
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: kept.map((name) => byName.get(name)) }));
}

function differences(sources, imageBytes) {
  const committed = listFiles(generated);
  const differing = [...sources]
    .filter(([path, text]) => !existsSync(join(generated, path)) || readFileSync(join(generated, path), 'utf8') !== text)
    .map(([path]) => path);
  const stale = committed.filter((path) => !sources.has(path));
  const imageDiffers = !existsSync(image) || !readFileSync(image).equals(imageBytes);
  return [...differing, ...stale, ...(imageDiffers ? ['image.binpb'] : [])];
}

const scratch = mkdtempSync(join(tmpdir(), 'nat-contracts-'));
try {
  const sources = generateSources(scratch);
  const imageBytes = generateImage(scratch);
  const changed = differences(sources, imageBytes);
  if (process.argv.includes('--check')) {
    if (changed.length > 0) {
      console.error(`libs/contracts does not match proto/: run \`npm run generate\` and commit. Differing: ${changed.join(', ')}`);
      process.exitCode = 1;
    }
  } else if (changed.length > 0) {
    rmSync(generated, { recursive: true, force: true });
    for (const [path, text] of sources) {
      mkdirSync(dirname(join(generated, path)), { recursive: true });
      writeFileSync(join(generated, path), text);
    }
    writeFileSync(image, imageBytes);
    console.log(`wrote ${sources.size} files and image.binpb (${imageBytes.length} bytes)`);
  } else console.log('libs/contracts is up to date');
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
