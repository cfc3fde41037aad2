/** One way to score candidates with any encoder under TensorFlow. */
import { gatherRows, type Tensor2D, type Tensorflow } from '@nat/tensor';
import type { PolicyConfig } from './policy-config.ts';
import { edgeScores } from './edge-gnn.ts';
import { batchGraphs } from './policy-graph.ts';
import { lstmReadings, lstmScores } from './lstm.ts';
import { pairColumns, pairForward, type PairConfig } from './gcn.ts';
import { pairBatch, pairColumnOfCandidate, pairRows, type PairRows } from './gcn-graph.ts';
import type { Parameters } from './parameters.ts';
import type { Subject } from '../mdp/environment.ts';

/**
 * Scores of all candidates of the subjects, one subject's after the other's, as a function of the parameters.
 * The batch's own tensors are made once, here. -> [candidates, 1]
 * @throws DomainError FAILED_PRECONDITION, reason POLICY_NOT_APPLICABLE, where a pair policy cannot read a subject
 */
export function candidateScores(tf: Tensorflow, config: PolicyConfig, subjects: readonly Subject[]): (parameters: Parameters) => Tensor2D {
  if (config.encoder !== 'pair') {
    const graphs = subjects.map(({ graph }) => graph);
    const batch = batchGraphs(tf, graphs);
    if (config.encoder === 'edge') return (parameters) => edgeScores(tf, config, parameters, batch);
    const readings = lstmReadings(tf, graphs);
    return (parameters) => lstmScores(tf, config, parameters, batch, readings);
  }
  const rows = subjects.map((subject) => pairRows(subject, config));
  const batch = pairBatch(tf, rows);
  const columns = pairColumns(config);
  const place = tf.tensor1d(placesOfCandidates(subjects, rows, config, columns), 'int32');
  return (parameters) => {
    const { logits } = pairForward(tf, config, parameters, batch); // [2 nodes, columns]
    return gatherRows(tf, logits.reshape([-1, 1]), place);
  };
}

/** Where each candidate's score lies in the flattened logits. */
function placesOfCandidates(subjects: readonly Subject[], rows: readonly PairRows[], config: PairConfig, columns: number): Int32Array {
  const places = new Int32Array(subjects.reduce((sum, { candidateAction }) => sum + candidateAction.length, 0));
  let place = 0;
  let offset = 0;
  subjects.forEach((subject, s) => {
    const { logitRow, nodes } = rows[s]!;
    const column = pairColumnOfCandidate(subject, config);
    for (let d = 0; d < subject.decisions; d++) {
      for (let i = subject.candidateStart[d]!; i < subject.candidateStart[d + 1]!; i++) places[place++] = (offset + logitRow[d]!) * columns + column[i]!;
    }
    offset += 2 * nodes;
  });
  return places;
}
