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
});
