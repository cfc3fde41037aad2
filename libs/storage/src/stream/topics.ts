import type { TopicDeclaration } from './stream.ts';

const DAY_MS = 24 * 3_600_000;

/**
 * The topics of the platform, in one table. A name ends with the version of its messages: what old consumers could not read gets a new topic beside the
 * old one. Values are protobuf messages of `proto/`, keys keep what belongs together in one partition. Partitions and retention may grow here, not shrink.
 */
export const PLATFORM_TOPICS = [
  /** nat.evaluation.v1.OutcomeEvent of every evaluation that ended: key = the search or the evaluation, id = the evaluation. Searches count them. */
  { name: 'evaluation-outcomes.v2', partitions: 12, retentionMs: 7 * DAY_MS, groups: ['searches'] },
  /** nat.evaluation.v1.ObservationEvent, what workers report while they train: key = the search or the evaluation, id = one report. For others to read. */
  { name: 'evaluation-observations.v2', partitions: 12, retentionMs: 3 * DAY_MS, groups: [] },
  /** nat.search.v1.SearchEvent, steps learned and changes of state: key = the search, id = one change. For others to read. */
  { name: 'search-events.v2', partitions: 3, retentionMs: 7 * DAY_MS, groups: [] },
] as const satisfies readonly TopicDeclaration[];

export const [OUTCOME_TOPIC, OBSERVATION_TOPIC, SEARCH_EVENT_TOPIC] = PLATFORM_TOPICS;
