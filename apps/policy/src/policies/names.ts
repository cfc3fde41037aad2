import { resourceNames } from '@nat/service';

export const policyNames = resourceNames('namespaces/{namespace}/policies/{policy}');
export const versionNames = resourceNames('namespaces/{namespace}/policies/{policy}/versions/{version}');
