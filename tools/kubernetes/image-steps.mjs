/**
 * `node tools/kubernetes/image-steps.mjs service|worker|worker-cuda ...`: carries out the Dockerfile for these targets without Docker, and starts the
 * result as the chart would. Base images are stood in for by this machine's own root (with this Node in it), seen through an overlay that is
 * thrown away; so it proves the commands, what is copied, the user, the read-only root, the variables of the chart and its probe, and says nothing of the
 * base images. Needs Linux, root, openssl, and for the stage `probe` Go.
 */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import ignoring from '@balena/dockerignore';
import { parseAllDocuments } from 'yaml';
import { fail, root } from '../bootstrap/index.mjs';
import { run } from '../bootstrap/process.mjs';
import { createReport, SetupError } from '../bootstrap/report.mjs';
import { renderChart } from './chart.mjs';
import { readDockerfile } from './dockerfile.mjs';
import { ensureClients } from './programs.mjs';

/** Its types say `default` where Node gives the function. */
const dockerignore = /** @type {() => {add: (text: string) => {filter: (paths: string[]) => string[]}}} */ (/** @type {unknown} */ (ignoring));

const DOCKERFILE = path.join(root, 'deploy', 'docker', 'Dockerfile');
/** What each target is started as: the component of the chart, and where it answers. */
const PROGRAMS = /** @type {const} */ ({ service: 'nat-gateway', worker: 'nat-worker-cpu', 'worker-cuda': 'nat-worker-cpu' });
const READY_MS = 120_000;

/** @typedef {{layers: string[], env: Record<string, string>, cwd: string, user: string, entrypoint: string[], command: string[]}} Image `layers`: topmost first */

/** @param {string} place an empty folder on a file system of its own */
function builder(place) {
  const { stages } = readDockerfile(DOCKERFILE);
  /** @type {Map<string, Image>} */
  const built = new Map();
  let mounts = 0;

  /** Mounts an image's root, with the devices and processes of this machine. @param {Image} image @param {boolean} writable */
  const mount = async (image, writable) => {
    const at = path.join(place, `mount-${(mounts += 1)}`);
    fs.mkdirSync(path.join(at, 'root'), { recursive: true });
    const lower = writable ? image.layers.slice(1) : image.layers;
    const options = [`lowerdir=${[...lower, '/'].join(':')}`];
    if (writable) {
      fs.mkdirSync(path.join(at, 'work'));
      options.push(`upperdir=${image.layers[0] ?? ''}`, `workdir=${path.join(at, 'work')}`);
    }
    const target = path.join(at, 'root');
    await run('mount', ['-t', 'overlay', 'overlay', '-o', options.join(','), target]);
    for (const folder of ['/proc', '/dev']) await run('mount', ['--bind', folder, path.join(target, folder)]);
    return target;
  };
  const unmount = (/** @type {string} */ target) => run('umount', ['--recursive', target]);

  /** @param {string} name @returns {Promise<Image>} */
  const build = async (name) => {
    const known = built.get(name);
    if (known !== undefined) return known;
    const stage = stages.find((one) => one.name === name);
    if (stage === undefined) throw new SetupError(`the Dockerfile has no stage ${name}`);
    const parent = stages.some((one) => one.name === stage.from) ? await build(stage.from) : base(place);
    const layer = path.join(place, `layer-${name}`);
    fs.mkdirSync(layer);
    const image = { ...parent, layers: [layer, ...parent.layers], env: { ...parent.env } };
    /** @type {Record<string, string>} */
    const args = {};
    for (const { keyword, text, args: words, from: origin, json } of stage.instructions) {
      const assigned = () => Object.fromEntries(words.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]));
      if (keyword === 'ARG') Object.assign(args, assigned());
      else if (keyword === 'ENV') Object.assign(image.env, assigned());
      else if (keyword === 'WORKDIR') image.cwd = text;
      else if (keyword === 'USER') image.user = text;
      else if (keyword === 'ENTRYPOINT') image.entrypoint = json ?? [];
      else if (keyword === 'CMD') image.command = json ?? [];
      else if (keyword === 'RUN' || keyword === 'COPY') {
        const from = origin === undefined ? undefined : await build(origin);
        const target = await mount(image, true);
        try {
          fs.mkdirSync(path.join(target, image.cwd), { recursive: true });
          if (keyword === 'RUN') {
            const env = { ...image.env, ...args };
            await run('chroot', [target, '/bin/sh', '-c', `cd ${image.cwd} && ${text}`], { env, failed: `${name}: RUN ${text}`, tailLines: 30 });
          } else if (from === undefined) copyContext(path.join(target, image.cwd));
          else {
            const [source = '', destination = ''] = words;
            const seen = await mount(from, false);
            fs.mkdirSync(path.join(target, path.dirname(destination)), { recursive: true });
            await run('cp', ['-aT', path.join(seen, source), path.join(target, destination)], { failed: `${name}: COPY ${text}` });
            await unmount(seen);
          }
        } finally {
          await unmount(target);
        }
      } else if (!['VOLUME', 'EXPOSE', 'HEALTHCHECK'].includes(keyword)) throw new SetupError(`${name}: ${keyword} is not known here`);
    }
    built.set(name, image);
    return image;
  };
  return { build, mount };
}

/** What stands in for a base image: this machine with this Node where every user finds it. @param {string} place @returns {Image} */
function base(place) {
  const layer = path.join(place, 'layer-base');
  if (!fs.existsSync(layer)) {
    fs.mkdirSync(path.join(layer, 'usr/local/bin'), { recursive: true });
    fs.copyFileSync(process.execPath, path.join(layer, 'usr/local/bin/node'));
  }
  const kept = Object.entries(process.env).filter(([name]) => /^(GOPROXY|GOSUMDB|GONOSUMDB|GOFLAGS|PIP_.*|npm_config_.*|.*_proxy|SSL_CERT_FILE)$/i.test(name));
  const PATH = ['/usr/local/bin', path.dirname(process.execPath), process.env['PATH'] ?? ''].join(':');
  const env = { .../** @type {Record<string, string>} */ (Object.fromEntries(kept)), PATH, HOME: os.homedir() };
  return { layers: [layer], env, cwd: '/', user: '0:0', entrypoint: [], command: [] };
}

/** The files that a build would send: those of git, as far as the ignore file lets them through. @param {string} target */
function copyContext(target) {
  const { stdout } = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 });
  const ignored = dockerignore().add(fs.readFileSync(`${DOCKERFILE}.dockerignore`, 'utf8'));
  const files = ignored.filter(stdout.split('\0').filter((file) => file !== '' && fs.existsSync(path.join(root, file))));
  for (const file of files) {
    fs.mkdirSync(path.join(target, path.dirname(file)), { recursive: true });
    fs.copyFileSync(path.join(root, file), path.join(target, file));
  }
}

/**
 * Starts a target read-only, as its user, with the variables of the chart, and asks it as the chart's probe does.
 * @param {string} target
 * @param {{build: (name: string) => Promise<Image>, mount: (image: Image, writable: boolean) => Promise<string>}} images
 * @param {string} helm
 */
async function start(target, { build, mount }, helm) {
  const image = await build(target);
  if (!/^[1-9]\d*:[1-9]\d*$/.test(image.user)) throw new SetupError(`${target} runs as ${image.user}, which is no number other than root's`);
  const name = PROGRAMS[/** @type {keyof typeof PROGRAMS} */ (target)];
  const objects = parseAllDocuments(await renderChart(helm, [])).flatMap((document) => document.toJS() ?? []);
  const { containers } = objects.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name).spec.template.spec;
  const [container] = containers;
  // As a container's runtime does it: places to mount on, in a layer of their own.
  const places = ['/tmp', '/var/lib/nat', '/etc/nat'];
  const points = `${image.layers[0] ?? ''}-mounts`;
  for (const at of places) fs.mkdirSync(path.join(points, at), { recursive: true });
  const folder = await mount({ ...image, layers: [points, ...image.layers] }, false);
  for (const at of places) await run('mount', ['-t', 'tmpfs', 'tmpfs', path.join(folder, at)]);
  fs.chmodSync(path.join(folder, 'tmp'), 0o1777);
  fs.mkdirSync(path.join(folder, 'var/lib/nat/blobs'));
  fs.chownSync(path.join(folder, 'var/lib/nat/blobs'), 10001, 10001);
  const host = target === 'service' ? 'nat-gateway.nat.svc.cluster.local' : 'nat-worker.nat.svc.cluster.local';
  await makeCertificates(path.join(folder, 'etc/nat/tls'), host);
  fs.mkdirSync(path.join(folder, 'etc/nat/auth'));
  fs.writeFileSync(path.join(folder, 'etc/nat/auth/tokens'), 'tried-token * admin\n');
  const given = container.env.map((/** @type {any} */ { name: key, value }) => [key, value ?? 'nat-worker-0']);
  const [uid = '', gid = ''] = image.user.split(':');
  const as = ['--reuid', uid, '--regid', gid, '--clear-groups', '--no-new-privs', '--bounding-set=-all', '--'];
  const inside = (/** @type {string[]} */ command) => ['--root', folder, '--wd', image.cwd, 'setpriv', ...as, ...command];
  const log = path.join(os.tmpdir(), `nat-image-${target}.log`);
  const out = fs.openSync(log, 'w');
  const env = { ...image.env, ...Object.fromEntries(given), HOME: '/' };
  const child = spawn('unshare', inside([...image.entrypoint, ...container.args]), { env, stdio: ['ignore', out, out] });
  try {
    const written = spawnSync('unshare', inside(['/bin/sh', '-c', `touch /opt/nat/app/x /etc/x 2>/dev/null || echo read-only`]), { env, encoding: 'utf8' });
    if (written.stdout.trim() !== 'read-only') throw new SetupError(`${target}: its user can write to its root`);
    const probe = container.readinessProbe?.exec.command ?? ['node', '-e', HEALTHZ];
    const deadline = Date.now() + READY_MS;
    for (;;) {
      const { status, stdout, stderr } = spawnSync('unshare', inside(probe), { env, encoding: 'utf8' });
      if (status === 0) return `${container.args[0]} serves as ${image.user} on a read-only root: ${`${stdout}${stderr}`.trim()}`;
      if (child.exitCode !== null || Date.now() > deadline)
        throw new SetupError(`${target} does not answer its probe:\n${fs.readFileSync(log, 'utf8').slice(-2000)}`);
      await sleep(500);
    }
  } finally {
    child.kill('SIGTERM');
    await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(undefined)));
  }
}

/** What the kubelet does for a worker's probe: HTTPS without a look at the certificate. */
const HEALTHZ = `require('node:https').get({ host: '127.0.0.1', port: 9464, path: '/healthz', rejectUnauthorized: false },
  (r) => { console.log('/healthz', r.statusCode); process.exit(r.statusCode === 200 ? 0 : 1); }).on('error', () => process.exit(1))`;

/** @param {string} folder @param {string} host */
async function makeCertificates(folder, host) {
  fs.mkdirSync(folder);
  const file = (/** @type {string} */ name) => path.join(folder, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  await run('openssl', ['req', '-x509', ...key, '-subj', '/CN=authority', '-keyout', file('ca.key'), '-out', file('ca.crt')]);
  const extensions = ['-addext', `subjectAltName=DNS:${host}`, '-addext', 'extendedKeyUsage=serverAuth,clientAuth', '-addext', 'basicConstraints=CA:FALSE'];
  const signed = ['-CA', file('ca.crt'), '-CAkey', file('ca.key')];
  await run('openssl', ['req', '-x509', ...key, '-subj', `/CN=${host}`, ...extensions, ...signed, '-keyout', file('tls.key'), '-out', file('tls.crt')]);
  for (const name of ['ca.crt', 'tls.crt', 'tls.key']) fs.chmodSync(file(name), 0o444);
}

const MARK = 'NAT_IMAGE_STEPS';
try {
  const targets = process.argv.slice(2);
  const unknown = targets.filter((target) => !Object.hasOwn(PROGRAMS, target));
  if (targets.length === 0 || unknown.length > 0) throw new SetupError(`usage: node tools/kubernetes/image-steps.mjs ${Object.keys(PROGRAMS).join('|')} ...`);
  if (process.getuid?.() !== 0) throw new SetupError('the steps of images are run in a mount namespace: only root can');
  if (process.env[MARK] === undefined) {
    // Again in a mount namespace of its own, which takes its mounts away when it ends.
    const place = fs.mkdtempSync(path.join(os.tmpdir(), 'nat-images-'));
    const { status } = spawnSync('unshare', ['--mount', '--propagation', 'private', process.execPath, ...process.argv.slice(1)], {
      stdio: 'inherit',
      env: { ...process.env, [MARK]: place },
    });
    fs.rmSync(place, { recursive: true, force: true });
    process.exitCode = status ?? 1;
  } else {
    const place = process.env[MARK];
    const report = createReport();
    const { helm } = await ensureClients({ report });
    await run('mount', ['-t', 'tmpfs', '-o', 'size=80%', 'tmpfs', place]);
    const images = builder(place);
    for (const target of targets) {
      await report.step(`the stages of ${target}`, () => images.build(target));
      console.log(`${target}: ${await start(target, images, helm)}`);
    }
  }
} catch (error) {
  fail(error);
}
