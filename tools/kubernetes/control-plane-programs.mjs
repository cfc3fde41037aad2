/** Kubernetes' control plane, etcd and KWOK, built from the Go proxy once and kept in the cache. */
import fs from 'node:fs';
import path from 'node:path';
import { cacheDirectory, installOnce, requireFreeDisk, sha256 } from '../bootstrap/cache.mjs';
import { run } from '../bootstrap/process.mjs';
import { SetupError } from '../bootstrap/report.mjs';
import * as pins from './pins.mjs';
import { copyFromModule, goEnvironment, hasGo } from './programs.mjs';

/** Programs of the module k8s.io/kubernetes, which is not made to be imported: with the constructor of each one's command. */
const COMPONENTS = /** @type {const} */ ([
  ['kube-apiserver', 'NewAPIServerCommand'],
  ['kube-scheduler', 'NewSchedulerCommand'],
  ['kube-controller-manager', 'NewControllerManagerCommand'],
]);

/** @param {string} name @param {string} constructor */
const componentSource = (name, constructor) => `package main

import (
	"os"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubernetes/cmd/${name}/app"
)

func main() { os.Exit(cli.Run(app.${constructor}())) }
`;

const ETCD_SOURCE = `package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
`;

/**
 * @param {{cache?: string, report: import('../bootstrap/report.mjs').Report}} options
 * @returns {Promise<string>} a folder with kube-apiserver, kube-scheduler, kube-controller-manager, etcd and kwok, and the stages of simulated nodes
 */
export async function ensureControlPlane({ cache = cacheDirectory(), report }) {
  const key = sha256(JSON.stringify([pins.kubernetes, pins.modules, pins.stages])).slice(0, 12);
  const folder = path.join(cache, 'kubernetes', `control-plane-${pins.kubernetes.version}-${key}`);
  if (fs.existsSync(folder)) return folder;
  if (!(await hasGo())) throw new SetupError('go is needed to build the control plane of Kubernetes, which no registry has as a program: install Go 1.26');
  requireFreeDisk(cache, 1.2e10, 'building the control plane of Kubernetes');
  const env = goEnvironment(cache);
  await installOnce(folder, async (target) => {
    const work = path.join(target, '.work');
    await report.step('building the control plane of Kubernetes (8 minutes on two cores)', async (detail) => {
      fs.mkdirSync(work);
      await writeModule(work, env);
      for (const [name, constructor] of COMPONENTS) {
        detail(name);
        const source = path.join(work, 'cmd', name);
        fs.mkdirSync(source, { recursive: true });
        fs.writeFileSync(path.join(source, 'main.go'), componentSource(name, constructor));
        await build({ source: `./cmd/${name}`, output: path.join(target, name), cwd: work, env });
      }
      detail('etcd');
      const etcd = path.join(work, 'etcd');
      fs.mkdirSync(etcd);
      fs.writeFileSync(path.join(etcd, 'go.mod'), 'module etcd\n');
      fs.writeFileSync(path.join(etcd, 'main.go'), ETCD_SOURCE);
      await run('go', ['get', pins.modules.etcd], { cwd: etcd, env, failed: `no ${pins.modules.etcd}` });
      await build({ source: '.', output: path.join(target, 'etcd'), cwd: etcd, env });
      detail('kwok');
      const kwok = pins.modules.kwok.replace('@', '/cmd/kwok@');
      await run('go', ['install', '-trimpath', '-ldflags', '-s -w', kwok], { cwd: target, env: { ...env, GOBIN: target }, failed: `no ${kwok}` });
      await copyFromModule({ module: pins.modules.kwok, ...pins.stages, target, cache });
    });
    fs.rmSync(work, { recursive: true });
  });
  // Gigabytes that only a build needs. The module cache is read-only, so go has to remove it.
  await run('go', ['clean', '-cache', '-modcache'], { cwd: folder, env });
  return folder;
}

/**
 * A module that requires Kubernetes, with the staging modules that it replaces by its own folders taken from their releases.
 * @param {string} work
 * @param {NodeJS.ProcessEnv} env
 */
async function writeModule(work, env) {
  const { version, staging } = pins.kubernetes;
  const module = `k8s.io/kubernetes@${version}`;
  const { GoMod } = JSON.parse(await run('go', ['mod', 'download', '-json', module], { cwd: work, env, failed: `no ${module}` }));
  const text = fs.readFileSync(GoMod, 'utf8');
  const go = /^go .*$/m.exec(text)?.[0];
  if (go === undefined) throw new SetupError(`${module} names no version of Go`);
  const staged = new Set([...text.matchAll(/(k8s\.io\/[a-z-]+) => \.\/staging/g)].map(([, name]) => name));
  const replaced = [...staged].sort().map((name) => `\t${name} => ${name} ${staging}`);
  fs.writeFileSync(path.join(work, 'go.mod'), `module controlplane\n\n${go}\n\nrequire k8s.io/kubernetes ${version}\n\nreplace (\n${replaced.join('\n')}\n)\n`);
}

/** @param {{source: string, output: string, cwd: string, env: NodeJS.ProcessEnv}} options */
async function build({ source, output, cwd, env }) {
  const { version } = pins.kubernetes;
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
  const stamp = Object.entries({ gitVersion: version, gitMajor: major, gitMinor: minor }).map(
    ([key, value]) => `-X k8s.io/component-base/version.${key}=${value}`,
  );
  await run('go', ['build', '-trimpath', '-ldflags', `-s -w ${stamp.join(' ')}`, '-o', output, source], { cwd, env, failed: `${source} did not build` });
}
