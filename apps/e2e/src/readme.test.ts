/** Every `npx nat` command that README shows is run as it stands there, or stands in the table below with the reason why not. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonLines, NatCommand, ROOT, succeeded } from './testing/nat.ts';
import { PATIENCE_MS, processesWith, until, type RunningProcess } from './testing/processes.ts';
import { readmeBlock, readmeBlocks } from './testing/readme.ts';

interface Plan {
  /** Options after the documented ones, which they override. */
  readonly with?: string;
  /** Why it is not run as it stands. */
  readonly because?: string;
  readonly needsData?: true;
  /** What its standard output must hold. */
  readonly prints?: RegExp;
}

const FEW_IMAGES = '--steps 2 --batch 8 --train-images 64 --validation-images 64';
const SECONDS_NOT_MINUTES = 'as documented it takes minutes';
/** One epoch of two weight steps and one policy step. */
const SMALLEST_WEIGHTS = [
  'reward.sharedWeights.epochs=1',
  'reward.sharedWeights.policyStartEpoch=0',
  'reward.sharedWeights.policyStepsPerEpoch=1',
  'reward.sharedWeights.weightTraining.stepsPerEpoch=2',
  'reward.sharedWeights.weightTraining.stepsPerRound=2',
  'actions.placement.channels=4',
  'heldOutComparison.sources=2',
  'heldOutComparison.images=64',
]
  .map((assignment) => `--set ${assignment}`)
  .join(' ');

/** By command. They run in this order, beside a platform that `npx nat up` started. */
const PLANS: Readonly<Record<string, Plan>> = {
  'npx nat search --server 127.0.0.1:7070 --space nasbench201 --evaluator tabular --reward c10_valid_200 --steps 100 --batch 512 --seed 0 --json': {
    with: '--server ADDRESS --steps 2 --batch 8',
    because: 'the cluster has a test of its own, cluster-command.test.ts',
    needsData: true,
  },
  'npx nat --help': { prints: /Examples:/ },
  'npx nat arch list': { prints: /^DARTS +3,349,342 /m },
  'npx nat arch list --stored': { prints: /^id +params +MACs +name/m },
  'npx nat arch show DARTS': { prints: /3,349,342 parameters/ },
  'npx nat arch cost DARTS --channels 36 --layers 20 --json': { prints: /"params":3349342/ },
  'npx nat arch export DARTS --format dot': { prints: /^digraph / },
  "npx nat transform '|skip_connect~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|nor_conv_3x3~0|avg_pool_3x3~1|none~2|'": {
    prints: /learned on nasbench201[\s\S]*certificate holds/,
  },
  'npx nat transform resnet20 --policy nat --max-macs 80%': { prints: /not on networks like this one[\s\S]*certificate holds/ },
  'npx nat transform DARTS --policy nat --scheme nat++ --samples 5 --max-params 3000000 --json': { prints: /"holds":true/ },
  'npx nat policy list': { prints: /bundled/ },
  'npx nat data list': { prints: /^mnist +yes /m },
  'npx nat evaluate NAT_ResBlock --channels 4 --layers 3 --steps 100': {
    with: FEW_IMAGES,
    because: SECONDS_NOT_MINUTES,
    prints: /validation \d/,
  },
  'npx nat evaluate DARTS --dataset cifar10 --recipe official': {
    with: '--dataset mnist --channels 4 --layers 3 --steps 2 --batch 8 --train-images 64 --validation-images 64',
    because: 'as documented it takes days',
    prints: /validation \d/,
  },
  'npx nat select DARTS NAT_DARTS ENAS NAT_ENAS --channels 8 --layers 4 --epochs 4 --reduction 2': {
    with: '--channels 2 --layers 3 --batch 8 --train-images 32 --validation-images 64',
    because: SECONDS_NOT_MINUTES,
    prints: /^winner \w+ /m,
  },
  'npx nat evaluate DARTS --channels 8 --layers 6 --steps 100 --save tmp/darts.safetensors': {
    with: `--channels 4 --layers 3 ${FEW_IMAGES}`,
    because: SECONDS_NOT_MINUTES,
    prints: /weights tmp\/darts.safetensors/,
  },
  'npx nat transform DARTS --policy nat --max-macs 80% --save tmp/thin.json': { prints: /certificate holds/ },
  'npx nat evaluate tmp/thin.json --channels 8 --layers 6 --steps 100 --recipe fine-tune --inherit-from tmp/darts.safetensors --inherit-source DARTS': {
    with: `--channels 4 --layers 3 ${FEW_IMAGES}`,
    because: SECONDS_NOT_MINUTES,
    prints: /[1-9]\d+ params inherited, validation \d/,
  },
  'npx nat search --space nasbench201 --evaluator tabular --reward c10_valid_200 --steps 500 --batch 512 --seed 0': {
    with: '--steps 3 --batch 32 --id from-readme',
    because: SECONDS_NOT_MINUTES,
    needsData: true,
    prints: /^policy from-readme /,
  },
  'npx nat search --space nasbench201 --evaluator tabular --steps 500 --batch 512 --rounds-in-flight 4': {
    with: '--steps 3 --batch 32 --id pipelined-from-readme',
    because: SECONDS_NOT_MINUTES,
    needsData: true,
    prints: /^policy pipelined-from-readme /,
  },
  'npx nat search --resume ID': { with: '--resume from-readme', because: 'ID stands for one', needsData: true, prints: /^policy from-readme / },
  'npx nat bench nasbench201': {
    with: '--policy from-readme',
    because: 'as documented it searches a policy first, for minutes',
    needsData: true,
    prints: /^policy +96 /m,
  },
  'npx nat reproduce nasbench201 --seed 0': {
    with: '--list',
    because: SECONDS_NOT_MINUTES,
    prints: /^one-shot\/policy +0 /m,
  },
  'npx nat reproduce policies': { with: '--list', because: 'as documented it takes hours', prints: /^block\/nat\+\+ +0 /m },
  'npx nat search --space resblock --evaluator shared-weights --dataset cifar10 --preset small --workers 3': {
    with: `--dataset mnist --batch 2 --id weights-from-readme ${SMALLEST_WEIGHTS}`,
    because: SECONDS_NOT_MINUTES,
    prints: /held out: 2 sources on 64 images/,
  },
  'npx nat search -f docs/examples/search.yaml --set learner.batch=8': {
    with: `--batch 2 --set learner.steps=1 --set learner.batch=2 --id file-from-readme ${SMALLEST_WEIGHTS}`,
    because: SECONDS_NOT_MINUTES,
    prints: /^policy file-from-readme [\s\S]*held out: 2 sources on 64 images/,
  },
  'npx nat search --space darts --evaluator shared-weights --preset nat++ --print-spec effective': { prints: /^preset: PRESET_NAT_PLUS_PLUS$/m },
  'npx nat derive ResBlock --search ID': {
    with: '--search weights-from-readme --samples 2',
    because: 'ID stands for one',
    prints: /^test images: source 0\.\d{4}, result 0\.\d{4}/m,
  },
  'npx nat bench rank-correlation --search ID': {
    with: '--search weights-from-readme --architectures 5 --steps 1 --batch 8 --train-images 16 --validation-images 64',
    because: 'ID stands for one, and as documented it takes minutes',
    prints: /^Kendall's tau/m,
  },
  'npx nat bench memory': { with: '--steps 20', because: SECONDS_NOT_MINUTES, prints: /MB more every 1,000 steps/ },
  'npx nat bench data --peer torchvision': { with: '--help', because: 'as documented it installs PyTorch', prints: /"ours"/ },
  'npx nat bench step --peer torch': { with: '--help', because: 'as documented it installs PyTorch, 9 GB', prints: /ours over|"ours"/ },
  'npx nat bench score --peer torch': { with: '--help', because: 'as documented it installs PyTorch, 9 GB', prints: /ours over|"ours"/ },
  'npx nat bench update --peer torch': { with: '--help', because: 'as documented it installs PyTorch, 9 GB', prints: /ours over|"ours"/ },
  'npx nat bench policy': { with: '--seconds 1', because: 'as documented it measures for 10 s', prints: /transforms\/s/ },
};

/** Those that serve until they are interrupted, and what they print once they do. */
const SERVERS: Readonly<Record<string, { readonly with: string; readonly because: string }>> = {
  'npx nat up': { with: '--port 0 --http-port 0', because: 'another platform may have the default ports' },
  'npx nat worker --server 127.0.0.1:7070': { with: '--server ADDRESS', because: 'the platform of this test is elsewhere' },
};

/** Commands of code blocks without their comments, and those within the text. */
function documentedCommands(): readonly string[] {
  const shown = readmeBlocks('sh').flatMap((block) =>
    block
      .replaceAll('\\\n', ' ')
      .split('\n')
      .map((line) => line.replace(/\s+#.*$/, '').trim()),
  );
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8').replaceAll(/^```[\s\S]*?^```$/gm, '');
  const mentioned = [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.trim());
  return [...new Set([...shown, ...mentioned].filter((command) => /^npx nat\b/.test(command)))];
}

const dataDirectory = process.env['NAT_DATA_DIR'];

describe("README's commands", { timeout: PATIENCE_MS }, () => {
  let nat: NatCommand;
  let platform: RunningProcess;
  let address: string;

  const shell = (command: string): RunningProcess => nat.processes.start('sh', ['-c', command], { cwd: ROOT, env: nat.environment() });

  beforeAll(async () => {
    nat = await NatCommand.create();
    mkdirSync(join(ROOT, 'tmp'), { recursive: true });
    platform = shell(`exec npx nat up ${SERVERS['npx nat up']!.with}`);
    address = (await platform.line((line) => line.startsWith('gRPC'))).split(/\s+/)[1]!;
  }, PATIENCE_MS);
  afterAll(async () => {
    await nat.close();
    for (const file of ['darts.safetensors', 'thin.json']) rmSync(join(ROOT, 'tmp', file), { force: true });
  });

  it('are all known to this test', () => {
    expect([...documentedCommands()].sort()).toEqual([...Object.keys(PLANS), ...Object.keys(SERVERS)].sort());
  });

  for (const [command, plan] of Object.entries(PLANS)) {
    const skipped = plan.needsData === true && dataDirectory === undefined;
    const note = [...(plan.with === undefined ? [] : [`with ${plan.with}: ${plan.because ?? ''}`]), ...(skipped ? ['skipped: NAT_DATA_DIR is not set'] : [])];
    it.skipIf(skipped)(`${command}${note.length === 0 ? '' : ` (${note.join('; ')})`}`, async () => {
      const stdout = succeeded(await shell([command, ...(plan.with === undefined ? [] : [plan.with.replace('ADDRESS', address)])].join(' ')).ended);
      expect(stdout).toMatch(plan.prints ?? /\S/);
      if (command.includes('--json')) expect(jsonLines(stdout).length).toBeGreaterThan(0);
    });
  }

  it.skipIf(dataDirectory === undefined)(
    `npm start shows what its text says${dataDirectory === undefined ? ' (skipped: NAT_DATA_DIR is not set)' : ''}`,
    async () => {
      // The platform of this test has the other data directory.
      const env = { ...nat.environment(), NAT_HOME: nat.freshHome('tour') };
      const tour = nat.processes.start('sh', ['-c', 'exec npm start --silent -- --exit --steps 1'], { cwd: ROOT, env });
      const stdout = succeeded(await tour.ended);
      const shown = readmeBlock('text', 'certificate');
      expect(shown.trim().split('\n')).toHaveLength(5);
      expect(stdout).toContain(shown.trim());
      expect(stdout).toMatch(/its result +\d+\.\d\d %/);
    },
  );

  // npx itself ends by the signal: what counts is how the command below it ends.
  it('npx nat worker registers with the platform, and leaves at Ctrl-C', async () => {
    const worker = shell(`exec npx nat worker --server ${address}`);
    await worker.logLine((line) => line.includes('"msg":"registered"'));
    worker.interrupt();
    const { stderr } = await worker.ended;
    expect(stderr).toContain('"signal":"SIGINT"');
    expect(stderr).not.toMatch(/"level":[56]0/);
  });

  it('npx nat up ends in order at Ctrl-C', async () => {
    platform.interrupt();
    const { stderr } = await platform.ended;
    expect(stderr).not.toMatch(/"level":[456]0/);
    await until('everything has ended', () => processesWith('NAT_HOME', nat.home).length === 0);
    // Whoever leaves the directory in order takes its name away.
    expect(existsSync(join(nat.home, 'blobs'))).toBe(true);
    expect(existsSync(join(nat.home, 'holder.json'))).toBe(false);
  });
});
