/** Objects that stand for machines and disks. */

/**
 * Nodes that KWOK plays.
 * @param {string} kind their name and label
 * @param {Record<string, string>} resources
 * @param {number} count
 * @param {{labels?: Record<string, string>, taints?: object[]}} [options]
 * @returns {object[]}
 */
export function simulatedNodes(kind, resources, count, { labels = {}, taints = [] } = {}) {
  const room = { pods: '110', 'ephemeral-storage': '1Ti', ...resources };
  return Array.from({ length: count }, (_, index) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: `${kind}-${String(index).padStart(4, '0')}`,
      labels: {
        'kubernetes.io/hostname': `${kind}-${String(index).padStart(4, '0')}`,
        'kubernetes.io/os': 'linux',
        'topology.kubernetes.io/zone': `zone-${index % 3}`,
        'nat-check/nodes': kind,
        ...labels,
      },
    },
    spec: { taints },
    status: { allocatable: room, capacity: room },
  }));
}

/**
 * A volume that many nodes can use: nothing provides one here.
 * @param {string} name
 * @param {string} size
 */
export function simulatedVolume(name, size) {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: { capacity: { storage: size }, accessModes: ['ReadWriteMany', 'ReadOnlyMany'], nfs: { server: 'nfs.example.org', path: `/${name}` } },
  };
}
