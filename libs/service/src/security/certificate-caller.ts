import type { PeerCertificate } from 'node:tls';
import type { Caller, Grant } from './caller.ts';
import type { GrantedName } from './credentials-file.ts';

const SERVICE: Grant = { namespaces: '*', role: 'service' };

/** The names in a certificate: URIs (as SPIFFE ids), DNS names, then the common name. Names that needed quoting are left out. */
function namesIn({ subject, subjectaltname = '' }: Partial<PeerCertificate>): readonly string[] {
  const entries = subjectaltname.split(', ').filter((entry) => !entry.includes('"'));
  const of = (kind: string): string[] => entries.filter((entry) => entry.startsWith(kind)).map((entry) => entry.slice(kind.length));
  const common = subject?.CN;
  return [...of('URI:'), ...of('DNS:'), ...(typeof common === 'string' ? [common] : [])];
}

/**
 * Who a verified client certificate is. Without a list, every certificate of the authority is a service of the platform; with one, only those with
 * a name in it, and with what it grants them.
 */
export function createCertificateLookup(listed?: readonly GrantedName[]): (certificate: PeerCertificate) => Caller | undefined {
  const grants = listed === undefined ? undefined : new Map(listed.map(({ name, grant }) => [name, grant]));
  return (certificate) => {
    const names = namesIn(certificate);
    const subject = grants === undefined ? (names[0] ?? 'unnamed') : names.find((name) => grants.has(name));
    if (subject === undefined) return undefined;
    return { ...(grants?.get(subject) ?? SERVICE), subject, credentials: 'certificate' };
  };
}
