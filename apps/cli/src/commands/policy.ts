import { readFile, writeFile } from 'node:fs/promises';
import type { policy as wire } from '@nat/contracts';
import { encoderFromWire, schemeFromWire } from '@nat/convert';
import { Command } from 'commander';
import { type CommandContext, type ConnectionFlags, connectionOptions, table } from '@nat/console';
import { openSession } from '@nat/console/session';
import type { Session } from '@nat/platform/session';

interface PolicyFlags extends ConnectionFlags {
  readonly json?: true;
}

export function policyCommand(context: CommandContext): Command {
  const command = new Command('policy').description('Learned policies: list, show, export, import, delete.');

  const list = new Command('list').description('All policies: bundled, learned here and imported.').option('--json', 'print JSON, one policy a line');
  list.action(async (flags: PolicyFlags) => {
    await using session = await openSession(context, flags);
    const policies = await allPolicies(session);
    if (flags.json === true) for (const policy of policies) context.terminal.out(JSON.stringify(policyToJson(policy)));
    else
      context.terminal.out(
        table(
          ['policy', 'encoder', 'scheme', 'space', 'steps', 'sha256', 'from'],
          policies.map((policy) => [
            policy.policyId,
            encoderFromWire(policy.encoder) ?? '',
            schemeFromWire(policy.scheme) ?? '',
            policy.space,
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
      context.terminal.out(
        `${policy.policyId}: ${encoderFromWire(policy.encoder) ?? 'unknown'} encoder, scheme ${schemeFromWire(policy.scheme) ?? 'unknown'}, learned on ${policy.space === '' ? 'what is not known' : policy.space}, ${policy.defaultVersion?.step ?? 0} steps`,
      );
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
  importCommand.option('--space <space>', 'the space that it was learned on, or a network of the zoo');
  importCommand.action(async (id: string, file: string, flags: PolicyFlags & { readonly space?: string }) => {
    await using session = await openSession(context, flags);
    const version = await session.clients.policies.importPolicy({
      parent: session.parent,
      policyId: id,
      checkpoint: await readFile(file),
      space: flags.space ?? '',
      requestId: crypto.randomUUID(),
    });
    context.terminal.out(`${version.name}  sha256 ${version.sha256}`);
  });

  const deleteCommand = new Command('delete')
    .description('Delete policies, or single versions of them. What a running search needs, the default version, and what comes with the platform stay.')
    .argument('<policy...>', 'ids, ids with a version (my-policy/versions/2), or names namespaces/*/policies/*[/versions/*]');
  deleteCommand.action(async (ids: readonly string[], flags: ConnectionFlags) => {
    await using session = await openSession(context, flags);
    for (const id of ids) {
      const name = policyName(session, id);
      if (name.includes('/versions/')) await session.clients.policies.deletePolicyVersion({ name });
      else await session.clients.policies.deletePolicy({ name });
      context.terminal.out(`${name} is deleted`);
    }
  });

  for (const child of [list, show, exportCommand, importCommand, deleteCommand]) {
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
  const { name, policyId, defaultVersion, space, search, bundled, description } = policy;
  const [encoder, scheme] = [encoderFromWire(policy.encoder), schemeFromWire(policy.scheme)];
  return { name, policyId, encoder, scheme, space, step: defaultVersion?.step, sha256: defaultVersion?.sha256, search, bundled, description };
}
