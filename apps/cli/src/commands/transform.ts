import { writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { writeJson } from '@nat/cells';
import { type architecture as architectureWire, rpc, transform as wire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { architectureFromSpec, maskingToWire, placementToWire, schemeToWire } from '@nat/convert';
import { statusToDomainError } from '@nat/service';
import { Command, Option } from 'commander';
import {
  bound,
  type BoundFlag,
  type CommandContext,
  type ConnectionFlags,
  connectionOptions,
  integer,
  type PlacementFlags,
  placementOptions,
  readPlacement,
  readRef,
} from '@nat/console';
import { openSession } from '@nat/console/session';
import { describeTransform } from '../rendering/transform.ts';
import { requireWritable } from '../files/save-weights.ts';
import type { Session } from '@nat/platform/session';

interface TransformFlags extends ConnectionFlags, PlacementFlags {
  readonly json?: true;
  readonly save?: string;
  readonly space?: 'nasbench201';
  readonly policy?: string;
  readonly scheme?: 'nat' | 'nat++';
  readonly masking?: 'total' | 'cost' | 'official';
  readonly samples?: number;
  readonly greedy?: true;
  readonly maxParams?: BoundFlag;
  readonly maxMacs?: BoundFlag;
  readonly maxPeak?: BoundFlag;
  readonly seed: number;
}

/** Where a server says neither result nor error. */
const NO_ANSWER = rpc.Status.create({ code: 13, message: 'no answer' });

const MASKINGS = { total: 'total-cost', cost: 'cost-masked', official: 'official' } as const;

/** Cells sent in one message of the stream. */
const STREAM_BATCH = 256;

export function transformCommand(context: CommandContext): Command {
  const command = new Command('transform')
    .description('Replace what is redundant in a network by a skip connection or by nothing, and certify that the result costs no more.')
    .argument('<source>', 'a name of the zoo (nat arch list), a file, or - for standard input: a genotype, JSON, or a NAS-Bench-201 string')
    .addOption(new Option('--space <space>', 'read one cell string a line from standard input and write one answer a line').choices(['nasbench201']))
    .option('--policy <id>', 'the policy: an id, or namespaces/*/policies/*[/versions/*]; the bundled one when left out')
    .addOption(new Option('--scheme <scheme>', "how operations may be replaced; the policy's own when left out").choices(['nat', 'nat++']))
    .addOption(
      new Option(
        '--masking <masking>',
        'total: the whole costs no more, and no edit saves nothing; cost: no edit adds cost anywhere, as searches learn; official: the official tables as they are; when left out, cost where the policy was learned, else total',
      ).choices(['total', 'cost', 'official']),
    )
    .option('--samples <n>', 'draw this many and show the distinct ones, most probable first', integer(1, 1024))
    .option('--greedy', 'the most probable of all allowed results (the default for one result)')
    .option('--max-params <n>', "at most this many parameters, or 60% of the source's", bound)
    .option('--max-macs <n>', "at most this many multiply-accumulates, or 60% of the source's", bound)
    .option('--max-peak <bytes>', "at most this many bytes of activations at a time, or 60% of the source's", bound)
    .option('--seed <n>', 'of the sampling', integer(0), 0)
    .option('--save <file>', 'write the result as JSON, the first of several; other commands read it back')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  nat transform '|avg_pool_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|nor_conv_1x1~0|nor_conv_3x3~1|avg_pool_3x3~2|'
  nat transform resnet56 --policy nat --max-macs 60%
  echo "Genotype(normal=[('sep_conv_3x3', 0, 2), ...], ...)" | nat transform - --policy my-search --json
  nat transform - --space nasbench201 --policy my-search --greedy --json < cells.txt`,
    );
  for (const option of [...placementOptions(), ...connectionOptions()]) command.addOption(option);
  return command.action(async (source: string, flags: TransformFlags) => {
    if (flags.greedy === true && (flags.samples ?? 1) > 1) throw DomainError.invalid('--greedy', 'gives one result: leave --samples out');
    if (flags.space !== undefined) {
      if (flags.save !== undefined) throw DomainError.invalid('--save', 'with --space every result is a line of standard output');
      if (source !== '-') throw DomainError.invalid('source', 'with --space the cells come from standard input: give -');
      await using session = await openSession(context, flags);
      await transformLines(context, session, flags);
      return;
    }
    const requested = await readRef(source, context.terminal);
    if (flags.save !== undefined) await requireWritable(flags.save);
    await using session = await openSession(context, flags);
    const response = await session.clients.transforms.transformArchitecture({ parent: session.parent, source: requested, options: options(flags) });
    if (flags.json === true) context.terminal.out(JSON.stringify(transformToJson(response)));
    else for (const line of describeTransform(response, context.terminal)) context.terminal.out(line);
    if (flags.save !== undefined) await writeFile(flags.save, `${writeJson(architectureFromSpec(response.results[0]!.spec!, 'result.spec'))}\n`);
  });
}

function options(flags: TransformFlags): wire.TransformOptions {
  const samples = flags.samples ?? 1;
  return {
    policy: flags.policy ?? '',
    scheme: schemeToWire(flags.scheme),
    masking: maskingToWire(flags.masking === undefined ? undefined : MASKINGS[flags.masking]),
    placement: placementToWire(readPlacement(flags)),
    bounds: boundsOf(flags),
    samples,
    greedy: flags.greedy ?? flags.samples === undefined,
    seed: flags.seed,
    view: wire.View.VIEW_FULL,
  };
}

function boundsOf({ maxParams, maxMacs, maxPeak }: TransformFlags): architectureWire.CostBounds | undefined {
  if (maxParams === undefined && maxMacs === undefined && maxPeak === undefined) return undefined;
  const most = (flag: BoundFlag | undefined): number | undefined => (flag !== undefined && 'most' in flag ? flag.most : undefined);
  const share = (flag: BoundFlag | undefined): number | undefined => (flag !== undefined && 'share' in flag ? flag.share : undefined);
  return {
    maxParams: most(maxParams),
    maxMacs: most(maxMacs),
    maxPeakActivationBytes: most(maxPeak),
    maxParamsShare: share(maxParams),
    maxMacsShare: share(maxMacs),
    maxPeakActivationShare: share(maxPeak),
  };
}

/** One answer a line, in the order of the cells. A cell that is wrong stops the command, by its line number, after the answers before it. */
async function transformLines(context: CommandContext, session: Session, flags: TransformFlags): Promise<void> {
  const { terminal } = context;
  const cells: { readonly line: number; readonly text: string }[] = [];
  let line = 0;
  for await (const text of terminal.readLines()) {
    line += 1;
    if (text.trim() !== '') cells.push({ line, text: text.trim() });
  }
  const requests = Array.from({ length: Math.ceil(cells.length / STREAM_BATCH) }, (_, batch) => ({
    parent: batch === 0 ? session.parent : '',
    options: batch === 0 ? { ...options(flags), view: wire.View.VIEW_BASIC } : undefined,
    sources: cells.slice(batch * STREAM_BATCH, (batch + 1) * STREAM_BATCH).map(({ text }) => ({ ref: { $case: 'nasbench201' as const, value: text } })),
  }));
  let index = 0;
  for await (const message of session.clients.transforms.streamTransformArchitectures(Readable.from(requests))) {
    const lines: string[] = [];
    for (const { outcome } of message.outcomes) {
      const { line: number, text: source } = cells[index++]!;
      if (outcome?.$case !== 'response') {
        if (lines.length > 0) terminal.out(lines.join('\n'));
        const { violations, message, reason } = statusToDomainError(outcome?.value ?? NO_ANSWER);
        throw new DomainError('INVALID_ARGUMENT', `line ${number}: ${violations[0]?.description ?? message}`, { reason });
      }
      const result = outcome.value.results[0]!;
      const cell = result.nasbench201;
      const answer = { source, result: cell, cost: result.cost, certificate: certificateToJson(result.certificate!) };
      lines.push(flags.json === true ? JSON.stringify(answer) : `${source}  ->  ${cell}  (${result.cost!.params} params, ${result.cost!.macs} MACs)`);
    }
    if (lines.length > 0) terminal.out(lines.join('\n'));
  }
}

/** The documented JSON of `nat transform`. */
function transformToJson(response: wire.TransformArchitectureResponse): unknown {
  const source = response.source!;
  return {
    source: { name: source.displayName, genotype: source.genotype, identity: source.identity, cost: source.cost },
    policy: response.policyVersion,
    learnedOn: response.policySpace,
    learnedHere: response.learnedHere,
    results: response.results.map((result) => ({
      genotype: result.genotype,
      identity: result.identity,
      cost: result.cost,
      logProb: result.logProb,
      ...(result.optimal === undefined ? {} : { optimal: result.optimal }),
      edges: result.edges.map((edge) => ({
        cell: edge.cell,
        index: edge.edgeIndex,
        from: edge.from,
        to: edge.to,
        before: edge.before,
        after: edge.after,
        probability: edge.probability,
        saved: { params: edge.savedParams, macs: edge.savedMacs },
      })),
      certificate: certificateToJson(result.certificate!),
    })),
    // Of the first result, the one a caller takes.
    certificate: certificateToJson(response.results[0]!.certificate!),
  };
}

function certificateToJson(certificate: architectureWire.Certificate): unknown {
  const { holds, source, result, bounds, violations } = certificate;
  return { holds, source, result, ...(bounds === undefined ? {} : { bounds }), ...(violations.length === 0 ? {} : { violations }) };
}
