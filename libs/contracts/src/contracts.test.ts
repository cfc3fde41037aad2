import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { architecture, evaluation, longrunning, metrics, policy, readDescriptorImage, search, transform } from './index.ts';

const definitions = [
  architecture.ArchitectureServiceDefinition,
  transform.TransformServiceDefinition,
  search.SearchServiceDefinition,
  policy.PolicyServiceDefinition,
  evaluation.EvaluationServiceDefinition,
  evaluation.WorkerServiceDefinition,
  metrics.MetricsServiceDefinition,
  longrunning.OperationsDefinition,
];

describe('generated contracts', () => {
  it('load in Node without a build step', () => {
    const script = `const c = await import('@nat/contracts'); console.log(c.architecture.Network.NETWORK_IMAGENET)`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      encoding: 'utf8',
    });
    expect(output.trim()).toBe('NETWORK_IMAGENET');
  });

  it('survive the wire: oneofs, enums as words, integers beyond 32 bits, times, maps', () => {
    const spec: architecture.ArchitectureSpec = architecture.ArchitectureSpec.create({
      cells: [
        {
          name: 'cell',
          inputs: 1,
          nodes: 2,
          edges: [{ from: 0, to: 1, operation: { $case: 'primitive', value: { name: 'conv_3x3' } }, stride: 2 }],
          output: { $case: 'last', value: {} },
        },
      ],
      skeleton: { $case: 'nasbench201Skeleton', value: {} },
    });
    const sent = architecture.Architecture.create({
      name: 'namespaces/default/architectures/a',
      spec,
      cost: { params: 2 ** 40 + 1, macs: 3 },
      labels: { team: 'vision' },
      createTime: new Date(1_700_000_000_123),
    });
    expect(architecture.Architecture.decode(architecture.Architecture.encode(sent).finish())).toEqual(sent);
    const placement = architecture.Placement.create({ network: 'NETWORK_SUPERNET' });
    expect(architecture.Placement.decode(architecture.Placement.encode(placement).finish()).network).toBe('NETWORK_SUPERNET');
  });

  it('describe every service in the image, imports before their users', () => {
    const { file } = fromBinary(FileDescriptorSetSchema, readDescriptorImage());
    const services = file.flatMap((descriptor) => descriptor.service.map((service) => `${descriptor.package}.${service.name}`));
    expect(services).toEqual(expect.arrayContaining(definitions.map(({ fullName }) => fullName)));
    expect(services).toEqual(
      expect.arrayContaining(['grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection']),
    );
    const seen = new Set<string>();
    for (const descriptor of file) {
      for (const dependency of descriptor.dependency) expect(seen, `${descriptor.name} needs ${dependency}`).toContain(dependency);
      seen.add(descriptor.name);
    }
  });
});
