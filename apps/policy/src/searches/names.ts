import { resourceNames } from '@nat/service';

export const searchNames = resourceNames('namespaces/{namespace}/searches/{search}');
export const trialNames = resourceNames('namespaces/{namespace}/searches/{search}/trials/{trial}');
export const evaluationNames = resourceNames('namespaces/{namespace}/evaluations/{evaluation}');
export const operationNames = resourceNames('namespaces/{namespace}/operations/{operation}');
