import { writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { writeJson } from '@nat/cells';
import { type architecture as architectureWire, rpc, transform as wire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { architectureFromSpec, boundsToWire, maskingToWire, placementToWire, schemeToWire } from '@nat/convert';
import { statusToDomainError } from '@nat/service';
import { Command, Option } from 'commander';
import {
  type CommandContext,
  type ConnectionFlags,
  connectionOptions,
  integer,
  number,
  openSession,
  type PlacementFlags,
  placementOptions,
  readPlacement,
  readRef,
} from '@nat/console';
import { describeTransform } from '../rendering/transform.ts';
import { requireWritable } from '../files/save-weights.ts';
import type { Session } from '@nat/platform/session';

interface TransformFlags extends ConnectionFlags, PlacementFlags {
  readonly json?: true;
  readonly save?: string;
  readonly space?: 'nasbench201';
  readonly policy?: string;
  readonly scheme?: 'nat' | 'nat++';
  readonly masking: 'cost' | 'official';
  readonly samples?: number;
  readonly greedy?: true;
  readonly maxParams?: number;
  readonly maxMacs?: number;
  readonly maxPeak?: number;
  readonly seed: number;
}

/** Where a server says neither result nor error. */
const NO_ANSWER = rpc.Status.create({ code: 13, message: 'no answer' });

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
      new Option('--masking <masking>', 'cost: never add cost; official: the official tables as they are').choices(['cost', 'official']).default('cost'),
    )
    .option('--samples <n>', 'draw this many and show the distinct ones, most probable first', integer(1, 1024))
    .option('--greedy', 'take the most probable action of every edge (the default for one result)')
    .option('--max-params <n>', 'at most this many parameters', integer(0))
    .option('--max-macs <n>', 'at most this many multiply-accumulates', number(0, Number.MAX_SAFE_INTEGER))
    .option('--max-peak <bytes>', 'at most this many bytes of activations at a time', integer(0))
    .option('--seed <n>', 'of the sampling', integer(0), 0)
    .option('--save <file>', 'write the result as JSON, the first of several; other commands read it back')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  nat transform DARTS
  nat transform resnet56 --scheme nat++ --max-macs 100e6
  echo "Genotype(normal=[('sep_conv_3x3', 0, 2), ...], ...)" | nat transform - --json
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
    masking: maskingToWire(flags.masking === 'official' ? 'official' : 'cost-masked'),
    placement: placementToWire(readPlacement(flags)),
    bounds: boundsToWire({
      ...(flags.maxParams === undefined ? {} : { maxParams: flags.maxParams }),
      ...(flags.maxMacs === undefined ? {} : { maxMacs: flags.maxMacs }),
      ...(flags.maxPeak === undefined ? {} : { maxPeakActivationBytes: flags.maxPeak }),
    }),
    samples,
    greedy: flags.greedy ?? flags.samples === undefined,
    seed: flags.seed,
    view: wire.View.VIEW_FULL,
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
    results: response.results.map((result) => ({
      genotype: result.genotype,
      identity: result.identity,
      cost: result.cost,
      logProb: result.logProb,
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
