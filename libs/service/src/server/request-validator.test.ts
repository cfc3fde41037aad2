import { create, toBinary } from '@bufbuild/protobuf';
import { architecture, health, search, transform } from '@nat/contracts';
import { describe, expect, it } from 'vitest';
import { createRequestValidator } from './request-validator.ts';
import { registry } from '../testing/test-server.ts';

const validator = createRequestValidator(registry);
const methods = [...registry]
  .filter((descriptor) => descriptor.kind === 'service')
  .filter(({ typeName }) => typeName.startsWith('nat.'))
  .flatMap((service) => service.methods);

describe('the rules of the contracts', () => {
  it('can be evaluated for every request there is', () => {
    expect(methods.length).toBeGreaterThan(40);
    for (const { input } of methods) expect(Array.isArray(validator.check(input.typeName, new Uint8Array())), input.typeName).toBe(true);
  });

  it('are looked for below a message too, also where it contains itself', () => {
    expect(validator.hasRules(architecture.ComputeCostRequest.$type)).toBe(true);
    expect(validator.hasRules(search.StepSummary.$type)).toBe(false);
    expect(validator.hasRules(health.HealthCheckRequest.$type)).toBe(false);
    // One of {spec, genotype, ...} is required: a rule of a oneof alone.
    expect(validator.check(architecture.ArchitectureRef.$type, new Uint8Array()).map(({ field }) => field)).toEqual(['ref']);
  });

  it('refuse a type that is not in the image', () => {
    expect(() => validator.check('nat.Nothing', new Uint8Array())).toThrow(/npm run generate/);
  });

  it('count characters, not bytes or UTF-16 units', () => {
    const check = (zoo: string) =>
      validator.check(
        architecture.ArchitectureRef.$type,
        architecture.ArchitectureRef.encode(architecture.ArchitectureRef.create({ ref: { $case: 'zoo', value: zoo } })).finish(),
      );
    expect(check('😀'.repeat(128))).toEqual([]);
    expect(check('😀'.repeat(129))).toHaveLength(1);
  });

  it('refuse U+0000 at any depth, which no database row can hold', () => {
    const { ArchitectureRef } = architecture;
    const source = ArchitectureRef.create({ ref: { $case: 'zoo', value: 'a\0' }, displayName: 'fine' });
    expect(validator.check(ArchitectureRef.$type, ArchitectureRef.encode(source).finish())).toEqual([
      { field: 'zoo', description: 'holds the character U+0000' },
    ]);
    const request = transform.TransformArchitectureRequest.create({
      parent: 'namespaces/default',
      source: { ...source, ref: { $case: 'zoo', value: 'b' } },
    });
    request.source!.displayName = '\0';
    expect(validator.check(transform.TransformArchitectureRequest.$type, transform.TransformArchitectureRequest.encode(request).finish())).toEqual([
      { field: 'source.display_name', description: 'holds the character U+0000' },
    ]);
  });

  const POINT = { run: 'namespaces/a/searches/b', metric: 'm' };
  const [first, last] = [
    { seconds: 0n, nanos: 0 },
    { seconds: 253_402_300_799n, nanos: 0 },
  ];
  it.each<[string, string, Record<string, unknown>, string | undefined]>([
    ['the first time', 'nat.metrics.v1.Point', { ...POINT, time: first }, undefined],
    ['the last time', 'nat.metrics.v1.Point', { ...POINT, time: last }, undefined],
    ['a time after the last', 'nat.metrics.v1.Point', { ...POINT, time: { ...last, nanos: 999_999_999 } }, 'time'],
    ['a time before the first', 'nat.metrics.v1.Point', { ...POINT, time: { seconds: -62_135_596_801n, nanos: 0 } }, 'time'],
    ['a time that no date has', 'nat.evaluation.v1.Observation', { metric: 'm', time: { seconds: 2n ** 52n, nanos: 0 } }, 'time'],
    ['a negative duration', 'nat.evaluation.v1.TrainingReport', { duration: { seconds: -5n, nanos: 0 } }, 'duration'],
    ['a count that is not exact', 'nat.evaluation.v1.TrainingReport', { steps: 2n ** 53n }, 'steps'],
    ['the largest count', 'nat.evaluation.v1.TrainingReport', { steps: 2n ** 53n - 1n }, undefined],
    ['numbers that would not be exact', 'nat.evaluation.v1.ReportObservationsRequest', { firstSequence: 2n ** 53n - 1n }, 'first_sequence'],
    ['an inexact bound', 'nat.architecture.v1.CostBounds', { maxParams: 2n ** 63n - 1n }, 'max_params'],
    ['a share of nothing', 'nat.architecture.v1.CostBounds', { maxMacsShare: 0 }, 'max_macs_share'],
    ['a share that is no number', 'nat.architecture.v1.CostBounds', { maxMacsShare: NaN }, 'max_macs_share'],
    ['a label that objects have', 'nat.architecture.v1.Architecture', { labels: JSON.parse('{"__proto__":"x"}') as unknown }, 'labels["__proto__"]'],
    ['a label', 'nat.architecture.v1.Architecture', { labels: { 'team.owner': 'x' } }, undefined],
    ['an id of dots', 'nat.policy.v1.ImportPolicyRequest', { parent: 'namespaces/a', policyId: '..', checkpoint: new Uint8Array(1) }, 'policy_id'],
    ['an id with dots', 'nat.policy.v1.ImportPolicyRequest', { parent: 'namespaces/a', policyId: '.a.', checkpoint: new Uint8Array(1) }, undefined],
  ])('bound what is stored: %s', (_, typeName, value, field) => {
    const type = registry.getMessage(typeName)!;
    const message = create(type, value);
    const fields = validator.check(typeName, toBinary(type, message)).map((violation) => violation.field);
    if (field === undefined) expect(fields).toEqual([]);
    else expect(fields).toContain(field);
  });
});
