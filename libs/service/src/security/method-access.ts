/** What each method of the contracts needs: the one place where that is decided, complete over all of them (a test holds it to the image). */
import type { Role } from './caller.ts';

export interface MethodAccess {
  /**
   * `open`: no credentials. `authenticated`: any. `read`, `write`: in the namespaces that the request names. `work`: taking evaluations from the queue
   * and concluding them, which is over all namespaces.
   */
  readonly kind: 'open' | 'authenticated' | 'read' | 'write' | 'work';
  /** Whether a request may name no resource at all: it then concerns no namespace. */
  readonly nameless: boolean;
}

const OPEN: MethodAccess = { kind: 'open', nameless: true };
const AUTHENTICATED: MethodAccess = { kind: 'authenticated', nameless: true };
const READ: MethodAccess = { kind: 'read', nameless: false };
const WRITE: MethodAccess = { kind: 'write', nameless: false };
const WORK: MethodAccess = { kind: 'work', nameless: true };
/** A pure function of the request: of a zoo architecture, or of text. */
const COMPUTE: MethodAccess = { kind: 'read', nameless: true };
/** Blobs are named by the SHA-256 of their bytes, which only those know who were told. */
const READ_BLOB: MethodAccess = { kind: 'read', nameless: true };
const WRITE_BLOB: MethodAccess = { kind: 'write', nameless: true };

const SERVICES: Readonly<Record<string, Readonly<Record<string, MethodAccess>>>> = {
  'nat.architecture.v1.ArchitectureService': {
    CreateArchitecture: WRITE,
    GetArchitecture: READ,
    ListArchitectures: READ,
    UpdateArchitecture: WRITE,
    DeleteArchitecture: WRITE,
    GetLineage: READ,
    DiffArchitectures: COMPUTE,
    ValidateArchitecture: COMPUTE,
    ComputeCost: COMPUTE,
    ImportArchitecture: COMPUTE,
    ExportArchitecture: COMPUTE,
  },
  'nat.transform.v1.TransformService': {
    TransformArchitecture: READ,
    BatchTransformArchitectures: READ,
    StreamTransformArchitectures: READ,
  },
  'nat.search.v1.SearchService': {
    CreateSearch: WRITE,
    GetSearch: READ,
    ListSearches: READ,
    DeleteSearch: WRITE,
    WatchSearch: READ,
    PauseSearch: WRITE,
    ResumeSearch: WRITE,
    CancelSearch: WRITE,
    ForkSearch: WRITE,
    ListTrials: READ,
    DeriveArchitecture: WRITE,
  },
  'nat.policy.v1.PolicyService': {
    GetPolicy: READ,
    ListPolicies: READ,
    ListPolicyVersions: READ,
    PromotePolicyVersion: WRITE,
    ImportPolicy: WRITE,
    DeletePolicy: WRITE,
    DeletePolicyVersion: WRITE,
    ExportPolicyVersion: READ,
  },
  'nat.evaluation.v1.EvaluationService': {
    SubmitEvaluations: WRITE,
    GetEvaluation: READ,
    BatchGetEvaluations: READ,
    ListEvaluations: READ,
    CancelEvaluation: WRITE,
    CancelEvaluations: WRITE,
    DeleteEvaluation: WRITE,
    ListObservations: READ,
    DownloadWeights: READ_BLOB,
    UploadWeights: WRITE_BLOB,
  },
  'nat.evaluation.v1.WorkerService': {
    RegisterWorker: WORK,
    LeaseEvaluations: WORK,
    RenewLeases: WORK,
    ReportObservations: WORK,
    ReportCheckpoint: WORK,
    CompleteEvaluation: WORK,
    CompleteEvaluations: WORK,
    ReleaseLease: WORK,
  },
  'nat.metrics.v1.MetricsService': {
    RecordMetrics: WRITE,
    QueryMetrics: READ,
    WatchMetrics: READ,
    GetRunSummary: READ,
    ListRunSummaries: READ,
    DeleteSeries: WRITE,
  },
  'google.longrunning.Operations': {
    ListOperations: READ,
    GetOperation: READ,
    WaitOperation: READ,
    CancelOperation: WRITE,
    DeleteOperation: WRITE,
  },
  // Probes carry no credentials and learn nothing but whether the server is up.
  'grpc.health.v1.Health': { Check: OPEN, Watch: OPEN, List: OPEN },
  'grpc.reflection.v1.ServerReflection': { ServerReflectionInfo: AUTHENTICATED },
  'grpc.reflection.v1alpha.ServerReflection': { ServerReflectionInfo: AUTHENTICATED },
};

/** What a method needs, by its path `/service/Method`; undefined for one that is not in the contracts. */
export function accessOf(path: string): MethodAccess | undefined {
  const [, service = '', method = ''] = path.split('/');
  return SERVICES[service]?.[method];
}

const ALLOWED: Readonly<Record<Role, ReadonlySet<MethodAccess['kind']>>> = {
  reader: new Set(['open', 'authenticated', 'read']),
  editor: new Set(['open', 'authenticated', 'read', 'write']),
  worker: new Set(['open', 'authenticated', 'work']),
  service: new Set(['open', 'authenticated', 'read', 'write', 'work']),
  admin: new Set(['open', 'authenticated', 'read', 'write', 'work']),
};

export function roleMay(role: Role, { kind }: MethodAccess): boolean {
  return ALLOWED[role].has(kind);
}
