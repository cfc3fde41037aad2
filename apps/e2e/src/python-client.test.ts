/** A client in another language, with stubs made as README says, against a platform in a process of its own. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { readGenotype, architectureCost, zooArchitecture } from '@nat/cells';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonLines, NatCommand, ROOT, succeeded } from './testing/nat.ts';
import { PATIENCE_MS, type RunningProcess } from './testing/processes.ts';
import { readmeBlock } from './testing/readme.ts';

interface Cost {
  readonly params: number;
  readonly macs: number;
  readonly peakActivationBytes: number;
}

/** What client.py prints for one check. */
interface Answer {
  readonly check: string;
  readonly code: string;
  readonly reason?: string | null;
  readonly detailsCode?: number;
  readonly violations?: readonly { readonly field: string; readonly description: string }[];
  readonly servesOn?: boolean;
  readonly status?: string;
  readonly services?: readonly string[];
  readonly methods?: readonly string[];
  readonly inputFields?: readonly string[];
  readonly source?: Cost;
  readonly result?: Cost;
  readonly saved?: Omit<Cost, 'peakActivationBytes'>;
  readonly genotype?: string;
  readonly edges?: number;
  readonly certificate?: { readonly holds: boolean; readonly source: Cost; readonly result: Cost };
}

const python = process.env['NAT_TEST_PYTHON'];
const INVALID_ARGUMENT = 3;

describe.skipIf(python === undefined)(
  'a Python client (needs NAT_TEST_PYTHON: npm test fetches one where python3 and pip are)',
  { timeout: 2 * PATIENCE_MS },
  () => {
    let nat: NatCommand;
    let folder: string;
    let platform: RunningProcess;
    let address: string;
    let answers: ReadonlyMap<string, Answer>;
    /** The Python of the test is the `python3` of README's commands. */
    const environment = { PATH: [dirname(python ?? ''), process.env['PATH']].join(delimiter), PYTHONDONTWRITEBYTECODE: '1' };

    const answerTo = (check: string): Answer => {
      const answer = answers.get(check);
      if (answer === undefined) throw new Error(`the client did not get to "${check}"`);
      return answer;
    };

    beforeAll(async () => {
      nat = await NatCommand.create();
      folder = await mkdtemp(join(tmpdir(), 'nat-python-'));
      ({ platform, address } = await nat.up());
      // README's commands, as they are, in a folder that has the contracts.
      await cp(join(ROOT, 'proto'), join(folder, 'proto'), { recursive: true });
      const commands = readmeBlock('sh', 'grpc_tools.protoc');
      const script = `set -e\n${commands}\nexec python3 ${join(ROOT, 'apps', 'e2e', 'python', 'client.py')} ${address}`;
      const stdout = succeeded(await nat.processes.run('sh', ['-c', script], { cwd: folder, env: environment }));
      answers = new Map((jsonLines(stdout) as Answer[]).map((answer) => [answer.check, answer]));
    }, 3 * PATIENCE_MS);
    afterAll(async () => {
      await nat.close();
      await rm(folder, { recursive: true, force: true });
    });

    it('transforms, with a certificate that is right', () => {
      const { source, result, certificate, genotype, saved } = answerTo('transform');
      expect(source).toEqual(architectureCost(zooArchitecture('DARTS')));
      expect(result).toEqual(architectureCost(readGenotype(genotype!)));
      expect(certificate).toEqual({ holds: true, source, result });
      expect(source!.params - result!.params).toBe(saved!.params);
      expect(source!.macs - result!.macs).toBe(saved!.macs);
      for (const measure of ['params', 'macs', 'peakActivationBytes'] as const) expect(result![measure]).toBeLessThanOrEqual(source![measure]);
    });

    it('is what README shows', async () => {
      const program = readmeBlock('python', 'TransformArchitecture').replace('127.0.0.1:7070', address);
      expect(program).toContain(address);
      const stdout = succeeded(await nat.processes.run('python3', ['-'], { cwd: folder, input: program, env: { ...environment, PYTHONPATH: 'out' } }));
      expect(stdout).toMatch(/^Genotype\(normal=\[.*\) True\n$/);
    });

    it('is told that every service serves', () => {
      for (const service of ['', 'nat.transform.v1.TransformService', 'nat.evaluation.v1.WorkerService']) {
        expect(answerTo(`health of '${service}'`).status).toBe('SERVING');
      }
    });

    it('learns the contract by reflection', () => {
      const { services, methods, inputFields } = answerTo('reflection');
      expect(services).toEqual(
        expect.arrayContaining(
          [
            'architecture.v1.ArchitectureService',
            'evaluation.v1.EvaluationService',
            'evaluation.v1.WorkerService',
            'metrics.v1.MetricsService',
            'policy.v1.PolicyService',
            'search.v1.SearchService',
            'transform.v1.TransformService',
          ].map((name) => `nat.${name}`),
        ),
      );
      expect(methods).toContain('TransformArchitecture');
      expect(inputFields).toEqual(['parent', 'source', 'options']);
    });

    it.each([
      ['cycle', /^source\.spec\.cells\[0\]/],
      ['an edge to its own node', /^source\.spec\.cells\[0\]/],
      ['unknown operation', /^source\.spec\.cells\[0\]\.edges\[2\]\.primitive\.name$/],
      ['dangling node', /^source\.spec\.cells\[1\]/],
      ['an edge to no node', /^source\.spec\.cells\[0\]\.edges\[8\]/],
      ['NaN', /^source\.spec\.cells\[0\]\.edges\[0\]\.fixed\.params$/],
      ['infinity', /^source\.spec\.cells\[0\]\.edges\[0\]\.fixed\.params$/],
      ['negative', /^source\.spec\.cells\[0\]\.edges\[0\]\.fixed\.params$/],
      ['empty cell', /^source\.spec\.cells\[0\]\.edges$/],
      ['no cells', /^source\.spec\.cells$/],
      ['10^5 edges', /^source\.spec\.cells\[0\]\.edges$/],
      ['no source', /^source/],
      ['a genotype that ends early', /^source/],
      ['a genotype with a cycle', /^source/],
      ['json with NaN', /^source/],
    ])('is told which field is wrong: %s', (check, field) => {
      const { code, detailsCode, reason, violations, servesOn } = answerTo(check);
      expect({ code, detailsCode, servesOn }).toEqual({ code: 'INVALID_ARGUMENT', detailsCode: INVALID_ARGUMENT, servesOn: true });
      expect(reason).toMatch(/^[A-Z][A-Z0-9_]+$/);
      expect(violations?.map((violation) => violation.field)).toEqual(expect.arrayContaining([expect.stringMatching(field)]));
      for (const { description } of violations ?? []) expect(description).not.toBe('');
    });

    it.each(['over-long message', '10 MB'])('is told that a message is too large: %s', (check) => {
      expect(answerTo(check)).toMatchObject({ code: 'RESOURCE_EXHAUSTED', servesOn: true });
    });

    it('is told that bytes are no request', () => {
      expect(answerTo('malformed bytes').code).toBe('INVALID_ARGUMENT');
    });

    it('leaves a platform that ends in order', async () => {
      platform.kill('SIGTERM');
      const { code, stderr } = await platform.ended;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    });
  },
);
