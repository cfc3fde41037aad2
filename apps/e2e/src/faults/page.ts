export interface FaultResult {
  readonly fault: string;
  readonly when: string;
  readonly outcome: 'holds' | 'FAILED' | 'skipped';
  readonly seconds: number;
  /** Why it was skipped, or what did not hold. */
  readonly detail: string;
}

const HEAD = `# Reliability

\`npm run faults -- --publish\` writes this page. It starts a cluster (Kafka, PostgreSQL, two replicas of every service, a gateway, two workers), runs the same
search again and again, and breaks something in each: a process is held exactly where the row says, then killed or stopped; links between kinds of processes
are cut; messages are forged. After each row:

- every accepted evaluation has exactly one outcome, and the topic has an event of each;
- the candidates that the learner counted are the distinct succeeded candidates of the topic, and the rows of its inbox;
- the search has learned its number of steps, with every trial rewarded once, and its policy is **the same to the bit** as the undisturbed one's
  (an asynchronous search learns from rounds as they come: of those the counts are checked);
- whoever watched the search was told its end, and whoever asked something just before a process was killed got the answer.

Leases last 3 s here, so that a row takes seconds.
`;

/** The page of the matrix. */
export function reliabilityPage(results: readonly FaultResult[]): string {
  const rows = results.map(
    ({ fault, when, outcome, seconds, detail }) => `| ${fault} | ${when} | ${outcome}${detail === '' ? '' : `: ${detail}`} | ${seconds.toFixed(0)} s |`,
  );
  return `${HEAD}\n| fault | when | | row took |\n|---|---|---|---:|\n${rows.join('\n')}\n`;
}
