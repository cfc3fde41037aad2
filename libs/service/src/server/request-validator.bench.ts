/** What checking a small request against the contract takes: `node libs/service/src/server/request-validator.bench.ts [requests]`. */
import { transform } from '@nat/contracts';
import { createContractRegistry } from '../wire/contract-registry.ts';
import { createRequestValidator } from './request-validator.ts';

const requests = Number(process.argv[2] ?? 100_000);
const validator = createRequestValidator(createContractRegistry());
const { TransformArchitectureRequest } = transform;
const request = TransformArchitectureRequest.create({ parent: 'namespaces/default', source: { ref: { $case: 'zoo', value: 'DARTS' } } });
const bytes = TransformArchitectureRequest.encode(request).finish();
for (let i = 0; i < 1_000; i += 1) validator.check(TransformArchitectureRequest.$type, bytes);
const before = process.cpuUsage();
for (let i = 0; i < requests; i += 1) validator.check(TransformArchitectureRequest.$type, bytes);
const { user, system } = process.cpuUsage(before);
console.log(`${((user + system) / requests).toFixed(1)} microseconds a request`);
