/** One way to score candidates with any encoder under TensorFlow. */
import { gatherRows, type Tensor2D, type Tensorflow } from '@nat/tensor';
import type { PolicyConfig } from '../policy-config.ts';
import { edgeGnnScores } from './edge-gnn.ts';
import { policyGraphOf } from '../features/build-policy-graph.ts';
import { batchGraphs } from '../features/policy-graph.ts';
import { lstmReadings, lstmScores } from './lstm.ts';
import { gcnColumns, gcnForward, type GcnConfig } from './gcn.ts';
import { gcnBatch, gcnColumnOfCandidate, gcnRows, type GcnRows } from './gcn-graph.ts';
import type { Parameters } from './parameters.ts';
import type { Environment } from '../../mdp/environment.ts';

/**
 * Scores of all candidates of the environments, one environment's after the other's, as a function of the parameters.
 * The batch's own tensors are made once, here. -> [candidates, 1]
 * @throws DomainError FAILED_PRECONDITION, reason POLICY_NOT_APPLICABLE, where a pair policy cannot read a environment
 */
export function candidateScores(tf: Tensorflow, config: PolicyConfig, environments: readonly Environment[]): (parameters: Parameters) => Tensor2D {
  if (config.encoder !== 'pair') {
    const graphs = environments.map(policyGraphOf);
    const batch = batchGraphs(tf, graphs);
    if (config.encoder === 'edge') return (parameters) => edgeGnnScores(tf, config, parameters, batch);
    const readings = lstmReadings(tf, graphs);
    return (parameters) => lstmScores(tf, config, parameters, batch, readings);
  }
  const rows = environments.map((environment) => gcnRows(environment, config));
  const batch = gcnBatch(tf, rows);
  const columns = gcnColumns(config);
  const place = tf.tensor1d(placesOfCandidates(environments, rows, config, columns), 'int32');
  return (parameters) => {
    const { logits } = gcnForward(tf, config, parameters, batch); // [2 nodes, columns]
    return gatherRows(tf, logits.reshape([-1, 1]), place);
  };
}

/** Where each candidate's score lies in the flattened logits. */
function placesOfCandidates(environments: readonly Environment[], rows: readonly GcnRows[], config: GcnConfig, columns: number): Int32Array {
  const places = new Int32Array(environments.reduce((sum, { candidateAction }) => sum + candidateAction.length, 0));
  let place = 0;
  let offset = 0;
  environments.forEach((environment, s) => {
    const { logitRow, nodes } = rows[s]!;
    const column = gcnColumnOfCandidate(environment, config);
    for (let d = 0; d < environment.decisions; d++) {
      for (let i = environment.candidateStart[d]!; i < environment.candidateStart[d + 1]!; i++)
        places[place++] = (offset + logitRow[d]!) * columns + column[i]!;
    }
    offset += 2 * nodes;
  });
  return places;
}
