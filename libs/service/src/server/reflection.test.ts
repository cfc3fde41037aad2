import { createFileRegistry, create, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { evaluation, reflection, reflectionV1Alpha, transform } from '@nat/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluations, startTestServer, transforms, type TestServer } from '../testing/test-server.ts';

let test: TestServer;
beforeAll(async () => {
  test = await startTestServer({ services: [transforms({}), evaluations({})] });
});
afterAll(async () => {
  await test.close();
});

type Ask = NonNullable<reflection.ServerReflectionRequest['messageRequest']>;

/** Asks on one stream, in this order. */
async function ask(definition: typeof reflection.ServerReflectionDefinition | typeof reflectionV1Alpha.ServerReflectionDefinition, questions: readonly Ask[]) {
  const client = test.channel().client(definition as typeof reflection.ServerReflectionDefinition);
  async function* requests() {
    for (const messageRequest of questions) yield Promise.resolve({ messageRequest });
    await Promise.resolve();
  }
  const answers: NonNullable<reflection.ServerReflectionResponse['messageResponse']>[] = [];
  for await (const { messageResponse } of client.serverReflectionInfo(requests())) if (messageResponse !== undefined) answers.push(messageResponse);
  return answers;
}

describe.each([
  ['v1', reflection.ServerReflectionDefinition],
  ['v1alpha', reflectionV1Alpha.ServerReflectionDefinition],
] as const)('reflection %s', (_version, definition) => {
  it('lists what is served, itself and health too', async () => {
    const [answer] = await ask(definition, [{ $case: 'listServices', value: '' }]);
    expect(answer?.$case === 'listServicesResponse' ? answer.value.service.map(({ name }) => name).sort() : answer).toEqual(
      [
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
        evaluation.EvaluationServiceDefinition.fullName,
        transform.TransformServiceDefinition.fullName,
      ].sort(),
    );
  });

  it('gives files from which a client can build every message, options included', async () => {
    const [answer] = await ask(definition, [{ $case: 'fileContainingSymbol', value: transform.TransformServiceDefinition.fullName }]);
    if (answer?.$case !== 'fileDescriptorResponse') throw new Error('no files');
    const file = answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
    const built = createFileRegistry(create(FileDescriptorSetSchema, { file }));
    const request = built.getMessage('nat.transform.v1.TransformArchitectureRequest');
    expect(request?.fields.map(({ name }) => name)).toEqual(['parent', 'source', 'options']);
    expect(request?.fields[0]?.proto.options?.$unknown?.map(({ no }) => no)).toContain(1159);
  });

  it('finds messages, fields, methods, files and extensions, and says so when it does not', async () => {
    const answers = await ask(definition, [
      { $case: 'fileContainingSymbol', value: 'nat.architecture.v1.ExplicitSkeleton.Stem' },
      { $case: 'fileContainingSymbol', value: 'nat.transform.v1.TransformService.TransformArchitecture' },
      { $case: 'fileByFilename', value: 'nat/evaluation/v1/evaluation.proto' },
      { $case: 'fileContainingExtension', value: { containingType: 'google.protobuf.FieldOptions', extensionNumber: 1159 } },
      { $case: 'allExtensionNumbersOfType', value: 'google.protobuf.FieldOptions' },
      { $case: 'fileContainingSymbol', value: 'nat.Nothing' },
      { $case: 'fileByFilename', value: 'nothing.proto' },
      { $case: 'allExtensionNumbersOfType', value: 'nat.Nothing' },
    ]);
    const cases = ['fileDescriptorResponse', 'fileDescriptorResponse', 'fileDescriptorResponse', 'fileDescriptorResponse', 'allExtensionNumbersResponse'];
    expect(answers.map(({ $case }) => $case)).toEqual([...cases, 'errorResponse', 'errorResponse', 'errorResponse']);
    expect(answers[4]?.$case === 'allExtensionNumbersResponse' && answers[4].value.extensionNumber).toContain(1159);
    expect(answers[5]?.$case === 'errorResponse' && answers[5].value.errorCode).toBe(5);
  });
});
