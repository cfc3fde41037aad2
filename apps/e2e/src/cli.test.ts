/** The documented behaviour of the `nat` command, seen from outside: what it prints, where, and how it ends. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { architectureCost, readGenotype, readNasBench201, writeGenotype, zooArchitecture } from '@nat/cells';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonLines, NatCommand, ROOT, succeeded } from './testing/nat.ts';
import { PATIENCE_MS, processesWith, until, type Ended } from './testing/processes.ts';

interface Cost {
  readonly params: number;
  readonly macs: number;
  readonly peakActivationBytes: number;
}

interface Certificate {
  readonly holds: boolean;
  readonly source: Cost;
  readonly result: Cost;
}

/** `nat transform --json` as documented. */
interface TransformJson {
  readonly source: { readonly name: string; readonly genotype: string; readonly cost: Cost };
  readonly results: readonly {
    readonly genotype: string;
    readonly cost: Cost;
    readonly logProb: number;
    readonly edges: readonly {
      readonly cell: string;
      readonly index: number;
      readonly from: number;
      readonly to: number;
      readonly before: string;
      readonly after: string;
      readonly probability: number;
      readonly saved: { readonly params: number; readonly macs: number };
    }[];
  }[];
  readonly certificate: Certificate;
}

/** `nat transform - --space nasbench201 --json`: one of these a line. */
interface CellJson {
  readonly source: string;
  readonly result: string;
  readonly cost: Cost;
  readonly certificate: Certificate;
}

const TABULAR = ['search', '--space', 'nasbench201', '--evaluator', 'tabular'];
const NASBENCH201_OPERATIONS = ['none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3'];

/** Cell number i of the 15,625. */
function nasBench201Cell(i: number): string {
  const operation = (edge: number): string => NASBENCH201_OPERATIONS[Math.floor(i / 5 ** edge) % 5]!;
  return `|${operation(0)}~0|+|${operation(1)}~0|${operation(2)}~1|+|${operation(3)}~0|${operation(4)}~1|${operation(5)}~2|`;
}

/** Nothing on standard output, and a line that says what is wrong, before at most two that say what to do. */
function expectRefusal({ code, stdout, stderr }: Ended, exitCode: number, message: RegExp): void {
  const lines = stderr.trimEnd().split('\n');
  expect({ code, stdout, lines: lines.length <= 3 }, stderr).toEqual({ code: exitCode, stdout: '', lines: true });
  expect(lines[0]).toMatch(/^(nat|error): /);
  expect(lines[0]).toMatch(message);
  expect(stderr).not.toMatch(/\n\s+at /);
}

describe('the nat command', { timeout: PATIENCE_MS }, () => {
  let nat: NatCommand;
  let address: string;
  beforeAll(async () => {
    nat = await NatCommand.create();
    // The commands below find it through its data directory.
    ({ address } = await nat.up());
  }, PATIENCE_MS);
  afterAll(() => nat.close());

  const json = async <T>(args: readonly string[], input?: string): Promise<T> =>
    JSON.parse(succeeded(await nat.run([...args, '--json'], input === undefined ? {} : { input }))) as T;

  it('arch export draws the network that cells are placed into', async () => {
    const drawn = async (...args: string[]): Promise<string> =>
      succeeded(await nat.run(['arch', 'export', 'DARTS', '--level', 'graph', '--layers', '3', ...args]));
    const dot = await drawn('--format', 'dot', '--channels', '4');
    expect(dot).toMatch(/^digraph "DARTS"/);
    expect(dot).toContain('cells.2.preprocess1');
    expect(await drawn('--format', 'svg')).toMatch(/^<svg .*stem.*conv 3x3, batch norm.*<\/svg>\n$/);
  });

  describe('arch cost', () => {
    const golden = JSON.parse(readFileSync(join(ROOT, 'fixtures', 'golden', 'cost.json'), 'utf8')) as {
      imagenet_network: { repo: string; genotype: string; C: number; layers: number; size: number; classes: number; n_params: number; macs: number }[];
      supernet: { op_type: string; C: number; layers: number; n_params: number; archs: { genotype: string; macs: number }[] }[];
    };

    it('is the documented JSON', async () => {
      expect(await json(['arch', 'cost', 'DARTS', '--channels', '36', '--layers', '20'])).toMatchObject({
        params: 3_349_342,
        macs: 528_359_040,
        peakActivationBytes: architectureCost(zooArchitecture('DARTS')).peakActivationBytes,
      });
    });

    it('reads a genotype, and places it into another network', async () => {
      const row = golden.imagenet_network.find(({ genotype }) => genotype === 'NAT_ENAS')!;
      const flags = ['--channels', String(row.C), '--layers', String(row.layers), '--image-size', String(row.size), '--classes', String(row.classes)];
      const text = writeGenotype(zooArchitecture('NAT_ENAS'));
      expect(await json(['arch', 'cost', '-', '--network', 'imagenet', ...flags], text)).toMatchObject({ params: row.n_params, macs: row.macs });
    });

    it('gives the path through a supernet and the whole of it', async () => {
      const row = golden.supernet.find(({ op_type: type }) => type === 'FULLY_CONCAT_PRIMITIVES')!;
      const path = row.archs.find(({ genotype }) => genotype === 'DARTS')!;
      const cost = await json(['arch', 'cost', 'DARTS', '--network', 'supernet', '--channels', String(row.C), '--layers', String(row.layers)]);
      expect(cost).toMatchObject({ macs: path.macs, supernetParams: { NAT: row.n_params } });
    });
  });

  describe('transform', () => {
    it('is the documented JSON, and adds up', async () => {
      const { source, results, certificate } = await json<TransformJson>(['transform', 'DARTS', '--policy', 'nat']);
      const cost = architectureCost(zooArchitecture('DARTS'));
      expect(source).toMatchObject({ name: 'DARTS', genotype: writeGenotype(zooArchitecture('DARTS')), cost });
      expect(results).toHaveLength(1);
      const result = results[0]!;
      expect(result.cost).toEqual(architectureCost(readGenotype(result.genotype)));
      expect(certificate).toMatchObject({ holds: true, source: cost, result: result.cost });
      expect(result.logProb).toBeLessThanOrEqual(0);
      expect(result.edges).toHaveLength(16);
      for (const edge of result.edges) {
        expect(Object.keys(edge).sort()).toEqual(['after', 'before', 'cell', 'from', 'index', 'probability', 'saved', 'to']);
        expect(edge.probability).toBeGreaterThan(0);
        expect(edge.probability).toBeLessThanOrEqual(1);
      }
      expect(Math.abs(result.edges.reduce((sum, { probability }) => sum + Math.log(probability), 0) - result.logProb)).toBeLessThan(1e-6);
      expect(result.edges.reduce((sum, { saved }) => sum + saved.params, 0)).toBe(source.cost.params - result.cost.params);
      expect(result.edges.reduce((sum, { saved }) => sum + saved.macs, 0)).toBe(source.cost.macs - result.cost.macs);
    });

    it('reads a genotype and draws samples by seed', async () => {
      const text = writeGenotype(zooArchitecture('ENAS'));
      const flags = ['transform', '-', '--policy', 'nat', '--scheme', 'nat++', '--samples', '5', '--seed', '7'];
      const [first, again] = await Promise.all([json<TransformJson>(flags, text), json<TransformJson>(flags, text)]);
      expect(again).toEqual(first);
      expect(first.source.genotype).toBe(text);
      const texts = first.results.map(({ genotype }) => genotype);
      expect(new Set(texts).size).toBe(texts.length);
      expect(texts.length).toBeGreaterThan(1);
      const logProbs = first.results.map(({ logProb }) => logProb);
      expect(logProbs).toEqual([...logProbs].sort((a, b) => b - a));
    });

    it('keeps a budget, or says what can be had', async () => {
      const resnet = ['transform', 'resnet20', '--policy', 'nat'];
      const { results, certificate } = await json<TransformJson>([...resnet, '--max-params', '60%', '--max-macs', '30e6']);
      const { params } = architectureCost(zooArchitecture('resnet20'));
      expect(certificate).toMatchObject({ holds: true, bounds: { maxParams: Math.floor(0.6 * params), maxMacs: 30_000_000 } });
      expect(results[0]!.cost.params).toBeLessThanOrEqual(0.6 * params);
      expect(results[0]!.cost.macs).toBeLessThanOrEqual(30_000_000);
      expectRefusal(await nat.run([...resnet, '--max-params', '10', '--json']), 1, /\d+/);
      expectRefusal(await nat.run([...resnet, '--max-macs', '120%']), 2, /--max-macs.*60%/);
    });

    it('says that a policy was not learned for a network, and uses none of itself', async () => {
      const { code, stdout, stderr } = await nat.run(['transform', 'resnet20']);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^nat: the default policy was learned on nasbench201.*\n +Name a policy with --policy/);
      expect(await json<TransformJson>(['transform', 'resnet20', '--policy', 'nat'])).toMatchObject({ learnedOn: 'nasbench201', learnedHere: false });
    });

    it('answers cells of NAS-Bench-201 a line each, in order', async () => {
      const cells = Array.from({ length: 600 }, (_, i) => nasBench201Cell((i * 7919) % 15_625));
      const stdout = succeeded(await nat.run(['transform', '-', '--space', 'nasbench201', '--greedy', '--json'], { input: `${cells.join('\n')}\n` }));
      const answers = jsonLines(stdout) as CellJson[];
      expect(answers.map(({ source }) => source)).toEqual(cells);
      for (const { source, result, cost, certificate } of answers) {
        const before = architectureCost(readNasBench201(source));
        expect(cost).toEqual(architectureCost(readNasBench201(result)));
        expect(certificate).toEqual({ holds: true, source: before, result: cost });
        for (const measure of ['params', 'macs', 'peakActivationBytes'] as const) expect(cost[measure]).toBeLessThanOrEqual(before[measure]);
      }
    });

    it('stops at a line that is no cell, after the answers before it', async () => {
      const input = `${nasBench201Cell(0)}\r\n\n${nasBench201Cell(1)}\nnonsense\n${nasBench201Cell(2)}\n`;
      const { code, stdout, stderr } = await nat.run(['transform', '-', '--space', 'nasbench201', '--json'], { input });
      expect(code).toBe(2);
      expect(stderr).toMatch(/^nat: line 4: .+\n$/);
      expect((jsonLines(stdout) as CellJson[]).map(({ source }) => source)).toEqual([nasBench201Cell(0), nasBench201Cell(1)]);
    });
  });

  describe('what it stores', () => {
    it('is listed and deleted: architectures and policies, not what comes with the platform', async () => {
      const name = succeeded(await nat.run(['arch', 'import', 'DARTS', '--id', 'passing', '--name', 'my cell'])).trim();
      expect(name).toBe('namespaces/default/architectures/passing');
      const listed = async () => (jsonLines(succeeded(await nat.run(['arch', 'list', '--stored', '--json']))) as { name: string }[]).map((one) => one.name);
      expect(await listed()).toContain(name);
      expect(succeeded(await nat.run(['arch', 'list', '--stored']))).toMatch(/^passing +3,349,342 .* my cell/m);
      succeeded(await nat.run(['arch', 'delete', 'passing']));
      expect(await listed()).not.toContain(name);
      expectRefusal(await nat.run(['arch', 'delete', 'passing']), 2, /passing/);
      expectRefusal(await nat.run(['arch', 'delete', 'DARTS']), 1, /comes with the platform/);

      const file = join(nat.home, 'policy.safetensors');
      succeeded(await nat.run(['policy', 'export', 'nat', file]));
      for (const version of [1, 2]) expect(succeeded(await nat.run(['policy', 'import', 'mine', file]))).toContain(`policies/mine/versions/${version}`);
      expectRefusal(await nat.run(['policy', 'delete', 'mine/versions/2']), 1, /default version/);
      succeeded(await nat.run(['policy', 'delete', 'mine/versions/1']));
      succeeded(await nat.run(['policy', 'delete', 'mine']));
      expectRefusal(await nat.run(['policy', 'show', 'mine']), 2, /mine/);
      expectRefusal(await nat.run(['policy', 'delete', 'nat']), 1, /comes with the platform/);
    });
  });

  describe('what it refuses', () => {
    it.each<[string, readonly string[], number, RegExp, string?]>([
      ['a name that nothing has', ['transform', 'NoSuchNet', '--json'], 2, /NoSuchNet/],
      ['a file that is not there', ['arch', 'cost', './no-such-file.txt'], 2, /no-such-file/],
      ['standard input that is empty', ['transform', '-', '--json'], 2, /standard input.*empty/],
      ['a genotype that ends early', ['arch', 'cost', '-'], 2, /line 1, column \d+/, "Genotype(normal=[('skip_connect', 0"],
      ['a network as a genotype', ['arch', 'export', 'DARTS', '--level', 'graph', '--format', 'genotype'], 2, /--level.*dot or svg/],
      ['an option that there is not', ['arch', 'cost', 'DARTS', '--chanels', '36'], 2, /unknown option '--chanels'/],
      ['a command that there is not', ['transfrom', 'DARTS'], 2, /unknown command 'transfrom'/],
      ['a number that is none', ['arch', 'cost', 'DARTS', '--channels', 'many'], 2, /--channels.*integer/],
      ['an argument left out', ['transform'], 2, /missing required argument 'source'/],
      ['two ways of drawing', ['transform', 'DARTS', '--policy', 'nat', '--greedy', '--samples', '3'], 2, /--greedy/],
      ['a policy that there is not', ['policy', 'show', 'nobody', '--json'], 2, /nobody/],
      ['a search that there is not', ['search', '--resume', 'nobody', '--json'], 2, /nobody/],
      ['a search of nothing', ['search', '--json'], 2, /--space/],
      ['a search file with a field that there is not', ['search', '-f', '-'], 2, /standard input:2: learner\.stepz: is no field/, 'learner:\n  stepz: 3\n'],
      ['a search that contradicts itself', [...TABULAR, '--set', 'actions.scheme=SCHEME_NAT_PLUS_PLUS'], 2, /--set actions\.scheme=SCHEME_NAT_PLUS_PLUS: /],
      ['a server that does not answer', ['policy', 'list', '--server', '127.0.0.1:1'], 3, /127\.0\.0\.1:1/],
    ])('%s', async (_, args, exitCode, message, input) => {
      expectRefusal(await nat.run(args, input === undefined ? {} : { input }), exitCode, message);
    });

    it('a bad environment', async () => {
      expectRefusal(await nat.run(['arch', 'list'], { env: { NAT_LOG_LEVEL: 'loud' } }), 2, /NAT_LOG_LEVEL/);
    });
  });

  describe('in a pipe', () => {
    it('prints no bars, no colours, nothing but the result', async () => {
      const training = ['--channels', '4', '--layers', '3', '--steps', '2', '--batch', '8', '--train-images', '64', '--validation-images', '64'];
      const { code, stdout, stderr } = await nat.run(['evaluate', 'ResBlock', ...training, '--json'], { env: { FORCE_COLOR: undefined } });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout.trimEnd().split('\n')).toHaveLength(1);
      expect(JSON.parse(stdout)).toMatchObject({ validationAccuracy: expect.any(Number), params: expect.any(Number), seconds: expect.any(Number) });
      const drawn = await nat.run(['transform', 'DARTS', '--policy', 'nat']);
      expect({ code: drawn.code, stderr: drawn.stderr }).toEqual({ code: 0, stderr: '' });
      expect(drawn.stdout).not.toMatch(/[\x1b\r]/);
      expect(drawn.stdout).toContain('certificate holds');
    });

    it('ends quietly when nobody reads on', async () => {
      const cells = Array.from({ length: 15_625 }, (_, i) => nasBench201Cell(i));
      const reading = nat.start(['transform', '-', '--space', 'nasbench201', '--json'], { input: `${cells.join('\n')}\n` });
      await reading.line();
      reading.closeStdout();
      const { code, signal, stderr } = await reading.ended;
      expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    });

    it('needs neither standard input nor output', async () => {
      const shell = (script: string): Promise<Ended> =>
        nat.processes.run('sh', ['-c', script, process.execPath, join(ROOT, 'apps', 'cli', 'bin', 'nat.mjs')], { cwd: ROOT, env: nat.environment() });
      expect(await shell('"$0" "$1" arch cost - <&-')).toMatchObject({ code: 2, stderr: expect.stringMatching(/^nat: standard input: .*empty/) });
      expect(await shell('"$0" "$1" arch list --json >&-')).toMatchObject({ code: 0, stderr: '' });
      expect(await shell('"$0" "$1" policy list --json <&-')).toMatchObject({ code: 0, stderr: '' });
    });

    it('prints its version', async () => {
      expect(succeeded(await nat.run(['--version'])).trim()).toMatch(/^\d+\.\d+\.\d+$/);
    });

    it('prints help on standard output, with examples', async () => {
      const stdout = succeeded(await nat.run(['--help']));
      expect(stdout).toContain('Examples:');
      for (const name of ['up', 'transform', 'search', 'evaluate', 'select', 'arch', 'policy', 'worker', 'data', 'bench'])
        expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    });
  });

  describe('its platform', () => {
    it('is the one that runs, named or found', async () => {
      const named = succeeded(await nat.run(['policy', 'list', '--json', '--server', address], { env: { NAT_HOME: nat.freshHome('unused') } }));
      expect(named).toBe(succeeded(await nat.run(['policy', 'list', '--json'])));
    });

    it('is embedded where none runs, shared by commands at the same time, and leaves nothing behind', async () => {
      const home = nat.freshHome('embedded');
      const env = { NAT_HOME: home };
      // Two at once, and three more that each start while the one before is about to end, and its platform with it.
      const started = [nat.start(['policy', 'list', '--json'], { env })];
      for (let i = 0; i < 4; i++) {
        const command = nat.start(['transform', 'ENAS', '--policy', 'nat', '--json'], { env });
        started.push(command);
        await command.line();
      }
      for (const { ended } of started) {
        const { code, stdout, stderr } = await ended;
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        jsonLines(stdout);
      }
      await until('every process of the command has ended', () => processesWith('NAT_HOME', home).length === 0);
    });

    it('refuses a directory that another one has', async () => {
      expectRefusal(await nat.run(['up', '--port', '0', '--http-port', '0']), 1, /in use by process \d+/);
    });

    it('refuses to serve beyond this machine without protection', async () => {
      const result = await nat.run(['up', '--host', '0.0.0.0', '--port', '0', '--http-port', '0'], { env: { NAT_HOME: nat.freshHome('exposed') } });
      expectRefusal(result, 1, /TLS/);
    });
  });
});
