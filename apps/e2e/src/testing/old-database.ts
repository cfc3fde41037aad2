/** The database that an earlier version wrote, and what has to be found in it: see fixtures/database. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { ROOT, succeeded } from './nat.ts';
import type { Processes } from './processes.ts';

const FOLDER = join(ROOT, 'fixtures', 'database');

interface Cost {
  readonly params: number;
  readonly macs: number;
  readonly peakActivationBytes: number;
}

interface ExpectedSearch {
  readonly id: string;
  readonly state: 'RUNNING' | 'PAUSED' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';
  readonly step: number;
  readonly steps: number;
  readonly evaluator: string;
  readonly seed: number;
  readonly pairs: number;
  readonly failedPairs: number;
  readonly rewards: number;
  readonly droppedTrials: number;
  readonly policySha256: string;
  readonly error: string;
  readonly forkedFrom: string;
  /** Key of a blob, or empty. */
  readonly weights: string;
  readonly weightRounds: number;
  readonly meanRewards: readonly number[];
  readonly trials: number;
}

interface ExpectedTrial {
  readonly step: number;
  readonly index: number;
  readonly source: string;
  readonly result: string;
  readonly logProb: number;
  readonly state: string;
  readonly reward?: number;
  readonly learnedStep?: number;
}

interface ExpectedPolicy {
  readonly namespace: string;
  readonly id: string;
  readonly encoder: string;
  readonly scheme: string;
  readonly search: string;
  readonly description: string;
  readonly defaultVersion: number;
  readonly versions: readonly { readonly version: number; readonly step: number; readonly sha256: string; readonly sizeBytes: number }[];
}

interface ExpectedArchitecture extends Cost {
  readonly namespace: string;
  readonly id: string;
  readonly displayName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly identity: string;
  readonly parent: string;
}

interface ExpectedReport {
  readonly validationAccuracy: number;
  readonly params: number;
  readonly macs: number;
  readonly epochs: number;
  readonly steps: number;
  readonly judgedEpoch: number;
  readonly end: string;
  /** Keys of blobs. */
  readonly weights?: string;
  readonly checkpoint?: string;
  readonly inheritedParams?: number;
  readonly initialValidationAccuracy?: number;
}

interface ExpectedEvaluation {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly observations: number;
  /** Why there are no values. */
  readonly reason?: string;
  readonly values?: readonly {
    readonly pair: string;
    readonly source: number;
    readonly result: number;
    readonly reports: { readonly source?: ExpectedReport; readonly result?: ExpectedReport };
  }[];
}

interface ExpectedOperation {
  readonly id: string;
  readonly name: string;
  readonly error?: string;
  readonly policyVersion?: string;
  readonly source?: { readonly identity: string; readonly value: number; readonly test?: number };
  readonly result?: Cost & { readonly identity: string; readonly value: number; readonly test?: number };
}

/** `expected.json`: facts in words of its own, so that they stay the same whatever the services are called. */
export interface ExpectedDatabase {
  readonly searches: readonly ExpectedSearch[];
  /** What undisturbed searches of the specs of some of them have learned. */
  readonly undisturbed: Readonly<
    Record<
      'interrupted' | 'paused' | 'waiting',
      { readonly policySha256: string; readonly pairs: number; readonly rewards: number; readonly steps: number; readonly meanRewards: readonly number[] }
    >
  >;
  /** Of the first step. */
  readonly trials: Readonly<Record<string, readonly ExpectedTrial[]>>;
  readonly policies: readonly ExpectedPolicy[];
  /** Most probable transforms with policies of the database. */
  readonly transforms: readonly (Cost & { readonly policy: string; readonly source: string; readonly genotype: string; readonly logProb: number })[];
  readonly architectures: readonly ExpectedArchitecture[];
  /** Ancestors of the architecture `grandchild`, nearest first. */
  readonly lineage: readonly string[];
  /** Those that have ended and were asked for by name. */
  readonly named: readonly ExpectedEvaluation[];
  readonly operations: readonly ExpectedOperation[];
  /** The operation that is not done, and asks for what the one called `byTable` has answered. */
  readonly running: { readonly operation: string };
  /** Sorted by metric. */
  readonly metrics: readonly {
    readonly collection: string;
    readonly id: string;
    readonly metrics: readonly {
      readonly metric: string;
      readonly count: number;
      readonly lastStep: number;
      readonly lastValue: number;
      readonly min: number;
      readonly max: number;
    }[];
  }[];
}

export function readExpected(): ExpectedDatabase {
  return JSON.parse(readFileSync(join(FOLDER, 'expected.json'), 'utf8')) as ExpectedDatabase;
}

/** Unpacks a copy of the data directory. @param home made here */
export async function unpackHome(processes: Processes, home: string): Promise<void> {
  mkdirSync(home, { recursive: true });
  const archive = `${home}.tar`;
  writeFileSync(archive, zstdDecompressSync(readFileSync(join(FOLDER, 'embedded-2dfdfcc.tar.zst'))));
  succeeded(await processes.run('tar', ['-xf', archive, '-C', home]));
}

/** The rows of the same database, as SQL for an empty one of PostgreSQL. Its blobs are those of the data directory. */
export function readStatements(): string {
  return zstdDecompressSync(readFileSync(join(FOLDER, 'postgres-2dfdfcc.sql.zst'))).toString();
}
