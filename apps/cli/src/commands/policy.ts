import { readFile, writeFile } from 'node:fs/promises';
import type { policy as wire } from '@nat/contracts';
import { Command } from 'commander';
import { type CommandContext, type ConnectionFlags, connectionOptions, openSession, table } from '@nat/console';
import type { Session } from '@nat/platform/session';

interface PolicyFlags extends ConnectionFlags {
  readonly json?: true;
}

export function policyCommand(context: CommandContext): Command {
  const command = new Command('policy').description('Learned policies: list, show, export, import.');

  const list = new Command('list').description('All policies: bundled, learned here and imported.').option('--json', 'print JSON, one policy a line');
  list.action(async (flags: PolicyFlags) => {
    await using session = await openSession(context, flags);
    const policies = await allPolicies(session);
    if (flags.json === true) for (const policy of policies) context.terminal.out(JSON.stringify(policyToJson(policy)));
    else
      context.terminal.out(
        table(
          ['policy', 'encoder', 'scheme', 'steps', 'sha256', 'from'],
          policies.map((policy) => [
            policy.policyId,
            policy.encoder,
            policy.scheme,
            String(policy.defaultVersion?.step ?? 0),
            policy.defaultVersion?.sha256.slice(0, 12) ?? '',
            policy.bundled ? 'bundled' : policy.search === '' ? 'imported' : policy.search,
          ]),
        ),
      );
  });

  const show = new Command('show').description('One policy: where it was learned, and its versions.').argument('<policy>').option('--json', 'print JSON');
  show.action(async (id: string, flags: PolicyFlags) => {
    await using session = await openSession(context, flags);
    const policy = await session.clients.policies.getPolicy({ name: policyName(session, id) });
    if (flags.json === true) context.terminal.out(JSON.stringify(policyToJson(policy)));
    else {
      context.terminal.out(`${policy.policyId}: ${policy.encoder} encoder, scheme ${policy.scheme}, ${policy.defaultVersion?.step ?? 0} steps`);
      context.terminal.out(`sha256 ${policy.defaultVersion?.sha256 ?? ''}`);
      if (policy.description !== '') context.terminal.out(policy.description);
    }
  });

  const exportCommand = new Command('export').description("Write a policy's checkpoint to a file.").argument('<policy>').argument('<file>');
  exportCommand.action(async (id: string, file: string, flags: PolicyFlags) => {
    await using session = await openSession(context, flags);
    const { checkpoint, version } = await session.clients.policies.exportPolicyVersion({ name: policyName(session, id) });
    await writeFile(file, checkpoint);
    context.terminal.out(`${file}: ${checkpoint.length} bytes, sha256 ${version?.sha256 ?? ''}`);
  });

  const importCommand = new Command('import').description('Store a checkpoint file as a policy.').argument('<policy>', 'its id').argument('<file>');
  importCommand.action(async (id: string, file: string, flags: PolicyFlags) => {
    await using session = await openSession(context, flags);
    const version = await session.clients.policies.importPolicy({
      parent: session.parent,
      policyId: id,
      checkpoint: await readFile(file),
      requestId: crypto.randomUUID(),
    });
    context.terminal.out(`${version.name}  sha256 ${version.sha256}`);
  });

  for (const child of [list, show, exportCommand, importCommand]) {
    for (const option of connectionOptions()) child.addOption(option);
    command.addCommand(child);
  }
  return command;
}

async function allPolicies(session: Session): Promise<readonly wire.Policy[]> {
  const policies: wire.Policy[] = [];
  for (let pageToken = ''; ;) {
    const page = await session.clients.policies.listPolicies({ parent: session.parent, pageToken, pageSize: 1000 });
    policies.push(...page.policies);
    pageToken = page.nextPageToken;
    if (pageToken === '') return policies;
  }
}

function policyName(session: Session, id: string): string {
  return id.startsWith('namespaces/') ? id : `${session.parent}/policies/${id}`;
}

function policyToJson(policy: wire.Policy): unknown {
  const { name, policyId, encoder, scheme, defaultVersion, search, bundled, description } = policy;
  return { name, policyId, encoder, scheme, step: defaultVersion?.step, sha256: defaultVersion?.sha256, search, bundled, description };
}
